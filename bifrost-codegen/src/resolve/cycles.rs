//! What must come to an end: typedefs, inheritance, defaults of structs. Also bounds how deep and large they are.

use super::Resolver;
use super::lookup::Space;
use crate::schema::{Id, Item, Type, Value};
use crate::syntax::ast::Body;
use std::collections::{BTreeMap, BTreeSet};

/// How deep a type may nest with its typedefs expanded.
pub(super) const TYPEDEF_DEPTH_MAX: usize = 64;
/// How many services may extend each other in a row.
const INHERITANCE_MAX: usize = 64;
/// How deep literals of structs may nest in defaults of structs.
const DEFAULT_DEPTH_MAX: usize = 32;
/// How many values a constant may hold with the defaults of its structs.
const DEFAULT_SIZE_MAX: usize = 100_000;

/// A typedef or struct that is being looked at, or the answer.
#[derive(Debug, Clone, Copy)]
enum Visit {
    Open,
    Done(usize),
    Bad,
}

type Visits = BTreeMap<Id, Visit>;

impl Resolver<'_> {
    /// Whether typedefs and inheritance come to an end.
    pub(super) fn check_cycles(&mut self) -> bool {
        let before = self.diagnostics.len();
        self.check_typedefs();
        if self.diagnostics.len() == before {
            self.check_field_depths();
        }
        self.check_inheritance();
        self.diagnostics.len() == before
    }

    fn ids(&self) -> Vec<Id> {
        let files = self.schema.files.iter().enumerate();
        files.flat_map(|(file, f)| (0..f.definitions.len()).map(move |index| Id { file, index })).collect()
    }

    fn report_definition(&mut self, id: Id, message: String, help: &str) {
        let span = self.units[id.file].document.definitions[id.index].name.span;
        self.report_help(id.file, span, message, help);
    }

    fn name_of(&self, id: Id) -> String {
        self.schema.definition(id).name.clone()
    }

    fn check_typedefs(&mut self) {
        let mut visits = Visits::new();
        for id in self.ids() {
            if !matches!(self.schema.definition(id).item, Item::Typedef(_)) {
                continue;
            }
            let is_known = visits.contains_key(&id);
            if !is_known && self.typedef_depth(id, &mut visits, 0).is_none() {
                let message = format!(
                    "typedef `{}` refers to itself, or nests deeper than {TYPEDEF_DEPTH_MAX} levels",
                    self.name_of(id)
                );
                self.report_definition(id, message, "let one of its typedefs name a struct");
            }
        }
    }

    fn typedef_depth(&self, id: Id, visits: &mut Visits, level: usize) -> Option<usize> {
        match visits.get(&id) {
            Some(Visit::Done(depth)) => return Some(*depth),
            Some(Visit::Open | Visit::Bad) => return None,
            None => {}
        }
        visits.insert(id, Visit::Open);
        let Item::Typedef(of) = &self.schema.definition(id).item else {
            return Some(0);
        };
        let depth = self.type_depth(of, visits, level + 1);
        visits.insert(id, depth.map_or(Visit::Bad, Visit::Done));
        depth
    }

    fn type_depth(&self, of: &Type, visits: &mut Visits, level: usize) -> Option<usize> {
        let depth = match of {
            _ if level > TYPEDEF_DEPTH_MAX => return None,
            Type::Typedef(id) => self.typedef_depth(*id, visits, level)?,
            Type::List(element) | Type::Set(element) => self.type_depth(element, visits, level + 1)?,
            Type::Ref(value) => self.type_depth(value, visits, level)?,
            Type::Map(entry) => {
                let key = self.type_depth(&entry.0, visits, level + 1)?;
                key.max(self.type_depth(&entry.1, visits, level + 1)?)
            }
            _ => 0,
        };
        (depth < TYPEDEF_DEPTH_MAX).then_some(depth + 1)
    }

    fn check_field_depths(&mut self) {
        let mut visits = Visits::new();
        for id in self.ids() {
            let Item::Struct(found) = &self.schema.definition(id).item else {
                continue;
            };
            let fields = found.fields.iter();
            let too_deep: Vec<_> = fields
                .filter(|f| self.type_depth(&f.field_type, &mut visits, 0).is_none())
                .map(|f| f.name.clone())
                .collect();
            for name in too_deep {
                let message = format!("the type of `{name}` nests deeper than {TYPEDEF_DEPTH_MAX} levels");
                self.report_definition(id, message, "put a struct in between");
            }
        }
    }

    fn check_inheritance(&mut self) {
        let mut bases: BTreeMap<Id, Id> = BTreeMap::new();
        for id in self.ids() {
            let Body::Service(Some(base), _) = self.body(id) else {
                continue;
            };
            match self.find(id.file, Space::Service, &base.text) {
                Some(base) => {
                    bases.insert(id, base);
                }
                None => self.report_unknown(id.file, Space::Service, base.span, &base.text),
            }
        }
        let mut reported: BTreeSet<Id> = BTreeSet::new();
        for id in bases.keys() {
            let chain: Vec<Id> =
                std::iter::successors(Some(*id), |id| bases.get(id).copied()).take(INHERITANCE_MAX + 1).collect();
            if chain.len() > INHERITANCE_MAX && !chain.iter().any(|id| reported.contains(id)) {
                reported.extend(chain);
                let message =
                    format!("service `{}` extends itself, or more than {INHERITANCE_MAX} others", self.name_of(*id));
                self.report_definition(*id, message, "let one of its bases extend nothing");
            }
        }
    }

    /// Defaults of a struct may hold literals of structs, whose defaults may hold further ones.
    pub(super) fn check_default_cycles(&mut self) {
        let mut visits = Visits::new();
        for id in self.ids() {
            let size = match &self.schema.definition(id).item {
                Item::Struct(_) if visits.contains_key(&id) => continue,
                Item::Struct(_) => self.default_size(id, &mut visits, 0),
                Item::Const(of, value) => self.value_size(of, value, &mut visits, 0),
                _ => continue,
            };
            if size.is_none() {
                let message = format!(
                    "the defaults in `{}` hold themselves, or more than {DEFAULT_SIZE_MAX} values",
                    self.name_of(id)
                );
                self.report_definition(id, message, "leave a default out");
            }
        }
    }

    fn default_size(&self, id: Id, visits: &mut Visits, level: usize) -> Option<usize> {
        match visits.get(&id) {
            Some(Visit::Done(size)) => return Some(*size),
            Some(Visit::Open | Visit::Bad) => return None,
            None => {}
        }
        visits.insert(id, Visit::Open);
        let mut size = Some(0_usize);
        for field in self.schema.struct_of(id).into_iter().flat_map(|s| &s.fields) {
            if let Some(default) = &field.default {
                let more = self.value_size(&field.field_type, default, visits, level + 1);
                size = size.zip(more).map(|(size, more)| size.saturating_add(more));
            }
        }
        let size = size.filter(|size| *size <= DEFAULT_SIZE_MAX);
        visits.insert(id, size.map_or(Visit::Bad, Visit::Done));
        size
    }

    fn value_size(&self, of: &Type, value: &Value, visits: &mut Visits, level: usize) -> Option<usize> {
        if level > DEFAULT_DEPTH_MAX {
            return None;
        }
        let mut size = 1_usize;
        let mut add = |more: Option<usize>| {
            size = size.saturating_add(more?);
            (size <= DEFAULT_SIZE_MAX).then_some(())
        };
        match (self.schema.value_type(of), value) {
            (Type::List(element) | Type::Set(element), Value::List(values)) => {
                for value in values {
                    add(self.value_size(element, value, visits, level))?;
                }
            }
            (Type::Map(entry), Value::Map(values)) => {
                for (key, value) in values {
                    add(self.value_size(&entry.0, key, visits, level))?;
                    add(self.value_size(&entry.1, value, visits, level))?;
                }
            }
            (Type::Struct(id), Value::Struct(given)) => {
                add(self.default_size(*id, visits, level))?;
                let fields = &self.schema.struct_of(*id)?.fields;
                for (index, value) in given {
                    let field = fields.get(*index)?;
                    add(self.value_size(&field.field_type, value, visits, level))?;
                }
            }
            _ => {}
        }
        Some(size)
    }
}
