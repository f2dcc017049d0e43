//! Names: what each file defines, and what a name in it means.

use super::Resolver;
use crate::diagnostic::Diagnostic;
use crate::schema::Id;
use crate::source::Span;
use crate::syntax::ast::Body;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Looks a name up; with a dot, in the file that the part before the last dot names. A name that two such files
    /// define is not found.
    pub(super) fn find(&self, file: usize, space: Space, name: &str) -> Option<Id> {
        if let Some(id) = self.names.get(file)?.of(space).get(name) {
            return Some(*id);
        }
        let mut found = self.find_included(file, space, name).into_iter();
        found.next().filter(|_| found.next().is_none())
    }

    /// What a name with a dot may mean: one definition, unless included files share their name.
    fn find_included(&self, file: usize, space: Space, name: &str) -> BTreeSet<Id> {
        let Some((prefix, name)) = name.rsplit_once('.') else {
            return BTreeSet::new();
        };
        let included = self.included(file, prefix).into_iter();
        included.filter_map(|i| self.names.get(i)?.of(space).get(name).copied()).collect()
    }

    /// The included files that a prefix names: more than one where files of different folders share a name.
    fn included(&self, file: usize, prefix: &str) -> Vec<usize> {
        let of = |is_named: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let includes = self.units[file].includes.iter().copied();
            includes.filter(|i| is_named(&self.units[*i].program)).collect()
        };
        let exact = of(&|program| program == prefix);
        match exact.is_empty() {
            true => of(&|program| plain(program) == plain(prefix)),
            false => exact,
        }
    }

    pub(super) fn report_unknown(&mut self, file: usize, space: Space, span: Span, name: &str) {
        let (message, help) = match self.find_included(file, space, name).len() {
            0 | 1 => (format!("unknown {} `{name}`", space.word()), self.advice(file, space, name)),
            _ => (
                format!("more than one included file defines the {} `{name}`", space.word()),
                "files that are included together and share their name cannot define the same: rename one".to_owned(),
            ),
        };
        let source = &self.units[file].document.source;
        self.diagnostics.push(Diagnostic::new(source, span, message).help(help).following());
    }

    fn advice(&self, file: usize, space: Space, name: &str) -> String {
        let (files, prefix, base) = match name.rsplit_once('.') {
            Some((prefix, base)) => (self.included(file, prefix), format!("{prefix}."), base),
            None => (vec![file], String::new(), name),
        };
        if files.is_empty() {
            let prefix = prefix.trim_end_matches('.');
            return format!("no included file is called `{prefix}`: add `include \"{prefix}.thrift\"`");
        }
        let candidates = files.iter().flat_map(|file| self.names[*file].of(space).keys());
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
