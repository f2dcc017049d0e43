//! Handlers and processors.

use super::Call;
use crate::emit::docs::docs;
use crate::emit::layout::{Code, Expr, Type};
use crate::emit::module::Module;
use crate::emit::structs::field_names;
use crate::schema::{Id, Service};

impl<'a> Module<'a> {
    pub(super) fn server(&self, code: &mut Code, id: Id, service: &Service, own: &[Call<'a>], all: &[Call<'a>]) {
        code.blank();
        self.handler(code, id, service, own);
        code.blank();
        self.processor(code, id);
        code.blank();
        self.functions(code, id, own);
        code.blank();
        self.dispatch(code, id, all);
        code.blank();
        self.thrift_processor(code, id);
    }

    fn handler(&self, code: &mut Code, id: Id, service: &Service, own: &[Call<'a>]) {
        let definition = self.schema.definition(id);
        let base = service.extends.map(|base| {
            let base_names = self.service_names(base);
            self.sibling(base.file, &base_names.handler)
        });
        let otherwise = format!("The methods of `{}`, as a server implements them.", definition.name);
        docs(code, 0, definition.docs.as_deref(), &otherwise);
        let methods: Vec<_> = own.iter().map(|call| (call.method, call.names.handle.as_str(), "&self")).collect();
        self.service_trait(code, &self.service_names(id).handler, base.as_deref(), id, &methods);
    }

    fn processor(&self, code: &mut Code, id: Id) {
        let names = self.service_names(id);
        let (h, processor, handler) = (self.generic("H"), &names.processor, &names.handler);
        let idl = &self.schema.definition(id).name;
        code.line(0, format!("/// Serves `{idl}` with a handler."));
        code.line(0, "#[derive(Debug)]");
        code.line(0, format!("pub struct {processor}<{h}: {handler}> {{"));
        code.line(4, format!("handler: {h},"));
        code.line(0, "}");
        code.blank();
        code.line(0, format!("impl<{h}: {handler}> {processor}<{h}> {{"));
        code.line(4, "/// A processor that calls `handler`.");
        code.line(4, format!("pub fn new(handler: {h}) -> Self {{"));
        code.line(8, "Self { handler }");
        code.line(4, "}");
        code.line(0, "}");
    }

    fn functions(&self, code: &mut Code, id: Id, own: &[Call<'a>]) {
        let names = self.service_names(id);
        let idl = &self.schema.definition(id).name;
        code.line(0, format!("/// Functions that answer calls of the methods of `{idl}`."));
        code.line(0, "#[derive(Clone, Copy, Debug)]");
        code.line(0, format!("pub struct {};", names.functions));
        if own.is_empty() {
            return;
        }
        code.blank();
        code.line(0, format!("impl {} {{", names.functions));
        for (n, call) in own.iter().enumerate() {
            if n > 0 {
                code.blank();
            }
            self.process(code, id, call);
        }
        code.line(0, "}");
    }

    fn process(&self, code: &mut Code, id: Id, call: &Call<'a>) {
        let (h, r, w) = (self.generic("H"), self.generic("R"), self.generic("W"));
        let (reader, writer) = (self.protocol("Reader"), self.protocol("Writer"));
        let oneway = call.method.oneway;
        let handler = &self.service_names(id).handler;
        code.line(4, format!("/// Answers a call of `{}`.", call.method.name));
        let generics = format!("<{h}: {handler}, {r}: {reader}, {w}: {writer}>");
        let line = format!("pub fn {}{generics}", call.names.process);
        let before = match 4 + line.len() < crate::emit::layout::WIDTH {
            true => line,
            false => {
                let pad = " ".repeat(8);
                format!(
                    "pub fn {}<\n{pad}{h}: {handler},\n{pad}{r}: {reader},\n{pad}{w}: {writer},\n    >",
                    call.names.process
                )
            }
        };
        let unused = if oneway { "_" } else { "" };
        let params = [
            ("handler".to_owned(), format!("&{h}")),
            (format!("{unused}header"), format!("&{}", self.protocol("MessageHeader"))),
            ("args".to_owned(), format!("&mut {r}")),
            (format!("{unused}out"), format!("&mut {w}")),
        ];
        let params: Vec<_> = params.into_iter().map(|(name, of)| (name, Some(Type::plain(of)))).collect();
        let answer = self.result(Type::plain(self.runtime("service::Answer")));
        code.signature(4, &before, &params, &answer, " {");
        match oneway {
            true => self.process_oneway(code, call),
            false => self.process_call(code, call),
        }
        code.line(4, "}");
    }

    /// `Args { .. }` or `args`, as a pattern.
    fn args_pattern(&self, call: &Call<'_>) -> String {
        let args = &call.names.args;
        match call.method.arguments.is_empty() {
            true => format!("{args} {{}}"),
            false => format!("args: {args}"),
        }
    }

    fn handle(&self, call: &Call<'_>) -> Expr {
        let names = field_names(&call.method.arguments);
        let args = names.iter().map(|name| Expr::atom(format!("args.{name}"))).collect();
        Expr::call(format!("handler.{}", call.names.handle), args)
    }

    fn process_oneway(&self, code: &mut Code, call: &Call<'_>) {
        let decode = format!("{}::decode(args)", self.protocol("Decode"));
        let (ok, err) = (self.std_value("Ok"), self.std_value("Err"));
        let nothing = format!("{ok}({}::Nothing)", self.runtime("service::Answer"));
        code.line(8, format!("let {} = match {decode} {{", self.args_pattern(call)));
        code.line(12, format!("{ok}(args) => args,"));
        code.line(12, format!("{err}(_) => return {nothing},"));
        code.line(8, "};");
        code.line(8, "// Nobody waits for the outcome.");
        code.expr(8, "let _ = ", &self.handle(call), ";");
        code.line(8, nothing);
    }

    fn process_call(&self, code: &mut Code, call: &Call<'a>) {
        let decode = format!("{}::decode(args)", self.protocol("Decode"));
        let (ok, err) = (self.std_value("Ok"), self.std_value("Err"));
        let service = self.runtime("service");
        code.line(8, format!("let {} = match {decode} {{", self.args_pattern(call)));
        code.line(12, format!("{ok}(args) => args,"));
        code.line(12, format!("{err}(error) => return {service}::bad_arguments(header, out, error),"));
        code.line(8, "};");
        code.expr(8, "let outcome = ", &self.handle(call), ";");
        code.line(8, "let result = match outcome {");
        let slots = self.result_slots(call);
        let returns = call.method.result.is_some();
        let filled = self.result_with(&call.names.result, &slots, if returns { "result_value" } else { "" }, "value");
        let value = if returns { "value" } else { "()" };
        code.expr(12, &format!("{ok}({value}) => "), &filled, ",");
        if call.method.throws.is_empty() {
            code.line(12, format!("{err}(error) => return {service}::exception(header, out, error),"));
        } else {
            let before = format!("{err}(error) => match ");
            let from_error = format!("{}::from_error", call.names.result);
            code.expr(12, &before, &Expr::call_with(from_error, &["error"]), " {");
            code.line(16, format!("{ok}(result) => result,"));
            code.line(16, format!("{err}(error) => return {service}::exception(header, out, error),"));
            code.line(12, "},");
        }
        code.line(8, "};");
        code.line(8, format!("{service}::reply(header, out, result)"));
    }

    fn thread_safe(&self, handler: &str) -> Vec<String> {
        vec![handler.to_owned(), self.std_type("Send"), self.std_type("Sync"), "'static".to_owned()]
    }

    fn dispatch(&self, code: &mut Code, id: Id, all: &[Call<'a>]) {
        let names = self.service_names(id);
        let (h, r, w) = (self.generic("H"), self.generic("R"), self.generic("W"));
        let (reader, writer) = (self.protocol("Reader"), self.protocol("Writer"));
        let head = format!("impl<{h}> {} for {}<{h}>", self.runtime("service::Dispatch"), names.processor);
        code.bounded(&head, &[(&h, self.thread_safe(&names.handler))]);
        let str = self.std_type("str");
        let idl = &self.schema.definition(id).name;
        code.line(4, format!("const SERVICE: &'static {str} = \"{idl}\";"));
        let constants: Vec<_> = all.iter().map(|call| call.constant.to_owned()).collect();
        let method = self.runtime("service::Method");
        code.slice(4, &format!("const METHODS: &'static [{method}] ="), &constants);
        code.blank();
        let params = [
            ("header", format!("&{}", self.protocol("MessageHeader"))),
            ("args", format!("&mut {r}")),
            ("out", format!("&mut {w}")),
        ];
        let params = params.map(|(name, of)| (name.to_owned(), Some(Type::plain(of))));
        let params: Vec<_> = std::iter::once(("&self".to_owned(), None)).chain(params).collect();
        let answer = self.result(Type::plain(self.runtime("service::Answer")));
        let before = format!("fn dispatch<{r}: {reader}, {w}: {writer}>");
        code.signature(4, &before, &params, &answer, " {");
        let unknown = format!("{}::unknown_method(header, args, out)", self.runtime("service"));
        if all.is_empty() {
            code.line(8, unknown);
        } else {
            code.line(8, "match header.name.as_str() {");
            for call in all {
                let functions = &self.service_names(call.owner).functions;
                let functions = self.sibling(call.owner.file, functions);
                let function = format!("{functions}::{}", call.names.process);
                let args = ["&self.handler", "header", "args", "out"];
                let pattern = format!("\"{}\"", call.method.name);
                code.arm(12, &pattern, &Expr::call_with(function, &args));
            }
            code.line(12, format!("_ => {unknown},"));
            code.line(8, "}");
        }
        code.line(4, "}");
        code.line(0, "}");
    }

    fn thrift_processor(&self, code: &mut Code, id: Id) {
        let names = self.service_names(id);
        let h = self.generic("H");
        let head = format!("impl<{h}> {} for {}<{h}>", self.runtime("thrift::server::TProcessor"), names.processor);
        code.bounded(&head, &[(&h, self.thread_safe(&names.handler))]);
        let params = vec![
            ("&self".to_owned(), None),
            ("i".to_owned(), Some(Type::plain(format!("&mut dyn {}", self.thrift_protocol("TInputProtocol"))))),
            ("o".to_owned(), Some(Type::plain(format!("&mut dyn {}", self.thrift_protocol("TOutputProtocol"))))),
        ];
        let unit = self.result(Type::plain("()"));
        code.signature(4, "fn process", &params, &unit, " {");
        code.line(8, format!("{}::process(self, i, o)", self.runtime("compat")));
        code.line(4, "}");
        code.line(0, "}");
    }
}
