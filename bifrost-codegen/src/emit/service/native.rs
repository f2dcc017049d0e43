//! The client over a channel of ours.

use super::Call;
use crate::emit::layout::{Code, Type};
use crate::emit::module::Module;
use crate::schema::Id;

impl<'a> Module<'a> {
    pub(super) fn native_client(&self, code: &mut Code, id: Id, calls: &[Call<'a>]) {
        let names = self.service_names(id);
        let client = &names.client;
        let channel = self.runtime("Channel");
        let idl = &self.schema.definition(id).name;
        code.blank();
        code.line(0, format!("/// Client of `{idl}` over a channel. Cheap to clone; clones share the channel."));
        code.line(0, "#[derive(Clone, Debug)]");
        code.line(0, format!("pub struct {client} {{"));
        code.line(4, format!("channel: {channel},"));
        code.line(0, "}");
        code.blank();
        code.line(0, format!("impl {client} {{"));
        self.native_constructors(code, &channel, &names.with_deadline);
        for call in calls.iter().filter(|call| !call.method.oneway) {
            self.start(code, call);
        }
        code.line(0, "}");
        let mut ancestry: Vec<Id> = self.schema.ancestry(id).map(|(id, _)| id).collect();
        ancestry.dedup();
        for owner in ancestry {
            let own: Vec<_> = calls.iter().filter(|call| call.owner == owner).collect();
            let client_trait = self.sibling(owner.file, &self.service_names(owner).client_trait);
            code.blank();
            if own.is_empty() {
                code.line(0, format!("impl {client_trait} for {client} {{}}"));
                continue;
            }
            code.line(0, format!("impl {client_trait} for {client} {{"));
            for (n, call) in own.into_iter().enumerate() {
                if n > 0 {
                    code.blank();
                }
                self.method_signature(code, call.owner, call.method, &call.names.call, "&mut self", " {");
                self.let_args(code, call);
                self.through_channel(code, call, if call.method.oneway { "oneway" } else { "call" });
                code.line(4, "}");
            }
            code.line(0, "}");
        }
    }

    fn native_constructors(&self, code: &mut Code, channel: &str, with_deadline: &str) {
        let result = self.thrift("Result");
        code.line(4, "/// A client that calls through `channel`.");
        code.line(4, format!("pub fn new(channel: {channel}) -> Self {{"));
        code.line(8, "Self { channel }");
        code.line(4, "}");
        code.blank();
        code.line(4, "/// Connects to a URL such as `udp://[::1]:7400`.");
        code.line(4, format!("pub fn connect(url: &{}) -> {result}<Self> {{", self.std_type("str")));
        code.line(8, format!("{channel}::connect(url).map(Self::new)"));
        code.line(4, "}");
        code.blank();
        let duration = self.import("std::time::Duration");
        code.line(4, "/// The same client with a deadline for each of its calls.");
        code.line(4, "#[must_use]");
        code.line(4, format!("pub fn {with_deadline}(self, deadline: {duration}) -> Self {{"));
        code.line(8, "Self::new(self.channel.with_deadline(deadline))");
        code.line(4, "}");
    }

    fn start(&self, code: &mut Code, call: &Call<'_>) {
        let value = self.value_type(call.owner, call.method.result.as_ref());
        let pending = Type::of(self.runtime("Pending"), vec![value]);
        let result = self.result(pending);
        self.accept(&result);
        code.blank();
        code.line(4, format!("/// Starts a call of `{}`; its result is waited for later.", call.method.name));
        let params = self.params(call.owner, call.method, "&mut self");
        code.signature(4, &format!("pub fn {}", call.start), &params, &result, " {");
        self.let_args(code, call);
        self.through_channel(code, call, "start");
        code.line(4, "}");
    }

    fn through_channel(&self, code: &mut Code, call: &Call<'_>, function: &str) {
        let constant = format!("&{}", call.constant);
        let method = match call.method.oneway {
            true => function.to_owned(),
            false => {
                let result = self.sibling(call.owner.file, &call.names.result);
                format!("{function}::<_, {result}>")
            }
        };
        code.chain(8, "self.channel", &method, &[&constant, "args"]);
    }
}
