//! Unions: Rust enums.

use super::attributes::Derives;
use super::docs::docs;
use super::layout::{Code, Expr};
use super::module::Module;
use super::names::{Taken, camel};
use crate::schema::{Field, Id, Struct};

/// The Rust names of the variants.
pub(super) fn variant_names(fields: &[Field]) -> Vec<String> {
    let mut taken = Taken::default();
    fields.iter().map(|field| taken.take(camel(&field.name))).collect()
}

impl Module<'_> {
    pub(super) fn union(&self, code: &mut Code, index: usize, found: &Struct) {
        let definition = &self.file().definitions[index];
        let id = self.id(index);
        let name = self.program.definition(id);
        let variants = variant_names(&found.fields);
        self.check_acronym(name);
        if variants.len() > 1 {
            self.lint("clippy::enum_variant_names");
            self.lint("clippy::large_enum_variant");
        }
        docs(code, 0, definition.docs.as_deref(), &format!("Union `{}`.", definition.name));
        let clone = !self.references.has(id);
        let ordered = clone && self.containers.is_ordered(id);
        self.attributes(code, Derives { copy: false, clone, default: false, ordered, public: true });
        let unknown = self.unknown_variant(found);
        self.variants(code, id, found, &variants, unknown.as_deref());
        code.blank();
        let wire_type = format!("{}::Struct", self.thrift_protocol("TType"));
        self.thrift_type(code, name, &wire_type, !clone);
        self.union_encode(code, name, &definition.name, found, &variants);
        self.union_decode(code, name, &definition.name, found, &variants);
        code.blank();
        self.serializable(code, name);
    }

    fn variants(&self, code: &mut Code, id: Id, found: &Struct, variants: &[String], unknown: Option<&str>) {
        let name = self.program.definition(id);
        if variants.is_empty() && unknown.is_none() {
            code.line(0, format!("pub enum {name} {{}}"));
            return;
        }
        code.line(0, format!("pub enum {name} {{"));
        for (field, variant) in found.fields.iter().zip(variants) {
            self.check_acronym(variant);
            let of = self.member_type(id, field);
            self.accept(&of);
            docs(code, 4, field.docs.as_deref(), &format!("Field `{}`.", field.name));
            self.serde_variant(code, &field.name, variant);
            let of = of.render(4, 4 + variant.len() + 1, 2);
            code.line(4, format!("{variant}({of}),"));
        }
        if let Some(unknown) = unknown {
            code.line(4, "/// A field of a newer peer, which is written back as it came.");
            self.serde_unknown_variant(code, found, unknown);
            code.line(4, format!("{unknown}({}),", self.protocol("UnknownField")));
        }
        code.line(0, "}");
    }

    fn union_encode(&self, code: &mut Code, name: &str, idl: &str, found: &Struct, variants: &[String]) {
        let unknown = self.unknown_variant(found);
        code.line(0, format!("impl {} for {name} {{", self.protocol("Encode")));
        let moves = found.fields.iter().any(|field| self.holds_binary(&field.field_type));
        for owned in [false, true] {
            if owned && !moves {
                continue;
            }
            if owned {
                code.blank();
            }
            if variants.is_empty() && unknown.is_none() {
                self.encode_unused(code);
                code.line(8, "match *self {}");
                code.line(4, "}");
                continue;
            }
            self.encode_head(code, owned);
            let begin = Expr::call_with("w.struct_begin", &[&format!("\"{idl}\"")]);
            code.expr(8, "", &begin, "?;");
            code.line(8, "match self {");
            for (field, variant) in found.fields.iter().zip(variants) {
                code.line(12, format!("Self::{variant}(value) => {{"));
                let moves = owned && self.holds_binary(&field.field_type);
                let value = if owned && !moves { "&value" } else { "value" };
                self.encode_field(code, 16, &field.name, field.id, &field.field_type, value, moves);
                code.line(12, "}");
            }
            if let Some(unknown) = &unknown {
                code.line(12, format!("Self::{unknown}(field) => field.encode(w)?,"));
            }
            code.line(8, "}");
            code.line(8, "w.field_stop()?;");
            code.line(8, "w.struct_end()");
            code.line(4, "}");
        }
        self.visit_variants(code, &found.fields, variants, unknown.is_some());
        code.line(0, "}");
        code.blank();
    }

    fn union_decode<'a>(&self, code: &mut Code, name: &str, idl: &str, found: &'a Struct, variants: &'a [String]) {
        let ttype = self.thrift_protocol("TType");
        let (some, none) = (self.std_value("Some"), self.std_value("None"));
        code.line(0, format!("impl {} for {name} {{", self.protocol("Decode")));
        self.decode_head(code);
        let unknown = self.unknown_variant(found);
        let is_empty = variants.is_empty() && unknown.is_none();
        if !is_empty {
            code.line(8, format!("let mut value = {none};"));
        }
        code.line(8, "let mut fields = 0_usize;");
        code.line(8, "r.struct_begin()?;");
        code.line(8, "loop {");
        code.line(12, "match r.field_begin()? {");
        code.line(16, format!("({ttype}::Stop, _) => break,"));
        let both = |(field, variant): (&'a Field, &'a String)| {
            self.wire_types(&field.field_type).map(move |wire_type| (field, variant, wire_type))
        };
        for (field, variant, wire_type) in found.fields.iter().zip(variants).flat_map(both) {
            let pattern = format!("({wire_type}, {})", field.id);
            let decode = self.decoded_value(&field.field_type, &wire_type);
            let body = format!("value = {some}(Self::{variant}({decode}))");
            let line = format!("{pattern} => {body},");
            if 16 + line.len() <= super::layout::WIDTH {
                code.line(16, line);
            } else {
                code.line(16, format!("{pattern} => {{"));
                code.line(20, format!("{body};"));
                code.line(16, "}");
            }
        }
        match &unknown {
            Some(unknown) => {
                let field = format!("{}::decode(field_type, id, r)?", self.protocol("UnknownField"));
                code.line(16, "(field_type, id) => {");
                code.line(20, format!("value = {some}(Self::{unknown}({field}));"));
                code.line(16, "}");
            }
            None => code.line(16, "(field_type, _) => r.skip(field_type)?,"),
        }
        code.line(12, "}");
        code.line(12, "r.field_end()?;");
        code.line(12, "fields += 1;");
        code.line(8, "}");
        code.line(8, "r.struct_end()?;");
        self.union_decoded(code, idl, is_empty, unknown.is_some());
        code.line(4, "}");
        code.line(0, "}");
    }

    /// One field makes a value; none, or several, make an error, as with Apache's generator.
    fn union_decoded(&self, code: &mut Code, idl: &str, is_empty: bool, is_open: bool) {
        let (some, none) = (self.std_value("Some"), self.std_value("None"));
        let kinds = self.thrift("ProtocolErrorKind");
        let case = |kind: &str, what: &str| Expr::Tuple(vec![Expr::atom(format!("{kinds}::{kind}")), Expr::atom(what)]);
        let no_field = case("EmptyUnion", "\"no field\"");
        let no_known_field = case("UnknownUnionVariant", "\"no known field\"");
        code.line(8, format!("let (kind, what) = match {} {{", if is_empty { "fields" } else { "(value, fields)" }));
        if is_empty {
            code.arm(12, "0", &no_field);
            code.arm(12, "_", &no_known_field);
        } else {
            code.line(12, format!("({some}(value), 1) => return {}(value),", self.std_value("Ok")));
            code.arm(12, &format!("({some}(_), _)"), &case("InvalidData", "\"several fields\""));
            if is_open {
                code.arm(12, &format!("({none}, _)"), &no_field);
            } else {
                code.arm(12, &format!("({none}, 0)"), &no_field);
                code.arm(12, &format!("({none}, _)"), &no_known_field);
            }
        }
        code.line(8, "};");
        let message = format!("format!(\"union `{idl}` with {{what}}\")");
        let error = Expr::call_with(self.thrift("new_protocol_error"), &["kind", &message]);
        code.expr(8, "", &Expr::call(self.std_value("Err"), vec![error]), "");
    }
}
