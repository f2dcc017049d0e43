//! Types: the Rust type, the wire type, and what a value needs.

use super::docs::docs;
use super::layout::{Code, Type};
use super::module::Module;
use super::options::Binary;
use crate::schema::{self, Id, Item};
use std::collections::BTreeSet;

/// Above this clippy calls a type complex.
const COMPLEXITY_MAX: u64 = 250;

/// Where a type or a value stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The definition that names it.
    pub(super) owner: Id,
    /// It is, or is part of, a key of a map or an element of a set.
    in_key: bool,
}

impl Place {
    pub(super) fn key(self) -> Self {
        Self { in_key: true, ..self }
    }
}

impl Module<'_> {
    /// The Rust type of a field, argument aside.
    pub(super) fn member_type(&self, owner: Id, field: &schema::Field) -> Type {
        if !self.boxes.holds_box(self.schema, owner, field) {
            return self.rust_type(owner, &field.field_type);
        }
        let boxed = |of: &schema::Type| Type::of(self.std_type("Box"), vec![self.rust_type(owner, of)]);
        match &field.field_type {
            schema::Type::Ref(value) => self.reference(boxed(value)),
            of => boxed(of),
        }
    }

    /// The Rust type, where the definition `owner` names it.
    pub(super) fn rust_type(&self, owner: Id, of: &schema::Type) -> Type {
        self.type_at(self.place(owner), of)
    }

    /// Where types and values stand that a definition names.
    pub(super) fn place(&self, owner: Id) -> Place {
        Place { owner, in_key: self.containers.in_key(owner) }
    }

    fn type_at(&self, place: Place, of: &schema::Type) -> Type {
        use schema::Type as T;
        let rust = match of {
            T::Bool => Type::plain("bool"),
            T::I8 => Type::plain(self.std_type("i8")),
            T::I16 => Type::plain(self.std_type("i16")),
            T::I32 => Type::plain(self.std_type("i32")),
            T::I64 => Type::plain(self.std_type("i64")),
            T::Double => self.double(),
            T::String => Type::plain(self.std_type("String")),
            T::Binary => match self.options.binary {
                Binary::Vec => Type::of(self.std_type("Vec"), vec![Type::plain(self.std_type("u8"))]),
                Binary::Bytes => Type::plain(self.bytes()),
            },
            T::Uuid => Type::plain(self.runtime("uuid::Uuid")),
            T::Ref(value) => self.reference(self.type_at(place, value)),
            T::List(element) => {
                let element = self.type_at(place, element);
                if element.path == self.std_type("Box") {
                    self.lint("clippy::vec_box");
                }
                Type::of(self.std_type("Vec"), vec![element])
            }
            T::Set(element) => {
                let element = self.type_at(place.key(), element);
                Type::of(self.set_path(place), vec![element])
            }
            T::Map(entry) => {
                let args = vec![self.type_at(place.key(), &entry.0), self.type_at(place, &entry.1)];
                Type::of(self.map_path(place), args)
            }
            T::Typedef(id) | T::Enum(id) | T::Struct(id) => Type::plain(self.name(*id)),
        };
        match self.boxes.is_forward(self.schema, place.owner, of) {
            true => Type::of(self.std_type("Box"), vec![rust]),
            false => rust,
        }
    }

    pub(super) fn set_path(&self, place: Place) -> String {
        let is_hash = self.containers.is_hash(place.in_key);
        self.import(if is_hash { "std::collections::HashSet" } else { "std::collections::BTreeSet" })
    }

    pub(super) fn map_path(&self, place: Place) -> String {
        let is_hash = self.containers.is_hash(place.in_key);
        self.import(if is_hash { "std::collections::HashMap" } else { "std::collections::BTreeMap" })
    }

    fn reference(&self, of: Type) -> Type {
        Type::of(self.runtime("reference::Ref"), vec![of])
    }

    pub(super) fn bytes(&self) -> String {
        self.runtime("bytes::Bytes")
    }

    fn double(&self) -> Type {
        let ordered = self.runtime("thrift::OrderedFloat");
        Type::of(ordered, vec![Type::plain(self.std_type("f64"))])
    }

    pub(super) fn option(&self, of: Type) -> Type {
        Type::of(self.std_type("Option"), vec![of])
    }

    /// Lets clippy accept a type that the IDL makes complex.
    pub(super) fn accept(&self, of: &Type) {
        if of.complexity(1) > COMPLEXITY_MAX {
            self.lint("clippy::type_complexity");
        }
    }

    /// The variant of `TType`.
    pub(super) fn wire_type(&self, of: &schema::Type) -> String {
        use schema::Type as T;
        let variant = match self.schema.value_type(of) {
            T::Bool => "Bool",
            T::I8 => "I08",
            T::I16 => "I16",
            T::I32 | T::Enum(_) => "I32",
            T::I64 => "I64",
            T::Double => "Double",
            T::String | T::Binary => "String",
            T::Uuid => "Uuid",
            T::List(_) => "List",
            T::Set(_) => "Set",
            T::Map(_) => "Map",
            T::Struct(_) | T::Typedef(_) | T::Ref(_) => "Struct",
        };
        format!("{}::{variant}", self.thrift_protocol("TType"))
    }

    /// Whether a value holds a `binary`, which a writer may take without copying it.
    pub(super) fn holds_binary(&self, of: &schema::Type) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![of];
        while let Some(of) = open.pop() {
            match self.schema.actual(of) {
                schema::Type::Binary => return true,
                schema::Type::List(element) | schema::Type::Set(element) => open.push(element),
                schema::Type::Ref(value) => open.push(value),
                schema::Type::Map(entry) => open.extend([&entry.0, &entry.1]),
                schema::Type::Struct(id) if seen.insert(*id) => {
                    let fields = self.schema.struct_of(*id).into_iter().flat_map(|s| &s.fields);
                    open.extend(fields.map(|field| &field.field_type));
                }
                _ => {}
            }
        }
        false
    }

    /// Whether the struct has a `Default`: nothing that is required lacks a default.
    pub(super) fn has_default(&self, id: Id) -> bool {
        use crate::syntax::ast::{Requiredness, StructKind};
        let Item::Struct(found) = &self.schema.definition(id).item else {
            return false;
        };
        let is_required = |f: &schema::Field| f.requiredness == Requiredness::Required;
        found.kind != StructKind::Union && found.fields.iter().all(|f| !is_required(f) || f.default.is_some())
    }

    pub(super) fn typedef(&self, code: &mut Code, index: usize, of: &schema::Type) {
        let definition = &self.file().definitions[index];
        let name = self.program.definition(self.id(index));
        let is_camel = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        if !is_camel || name.trim_matches('_').contains('_') {
            self.lint("non_camel_case_types");
        }
        let otherwise = format!("Type `{}`.", definition.name);
        docs(code, 0, definition.docs.as_deref(), &otherwise);
        let rust = self.rust_type(self.id(index), of);
        code.typed(0, &format!("pub type {name} ="), &rust, ";");
    }
}
