//! The structs of arguments and results.

use super::Call;
use crate::emit::attributes::Derives;
use crate::emit::layout::{Code, Expr, Type};
use crate::emit::module::Module;
use crate::emit::names::Taken;
use crate::emit::structs::{Presence, Slot, field_names};
use crate::schema::{self, Id};

impl<'a> Module<'a> {
    pub(super) fn messages(&self, code: &mut Code, id: Id, own: &[Call<'a>]) {
        let service = &self.schema.definition(id).name;
        for call in own {
            let method = &call.method.name;
            code.blank();
            code.line(0, format!("/// The arguments of `{service}.{method}`."));
            let args = self.argument_slots(call);
            let types: Vec<_> = args.iter().map(|slot| self.rust_type(call.owner, slot.of)).collect();
            self.message(code, &call.names.args, &format!("{method}_args"), &args, &types);
            if call.method.oneway {
                continue;
            }
            code.blank();
            code.line(0, format!("/// The result of `{service}.{method}`, or an exception that it declares."));
            let results = self.result_slots(call);
            let types: Vec<_> = results.iter().map(|slot| self.option(self.result_type(call.owner, slot))).collect();
            self.message(code, &call.names.result, &format!("{method}_result"), &results, &types);
            code.blank();
            self.call_result(code, call, &results);
            if !call.method.throws.is_empty() {
                code.blank();
                self.error_conversion(code, call, &results);
            }
        }
    }

    fn message(&self, code: &mut Code, name: &str, idl: &str, slots: &[Slot<'_>], types: &[Type]) {
        let ordered = slots.iter().all(|slot| self.containers.is_ordered_type(self.schema, slot.of));
        let clone = !slots.iter().any(|slot| self.holds_references(slot.of));
        let ordered = clone && ordered;
        self.attributes(code, Derives { copy: false, clone, default: false, ordered, public: false });
        if slots.is_empty() {
            code.line(0, format!("pub(super) struct {name} {{}}"));
        } else {
            code.line(0, format!("pub(super) struct {name} {{"));
            for (slot, of) in slots.iter().zip(types) {
                self.accept(of);
                code.typed(4, &format!("pub(super) {}:", slot.name), of, ",");
            }
            code.line(0, "}");
        }
        code.blank();
        self.codec(code, name, idl, slots, None);
    }

    fn argument_slots(&self, call: &Call<'a>) -> Vec<Slot<'a>> {
        let arguments = &call.method.arguments;
        let slots = arguments.iter().zip(field_names(arguments)).map(|(field, name)| Slot {
            name,
            idl: &field.name,
            id: field.id,
            of: &field.field_type,
            presence: match &field.default {
                Some(value) => Presence::Defaulted(self.value(call.owner, &field.field_type, value)),
                None => Presence::Required,
            },
        });
        slots.collect()
    }

    /// The result first, if there is one, then the exceptions.
    pub(super) fn result_slots(&self, call: &Call<'a>) -> Vec<Slot<'a>> {
        let none = || Presence::Optional(Expr::atom(self.std_value("None")));
        let mut taken = Taken::default();
        let mut slots = Vec::new();
        if let Some(of) = &call.method.result {
            slots.push(Slot {
                name: taken.take("result_value".to_owned()),
                idl: "success",
                id: 0,
                of,
                presence: none(),
            });
        }
        let throws = &call.method.throws;
        for (field, name) in throws.iter().zip(field_names(throws)) {
            slots.push(Slot {
                name: taken.take(name),
                idl: &field.name,
                id: field.id,
                of: &field.field_type,
                presence: none(),
            });
        }
        slots
    }

    /// The type of a result, or of an exception: never boxed, whatever the order of definitions.
    fn result_type(&self, owner: Id, slot: &Slot<'_>) -> Type {
        match self.schema.actual(slot.of) {
            schema::Type::Struct(id) if slot.id != 0 => Type::plain(self.name(*id)),
            _ => self.rust_type(owner, slot.of),
        }
    }

    /// The type of what a method returns.
    pub(super) fn value_type(&self, owner: Id, result: Option<&schema::Type>) -> Type {
        match result {
            Some(of) => self.rust_type(owner, of),
            None => Type::plain("()"),
        }
    }

    fn call_result(&self, code: &mut Code, call: &Call<'_>, slots: &[Slot<'_>]) {
        let (some, err, ok) = (self.std_value("Some"), self.std_value("Err"), self.std_value("Ok"));
        let value = self.value_type(call.owner, call.method.result.as_ref());
        let call_result = self.runtime("service::CallResult");
        code.line(0, format!("impl {call_result} for {} {{", call.names.result));
        code.typed(4, "type Value =", &value, ";");
        code.blank();
        code.line(4, format!("fn into_value(self) -> {}<Self::Value> {{", self.thrift("Result")));
        let throws_from = slots.len() - call.method.throws.len();
        for slot in slots.iter().skip(throws_from) {
            code.line(8, format!("if let {some}(error) = self.{} {{", slot.name));
            let boxed = Expr::call_with(format!("{}::new", self.std_type("Box")), &["error"]);
            let error = Expr::call(self.thrift("Error::User"), vec![boxed]);
            code.expr(12, "return ", &Expr::call(err.clone(), vec![error]), ";");
            code.line(8, "}");
        }
        if call.method.result.is_some() {
            code.line(8, "match self.result_value {");
            code.line(12, format!("{some}(value) => {ok}(value),"));
            let function = format!("{}::missing_result", self.runtime("service"));
            let missing = Expr::call_with(function, &[&format!("\"{}\"", call.method.name)]);
            let none = self.std_value("None");
            code.arm(12, &none, &Expr::call(err, vec![missing]));
            code.line(8, "}");
        } else {
            code.line(8, format!("{ok}(())"));
        }
        code.line(4, "}");
        code.line(0, "}");
    }

    /// A result with one slot filled.
    pub(super) fn result_with(&self, name: &str, slots: &[Slot<'_>], filled: &str, value: &str) -> Expr {
        let fields = slots.iter().map(|slot| {
            let value = match slot.name == filled {
                true => format!("{}({value})", self.std_value("Some")),
                false => self.std_value("None"),
            };
            (slot.name.clone(), Some(Expr::atom(value)))
        });
        Expr::Struct(name.to_owned(), fields.collect(), None)
    }

    fn error_conversion(&self, code: &mut Code, call: &Call<'_>, slots: &[Slot<'_>]) {
        let (err, ok) = (self.std_value("Err"), self.std_value("Ok"));
        let (error, result) = (self.thrift("Error"), self.thrift("Result"));
        code.line(0, format!("impl {} {{", call.names.result));
        code.line(4, "/// The result that carries a declared exception; any other error as it is.");
        code.line(4, format!("fn from_error(error: {error}) -> {result}<Self> {{"));
        code.line(8, format!("let {error}::User(error) = error else {{"));
        code.line(12, format!("return {err}(error);"));
        code.line(8, "};");
        let throws_from = slots.len() - call.method.throws.len();
        for slot in slots.iter().skip(throws_from) {
            let exception = self.result_type(call.owner, slot).one_line();
            code.line(8, format!("let error = match error.downcast::<{exception}>() {{"));
            code.line(12, format!("{ok}(exception) => {{"));
            let filled = self.result_with("Self", slots, &slot.name, "*exception");
            code.expr(16, "return ", &Expr::call(ok.clone(), vec![filled]), ";");
            code.line(12, "}");
            code.line(12, format!("{err}(error) => error,"));
            code.line(8, "};");
        }
        code.line(8, format!("{err}({error}::User(error))"));
        code.line(4, "}");
        code.line(0, "}");
    }
}
