//! Constants and defaults: evaluated and checked against their types.

use super::Resolver;
use super::lookup::Space;
use crate::schema::{Id, Item, Type, Value};
use crate::source::Span;
use crate::syntax::ast::{self, Body, Requiredness, StructKind, ValueKind};

/// How deep a value may nest, constants that it names included.
const DEPTH_MAX: usize = 64;
/// How many values one constant may hold, constants that it names included.
const SIZE_MAX: usize = 100_000;

/// What is left of the limits on one constant.
struct Budget {
    depth: usize,
    size: usize,
    spent: bool,
}

impl Resolver<'_> {
    /// Evaluates every constant, and every default of a field of a struct.
    pub(super) fn evaluate(&mut self) {
        let units = self.units;
        for (file, unit) in units.iter().enumerate() {
            for (index, definition) in unit.document.definitions.iter().enumerate() {
                match &definition.body {
                    Body::Const(_, written) => self.constant(Id { file, index }, written),
                    Body::Struct(_, written) => self.struct_defaults(Id { file, index }, written),
                    _ => {}
                }
            }
        }
    }

    fn constant(&mut self, id: Id, written: &ast::Value) {
        let Item::Const(of, _) = &self.schema.definition(id).item else {
            return;
        };
        let of = of.clone();
        if let Some(value) = self.value(id.file, &of, written) {
            let definition = &mut self.schema.files[id.file].definitions[id.index];
            definition.item = Item::Const(of, value);
        }
    }

    fn struct_defaults(&mut self, id: Id, written: &[ast::Field]) {
        for (index, field) in written.iter().enumerate() {
            let Some(default) = &field.default else {
                continue;
            };
            let Some(declared) = self.schema.struct_of(id).and_then(|s| s.fields.get(index)) else {
                continue;
            };
            let of = declared.field_type.clone();
            let value = self.value(id.file, &of, default);
            if let Item::Struct(s) = &mut self.schema.files[id.file].definitions[id.index].item {
                s.fields[index].default = value;
            }
        }
    }

    /// The value, or `None` when it does not fit its type (which is reported).
    pub(super) fn value(&mut self, file: usize, of: &Type, written: &ast::Value) -> Option<Value> {
        let mut budget = Budget { depth: DEPTH_MAX, size: SIZE_MAX, spent: false };
        self.fit(file, of, written, &mut budget)
    }

    fn fit(&mut self, file: usize, of: &Type, written: &ast::Value, budget: &mut Budget) -> Option<Value> {
        if budget.depth == 0 || budget.size == 0 {
            let message = format!(
                "this constant refers to itself, nests deeper than {DEPTH_MAX} levels or holds more than {SIZE_MAX} values"
            );
            // One report is enough for a constant.
            if !budget.spent {
                self.report(file, written.span, message);
            }
            budget.spent = true;
            return None;
        }
        budget.depth -= 1;
        budget.size -= 1;
        let actual = self.schema.value_type(of).clone();
        let value = self.fit_actual(file, &actual, of, written, budget);
        budget.depth += 1;
        value
    }

    // A flat match over (type, value): one line for each pair that fits.
    fn fit_actual(
        &mut self,
        file: usize,
        actual: &Type,
        of: &Type,
        written: &ast::Value,
        budget: &mut Budget,
    ) -> Option<Value> {
        let span = written.span;
        match (actual, &written.kind) {
            (Type::Bool, ValueKind::Named(name)) if name == "true" => Some(Value::Bool(true)),
            (Type::Bool, ValueKind::Named(name)) if name == "false" => Some(Value::Bool(false)),
            (_, ValueKind::Named(name)) if name == "true" || name == "false" => {
                self.truth(file, actual, of, written, budget)
            }
            (_, ValueKind::Named(name)) => self.named(file, of, name, span, budget),
            (Type::Bool, ValueKind::Int(value @ 0..)) => Some(Value::Bool(*value > 0)),
            (Type::I8, ValueKind::Int(value)) => self.int(file, of, *value, span, i8::MAX.into()),
            (Type::I16, ValueKind::Int(value)) => self.int(file, of, *value, span, i16::MAX.into()),
            (Type::I32, ValueKind::Int(value)) => self.int(file, of, *value, span, i32::MAX.into()),
            (Type::I64, ValueKind::Int(value)) => Some(Value::Int(*value)),
            (Type::Double, ValueKind::Double(value)) => Some(Value::Double(*value)),
            (Type::Double, ValueKind::Int(value)) => Some(Value::Double(*value as f64)),
            (Type::String, ValueKind::Literal(bytes)) => self.string(file, bytes, span),
            (Type::Binary, ValueKind::Literal(bytes)) => Some(Value::Binary(bytes.clone())),
            (Type::Uuid, ValueKind::Literal(bytes)) => self.uuid(file, bytes, span),
            (Type::Enum(id), ValueKind::Int(value)) => self.enum_number(file, *id, *value, span),
            (Type::List(element) | Type::Set(element), ValueKind::List(values)) => {
                let values = values.iter().map(|v| self.fit(file, element, v, budget));
                all(values).map(Value::List)
            }
            (Type::List(_) | Type::Set(_), ValueKind::Map(entries)) if entries.is_empty() => {
                Some(Value::List(Vec::new()))
            }
            (Type::Map(_), ValueKind::List(values)) if values.is_empty() => Some(Value::Map(Vec::new())),
            (Type::Map(entry), ValueKind::Map(entries)) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = self.fit(file, &entry.0, key, budget);
                    key.zip(self.fit(file, &entry.1, value, budget))
                });
                all(entries).map(Value::Map)
            }
            (Type::Struct(id), ValueKind::Map(entries)) => self.struct_literal(file, *id, entries, span, budget),
            _ => {
                self.report_misfit(file, of, span, &describe(&written.kind));
                None
            }
        }
    }

    /// `true` and `false` are other words for 1 and 0, as in Apache's compiler.
    fn truth(
        &mut self,
        file: usize,
        actual: &Type,
        of: &Type,
        written: &ast::Value,
        budget: &mut Budget,
    ) -> Option<Value> {
        let is_number = matches!(actual, Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Double | Type::Enum(_));
        if !is_number {
            self.report_misfit(file, of, written.span, &describe(&written.kind));
            return None;
        }
        let is_true = matches!(&written.kind, ValueKind::Named(name) if name == "true");
        let number = ast::Value { kind: ValueKind::Int(is_true.into()), span: written.span };
        self.fit_actual(file, actual, of, &number, budget)
    }

    fn report_misfit(&mut self, file: usize, of: &Type, span: Span, found: &str) {
        let expected = self.describe(of);
        let help = match self.schema.value_type(of) {
            Type::Bool => "write `true` or `false`",
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => "write an integer",
            Type::Double => "write a number",
            Type::String | Type::Binary => "write text in quotes",
            Type::Uuid => "write \"00112233-4455-6677-8899-aabbccddeeff\"",
            Type::List(_) | Type::Set(_) => "write `[a, b]`",
            Type::Map(_) => "write `{key: value}`",
            Type::Enum(_) => "write `Enum.VALUE`",
            Type::Struct(_) | Type::Typedef(_) | Type::Ref(_) => "write `{\"field\": value}`",
        };
        let message = format!("{found} is no value of type `{expected}`");
        self.report_help(file, span, message, help);
    }

    fn int(&mut self, file: usize, of: &Type, value: i64, span: Span, max: i64) -> Option<Value> {
        if (-max - 1..=max).contains(&value) {
            return Some(Value::Int(value));
        }
        let message = format!("{value} is out of range for type `{}`", self.describe(of));
        let help = format!("use a number from {} to {max}", -max - 1);
        self.report_help(file, span, message, help);
        None
    }

    fn string(&mut self, file: usize, bytes: &[u8], span: Span) -> Option<Value> {
        match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Some(Value::String(text)),
            Err(_) => {
                self.report_help(file, span, "this string is no UTF-8", "make it a `binary`");
                None
            }
        }
    }

    fn uuid(&mut self, file: usize, bytes: &[u8], span: Span) -> Option<Value> {
        let value = parse_uuid(bytes);
        if value.is_none() {
            self.report_misfit(file, &Type::Uuid, span, "this string");
        }
        value.map(Value::Uuid)
    }

    fn enum_number(&mut self, file: usize, id: Id, value: i64, span: Span) -> Option<Value> {
        let definition = self.schema.definition(id);
        let Item::Enum(values) = &definition.item else {
            return None;
        };
        let found = values.iter().find(|v| i64::from(v.value) == value);
        if let Some(found) = found {
            return Some(Value::Enum(found.value));
        }
        let message = format!("enum `{}` has no value {value}", definition.name);
        self.report_help(file, span, message, "write the name of one of its values");
        None
    }

    /// A constant, or a value of an enum.
    fn named(&mut self, file: usize, of: &Type, name: &str, span: Span, budget: &mut Budget) -> Option<Value> {
        if let Some(number) = self.enum_member(file, of, name) {
            return match *self.schema.value_type(of) {
                Type::Enum(expected) if expected == number.0 => Some(Value::Enum(number.1)),
                Type::I8 => self.int(file, of, number.1.into(), span, i8::MAX.into()),
                Type::I16 => self.int(file, of, number.1.into(), span, i16::MAX.into()),
                Type::I32 | Type::I64 => Some(Value::Int(number.1.into())),
                Type::Double => Some(Value::Double(number.1.into())),
                _ => {
                    self.report_misfit(file, of, span, &format!("`{name}`"));
                    None
                }
            };
        }
        let Some(id) = self.find(file, Space::Constant, name) else {
            self.report_unknown(file, Space::Constant, span, name);
            return None;
        };
        let Body::Const(_, written) = self.body(id) else {
            return None;
        };
        let reports = self.diagnostics.len();
        let value = self.fit(id.file, of, written, budget);
        if value.is_none() && !budget.spent {
            // What is wrong is that it is used here, not what it says there.
            self.diagnostics.truncate(reports);
            self.report_misfit(file, of, span, &format!("`{name}`"));
        }
        value
    }

    /// `Enum.VALUE` or `file.Enum.VALUE`. Where a value of an enum is expected, `VALUE` is enough, and what stands
    /// before it need not lead to that enum: Apache's compiler looks at no more than the last part.
    fn enum_member(&self, file: usize, of: &Type, name: &str) -> Option<(Id, i32)> {
        let number = |id: Id, member: &str| match &self.schema.definition(id).item {
            Item::Enum(values) => values.iter().find(|v| v.name == member).map(|v| (id, v.value)),
            _ => None,
        };
        let (prefix, member) = name.rsplit_once('.').unwrap_or(("", name));
        let named = self.find(file, Space::Type, prefix).and_then(|id| number(id, member));
        let expected = match *self.schema.value_type(of) {
            Type::Enum(expected) => expected,
            _ => return named,
        };
        if named.is_some_and(|(id, _)| id == expected) || self.find(file, Space::Constant, name).is_some() {
            return named;
        }
        number(expected, member).or(named)
    }

    fn struct_literal(
        &mut self,
        file: usize,
        id: Id,
        entries: &[(ast::Value, ast::Value)],
        span: Span,
        budget: &mut Budget,
    ) -> Option<Value> {
        let declared = self.schema.struct_of(id)?.clone();
        let name = self.schema.definition(id).name.clone();
        let mut given: Vec<(usize, Value)> = Vec::new();
        let mut is_whole = true;
        for (key, value) in entries {
            let found = match &key.kind {
                ValueKind::Literal(key) => {
                    let is_key = |f: &crate::schema::Field| f.name.as_bytes() == key.as_slice();
                    declared.fields.iter().position(is_key)
                }
                _ => None,
            };
            let Some(index) = found else {
                let written = self.units[file].document.source.slice(key.span).to_owned();
                let message = format!("`{name}` has no field {written}");
                self.report_help(file, key.span, message, "write the name of a field, in quotes");
                is_whole = false;
                continue;
            };
            if given.iter().any(|(other, _)| *other == index) {
                self.report(file, key.span, "this field is given twice");
                is_whole = false;
            }
            match self.fit(file, &declared.fields[index].field_type, value, budget) {
                Some(value) => given.push((index, value)),
                None => is_whole = false,
            }
        }
        let is_whole = is_whole && self.is_whole(file, id, &given, span);
        is_whole.then_some(Value::Struct(given))
    }

    /// A union has one field, a struct all that are required.
    fn is_whole(&mut self, file: usize, id: Id, given: &[(usize, Value)], span: Span) -> bool {
        let definition = self.schema.definition(id).clone();
        let name = &definition.name;
        let Item::Struct(declared) = &definition.item else {
            return false;
        };
        if declared.kind == StructKind::Union {
            if given.len() != 1 {
                let message = format!("a value of union `{name}` has one field");
                self.report(file, span, message);
            }
            return given.len() == 1;
        }
        // Not from the schema, where the default of a later struct is not evaluated yet.
        let Body::Struct(_, written) = self.body(id) else {
            return false;
        };
        let has_default = |index: usize| written.get(index).is_some_and(|f| f.default.is_some());
        let mut is_whole = true;
        for (index, field) in declared.fields.iter().enumerate() {
            let is_given = given.iter().any(|(given, _)| *given == index);
            let is_required = field.requiredness == Requiredness::Required;
            let has_default = has_default(index);
            if is_required && !is_given && !has_default {
                let message = format!("required field `{}` of `{name}` is missing", field.name);
                self.report(file, span, message);
                is_whole = false;
            }
        }
        is_whole
    }
}

/// Not `collect`, which stops at the first `None`: every value is looked at, so that every error is found.
fn all<T>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let mut is_whole = true;
    let found = values.filter_map(|value| {
        is_whole &= value.is_some();
        value
    });
    let found = found.collect();
    is_whole.then_some(found)
}

fn parse_uuid(bytes: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let digits = groups.concat();
    let is_plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if lengths != [8, 4, 4, 4, 12] || !is_plain {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok()
}

fn describe(value: &ValueKind) -> String {
    match value {
        ValueKind::Int(value) => format!("{value}"),
        ValueKind::Double(value) => format!("{value}"),
        ValueKind::Literal(_) => "a string".to_owned(),
        ValueKind::Named(name) => format!("`{name}`"),
        ValueKind::List(_) => "a list".to_owned(),
        ValueKind::Map(_) => "a map".to_owned(),
    }
}
