//! Where in a value there may be references to global memory.

use super::json::Json;
use crate::schema::{Field, Id, Item, Schema, Type};
use std::collections::{BTreeMap, BTreeSet};

/// How many places one argument or result lists; further ones are left out, and it is said that they are.
const PLACES_MAX: usize = 256;

/// A place where a reference may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    /// The names and ids of the fields that lead there, and the containers in between.
    path: Vec<Step>,
    /// It is a `bifrost.Ptr`, and not a value marked `(bifrost.ref)`.
    is_pointer: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String, i16),
    Element,
    Key,
    Value,
}

impl Step {
    fn json(&self) -> Json {
        match self {
            Self::Field(_, id) => Json::Number((*id).into()),
            Self::Element => Json::text("element"),
            Self::Key => Json::text("key"),
            Self::Value => Json::text("value"),
        }
    }
}

impl Reference {
    fn is_in_container(&self) -> bool {
        !self.path.iter().all(|step| matches!(step, Step::Field(..)))
    }

    pub(super) fn json(&self) -> Json {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name, _) if path.is_empty() => path.push_str(name),
                Step::Field(name, _) => path.push_str(&format!(".{name}")),
                Step::Element => path.push_str("[]"),
                Step::Key => path.push_str("{key}"),
                Step::Value => path.push_str("{value}"),
            }
        }
        Json::Object(vec![
            ("path", Json::Text(path)),
            ("steps", Json::List(self.path.iter().map(Step::json).collect())),
            ("kind", Json::text(if self.is_pointer { "pointer" } else { "ref" })),
            ("many", Json::Bool(self.is_in_container())),
        ])
    }
}

/// The references in one argument, result or exception.
#[derive(Debug, Default)]
pub(super) struct References {
    pub(super) places: Vec<Reference>,
    /// Some were left out: a struct holds itself, or there are very many.
    pub(super) is_open: bool,
}

impl References {
    /// How many there can be; none if nothing bounds them.
    pub(super) fn count(&self) -> Option<usize> {
        let is_bounded = !self.is_open && !self.places.iter().any(Reference::is_in_container);
        is_bounded.then_some(self.places.len())
    }
}

/// Finds references. Knows which structs hold any, so that the others are not looked into.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    schema: &'a Schema,
    pointer: Option<Id>,
    holders: BTreeSet<Id>,
}

