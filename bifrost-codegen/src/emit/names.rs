//! Names: from those of the IDL to those that Rust users of Apache's generator know.

use std::collections::BTreeSet;

/// Words that cannot name something in Rust 2024, and those that Apache's generator avoids too.
const RESERVED: [&str; 61] = [
    "Self",
    "abstract",
    "alignof",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "bifrost_rpc",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "offsetof",
    "override",
    "priv",
    "proc",
    "pub",
    "pure",
    "ref",
    "return",
    "self",
    "sizeof",
    "static",
    "std",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// `someName` → `some_name`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        // Inside a name, one underscore parts words as well as two.
        if c != '_' || snake.is_empty() || !snake.ends_with('_') {
            snake.push(c.to_ascii_lowercase());
        }
    }
    legal(snake)
}

/// `someName` → `SOME_NAME`; a name in capitals stays as it is.
pub(super) fn upper(name: &str) -> String {
    let is_upper = !name.chars().any(|c| c.is_ascii_lowercase());
    let upper = match is_upper {
        true => name.to_owned(),
        false => snake(name).to_ascii_uppercase(),
    };
    legal(upper)
}

/// `some_name` → `SomeName`.
pub(super) fn camel(name: &str) -> String {
    let mut camel = String::new();
    let mut starts_word = true;
    for c in name.chars() {
        match c {
            '_' => starts_word = true,
            c if starts_word => {
                camel.push(c.to_ascii_uppercase());
                starts_word = false;
            }
            c => camel.push(c),
        }
    }
    legal(camel)
}

/// The name of the module for a file: `my-file.v2` → `my_file_v2`.
pub(super) fn module(program: &str) -> String {
    let plain: String = program.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    snake(&plain)
}

/// A name that Rust accepts.
pub(super) fn legal(name: String) -> String {
    if RESERVED.contains(&name.as_str()) {
        return format!("{name}_");
    }
    match name.chars().find(|c| *c != '_') {
        None => format!("underscore{name}"),
        Some(_) if name.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
        Some(_) => name,
    }
}

/// The names of one scope: each is given out once.
#[derive(Debug, Default, Clone)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    pub(super) fn with(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The name, with underscores behind it if it is taken.
    pub(super) fn take(&mut self, mut name: String) -> String {
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_apache() {
        // IDL, snake, upper, camel
        let table = [
            ("name", "name", "NAME", "Name"),
            ("someName", "some_name", "SOME_NAME", "SomeName"),
            ("some_name", "some_name", "SOME_NAME", "SomeName"),
            ("URLPath", "u_r_l_path", "U_R_L_PATH", "URLPath"),
            ("HTTP2Port", "h_t_t_p2_port", "H_T_T_P2_PORT", "HTTP2Port"),
            ("Dark_Blue", "dark_blue", "DARK_BLUE", "DarkBlue"),
            ("RED", "r_e_d", "RED", "RED"),
            ("_x", "_x", "_X", "X"),
            ("type", "type_", "TYPE_", "Type"),
            ("self", "self_", "SELF_", "Self_"),
            ("gen", "gen_", "GEN_", "Gen"),
            ("_3d", "_3d", "_3D", "_3d"),
        ];
        for (name, s, u, c) in table {
            assert_eq!((&*snake(name), &*camel(name)), (s, c), "{name}");
            assert_eq!(upper(name), u, "{name}");
        }
    }

    #[test]
    fn modules_are_legal() {
        let table = [
            ("foo", "foo"),
            ("my-file.v2", "my_file_v2"),
            ("const", "const_"),
            ("mod", "mod_"),
            ("3d", "_3d"),
            ("FooBar", "foo_bar"),
            ("a--b", "a_b"),
        ];
        for (program, expected) in table {
            assert_eq!(module(program), expected, "{program}");
        }
    }
}
