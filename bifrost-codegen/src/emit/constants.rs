//! Constants.

use super::docs::docs;
use super::layout::{Code, Expr};
use super::module::Module;
use super::values::{byte_string, hex, string};
use crate::schema::{Id, Schema, Type, Value};

/// Whether a constant is a Rust `const`; any other is a type with a `const_value` function, as Apache's generator has it.
pub(super) fn is_simple(schema: &Schema, of: &Type) -> bool {
    matches!(
        schema.actual(of),
        Type::Bool | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::String | Type::Binary | Type::Uuid
    )
}

impl Module<'_> {
    pub(super) fn constant(&self, code: &mut Code, index: usize, of: &Type, value: &Value) {
        let definition = &self.file().definitions[index];
        let name = self.program.definition(self.id(index));
        docs(code, 0, definition.docs.as_deref(), &format!("Constant `{}`.", definition.name));
        if is_simple(self.schema, of) {
            let (rust, literal) = self.simple(self.id(index), of, value);
            code.expr(0, &format!("pub const {name}: {rust} = "), &literal, ";");
            return;
        }
        self.check_acronym(name);
        code.line(0, "#[derive(Clone, Copy, Debug)]");
        code.line(0, format!("pub struct {name};"));
        code.blank();
        code.line(0, format!("impl {name} {{"));
        code.line(4, "/// The value.");
        let rust = self.rust_type(self.id(index), of);
        self.accept(&rust);
        code.signature(4, "pub fn const_value", &[], &rust, " {");
        code.expr(8, "", &self.value(self.id(index), of, value), "");
        code.line(4, "}");
        code.line(0, "}");
    }

    fn simple(&self, id: Id, of: &Type, value: &Value) -> (String, Expr) {
        let text = |text: String| Expr::atom(text);
        match value {
            Value::String(value) => (format!("&{}", self.std_type("str")), text(string(value))),
            Value::Binary(bytes) => (format!("&[{}]", self.std_type("u8")), text(byte_string(bytes))),
            Value::Uuid(value) => {
                let uuid = self.runtime("uuid::Uuid");
                let call = Expr::call_with(format!("{uuid}::from_u128"), &[&hex(*value)]);
                (self.rust_type(id, of).one_line(), call)
            }
            _ => (self.rust_type(id, of).one_line(), self.value(id, of, value)),
        }
    }
}