struct Walk {
    found: References,
    path: Vec<Step>,
    /// The structs around.
    around: Vec<Id>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        let mut finder = Self { schema, pointer: pointer(schema), holders: BTreeSet::new() };
        finder.holders = finder.find_holders();
        finder
    }

    /// Those of a field.
    pub(super) fn of_field(&self, field: &Field) -> References {
        let mut walk = Walk { found: References::default(), path: Vec::new(), around: Vec::new() };
        self.walk_field(field, &mut walk);
        walk.found
    }

    /// Those of a result, whose field id is 0.
    pub(super) fn of_result(&self, of: &Type, by_reference: bool) -> References {
        let path = vec![Step::Field("success".to_owned(), 0)];
        let mut walk = Walk { found: References::default(), path, around: Vec::new() };
        self.walk(of, by_reference, &mut walk);
        walk.found
    }

    /// Whether a type is `bifrost.Ptr`, by whatever further names.
    pub(super) fn is_pointer(&self, of: &Type) -> bool {
        let mut of = of;
        while let Type::Typedef(id) = of {
            if Some(*id) == self.pointer {
                return true;
            }
            let Item::Typedef(aliased) = &self.schema.definition(*id).item else {
                return false;
            };
            of = aliased;
        }
        false
    }

    fn walk_field(&self, field: &Field, walk: &mut Walk) {
        walk.path.push(Step::Field(field.name.clone(), field.id));
        self.walk(&field.field_type, field.by_reference, walk);
        walk.path.pop();
    }

    fn walk(&self, of: &Type, by_reference: bool, walk: &mut Walk) {
        if !by_reference && !self.holds(of) {
            return;
        }
        if by_reference || self.is_pointer(of) {
            if walk.found.places.len() >= PLACES_MAX {
                walk.found.is_open = true;
                return;
            }
            walk.found.places.push(Reference { path: walk.path.clone(), is_pointer: !by_reference });
        }
        // A value passed by reference may hold references itself: the call lists them too.
        match self.schema.value_type(of) {
            Type::List(element) | Type::Set(element) => self.step(Step::Element, element, walk),
            Type::Map(entry) => {
                self.step(Step::Key, &entry.0, walk);
                self.step(Step::Value, &entry.1, walk);
            }
            Type::Struct(id) => self.walk_struct(*id, walk),
            _ => {}
        }
    }

    fn step(&self, step: Step, of: &Type, walk: &mut Walk) {
        walk.path.push(step);
        self.walk(of, matches!(of, Type::Ref(_)), walk);
        walk.path.pop();
    }

    fn walk_struct(&self, id: Id, walk: &mut Walk) {
        if !self.holders.contains(&id) {
            return;
        }
        if walk.around.contains(&id) || walk.found.places.len() >= PLACES_MAX {
            walk.found.is_open = true;
            return;
        }
        walk.around.push(id);
        for field in self.schema.struct_of(id).into_iter().flat_map(|found| &found.fields) {
            self.walk_field(field, walk);
        }
        walk.around.pop();
    }

    fn holds(&self, of: &Type) -> bool {
        let mut open = vec![of];
        while let Some(of) = open.pop() {
            if self.is_pointer(of) {
                return true;
            }
            match self.schema.actual(of) {
                Type::List(element) | Type::Set(element) => open.push(element),
                Type::Map(entry) => open.extend([&entry.0, &entry.1]),
                Type::Ref(_) => return true,
                Type::Struct(id) if self.holders.contains(id) => return true,
                _ => {}
            }
        }
        false
    }

    /// The structs in which a reference may be, however deep.
    fn find_holders(&self) -> BTreeSet<Id> {
        let mut around: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        let mut open = Vec::new();
        for (file, f) in self.schema.files.iter().enumerate() {
            for index in 0..f.definitions.len() {
                let id = Id { file, index };
                for field in self.schema.struct_of(id).into_iter().flat_map(|found| &found.fields) {
                    if field.by_reference || self.holds(&field.field_type) {
                        open.push(id);
                    }
                    structs_in(self.schema, &field.field_type, &mut |held| around.entry(held).or_default().push(id));
                }
            }
        }
        let mut holders = BTreeSet::new();
        while let Some(id) = open.pop() {
            if holders.insert(id) {
                open.extend(around.get(&id).into_iter().flatten());
            }
        }
        holders
    }
}

fn structs_in(schema: &Schema, of: &Type, each: &mut dyn FnMut(Id)) {
    match schema.actual(of) {
        Type::Ref(value) => structs_in(schema, value, each),
        Type::Struct(id) => each(*id),
        Type::List(element) | Type::Set(element) => structs_in(schema, element, each),
        Type::Map(entry) => {
            structs_in(schema, &entry.0, each);
            structs_in(schema, &entry.1, each);
        }
        _ => {}
    }
}

/// The typedef `Ptr` of a file `bifrost.thrift`.
fn pointer(schema: &Schema) -> Option<Id> {
    let files = schema.files.iter().enumerate().filter(|(_, file)| file.program == "bifrost");
    let mut all = files.flat_map(|(file, f)| (0..f.definitions.len()).map(move |index| Id { file, index }));
    all.find(|id| {
        let definition = schema.definition(*id);
        let is_uuid = matches!(&definition.item, Item::Typedef(of) if *schema.actual(of) == Type::Uuid);
        definition.name == "Ptr" && is_uuid
    })
}
