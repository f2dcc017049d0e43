//! Types: names looked up.

use super::Resolver;
use super::lookup::Space;
use crate::schema::{Id, Type};
use crate::syntax::ast::{self, BaseType, Body, TypeKind};

/// Where a type stands, as far as `(bifrost.ref)` is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// It is that of a field, an argument or a result.
    Member,
    /// It is that of a list's elements or of a map's values.
    Inside,
    /// References have no meaning there: a key has to be compared, a constant and a typedef are no places.
    Elsewhere,
}

impl Resolver<'_> {
    /// The type, or `None` when a name in it is unknown (and reported).
    pub(super) fn type_of(&mut self, file: usize, written: &ast::Type, stands: Stands) -> Option<Type> {
        let allowed: &[&str] = if stands == Stands::Elsewhere { &[] } else { &["bifrost.ref"] };
        self.check_annotations(file, &written.annotations, allowed);
        let found = self.unmarked(file, written)?;
        Some(match stands == Stands::Inside && self.type_reference(file, &[], written) {
            true => Type::Ref(Box::new(found)),
            false => found,
        })
    }

    fn unmarked(&mut self, file: usize, written: &ast::Type) -> Option<Type> {
        Some(match &written.kind {
            TypeKind::Base(base) => base_type(*base),
            TypeKind::List(element) => Type::List(Box::new(self.type_of(file, element, Stands::Inside)?)),
            TypeKind::Set(element) => Type::Set(Box::new(self.type_of(file, element, Stands::Elsewhere)?)),
            TypeKind::Map(entry) => {
                let key = self.type_of(file, &entry.0, Stands::Elsewhere);
                let value = self.type_of(file, &entry.1, Stands::Inside);
                Type::Map(Box::new((key?, value?)))
            }
            TypeKind::Named(name) => {
                let Some(id) = self.find(file, Space::Type, name) else {
                    self.report_unknown(file, Space::Type, written.span, name);
                    return None;
                };
                self.named_type(id)
            }
        })
    }

    fn named_type(&self, id: Id) -> Type {
        match self.body(id) {
            Body::Typedef(_) => Type::Typedef(id),
            Body::Enum(_) => Type::Enum(id),
            _ => Type::Struct(id),
        }
    }

    /// The type as the IDL writes it, for messages.
    pub(super) fn describe(&self, of: &Type) -> String {
        match of {
            Type::Bool => "bool".to_owned(),
            Type::I8 => "i8".to_owned(),
            Type::I16 => "i16".to_owned(),
            Type::I32 => "i32".to_owned(),
            Type::I64 => "i64".to_owned(),
            Type::Double => "double".to_owned(),
            Type::String => "string".to_owned(),
            Type::Binary => "binary".to_owned(),
            Type::Uuid => "uuid".to_owned(),
            Type::List(element) => format!("list<{}>", self.describe(element)),
            Type::Set(element) => format!("set<{}>", self.describe(element)),
            Type::Ref(value) => format!("{} (bifrost.ref)", self.describe(value)),
            Type::Map(entry) => {
                format!("map<{}, {}>", self.describe(&entry.0), self.describe(&entry.1))
            }
            Type::Typedef(id) | Type::Enum(id) | Type::Struct(id) => {
                let document = &self.units[id.file].document;
                document.definitions[id.index].name.text.clone()
            }
        }
    }
}

fn base_type(base: BaseType) -> Type {
    match base {
        BaseType::Bool => Type::Bool,
        BaseType::I8 => Type::I8,
        BaseType::I16 => Type::I16,
        BaseType::I32 => Type::I32,
        BaseType::I64 => Type::I64,
        BaseType::Double => Type::Double,
        BaseType::String => Type::String,
        BaseType::Binary => Type::Binary,
        BaseType::Uuid => Type::Uuid,
    }
}
