//! The Rust names of everything in a schema, given out once so that none collide.

use super::names::{Taken, camel, legal, snake, upper};
use super::options::Layout;
use super::paths;
use crate::schema::{Definition, Id, Item, Schema, Service};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Program {
    files: Vec<FileNames>,
}

#[derive(Debug)]
pub(super) struct FileNames {
    /// Its module, by the modules around it.
    path: Vec<String>,
    /// The Rust name of each definition; of a service, its stem.
    definitions: Vec<String>,
    services: BTreeMap<usize, ServiceNames>,
    /// Names of types, and names of values, that shadow those of the standard library.
    pub(super) types: Taken,
    pub(super) values: Taken,
}

#[derive(Debug, Clone)]
pub(super) struct ServiceNames {
    pub(super) client_trait: String,
    pub(super) marker: String,
    pub(super) sync_client: String,
    pub(super) handler: String,
    pub(super) processor: String,
    pub(super) functions: String,
    pub(super) client: String,
    pub(super) with_deadline: String,
    /// Own methods, in order.
    pub(super) methods: Vec<MethodNames>,
    /// The constants of own methods and then of inherited ones, nearest base first.
    pub(super) constants: Vec<String>,
    /// The functions that start calls, in the order of the constants.
    pub(super) starts: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct MethodNames {
    pub(super) call: String,
    pub(super) handle: String,
    pub(super) process: String,
    pub(super) args: String,
    pub(super) result: String,
}

impl Program {
    pub(super) fn new(schema: &Schema, layout: Layout) -> Self {
        let paths = paths::module_paths(schema, layout);
        let files = paths.into_iter().enumerate().map(|(file, path)| FileNames::new(schema, file, path));
        Self { files: files.collect() }
    }

    /// The module of a file, by the modules around it.
    pub(super) fn path(&self, file: usize) -> &[String] {
        &self.files[file].path
    }

    /// The way from one file's module to another's: `super::super::other::types`.
    pub(super) fn route(&self, from: usize, to: usize) -> String {
        paths::route(self.path(from), self.path(to))
    }

    pub(super) fn file(&self, file: usize) -> &FileNames {
        &self.files[file]
    }

    pub(super) fn definition(&self, id: Id) -> &str {
        &self.files[id.file].definitions[id.index]
    }

    pub(super) fn service(&self, id: Id) -> &ServiceNames {
        &self.files[id.file].services[&id.index]
    }
}

impl FileNames {
    fn new(schema: &Schema, file: usize, path: Vec<String>) -> Self {
        let mut types = Taken::default();
        let mut values = Taken::default();
        let definitions = &schema.files[file].definitions;
        // Types first: nothing that is derived from a service may take a name away from the IDL.
        let mut names: Vec<String> = vec![String::new(); definitions.len()];
        let rank = |d: &Definition| match d.item {
            Item::Const(..) => 1,
            Item::Service(_) => 2,
            _ => 0,
        };
        for wanted in 0..=2 {
            for (index, definition) in definitions.iter().enumerate() {
                if rank(definition) == wanted {
                    names[index] = item_name(schema, definition, &mut types, &mut values);
                }
            }
        }
        let mut services = BTreeMap::new();
        for (index, definition) in definitions.iter().enumerate() {
            if let Item::Service(service) = &definition.item {
                let id = Id { file, index };
                let named = service_names(schema, id, service, &mut types, &mut values);
                services.insert(index, named);
            }
        }
        Self { path, definitions: names, services, types, values }
    }
}

fn item_name(schema: &Schema, definition: &Definition, types: &mut Taken, values: &mut Taken) -> String {
    let name = &definition.name;
    match &definition.item {
        // As it is, like Apache's generator.
        Item::Typedef(_) => types.take(legal(name.clone())),
        Item::Enum(_) => {
            let name = types.take(camel(name));
            values.take(name.clone());
            name
        }
        Item::Struct(_) => types.take(camel(name)),
        Item::Const(of, _) if super::constants::is_simple(schema, of) => values.take(upper(name)),
        Item::Const(..) => {
            let name = types.take(format!("Const{}", camel(name)));
            values.take(name.clone());
            name
        }
        Item::Service(_) => camel(name),
    }
}

fn service_names(schema: &Schema, id: Id, service: &Service, types: &mut Taken, values: &mut Taken) -> ServiceNames {
    let name = &schema.definition(id).name;
    let stem = camel(name).trim_end_matches('_').to_owned();
    // Everything by which a user may call a client of this service.
    let mut calls = Taken::default();
    let mut handles = Taken::default();
    let ancestry: Vec<_> = schema.ancestry(id).map(|(_, service)| service).collect();
    for service in ancestry.iter().skip(1) {
        for method in &service.methods {
            calls.take(snake(&method.name));
            handles.take(handle_name(&method.name));
        }
    }
    let method_calls: Vec<_> = service.methods.iter().map(|m| calls.take(snake(&m.name))).collect();
    let methods = service
        .methods
        .iter()
        .zip(method_calls)
        .map(|(method, call)| {
            let handle = handles.take(handle_name(&method.name));
            let args = types.take(format!("{stem}{}Args", camel(&method.name)));
            let result = types.take(format!("{stem}{}Result", camel(&method.name)));
            MethodNames { process: handle.replacen("handle_", "process_", 1), call, handle, args, result }
        })
        .collect();
    let all = || ancestry.iter().flat_map(|service| &service.methods);
    let prefix = upper(name);
    let constants = all().map(|method| values.take(format!("{prefix}_{}", upper(&method.name)))).collect();
    let starts =
        all().map(|method| calls.take(format!("start_{}", snake(&method.name).trim_end_matches('_')))).collect();
    ServiceNames {
        client_trait: types.take(format!("T{stem}SyncClient")),
        marker: types.take(format!("T{stem}SyncClientMarker")),
        sync_client: types.take(format!("{stem}SyncClient")),
        handler: types.take(format!("{stem}SyncHandler")),
        processor: types.take(format!("{stem}SyncProcessor")),
        functions: types.take(format!("T{stem}ProcessFunctions")),
        client: types.take(format!("{stem}Client")),
        with_deadline: calls.take("with_deadline".to_owned()),
        methods,
        constants,
        starts,
    }
}

fn handle_name(method: &str) -> String {
    format!("handle_{}", snake(method).trim_end_matches('_'))
}
