//! Structs and exceptions, and what they share with the structs of arguments and results.

use super::attributes::Derives;
use super::docs::docs;
use super::layout::{Code, Expr, Type, WIDTH};
use super::module::Module;
use super::names::{Taken, snake};
use crate::schema::{self, Field, Id, Struct, Value};
use crate::syntax::ast::{Requiredness, StructKind};

/// The Rust names of the fields.
pub(super) fn field_names(fields: &[Field]) -> Vec<String> {
    let mut taken = Taken::default();
    fields.iter().map(|field| taken.take(snake(&field.name))).collect()
}

/// A field as the codec sees it.
pub(super) struct Slot<'a> {
    /// Its name in Rust.
    pub(super) name: String,
    /// Its name in the IDL.
    pub(super) idl: &'a str,
    pub(super) id: i16,
    pub(super) of: &'a schema::Type,
    pub(super) presence: Presence,
}

/// Whether a field is there.
#[derive(Debug, PartialEq)]
pub(super) enum Presence {
    /// It is an `Option`, and `None` is not written. It is this when the wire does not say.
    Optional(Expr),
    /// It is an error if the wire does not say.
    Required,
    /// It is this when the wire does not say.
    Defaulted(Expr),
}

impl Module<'_> {
    pub(super) fn structure(&self, code: &mut Code, index: usize, found: &Struct) {
        let definition = &self.file().definitions[index];
        let id = self.id(index);
        let name = self.program.definition(id);
        self.check_acronym(name);
        let word = match found.kind {
            StructKind::Exception => "Exception",
            _ => "Struct",
        };
        docs(code, 0, definition.docs.as_deref(), &format!("{word} `{}`.", definition.name));
        let derives_default = self.derives_default(id, found);
        let clone = !self.references.has(id);
        let ordered = clone && self.containers.is_ordered(id);
        self.attributes(code, Derives { copy: false, clone, default: derives_default, ordered, public: true });
        self.serde_struct(code, self.has_default(id));
        let names = field_names(&found.fields);
        let unknown = self.unknown_name(found);
        self.members(code, id, found, &names, unknown.as_deref());
        code.blank();
        self.constructor(code, id, found, &names);
        if self.has_default(id) && !derives_default {
            self.default_impl(code, id, found, &names);
        }
        let slots = self.slots(id, found, names);
        self.codec(code, name, &definition.name, &slots, unknown.as_deref());
        code.blank();
        self.serializable(code, name);
        if found.kind == StructKind::Exception {
            self.exception(code, name, &definition.name);
        }
    }

    fn members(&self, code: &mut Code, id: Id, found: &Struct, names: &[String], unknown: Option<&str>) {
        let name = self.program.definition(id);
        if names.is_empty() && unknown.is_none() {
            code.line(0, format!("pub struct {name} {{}}"));
            return;
        }
        code.line(0, format!("pub struct {name} {{"));
        for (field, rust) in found.fields.iter().zip(names) {
            let of = self.field_type(id, field);
            self.accept(&of);
            docs(code, 4, field.docs.as_deref(), &format!("Field `{}`.", field.name));
            self.serde_field(code, field, rust, field.requiredness != Requiredness::Required);
            code.typed(4, &format!("pub {rust}:"), &of, ",");
        }
        if let Some(unknown) = unknown {
            code.line(4, "/// Fields of newer peers, which are written back as they came.");
            self.serde_unknown_fields(code);
            code.line(4, format!("pub {unknown}: {},", self.unknown_fields_type()));
        }
        code.line(0, "}");
    }

    /// Every field begins with what its Rust type begins with.
    fn derives_default(&self, id: Id, found: &Struct) -> bool {
        let is_plain = |field: &Field| match (field.requiredness, &field.default) {
            (Requiredness::Required, Some(default)) => match default {
                Value::Bool(value) => !value,
                Value::Int(value) => *value == 0,
                Value::String(text) => text.is_empty(),
                Value::Binary(bytes) => bytes.is_empty(),
                Value::List(values) => values.is_empty(),
                Value::Map(values) => values.is_empty(),
                _ => false,
            },
            (Requiredness::Required, None) => false,
            _ => self.default_value(id, field) == Expr::atom(self.std_value("None")),
        };
        found.fields.iter().all(is_plain)
    }

    fn field_type(&self, owner: Id, field: &Field) -> Type {
        let of = self.member_type(owner, field);
        match field.requiredness {
            Requiredness::Required => of,
            _ => self.option(of),
        }
    }

    fn slots<'a>(&self, owner: Id, found: &'a Struct, names: Vec<String>) -> Vec<Slot<'a>> {
        let slot = |(field, name): (&'a Field, String)| {
            let presence = match field.requiredness {
                Requiredness::Required => Presence::Required,
                _ => Presence::Optional(self.default_value(owner, field)),
            };
            Slot { name, idl: &field.name, id: field.id, of: &field.field_type, presence }
        };
        found.fields.iter().zip(names).map(slot).collect()
    }

    fn constructor(&self, code: &mut Code, id: Id, found: &Struct, names: &[String]) {
        let name = self.program.definition(id);
        if found.fields.len() > 7 {
            self.lint("clippy::too_many_arguments");
        }
        code.line(0, format!("impl {name} {{"));
        code.line(4, format!("/// A new `{name}`."));
        let mut params = Vec::new();
        let mut fields = Vec::new();
        for (field, rust) in found.fields.iter().zip(names) {
            let of = self.field_type(id, field);
            if field.requiredness == Requiredness::Required {
                params.push((rust.clone(), Some(of)));
                fields.push((rust.clone(), None));
            } else {
                let into = format!("impl {}", self.std_type("Into"));
                params.push((rust.clone(), Some(Type::of(into, vec![of]))));
                fields.push((rust.clone(), Some(Expr::atom(self.into(rust)))));
            }
        }
        if let Some(unknown) = self.unknown_name(found) {
            fields.push((unknown, Some(self.no_unknown_fields())));
        }
        code.signature(4, "pub fn new", &params, &Type::plain("Self"), " {");
        code.expr(8, "", &Expr::Struct("Self".to_owned(), fields, None), "");
        code.line(4, "}");
        code.line(0, "}");
        code.blank();
    }

    fn default_impl(&self, code: &mut Code, id: Id, found: &Struct, names: &[String]) {
        let name = self.program.definition(id);
        code.line(0, format!("impl {} for {name} {{", self.std_type("Default")));
        code.line(4, "fn default() -> Self {");
        let fields = found.fields.iter().zip(names);
        let fields = fields.map(|(field, name)| (name.clone(), Some(self.default_value(id, field))));
        let unknown = self.unknown_name(found).map(|name| (name, Some(self.no_unknown_fields())));
        let fields = fields.chain(unknown).collect();
        code.expr(8, "", &Expr::Struct("Self".to_owned(), fields, None), "");
        code.line(4, "}");
        code.line(0, "}");
        code.blank();
    }

    /// `ThriftType`, `Encode` and `Decode` of a struct.
    pub(super) fn codec(&self, code: &mut Code, name: &str, idl: &str, slots: &[Slot<'_>], unknown: Option<&str>) {
        let wire_type = format!("{}::Struct", self.thrift_protocol("TType"));
        self.thrift_type(code, name, &wire_type, slots.iter().any(|slot| self.holds_references(slot.of)));
        code.line(0, format!("impl {} for {name} {{", self.protocol("Encode")));
        self.encode(code, idl, slots, unknown, false);
        if slots.iter().any(|slot| self.holds_binary(slot.of)) {
            code.blank();
            self.encode(code, idl, slots, unknown, true);
        }
        self.visit_slots(code, slots);
        code.line(0, "}");
        code.blank();
        code.line(0, format!("impl {} for {name} {{", self.protocol("Decode")));
        self.decode(code, idl, slots, unknown);
        code.line(0, "}");
    }

    /// The head of the `encode` of a value that cannot be.
    pub(super) fn encode_unused(&self, code: &mut Code) {
        let (writer, w) = (self.protocol("Writer"), self.generic("W"));
        let params = [("&self".to_owned(), None), ("_".to_owned(), Some(Type::plain(format!("&mut {w}"))))];
        let unit = self.result(Type::plain("()"));
        code.signature(4, &format!("fn encode<{w}: {writer}>"), &params, &unit, " {");
    }

    pub(super) fn encode_head(&self, code: &mut Code, owned: bool) {
        let (writer, w) = (self.protocol("Writer"), self.generic("W"));
        let name = if owned { "encode_owned" } else { "encode" };
        let own = if owned { "self" } else { "&self" };
        let params = [(own.to_owned(), None), ("w".to_owned(), Some(Type::plain(format!("&mut {w}"))))];
        let unit = self.result(Type::plain("()"));
        code.signature(4, &format!("fn {name}<{w}: {writer}>"), &params, &unit, " {");
    }

    fn encode(&self, code: &mut Code, idl: &str, slots: &[Slot<'_>], unknown: Option<&str>, owned: bool) {
        self.encode_head(code, owned);
        code.expr(8, "", &Expr::call_with("w.struct_begin", &[&format!("\"{idl}\"")]), "?;");
        for slot in slots {
            let moves = owned && self.holds_binary(slot.of);
            if let Presence::Optional(_) = slot.presence {
                let (some, name) = (self.std_value("Some"), local(&slot.name));
                let reference = if moves { "" } else { "&" };
                let line = format!("if let {some}({name}) = {reference}self.{} {{", slot.name);
                if 8 + line.len() <= WIDTH {
                    code.line(8, line);
                } else {
                    code.line(8, format!("if let {some}({name}) ="));
                    code.line(12, format!("{reference}self.{}", slot.name));
                    code.line(8, "{");
                }
                self.encode_field(code, 12, slot.idl, slot.id, slot.of, &name, moves);
                code.line(8, "}");
            } else {
                let reference = if moves { "" } else { "&" };
                let value = format!("{reference}self.{}", slot.name);
                self.encode_field(code, 8, slot.idl, slot.id, slot.of, &value, moves);
            }
        }
        if let Some(unknown) = unknown {
            code.line(8, format!("self.{unknown}.encode_fields(w)?;"));
        }
        code.line(8, "w.field_stop()?;");
        code.line(8, "w.struct_end()");
        code.line(4, "}");
    }

    #[allow(clippy::too_many_arguments, reason = "one line of generated code each")]
    pub(super) fn encode_field(
        &self,
        code: &mut Code,
        indent: usize,
        idl: &str,
        id: i16,
        of: &schema::Type,
        value: &str,
        owned: bool,
    ) {
        if !owned {
            let function = format!("{}::encode_field", self.protocol("Encode"));
            let args = [value, "w", &format!("\"{idl}\""), &id.to_string()];
            code.expr(indent, "", &Expr::call_with(function, &args), "?;");
            return;
        }
        if let schema::Type::Ref(_) = of {
            let function = format!("{}::encode_owned_field", self.protocol("Encode"));
            let args = [value, "w", &format!("\"{idl}\""), &id.to_string()];
            code.expr(indent, "", &Expr::call_with(function, &args), "?;");
            return;
        }
        let head = [format!("\"{idl}\""), self.wire_type(of), id.to_string()];
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        code.expr(indent, "", &Expr::call_with("w.field_begin", &head), "?;");
        let function = format!("{}::encode_owned", self.protocol("Encode"));
        code.expr(indent, "", &Expr::call_with(function, &[value, "w"]), "?;");
        code.line(indent, "w.field_end()?;");
    }

    pub(super) fn decode_head(&self, code: &mut Code) {
        let (reader, r) = (self.protocol("Reader"), self.generic("R"));
        let params = [("r".to_owned(), Some(Type::plain(format!("&mut {r}"))))];
        let own = self.result(Type::plain("Self"));
        code.signature(4, &format!("fn decode<{r}: {reader}>"), &params, &own, " {");
    }

    fn decode(&self, code: &mut Code, idl: &str, slots: &[Slot<'_>], unknown: Option<&str>) {
        self.decode_head(code);
        for slot in slots {
            let none = Expr::atom(self.std_value("None"));
            let start = match &slot.presence {
                Presence::Optional(start) | Presence::Defaulted(start) => start,
                Presence::Required => &none,
            };
            code.expr(8, &format!("let mut {} = ", local(&slot.name)), start, ";");
        }
        if let Some(unknown) = unknown {
            code.expr(8, &format!("let mut {unknown} = "), &self.no_unknown_fields(), ";");
        }
        code.line(8, "r.struct_begin()?;");
        self.decode_in_order(code, slots);
        code.line(8, "loop {");
        code.line(12, "match r.field_begin()? {");
        let ttype = self.thrift_protocol("TType");
        code.line(16, format!("({ttype}::Stop, _) => break,"));
        let some = self.std_value("Some");
        for (slot, wire_type) in slots.iter().flat_map(|slot| self.wire_types(slot.of).map(move |of| (slot, of))) {
            let pattern = format!("({wire_type}, {})", slot.id);
            let decode = self.decoded_value(slot.of, &wire_type);
            let body = match slot.presence {
                Presence::Defaulted(_) => format!("{} = {decode}", local(&slot.name)),
                _ => format!("{} = {some}({decode})", local(&slot.name)),
            };
            let line = format!("{pattern} => {body},");
            if 16 + line.len() <= WIDTH {
                code.line(16, line);
            } else {
                code.line(16, format!("{pattern} => {{"));
                let (target, value) = body.split_once(" = ").unwrap_or((&body, ""));
                code.expr(20, &format!("{target} = "), &Expr::atom(value), ";");
                code.line(16, "}");
            }
        }
        self.decode_unknown(code, unknown);
        code.line(12, "}");
        code.line(12, "r.field_end()?;");
        code.line(8, "}");
        code.line(8, "r.struct_end()?;");
        self.check_required(code, idl, slots);
        self.decoded(code, slots, unknown);
        code.line(4, "}");
    }

    /// The fields as long as they come in the order of their ids, as they mostly do; what else comes is left to the loop.
    fn decode_in_order(&self, code: &mut Code, slots: &[Slot<'_>]) {
        for (slot, wire_type) in slots.iter().flat_map(|slot| self.wire_types(slot.of).map(move |of| (slot, of))) {
            code.expr(8, "if ", &Expr::call_with("r.field_is", &[&wire_type, &slot.id.to_string()]), " {");
            let value = Expr::atom(self.decoded_value(slot.of, &wire_type));
            let value = match slot.presence {
                Presence::Defaulted(_) => value,
                _ => Expr::call(self.std_value("Some"), vec![value]),
            };
            code.expr(12, &format!("{} = ", local(&slot.name)), &value, ";");
            code.line(12, "r.field_end()?;");
            code.line(8, "}");
        }
    }

    /// The wire types that a field may come as: a reference as its value's and as that of pointers.
    pub(super) fn wire_types(&self, of: &schema::Type) -> impl Iterator<Item = String> + use<> {
        let pointer = matches!(of, schema::Type::Ref(_)).then(|| self.wire_type(&schema::Type::Uuid));
        std::iter::once(self.wire_type(of)).chain(pointer)
    }

    /// What reads a value that has come as one of its wire types.
    pub(super) fn decoded_value(&self, of: &schema::Type, wire_type: &str) -> String {
        let decode = self.protocol("Decode");
        match of {
            schema::Type::Ref(_) => format!("{decode}::decode_as({wire_type}, r)?"),
            _ => format!("{decode}::decode(r)?"),
        }
    }

    fn check_required(&self, code: &mut Code, idl: &str, slots: &[Slot<'_>]) {
        for slot in slots.iter().filter(|slot| slot.presence == Presence::Required) {
            let name = local(&slot.name);
            let some = self.std_value("Some");
            let line = format!("let {some}({name}) = {name} else {{");
            if 8 + line.len() <= WIDTH {
                code.line(8, line);
            } else {
                code.line(8, format!("let {some}({name}) ="));
                code.line(12, &name);
                code.line(8, "else {");
            }
            let function = format!("{}::missing_field", self.runtime("service"));
            let args = [format!("\"{idl}\""), format!("\"{}\"", slot.idl)];
            let missing = Expr::call_with(function, &[&args[0], &args[1]]);
            let error = Expr::call(self.std_value("Err"), vec![missing]);
            code.expr(12, "return ", &error, ";");
            code.line(8, "};");
        }
    }

    fn decoded(&self, code: &mut Code, slots: &[Slot<'_>], unknown: Option<&str>) {
        let fields = slots
            .iter()
            .map(|slot| {
                let name = local(&slot.name);
                let value = (name != slot.name).then(|| Expr::atom(name));
                (slot.name.clone(), value)
            })
            .chain(unknown.map(|name| (name.to_owned(), None)))
            .collect();
        let own = Expr::Struct("Self".to_owned(), fields, None);
        code.expr(8, "", &Expr::call(self.std_value("Ok"), vec![own]), "");
    }

    fn exception(&self, code: &mut Code, name: &str, idl: &str) {
        let (from, fmt) = (self.std_type("From"), self.runtime_fmt());
        code.blank();
        code.line(0, format!("impl std::error::Error for {name} {{}}"));
        code.blank();
        code.line(0, format!("impl {from}<{name}> for {} {{", self.thrift("Error")));
        code.line(4, format!("fn from(error: {name}) -> Self {{"));
        code.line(8, format!("Self::User({}::new(error))", self.std_type("Box")));
        code.line(4, "}");
        code.line(0, "}");
        code.blank();
        code.line(0, format!("impl {fmt}::Display for {name} {{"));
        code.line(4, format!("fn fmt(&self, f: &mut {fmt}::Formatter<'_>) -> {fmt}::Result {{"));
        let text = format!("\"remote service threw {idl}\"");
        code.expr(8, "", &Expr::call_with("f.write_str", &[&text]), "");
        code.line(4, "}");
        code.line(0, "}");
    }

    fn runtime_fmt(&self) -> String {
        self.import("std::fmt")
    }
}

/// The local variable for a field; the codec has some of its own.
fn local(name: &str) -> String {
    match name {
        "r" | "w" | "field_type" => format!("{name}_value"),
        name => name.to_owned(),
    }
}
