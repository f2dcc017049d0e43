//! What the emitter may be told.

use crate::diagnostic::Diagnostic;
use clap::ValueEnum;

/// What the emitter may be told. The default generates what fits this project's runtime best; [`Options::apache`]
/// what fits code that was written for Apache's generator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The path of the runtime crate in generated code. Default `bifrost_rpc`.
    pub runtime: String,
    /// The Rust types of `map` and `set`.
    pub maps: Maps,
    /// The Rust type of `binary`.
    pub binary: Binary,
    /// Which fields are boxed.
    pub boxing: Boxing,
    /// What a union makes of a field that it does not know.
    pub unions: Unions,
    /// Structs and exceptions keep the fields that they do not know, and write them back. Default off.
    pub unknown_fields: bool,
    /// Types implement `serde::Serialize` and `serde::Deserialize`; the runtime needs its feature `serde`. Default off.
    pub serde: bool,
    /// Paths of further traits that every type derives, such as `schemars::JsonSchema`.
    pub derives: Vec<String>,
    /// Further attributes of every type, without `#[` and `]`.
    pub attributes: Vec<String>,
    /// Which files the modules stand in.
    pub layout: Layout,
}

/// The Rust types of `map` and `set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Maps {
    /// `BTreeMap` and `BTreeSet`: encoded in order, and every type has an order and a hash.
    #[default]
    Btree,
    /// `HashMap` and `HashSet`; still ordered ones inside of keys and of elements of sets, which need a hash.
    Hash,
}

/// The Rust type of `binary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Binary {
    /// `Vec<u8>`.
    #[default]
    Vec,
    /// `bytes::Bytes`: written by reference where it is large, and read so by a reader that shares its message.
    Bytes,
}

/// Which fields are boxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Boxing {
    /// Fields by which a struct would hold itself, no more of them than necessary, and structs marked `&`.
    #[default]
    Minimal,
    /// Every struct, union or enum that is used before it is defined, as Apache's generator does.
    Apache,
}

/// What a union makes of a field that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Unions {
    /// The enum has a further variant that keeps the field and writes it back.
    #[default]
    Open,
    /// It is an error, as with Apache's generator.
    Closed,
}

/// Which files the modules stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Layout {
    /// All in one directory.
    #[default]
    Flat,
    /// In directories by `namespace rs` (or `namespace *`), or else by the directories of the IDL, with a `mod.rs` in
    /// each.
    Tree,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            runtime: "bifrost_rpc".to_owned(),
            maps: Maps::default(),
            binary: Binary::default(),
            boxing: Boxing::default(),
            unions: Unions::default(),
            unknown_fields: false,
            serde: false,
            derives: Vec::new(),
            attributes: Vec::new(),
            layout: Layout::default(),
        }
    }
}

impl Options {
    /// For code that was written for Apache's generator: its boxing, and closed unions.
    #[must_use]
    pub fn apache() -> Self {
        let mut options = Self::default();
        options.set_apache();
        options
    }

    /// As [`Options::apache`], all else being left as it is.
    pub fn set_apache(&mut self) {
        self.boxing = Boxing::Apache;
        self.unions = Unions::Closed;
    }

    /// What would not be Rust.
    pub(crate) fn check(&self) -> Vec<Diagnostic> {
        let paths = self.derives.iter().chain([&self.runtime]).filter(|path| !is_path(path));
        let paths = paths.map(|path| format!("`{path}` is no path of Rust, such as `some_crate::SomeName`"));
        let attributes = self.attributes.iter().filter(|attribute| !is_balanced(attribute));
        let attributes = attributes.map(|text| format!("`{text}` is no attribute, such as `non_exhaustive`"));
        paths.chain(attributes).map(Diagnostic::general).collect()
    }
}

fn is_path(path: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name = |name: &str| name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit());
    path.strip_prefix("::").unwrap_or(path).split("::").all(is_name)
}

/// Whether the text ends the attribute that it stands in neither too early nor never.
fn is_balanced(attribute: &str) -> bool {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut chars = attribute.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                chars.next();
            }
            '"' => in_string = !in_string,
            _ if in_string => {}
            '\n' | '\r' => return false,
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    !in_string && open.is_empty() && !attribute.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rust_is_refused() {
        let table = [("a::B", true), ("::a::B", true), ("_b", true), ("", false), ("a::", false), ("a b", false)];
        for (path, expected) in table {
            assert_eq!(is_path(path), expected, "{path}");
        }
        let table = [
            ("non_exhaustive", true),
            ("cfg_attr(feature = \"x)\", derive(A))", true),
            ("doc = \"\\\"]\"", true),
            ("a(", false),
            ("a]", false),
            ("a(]", false),
            ("a = \"", false),
            (" ", false),
            ("a\nb", false),
        ];
        for (attribute, expected) in table {
            assert_eq!(is_balanced(attribute), expected, "{attribute}");
        }
    }
}
