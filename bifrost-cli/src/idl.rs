//! The IDL that calls go by: built in, or from files.

use crate::fault::usage;
use anyhow::Result;
use bifrost_codegen::load::{Disk, Files, load};
use bifrost_codegen::render;
use bifrost_codegen::resolve::resolve;
use bifrost_codegen::schema::{Id, Item, Method, Schema, Service};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files that come with this program, by name.
const BUILT_IN: [(&str, &str); 8] = [
    ("bifrost.thrift", include_str!("../../idl/bifrost.thrift")),
    ("benchmark.thrift", include_str!("../../idl/benchmark.thrift")),
    ("example.thrift", include_str!("../../idl/example.thrift")),
    ("gatekeeper.thrift", include_str!("../../idl/gatekeeper.thrift")),
    ("interop.thrift", include_str!("../../idl/interop.thrift")),
    ("interop_shared.thrift", include_str!("../../idl/interop_shared.thrift")),
    ("interop_uuid.thrift", include_str!("../../idl/interop_uuid.thrift")),
    ("memory_control.thrift", include_str!("../../idl/memory_control.thrift")),
];

/// The built-in files in the directory `idl`, as [`Files`].
pub(crate) fn built_in_files() -> BTreeMap<PathBuf, String> {
    BUILT_IN.iter().map(|(name, text)| (Path::new("idl").join(name), (*text).to_owned())).collect()
}

/// The schema of the built-in files.
pub(crate) fn built_in() -> Result<Schema> {
    let files = built_in_files();
    let paths: Vec<PathBuf> = files.keys().cloned().collect();
    schema(&files, &paths, &[])
}

/// The schema of files on the disk.
pub(crate) fn from_disk(paths: &[PathBuf], include_dirs: &[PathBuf]) -> Result<Schema> {
    schema(&Disk, paths, include_dirs)
}

fn schema(files: &dyn Files, paths: &[PathBuf], include_dirs: &[PathBuf]) -> Result<Schema> {
    let (units, mut diagnostics) = load(files, paths, include_dirs);
    let (schema, more) = resolve(&units);
    diagnostics.extend(more);
    if diagnostics.is_empty() {
        return Ok(schema);
    }
    Err(usage(format!("the IDL has errors\n\n{}", render(&diagnostics).trim_end())))
}

/// A method as a service has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// All definitions.
    pub(crate) schema: &'a Schema,
    /// The name of the service, which may have inherited the method.
    pub(crate) service: &'a str,
    /// The method.
    pub(crate) method: &'a Method,
}

/// Finds a method of a service. The service may be written with its file, as in `example.Store`.
pub(crate) fn find<'a>(schema: &'a Schema, service: &str, method: &str) -> Result<Found<'a>> {
    let id = find_service(schema, service)?;
    let methods: Vec<&Method> = schema.ancestry(id).flat_map(|(_, service)| &service.methods).collect();
    match methods.iter().find(|found| found.name == method) {
        Some(found) => Ok(Found { schema, service: &schema.definition(id).name, method: found }),
        None => {
            let known = list(methods.iter().map(|method| method.name.clone()));
            Err(usage(format!("service {service} has no method {method:?}; it has {known}")))
        }
    }
}

fn find_service(schema: &Schema, wanted: &str) -> Result<Id> {
    let (file, name) = match wanted.rsplit_once('.') {
        Some((file, name)) => (Some(file), name),
        None => (None, wanted),
    };
    let all: Vec<(Id, String)> = services(schema).map(|(id, name, _)| (id, name.to_owned())).collect();
    let program = |id: Id| schema.files.get(id.file).map_or("", |file| file.program.as_str());
    let fits = |(id, found): &&(Id, String)| found == name && file.is_none_or(|file| program(*id) == file);
    let found: Vec<&(Id, String)> = all.iter().filter(fits).collect();
    match found[..] {
        [(id, _)] => Ok(*id),
        [] => {
            let known = list(all.iter().map(|(_, name)| name.clone()));
            Err(usage(format!("no service {wanted:?}; known are {known}; `--idl FILE` reads further ones")))
        }
        _ => {
            let qualified = list(found.iter().map(|(id, name)| format!("{}.{name}", program(*id))));
            Err(usage(format!("several services are called {wanted:?}: say {qualified}")))
        }
    }
}

fn services(schema: &Schema) -> impl Iterator<Item = (Id, &str, &Service)> {
    schema.files.iter().enumerate().flat_map(|(file, found)| {
        found.definitions.iter().enumerate().filter_map(move |(index, definition)| match &definition.item {
            Item::Service(service) => Some((Id { file, index }, definition.name.as_str(), service)),
            _ => None,
        })
    })
}

/// Names for a message: `a, b and c`.
pub(crate) fn list(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    match names.pop() {
        None => "none".to_owned(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inherited_methods_are_found() {
        let schema = built_in().unwrap();
        let found = find(&schema, "Store", "note").unwrap();
        assert_eq!((found.service, found.method.oneway), ("Store", true));
        assert!(find(&schema, "example.Counter", "add").is_ok());
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let schema = built_in().unwrap();
        for (service, method, complaint) in
            [("Shop", "get", "Counter"), ("Store", "fetch", "get, put"), ("benchmark.Store", "get", "no service")]
        {
            let error = find(&schema, service, method).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn a_name_in_two_files_is_ambiguous() {
        let text = |name: &str| (PathBuf::from(name), "service S { void f() }".to_owned());
        let files = BTreeMap::from([text("a.thrift"), text("b.thrift")]);
        let paths: Vec<PathBuf> = files.keys().cloned().collect();
        let schema = schema(&files, &paths, &[]).unwrap();
        assert!(find(&schema, "S", "f").unwrap_err().to_string().contains("a.S and b.S"));
        assert!(find(&schema, "b.S", "f").is_ok());
    }

    #[test]
    fn errors_in_the_idl_are_shown() {
        let files = BTreeMap::from([(PathBuf::from("a.thrift"), "service {".to_owned())]);
        let error = schema(&files, &[PathBuf::from("a.thrift")], &[]).unwrap_err().to_string();
        assert!(error.contains("a.thrift:1"), "{error}");
    }
}
