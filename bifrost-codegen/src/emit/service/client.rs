//! Clients over Apache's protocols, in the shape of Apache's generator.

use super::Call;
use crate::emit::docs::docs;
use crate::emit::layout::{Code, Expr, Type, WIDTH};
use crate::emit::module::Module;
use crate::emit::structs::field_names;
use crate::schema::{Id, Method, Service};

impl<'a> Module<'a> {
    pub(super) fn sync_client(&self, code: &mut Code, id: Id, service: &Service, own: &[Call<'a>]) {
        let names = self.service_names(id);
        let definition = self.schema.definition(id);
        let idl = &definition.name;
        let base = service.extends.map(|base| {
            let base_names = self.service_names(base);
            self.sibling(base.file, &base_names.client_trait)
        });
        docs(code, 0, definition.docs.as_deref(), &format!("The methods of `{idl}`, as a client calls them."));
        let methods: Vec<_> = own.iter().map(|call| (call.method, call.names.call.as_str(), "&mut self")).collect();
        self.service_trait(code, &names.client_trait, base.as_deref(), id, &methods);
        code.blank();
        code.line(0, format!("/// A Thrift client that can call `{idl}`."));
        code.line(0, format!("pub trait {} {{}}", names.marker));
        code.blank();
        self.sync_client_struct(code, id);
        code.blank();
        self.sync_client_calls(code, id, own);
    }

    /// A trait with one function for each method.
    pub(super) fn service_trait(
        &self,
        code: &mut Code,
        name: &str,
        base: Option<&str>,
        owner: Id,
        methods: &[(&Method, &str, &str)],
    ) {
        let base = base.map(|base| format!(": {base}")).unwrap_or_default();
        if methods.is_empty() {
            code.line(0, format!("pub trait {name}{base} {{}}"));
            return;
        }
        code.line(0, format!("pub trait {name}{base} {{"));
        for (method, rust, own) in methods {
            if ["from_", "into_"].iter().any(|prefix| rust.starts_with(prefix)) {
                self.lint("clippy::wrong_self_convention");
            }
            if *rust == "new" {
                self.lint("clippy::new_ret_no_self");
            }
            docs(code, 4, method.docs.as_deref(), &format!("Method `{}`.", method.name));
            self.method_signature(code, owner, method, rust, own, ";");
        }
        code.line(0, "}");
    }

    pub(super) fn method_signature(
        &self,
        code: &mut Code,
        owner: Id,
        method: &Method,
        rust: &str,
        own: &str,
        behind: &str,
    ) {
        let result = self.result(self.value_type(owner, method.result.as_ref()));
        self.accept(&result);
        let params = self.params(owner, method, own);
        if params.len() > 7 {
            self.lint("clippy::too_many_arguments");
        }
        code.signature(4, &format!("fn {rust}"), &params, &result, behind);
    }

    /// The receiver and the arguments.
    pub(super) fn params(&self, owner: Id, method: &Method, own: &str) -> Vec<(String, Option<Type>)> {
        let names = field_names(&method.arguments);
        let arguments = method.arguments.iter().zip(names).map(|(field, name)| {
            let of = self.rust_type(owner, &field.field_type);
            self.accept(&of);
            (name, Some(of))
        });
        std::iter::once((own.to_owned(), None)).chain(arguments).collect()
    }

    /// `let args = …;`
    pub(super) fn let_args(&self, code: &mut Code, call: &Call<'_>) {
        let names = field_names(&call.method.arguments);
        let fields = names.into_iter().map(|name| (name, None)).collect();
        let args = self.sibling(call.owner.file, &call.names.args);
        code.expr(8, "let args = ", &Expr::Struct(args, fields, None), ";");
    }

    fn protocols(&self) -> (String, String, Vec<(String, Vec<String>)>) {
        let (i, o) = (self.generic("IP"), self.generic("OP"));
        let input = vec![self.thrift_protocol("TInputProtocol")];
        let output = vec![self.thrift_protocol("TOutputProtocol")];
        let bounds = vec![(i.clone(), input), (o.clone(), output)];
        (i, o, bounds)
    }

    fn sync_client_struct(&self, code: &mut Code, id: Id) {
        let names = self.service_names(id);
        let (i, o, bounds) = self.protocols();
        let bounds: Vec<_> = bounds.iter().map(|(name, b)| (name.as_str(), b.clone())).collect();
        let client = format!("{}<{i}, {o}>", names.sync_client);
        let i32 = self.std_type("i32");
        code.line(0, format!("/// Client of `{}` over a pair of Thrift protocols.", self.schema.definition(id).name));
        code.line(0, "#[derive(Debug)]");
        code.bounded(&format!("pub struct {client}"), &bounds);
        code.line(4, format!("i_prot: {i},"));
        code.line(4, format!("o_prot: {o},"));
        code.line(4, format!("sequence_number: {i32},"));
        code.line(0, "}");
        code.blank();
        code.bounded(&format!("impl<{i}, {o}> {client}"), &bounds);
        code.line(4, "/// A client that writes to one protocol and reads from the other.");
        code.line(4, format!("pub fn new(input_protocol: {i}, output_protocol: {o}) -> Self {{"));
        code.line(8, "Self {");
        code.line(12, "i_prot: input_protocol,");
        code.line(12, "o_prot: output_protocol,");
        code.line(12, "sequence_number: 0,");
        code.line(8, "}");
        code.line(4, "}");
        code.line(0, "}");
        code.blank();
        let thrift_client = self.runtime("thrift::TThriftClient");
        code.bounded(&format!("impl<{i}, {o}> {thrift_client} for {client}"), &bounds);
        for (name, field, protocol) in
            [("i_prot_mut", "i_prot", "TInputProtocol"), ("o_prot_mut", "o_prot", "TOutputProtocol")]
        {
            let protocol = self.thrift_protocol(protocol);
            code.line(4, format!("fn {name}(&mut self) -> &mut dyn {protocol} {{"));
            code.line(8, format!("&mut self.{field}"));
            code.line(4, "}");
            code.blank();
        }
        code.line(4, format!("fn sequence_number(&self) -> {i32} {{"));
        code.line(8, "self.sequence_number");
        code.line(4, "}");
        code.blank();
        code.line(4, format!("fn increment_sequence_number(&mut self) -> {i32} {{"));
        code.line(8, "self.sequence_number = self.sequence_number.wrapping_add(1);");
        code.line(8, "self.sequence_number");
        code.line(4, "}");
        code.line(0, "}");
        for marker in self.markers(id) {
            code.blank();
            let head = format!("impl<{i}, {o}> {marker} for {client}");
            code.line(0, &head);
            code.line(0, "where");
            for (name, traits) in &bounds {
                code.line(4, format!("{name}: {},", traits.join(" + ")));
            }
            code.line(0, "{");
            code.line(0, "}");
        }
    }

    /// The markers of a service and of all that it extends.
    fn markers(&self, id: Id) -> Vec<String> {
        let ancestry = self.schema.ancestry(id);
        ancestry.map(|(id, _)| self.sibling(id.file, &self.service_names(id).marker)).collect()
    }

    fn sync_client_calls(&self, code: &mut Code, id: Id, own: &[Call<'a>]) {
        let names = self.service_names(id);
        let c = self.generic("C");
        let mut bounds = vec![self.runtime("thrift::TThriftClient")];
        bounds.extend(self.markers(id));
        let line = format!("impl<{c}: {}> {} for {c} {{", bounds.join(" + "), names.client_trait);
        if own.is_empty() {
            let line = format!("{line}}}");
            if line.len() <= WIDTH {
                code.line(0, line);
            } else {
                code.bounded_empty(&format!("impl<{c}> {} for {c}", names.client_trait), &c, &bounds);
            }
            return;
        }
        if line.len() <= WIDTH {
            code.line(0, line);
        } else {
            code.bounded(&format!("impl<{c}> {} for {c}", names.client_trait), &[(&c, bounds)]);
        }
        let compat = self.runtime("compat");
        for (n, call) in own.iter().enumerate() {
            if n > 0 {
                code.blank();
            }
            self.method_signature(code, call.owner, call.method, &call.names.call, "&mut self", " {");
            self.let_args(code, call);
            let constant = format!("&{}", call.constant);
            let function = match call.method.oneway {
                true => format!("{compat}::oneway"),
                false => format!("{compat}::call::<_, {}, _>", call.names.result),
            };
            code.expr(8, "", &Expr::call_with(function, &["self", &constant, "args"]), "");
            code.line(4, "}");
        }
        code.line(0, "}");
    }
}
