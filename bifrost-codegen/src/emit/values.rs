//! Values: Rust expressions for constants and defaults.

use super::layout::Expr;
use super::module::Module;
use super::options::Binary;
use super::types::Place;
use crate::schema::{Field, Id, Item, Struct, Type, Value};
use crate::syntax::ast::{Requiredness, StructKind};

impl Module<'_> {
    /// A value of a type that the definition `owner` names.
    pub(super) fn value(&self, owner: Id, of: &Type, value: &Value) -> Expr {
        self.value_at(self.place(owner), of, value)
    }

    /// A value of a field, boxed as the field is.
    fn member_value(&self, owner: Id, field: &Field, value: &Value) -> Expr {
        if !self.boxes.holds_box(self.schema, owner, field) {
            return self.value(owner, &field.field_type, value);
        }
        match &field.field_type {
            Type::Ref(of) => self.referred(self.boxed(self.value(owner, of, value))),
            of => self.boxed(self.value(owner, of, value)),
        }
    }

    fn referred(&self, expr: Expr) -> Expr {
        Expr::call(format!("{}::from", self.runtime("reference::Ref")), vec![expr])
    }

    fn boxed(&self, expr: Expr) -> Expr {
        Expr::call(format!("{}::new", self.std_type("Box")), vec![expr])
    }

    fn value_at(&self, place: Place, of: &Type, value: &Value) -> Expr {
        let expr = match of {
            Type::Typedef(id) => match &self.schema.definition(*id).item {
                Item::Typedef(aliased) => self.value(*id, aliased, value),
                _ => self.new_of("Default"),
            },
            Type::Ref(of) => self.referred(self.value_at(place, of, value)),
            of => self.plain_value(place, of, value),
        };
        match self.boxes.is_forward(self.schema, place.owner, of) {
            true => self.boxed(expr),
            false => expr,
        }
    }

    // A flat match over (type, value).
    fn plain_value(&self, place: Place, of: &Type, value: &Value) -> Expr {
        match (of, value) {
            (_, Value::Bool(value)) => Expr::atom(value.to_string()),
            (_, Value::Int(value)) => Expr::atom(value.to_string()),
            (_, Value::Double(value)) => {
                let ordered = self.runtime("thrift::OrderedFloat");
                Expr::call_with(ordered, &[&float(*value)])
            }
            (_, Value::String(text)) if text.is_empty() => self.new_of("String"),
            (_, Value::String(text)) => Expr::atom(self.owned(&string(text))),
            (_, Value::Binary(bytes)) => self.binary(bytes),
            (_, Value::Uuid(0)) => Expr::call_with(format!("{}::nil", self.runtime("uuid::Uuid")), &[]),
            (_, Value::Uuid(value)) => {
                Expr::call_with(format!("{}::from_u128", self.runtime("uuid::Uuid")), &[&hex(*value)])
            }
            (Type::Enum(id), Value::Enum(number)) => Expr::atom(self.enum_constant(*id, *number)),
            (Type::List(_), Value::List(values)) if values.is_empty() => self.new_of("Vec"),
            (Type::List(element), Value::List(values)) => Expr::Array("vec![", self.all(place, element, values)),
            (Type::Set(element), Value::List(values)) => {
                collection(&self.set_path(place), self.all(place.key(), element, values))
            }
            (Type::Map(entry), Value::Map(values)) => {
                let pair = |(key, value): &(Value, Value)| {
                    let key = self.value_at(place.key(), &entry.0, key);
                    Expr::Tuple(vec![key, self.value_at(place, &entry.1, value)])
                };
                collection(&self.map_path(place), values.iter().map(pair).collect())
            }
            (Type::Struct(id), Value::Struct(given)) => self.literal(*id, given),
            // The resolver lets no other pair through.
            _ => self.new_of("Default"),
        }
    }

    fn binary(&self, bytes: &[u8]) -> Expr {
        match (self.options.binary, bytes.is_empty()) {
            (Binary::Vec, true) => self.new_of("Vec"),
            (Binary::Vec, false) => Expr::atom(format!("{}.to_vec()", byte_string(bytes))),
            (Binary::Bytes, true) => Expr::call(format!("{}::new", self.bytes()), Vec::new()),
            (Binary::Bytes, false) => Expr::call_with(format!("{}::from_static", self.bytes()), &[&byte_string(bytes)]),
        }
    }

    fn all(&self, place: Place, of: &Type, values: &[Value]) -> Vec<Expr> {
        values.iter().map(|v| self.value_at(place, of, v)).collect()
    }

    fn new_of(&self, name: &'static str) -> Expr {
        let function = if name == "Default" { "default" } else { "new" };
        Expr::call(format!("{}::{function}", self.std_type(name)), Vec::new())
    }

    pub(super) fn enum_constant(&self, id: Id, number: i32) -> String {
        let path = self.name(id);
        let Item::Enum(values) = &self.schema.definition(id).item else {
            return path;
        };
        let names = super::enums::value_names(values);
        let found = values.iter().zip(names).find(|(value, _)| value.value == number);
        match found {
            Some((_, name)) => format!("{path}::{name}"),
            None => format!("{path}({number})"),
        }
    }

    fn literal(&self, id: Id, given: &[(usize, Value)]) -> Expr {
        let Some(found) = self.schema.struct_of(id) else {
            return self.new_of("Default");
        };
        if found.kind == StructKind::Union {
            return self.union_literal(id, found, given);
        }
        let names = super::structs::field_names(&found.fields);
        let has_default = self.has_default(id);
        let mut fields = Vec::new();
        for (index, (field, name)) in found.fields.iter().zip(names).enumerate() {
            let value = given.iter().find(|(given, _)| *given == index);
            let expr = match value {
                Some((_, value)) => self.field_value(id, field, value),
                None if has_default => continue,
                None => self.default_value(id, field),
            };
            fields.push((name, Some(expr)));
        }
        if let (Some(name), false) = (self.unknown_name(found), has_default) {
            fields.push((name, Some(self.no_unknown_fields())));
        }
        let is_whole = !has_default || (fields.len() == found.fields.len() && self.unknown_name(found).is_none());
        let base = (!is_whole).then(|| format!("{}::default()", self.std_type("Default")));
        Expr::Struct(self.name(id), fields, base)
    }

    fn union_literal(&self, id: Id, found: &Struct, given: &[(usize, Value)]) -> Expr {
        let Some((index, value)) = given.first() else {
            return self.new_of("Default");
        };
        let variant = super::unions::variant_names(&found.fields).swap_remove(*index);
        let value = self.member_value(id, &found.fields[*index], value);
        Expr::call(format!("{}::{variant}", self.name(id)), vec![value])
    }

    /// A value as a field holds it.
    fn field_value(&self, owner: Id, field: &Field, value: &Value) -> Expr {
        let value = self.member_value(owner, field, value);
        match field.requiredness {
            Requiredness::Required => value,
            _ => Expr::call(self.std_value("Some"), vec![value]),
        }
    }

    /// What a field holds when nothing is said: its default, or, as with Apache's generator, an empty value unless it
    /// is `optional`, or a struct or an enum.
    pub(super) fn default_value(&self, owner: Id, field: &Field) -> Expr {
        if let Some(value) = &field.default {
            return self.field_value(owner, field, value);
        }
        let none = Expr::atom(self.std_value("None"));
        if field.requiredness != Requiredness::Default {
            return none;
        }
        let empty = match self.schema.value_type(&field.field_type) {
            Type::Bool => Value::Bool(false),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => Value::Int(0),
            Type::Double => Value::Double(0.0),
            Type::String => Value::String(String::new()),
            Type::Binary => Value::Binary(Vec::new()),
            Type::List(_) | Type::Set(_) => Value::List(Vec::new()),
            Type::Map(_) => Value::Map(Vec::new()),
            Type::Uuid => Value::Uuid(0),
            Type::Enum(_) | Type::Struct(_) | Type::Typedef(_) | Type::Ref(_) => return none,
        };
        let empty = self.value(owner, &field.field_type, &empty);
        Expr::call(self.std_value("Some"), vec![empty])
    }
}

fn collection(path: &str, items: Vec<Expr>) -> Expr {
    match items.is_empty() {
        true => Expr::call(format!("{path}::new"), Vec::new()),
        false => Expr::call(format!("{path}::from"), vec![Expr::Array("[", items)]),
    }
}

pub(super) fn float(value: f64) -> String {
    format!("{value:?}")
}

/// A string literal.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            // `escape_debug` leaves a zero width joiner as it is, and rustc warns about direction marks.
            '\'' => literal.push(c),
            c if c.is_ascii() || c.is_alphanumeric() => literal.extend(c.escape_debug()),
            c => literal.extend(c.escape_unicode()),
        }
    }
    literal + "\""
}

/// A literal of bytes.
pub(super) fn byte_string(bytes: &[u8]) -> String {
    format!("b\"{}\"", bytes.escape_ascii()).replace("\\'", "'")
}

/// A 128-bit number in groups of four digits.
pub(super) fn hex(value: u128) -> String {
    let digits = format!("{value:032x}");
    let groups: Vec<&str> = (0..8).filter_map(|n| digits.get(n * 4..n * 4 + 4)).collect();
    format!("0x{}", groups.join("_"))
}
