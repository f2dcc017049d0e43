//! What types make of fields that they do not know.

use super::layout::{Code, Expr};
use super::module::Module;
use super::names::Taken;
use super::options::Unions;
use super::structs::field_names;
use super::unions::variant_names;
use crate::schema::Struct;
use crate::syntax::ast::StructKind;

impl Module<'_> {
    /// The name of the field that keeps unknown ones, if a struct or exception has it.
    pub(super) fn unknown_name(&self, found: &Struct) -> Option<String> {
        let is_kept = self.options.unknown_fields && found.kind != StructKind::Union;
        is_kept.then(|| {
            let names = field_names(&found.fields);
            let mut taken = Taken::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
            taken.take("unknown_fields".to_owned())
        })
    }

    /// The name of the variant that keeps an unknown field, if unions have it.
    pub(super) fn unknown_variant(&self, found: &Struct) -> Option<String> {
        (self.options.unions == Unions::Open).then(|| {
            let names = variant_names(&found.fields);
            let mut taken = Taken::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
            taken.take("Unknown".to_owned())
        })
    }

    pub(super) fn unknown_fields_type(&self) -> String {
        self.protocol("UnknownFields")
    }

    pub(super) fn no_unknown_fields(&self) -> Expr {
        Expr::call(format!("{}::new", self.unknown_fields_type()), Vec::new())
    }

    /// The arm for a field that is not known, or not of the type that is expected.
    pub(super) fn decode_unknown(&self, code: &mut Code, unknown: Option<&str>) {
        match unknown {
            Some(name) => {
                let body = Expr::call_with(format!("{name}.decode_field"), &["field_type", "id", "r"]);
                code.expr(16, "(field_type, id) => ", &body, "?,");
            }
            None => code.line(16, "(field_type, _) => r.skip(field_type)?,"),
        }
    }
}
