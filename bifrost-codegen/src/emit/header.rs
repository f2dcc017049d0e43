//! The head of a module: documentation, lints, imports.

use super::docs::module_docs;
use super::layout::{Code, WIDTH};
use super::module::Module;
use std::collections::BTreeMap;

/// rustfmt's `attr_fn_like_width`.
const ATTRIBUTE_WIDTH: usize = 70;

impl Module<'_> {
    /// Call it when the body is emitted: only then it is known what the body needs.
    pub(super) fn header(&self) -> String {
        let mut code = Code::default();
        let path = &self.file().path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        code.line(0, format!("{} from {name}; do not edit.", crate::output::MARK));
        code.blank();
        module_docs(&mut code, self.file().docs.as_deref(), &format!("Types and services of `{name}`."));
        code.blank();
        let reason = "a program may keep this module private and use a part of it";
        allow(&mut code, &["dead_code", "unreachable_pub"], reason);
        let lints: Vec<_> = self.lints.borrow().iter().copied().collect();
        if !lints.is_empty() {
            allow(&mut code, &lints, "names and shapes are those of the IDL");
        }
        self.uses(&mut code);
        code.into_text()
    }

    fn uses(&self, code: &mut Code) {
        let imports = self.imports.borrow();
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, path) in imports.iter() {
            let parent = path.rsplit_once("::").map_or("", |(parent, _)| parent);
            groups.entry(parent).or_default().push(name);
        }
        let mut lines: Vec<(Vec<&str>, String)> = Vec::new();
        for (parent, names) in &groups {
            let (modules, others): (Vec<&str>, Vec<&str>) =
                names.iter().partition(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
            for module in modules {
                let key = parent.split("::").chain([module]).collect();
                lines.push((key, format!("use {parent}::{module};")));
            }
            if let [first, rest @ ..] = others.as_slice() {
                // A list sorts after all single names.
                let last = if rest.is_empty() { *first } else { "{" };
                let key = parent.split("::").chain([last]).collect();
                lines.push((key, use_line(parent, &others)));
            }
        }
        // `super` comes before any other name.
        lines.sort_by_cached_key(|(key, _)| {
            key.iter().map(|part| (*part != "super", (*part).to_owned())).collect::<Vec<_>>()
        });
        if !lines.is_empty() {
            code.blank();
        }
        for (_, line) in lines {
            code.line(0, line);
        }
    }
}

fn use_line(parent: &str, names: &[&str]) -> String {
    if let [name] = names {
        return format!("use {parent}::{name};");
    }
    let line = format!("use {parent}::{{{}}};", names.join(", "));
    if line.len() <= WIDTH {
        return line;
    }
    let mut text = format!("use {parent}::{{\n   ");
    let mut column = 3;
    for (n, name) in names.iter().enumerate() {
        if n > 0 && column + 1 + name.len() + 1 > WIDTH {
            text.push_str("\n   ");
            column = 3;
        }
        text.push_str(&format!(" {name},"));
        column += name.len() + 2;
    }
    text + "\n};"
}

fn allow(code: &mut Code, lints: &[&str], reason: &str) {
    let line = format!("{}, reason = \"{reason}\"", lints.join(", "));
    if line.len() <= ATTRIBUTE_WIDTH {
        code.line(0, format!("#![allow({line})]"));
        return;
    }
    code.line(0, "#![allow(");
    for lint in lints {
        code.line(4, format!("{lint},"));
    }
    code.line(4, format!("reason = \"{reason}\""));
    code.line(0, ")]");
}
