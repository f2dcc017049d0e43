//! Services.

mod client;
mod messages;
mod native;
mod server;

use super::layout::{Code, Expr};
use super::module::Module;
use super::program::{MethodNames, ServiceNames};
use crate::schema::{Id, Method, Service};

/// A method with its names.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// The service that declares it.
    pub(super) owner: Id,
    pub(super) method: &'a Method,
    pub(super) names: &'a MethodNames,
    /// The descriptor of the method in the service that is emitted.
    pub(super) constant: &'a str,
    /// The function of the native client that starts a call.
    pub(super) start: &'a str,
}

impl<'a> Module<'a> {
    pub(super) fn service(&self, code: &mut Code, index: usize, service: &'a Service) {
        let id = self.id(index);
        let calls = self.calls(id);
        let own: Vec<_> = calls.iter().filter(|call| call.owner == id).copied().collect();
        self.descriptors(code, id, &calls);
        self.sync_client(code, id, service, &own);
        self.native_client(code, id, &calls);
        self.server(code, id, service, &own, &calls);
        self.messages(code, id, &own);
    }

    /// All methods, own ones first, then those of the nearest base.
    fn calls(&self, id: Id) -> Vec<Call<'a>> {
        let names: &'a ServiceNames = self.service_names(id);
        let named = names.constants.iter().zip(&names.starts);
        let schema = self.schema;
        let all = schema.ancestry(id).flat_map(|(owner, service)| {
            let names = self.service_names(owner);
            service.methods.iter().zip(&names.methods).map(move |m| (owner, m))
        });
        all.zip(named)
            .map(|((owner, (method, names)), (constant, start))| Call { owner, method, names, constant, start })
            .collect()
    }

    fn descriptors(&self, code: &mut Code, id: Id, calls: &[Call<'_>]) {
        let service = &self.schema.definition(id).name;
        let descriptor = self.runtime("service::Method");
        for call in calls {
            let method = call.method;
            let field = |name: &str, value: String| (name.to_owned(), Some(Expr::Atom(value)));
            let fields = vec![
                field("service", format!("\"{service}\"")),
                field("name", format!("\"{}\"", method.name)),
                field("oneway", method.oneway.to_string()),
                field("short", method.short.to_string()),
                field("idempotent", method.idempotent.to_string()),
            ];
            let value = Expr::Struct(descriptor.clone(), fields, None);
            code.expr(0, &format!("const {}: {descriptor} = ", call.constant), &value, ";");
            code.blank();
        }
    }
}
