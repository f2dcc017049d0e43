//! Enums: a number with named constants, so that a number from a newer peer is kept.

use super::attributes::Derives;
use super::docs::docs;
use super::layout::Code;
use super::module::Module;
use super::names::{Taken, upper};
use crate::schema::EnumValue;

/// The Rust names of the values.
pub(super) fn value_names(values: &[EnumValue]) -> Vec<String> {
    let mut taken = Taken::with(&["ENUM_VALUES", "TYPE"]);
    values.iter().map(|value| taken.take(upper(&value.name))).collect()
}

impl Module<'_> {
    pub(super) fn enumeration(&self, code: &mut Code, index: usize, values: &[EnumValue]) {
        let definition = &self.file().definitions[index];
        let name = self.program.definition(self.id(index));
        self.check_acronym(name);
        docs(code, 0, definition.docs.as_deref(), &format!("Enum `{}`.", definition.name));
        self.attributes(code, Derives { copy: true, clone: true, default: false, ordered: true, public: true });
        code.line(0, format!("pub struct {name}(pub {});", self.std_type("i32")));
        code.blank();
        self.enum_constants(code, name, values);
        self.enum_codec(code, name);
        self.enum_conversions(code, name);
    }

    fn enum_constants(&self, code: &mut Code, name: &str, values: &[EnumValue]) {
        code.line(0, format!("impl {name} {{"));
        let names = value_names(values);
        for (value, constant) in values.iter().zip(&names) {
            docs(code, 4, value.docs.as_deref(), &format!("Value `{}`.", value.name));
            code.line(4, format!("pub const {constant}: Self = Self({});", value.value));
        }
        code.line(4, "/// All values, in the order of the IDL.");
        let items: Vec<_> = names.iter().map(|name| format!("Self::{name}")).collect();
        code.slice(4, "pub const ENUM_VALUES: &'static [Self] =", &items);
        code.line(0, "}");
        code.blank();
    }

    fn enum_codec(&self, code: &mut Code, name: &str) {
        self.thrift_type(code, name, &format!("{}::I32", self.thrift_protocol("TType")), false);
        let encode = self.protocol("Encode");
        code.line(0, format!("impl {encode} for {name} {{"));
        self.encode_head(code, false);
        code.line(8, "w.i32(self.0)");
        code.line(4, "}");
        code.line(0, "}");
        code.blank();
        let decode = self.protocol("Decode");
        code.line(0, format!("impl {decode} for {name} {{"));
        self.decode_head(code);
        code.line(8, "r.i32().map(Self)");
        code.line(4, "}");
        code.line(0, "}");
        code.blank();
        self.serializable(code, name);
    }

    fn enum_conversions(&self, code: &mut Code, name: &str) {
        let (from, i32) = (self.std_type("From"), self.std_type("i32"));
        let table = [
            (i32.clone(), name.to_owned(), "Self(value)"),
            (format!("&{i32}"), name.to_owned(), "Self(*value)"),
            (name.to_owned(), i32.clone(), "value.0"),
            (format!("&{name}"), i32.clone(), "value.0"),
        ];
        for (source, target, body) in table {
            code.blank();
            code.line(0, format!("impl {from}<{source}> for {target} {{"));
            code.line(4, format!("fn from(value: {source}) -> Self {{"));
            code.line(8, body);
            code.line(4, "}");
            code.line(0, "}");
        }
    }

    /// Lets clippy accept a name in capitals.
    pub(super) fn check_acronym(&self, name: &str) {
        if name.len() > 2 && !name.chars().any(|c| c.is_ascii_lowercase()) {
            self.lint("clippy::upper_case_acronyms");
        }
    }

    pub(super) fn thrift_type(&self, code: &mut Code, name: &str, wire_type: &str, has_references: bool) {
        let (thrift_type, ttype) = (self.protocol("ThriftType"), self.thrift_protocol("TType"));
        code.line(0, format!("impl {thrift_type} for {name} {{"));
        code.line(4, format!("const TYPE: {ttype} = {wire_type};"));
        if has_references {
            code.line(4, format!("const HAS_REFERENCES: {} = true;", self.std_type("bool")));
        }
        code.line(0, "}");
        code.blank();
    }

    /// Apache's trait, by way of ours.
    pub(super) fn serializable(&self, code: &mut Code, name: &str) {
        let compat = self.runtime("compat");
        let input = self.thrift_protocol("TInputProtocol");
        let output = self.thrift_protocol("TOutputProtocol");
        let result = self.thrift("Result");
        code.line(0, format!("impl {} for {name} {{", self.thrift_protocol("TSerializable")));
        let params = vec![("i_prot".to_owned(), Some(super::layout::Type::plain(format!("&mut dyn {input}"))))];
        let own = super::layout::Type::of(&*result, vec![super::layout::Type::plain("Self")]);
        code.signature(4, "fn read_from_in_protocol", &params, &own, " {");
        code.line(8, format!("{compat}::read_struct(i_prot)"));
        code.line(4, "}");
        code.blank();
        let params = vec![
            ("&self".to_owned(), None),
            ("o_prot".to_owned(), Some(super::layout::Type::plain(format!("&mut dyn {output}")))),
        ];
        let unit = super::layout::Type::of(&*result, vec![super::layout::Type::plain("()")]);
        code.signature(4, "fn write_to_out_protocol", &params, &unit, " {");
        code.line(8, format!("{compat}::write_struct(self, o_prot)"));
        code.line(4, "}");
        code.line(0, "}");
    }
}
