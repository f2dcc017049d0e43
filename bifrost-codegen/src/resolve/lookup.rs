//! Names: what each file defines, and what a name in it means.

use super::Resolver;
use crate::diagnostic::Diagnostic;
use crate::schema::Id;
use crate::source::Span;
use crate::syntax::ast::Body;
use std::collections::BTreeMap;

/// What a file defines. Types, constants and services are apart: one name may stand in each.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    types: BTreeMap<&'a str, Id>,
    constants: BTreeMap<&'a str, Id>,
    services: BTreeMap<&'a str, Id>,
}

/// Which of the three a name is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Type,
    Constant,
    Service,
}

impl Space {
    fn word(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Constant => "constant",
            Self::Service => "service",
        }
    }
}

impl<'a> Names<'a> {
    fn of(&self, space: Space) -> &BTreeMap<&'a str, Id> {
        match space {
            Space::Type => &self.types,
            Space::Constant => &self.constants,
            Space::Service => &self.services,
        }
    }
}

impl<'a> Resolver<'a> {
    pub(super) fn collect_names(&mut self) {
        for (file, unit) in self.units.iter().enumerate() {
            let mut names = Names::default();
            for (index, definition) in unit.document.definitions.iter().enumerate() {
                let (space, map) = match definition.body {
                    Body::Const(..) => (Space::Constant, &mut names.constants),
                    Body::Service(..) => (Space::Service, &mut names.services),
                    _ => (Space::Type, &mut names.types),
                };
                let name = definition.name.text.as_str();
                let first = map.get(name).copied();
                match first {
                    None => {
                        map.insert(name, Id { file, index });
                    }
                    Some(first) => self.report_twice(file, space, first, index),
                }
            }
            self.names.push(names);
            self.check_prefixes(file);
        }
    }

    fn report_twice(&mut self, file: usize, space: Space, first: Id, second: usize) {
        let document = &self.units[file].document;
        let first = &document.definitions[first.index].name;
        let second = &document.definitions[second].name;
        let (line, _) = document.source.position(first.span.start);
        let message = format!("{} `{}` is defined twice", space.word(), second.text);
        let help = format!("the first definition is on line {line}");
        self.report_help(file, second.span, message, help);
    }

    /// Two includes that a prefix cannot tell apart.
    fn check_prefixes(&mut self, file: usize) {
        let unit = &self.units[file];
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (include, target) in unit.document.includes.iter().zip(&unit.includes) {
            let prefix = plain(&self.units[*target].program);
            if *seen.entry(prefix.clone()).or_insert(*target) != *target {
                let message = format!("two included files are both called `{prefix}`");
                self.report_help(file, include.span, message, "rename one of them");
            }
        }
    }

    /// Looks a name up; with a dot, in the file that the part before the last dot names.
    pub(super) fn find(&self, file: usize, space: Space, name: &str) -> Option<Id> {
        if let Some(id) = self.names.get(file)?.of(space).get(name) {
            return Some(*id);
        }
        let (prefix, name) = name.rsplit_once('.')?;
        let included = self.included(file, prefix)?;
        self.names.get(included)?.of(space).get(name).copied()
    }

    fn included(&self, file: usize, prefix: &str) -> Option<usize> {
        let includes = &self.units[file].includes;
        let program = |i: &usize| self.units[*i].program.as_str();
        let exact = includes.iter().find(|i| program(i) == prefix);
        exact.or_else(|| includes.iter().find(|i| plain(program(i)) == plain(prefix))).copied()
    }

    pub(super) fn report_unknown(&mut self, file: usize, space: Space, span: Span, name: &str) {
        let message = format!("unknown {} `{name}`", space.word());
        let help = self.advice(file, space, name);
        let source = &self.units[file].document.source;
        self.diagnostics.push(Diagnostic::new(source, span, message).help(help).following());
    }

    fn advice(&self, file: usize, space: Space, name: &str) -> String {
        let (names, prefix, base) = match name.rsplit_once('.') {
            Some((prefix, base)) => match self.included(file, prefix) {
                Some(included) => (&self.names[included], format!("{prefix}."), base),
                None => {
                    return format!("no included file is called `{prefix}`: add `include \"{prefix}.thrift\"`");
                }
            },
            None => (&self.names[file], String::new(), name),
        };
        let candidates = names.of(space).keys();
        let nearest = candidates.min_by_key(|candidate| distance(candidate, base));
        match nearest.filter(|candidate| distance(candidate, base) <= base.len() / 3 + 1) {
            Some(candidate) => format!("did you mean `{prefix}{candidate}`?"),
            None => "define it in this file, or include the file that does".to_owned(),
        }
    }
}

/// A hyphen in a file name may be written as an underscore.
fn plain(program: &str) -> String {
    program.replace('-', "_")
}

/// How many single-character edits lie between two names, capitals not counted.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn edits_are_counted() {
        let table = [("", "", 0), ("abc", "ABC", 0), ("abc", "abd", 1), ("a", "abc", 2), ("Colour", "Color", 1)];
        for (a, b, expected) in table {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
