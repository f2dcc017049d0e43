//! How types show the references that they hold.

use super::layout::{Code, Expr, Type};
use super::module::Module;
use super::structs::{Presence, Slot};
use crate::schema;

impl Module<'_> {
    pub(super) fn holds_references(&self, of: &schema::Type) -> bool {
        self.references.are_in(self.schema, of)
    }

    fn visit_head(&self, code: &mut Code) {
        let visitor = format!("&mut dyn {}", self.runtime("reference::Visitor"));
        let params = [("&mut self".to_owned(), None), ("visitor".to_owned(), Some(Type::plain(visitor)))];
        code.blank();
        code.signature(4, "fn visit_references", &params, &self.result(Type::plain("()")), " {");
    }

    fn visit(&self, code: &mut Code, indent: usize, value: &str) {
        let function = format!("{}::visit_references", self.protocol("Encode"));
        code.expr(indent, "", &Expr::call_with(function, &[value, "visitor"]), "?;");
    }

    /// `visit_references` of a struct, if it holds any.
    pub(super) fn visit_slots(&self, code: &mut Code, slots: &[Slot<'_>]) {
        let some = self.std_value("Some");
        let holding: Vec<_> = slots.iter().filter(|slot| self.holds_references(slot.of)).collect();
        if holding.is_empty() {
            return;
        }
        self.visit_head(code);
        for slot in holding {
            match slot.presence {
                Presence::Optional(_) => {
                    code.line(8, format!("if let {some}(value) = &mut self.{} {{", slot.name));
                    self.visit(code, 12, "value");
                    code.line(8, "}");
                }
                _ => self.visit(code, 8, &format!("&mut self.{}", slot.name)),
            }
        }
        code.line(8, format!("{}(())", self.std_value("Ok")));
        code.line(4, "}");
    }

    /// `visit_references` of a union, if it holds any.
    pub(super) fn visit_variants(&self, code: &mut Code, fields: &[schema::Field], variants: &[String], is_open: bool) {
        let holding: Vec<_> =
            fields.iter().zip(variants).filter(|(field, _)| self.holds_references(&field.field_type)).collect();
        if holding.is_empty() {
            return;
        }
        self.visit_head(code);
        code.line(8, "match self {");
        let function = format!("{}::visit_references", self.protocol("Encode"));
        for (_, variant) in &holding {
            let call = Expr::call_with(function.clone(), &["value", "visitor"]);
            code.arm(12, &format!("Self::{variant}(value)"), &call);
        }
        if is_open || holding.len() < fields.len() {
            code.line(12, format!("_ => {}(()),", self.std_value("Ok")));
        }
        code.line(8, "}");
        code.line(4, "}");
    }
}
