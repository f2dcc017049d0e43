//! Unions: Rust enums.

use super::docs::docs;
use super::layout::{Code, Expr};
use super::module::Module;
use super::names::{Taken, camel};
use super::structs::DERIVES;
use crate::schema::{Field, Struct};

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
        code.line(0, DERIVES);
        if variants.is_empty() {
            code.line(0, format!("pub enum {name} {{}}"));
        } else {
            code.line(0, format!("pub enum {name} {{"));
            for (field, variant) in found.fields.iter().zip(&variants) {
                self.check_acronym(variant);
                let of = self.rust_type(Some(id), &field.field_type);
                self.accept(&of);
                docs(code, 4, field.docs.as_deref(), &format!("Field `{}`.", field.name));
                let of = of.render(4, 4 + variant.len() + 1, 2);
                code.line(4, format!("{variant}({of}),"));
            }
            code.line(0, "}");
        }
        code.blank();
        let wire_type = format!("{}::Struct", self.thrift_protocol("TType"));
        self.thrift_type(code, name, &wire_type);
        self.union_encode(code, name, &definition.name, found, &variants);
        self.union_decode(code, name, &definition.name, found, &variants);
        code.blank();
        self.serializable(code, name);
    }

    fn union_encode(&self, code: &mut Code, name: &str, idl: &str, found: &Struct, variants: &[String]) {
        code.line(0, format!("impl {} for {name} {{", self.protocol("Encode")));
        let moves = found.fields.iter().any(|field| self.holds_binary(&field.field_type));
        for owned in [false, true] {
            if owned && !moves {
                continue;
            }
            if owned {
                code.blank();
            }
            if variants.is_empty() {
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
            code.line(8, "}");
            code.line(8, "w.field_stop()?;");
            code.line(8, "w.struct_end()");
            code.line(4, "}");
        }
        code.line(0, "}");
        code.blank();
    }

    fn union_decode(&self, code: &mut Code, name: &str, idl: &str, found: &Struct, variants: &[String]) {
        let ttype = self.thrift_protocol("TType");
        let (some, none) = (self.std_value("Some"), self.std_value("None"));
        code.line(0, format!("impl {} for {name} {{", self.protocol("Decode")));
        self.decode_head(code);
        if !variants.is_empty() {
            code.line(8, format!("let mut value = {none};"));
        }
        code.line(8, "let mut fields = 0_usize;");
        code.line(8, "r.struct_begin()?;");
        code.line(8, "loop {");
        code.line(12, "match r.field_begin()? {");
        code.line(16, format!("({ttype}::Stop, _) => break,"));
        for (field, variant) in found.fields.iter().zip(variants) {
            let pattern = format!("({}, {})", self.wire_type(&field.field_type), field.id);
            let decode = format!("{}::decode(r)?", self.protocol("Decode"));
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
        code.line(16, "(field_type, _) => r.skip(field_type)?,");
        code.line(12, "}");
        code.line(12, "r.field_end()?;");
        code.line(12, "fields += 1;");
        code.line(8, "}");
        code.line(8, "r.struct_end()?;");
        self.union_decoded(code, idl, variants);
        code.line(4, "}");
        code.line(0, "}");
    }

    fn union_decoded(&self, code: &mut Code, idl: &str, variants: &[String]) {
        let (some, none) = (self.std_value("Some"), self.std_value("None"));
        let kinds = self.thrift("ProtocolErrorKind");
        let (subject, empty, unknown) = match variants.is_empty() {
            true => ("fields", "0".to_owned(), "_".to_owned()),
            false => ("(value, fields)", format!("({none}, 0)"), format!("({none}, _)")),
        };
        code.line(8, format!("let (kind, what) = match {subject} {{"));
        if !variants.is_empty() {
            code.line(12, format!("({some}(value), 1) => return {}(value),", self.std_value("Ok")));
        }
        let case = |kind: &str, what: &str| Expr::Tuple(vec![Expr::atom(format!("{kinds}::{kind}")), Expr::atom(what)]);
        code.arm(12, &empty, &case("EmptyUnion", "\"no field\""));
        code.arm(12, &unknown, &case("UnknownUnionVariant", "\"no known field\""));
        if !variants.is_empty() {
            let pattern = format!("({some}(_), _)");
            code.arm(12, &pattern, &case("InvalidData", "\"several fields\""));
        }
        code.line(8, "};");
        let message = format!("format!(\"union `{idl}` with {{what}}\")");
        let error = Expr::call_with(self.thrift("new_protocol_error"), &["kind", &message]);
        code.expr(8, "", &Expr::call(self.std_value("Err"), vec![error]), "");
    }
}
