//! Rule manifests, as `bifrost gen --emit manifest` writes them; `docs/codegen.md` describes the format.

use super::fault::Fault;
use super::source::{FILE_BYTES_MAX, Place, Source};
use bifrost_rpc::wire::MethodField;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::ops::Range;
use std::sync::Arc;

/// A service of a manifest.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) source: Arc<Source>,
    pub(super) span: Range<usize>,
    /// The line of the manifest, and that of the IDL as far as the manifest has it.
    pub(super) places: Vec<Place>,
    pub(super) methods: Vec<Method>,
}

/// A method of a manifest.
#[derive(Debug, Clone)]
pub(super) struct Method {
    pub(super) name: String,
    pub(super) span: Range<usize>,
    pub(super) places: Vec<Place>,
    pub(super) field: MethodField,
    pub(super) oneway: bool,
    pub(super) on_failure: Option<String>,
    /// All that the manifest says of it, but for its place.
    pub(super) description: Value,
}

#[derive(Deserialize)]
struct FileJson<'t> {
    format: String,
    version: u64,
    #[serde(borrow)]
    services: Vec<&'t RawValue>,
}

#[derive(Deserialize)]
struct ServiceJson<'t> {
    name: String,
    file: String,
    line: Option<usize>,
    #[serde(borrow)]
    methods: Vec<&'t RawValue>,
}

#[derive(Deserialize)]
struct MethodJson {
    name: String,
    field: String,
    oneway: bool,
    on_failure: Option<String>,
    inherited_from: Option<String>,
    line: Option<usize>,
}

/// The services of a manifest, and what is wrong with it.
pub(super) fn parse(source: &Arc<Source>) -> (Vec<Service>, Vec<Fault>) {
    if source.text().len() > FILE_BYTES_MAX {
        return (Vec::new(), vec![Fault::general(format!("{} is larger than 16 MiB", source.path().display()))]);
    }
    let file: FileJson<'_> = match read(source, source.text()) {
        Ok(file) => file,
        Err(fault) => return (Vec::new(), vec![fault]),
    };
    if file.format != "bifrost-manifest" || file.version != 1 {
        let message =
            format!("format `{}`, version {}, where a manifest of version 1 is needed", file.format, file.version);
        let fault = Fault::at(source, 0..0, message).help("make it with `bifrost gen --emit manifest`");
        return (Vec::new(), vec![fault]);
    }
    let (mut services, mut faults) = (Vec::new(), Vec::new());
    for raw in file.services {
        services.extend(service(source, raw, &mut faults));
    }
    (services, faults)
}

fn service(source: &Arc<Source>, raw: &RawValue, faults: &mut Vec<Fault>) -> Option<Service> {
    let found: ServiceJson<'_> = read(source, raw.get()).map_err(|fault| faults.push(fault)).ok()?;
    let span = span_of(source, raw.get());
    if !is_identifier(&found.name) {
        faults.push(Fault::at(source, span, "the name of a service is not one of Thrift's"));
        return None;
    }
    let mut methods = Vec::new();
    for raw in found.methods {
        match method(source, &found.name, (&found.file, found.line), raw) {
            Ok(method) => methods.push(method),
            Err(fault) => faults.push(fault),
        }
    }
    let places = places(source, &span, &found.file, found.line);
    Some(Service { name: found.name, source: Arc::clone(source), span, places, methods })
}

/// `service_at`: file and line of the service, which inherited methods have instead of their own.
fn method(
    source: &Arc<Source>,
    service: &str,
    service_at: (&str, Option<usize>),
    raw: &RawValue,
) -> Result<Method, Fault> {
    let found: MethodJson = read(source, raw.get())?;
    let span = span_of(source, raw.get());
    if !is_identifier(&found.name) {
        return Err(Fault::at(source, span, "the name of a method is not one of Thrift's"));
    }
    let field = MethodField::new(service, &found.name);
    if found.field != format!("{:032x}", u128::from_be_bytes(*field.bytes())) {
        let message = format!("the field of `{service}:{}` does not belong to its name", found.name);
        return Err(Fault::at(source, span, message).help("make the manifest anew with `bifrost gen --emit manifest`"));
    }
    let line = if found.inherited_from.is_some() { service_at.1 } else { found.line };
    let places = places(source, &span, service_at.0, line);
    let mut description: Value = read(source, raw.get())?;
    if let Some(members) = description.as_object_mut() {
        members.remove("line");
    }
    let MethodJson { name, oneway, on_failure, .. } = found;
    Ok(Method { name, span, places, field, oneway, on_failure, description })
}

/// Reads a piece of a source.
fn read<'t, T: Deserialize<'t>>(source: &Arc<Source>, piece: &'t str) -> Result<T, Fault> {
    serde_json::from_str(piece).map_err(|error| {
        let before: usize = piece.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = span_of(source, piece).start + before + error.column().saturating_sub(1);
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Fault::at(source, at..at + 1, format!("not a rule manifest: {message}"))
    })
}

/// Where a piece of a source's text stands in it.
fn span_of(source: &Source, piece: &str) -> Range<usize> {
    let start = (piece.as_ptr() as usize).saturating_sub(source.text().as_ptr() as usize);
    start..start + piece.len()
}

fn places(source: &Source, span: &Range<usize>, file: &str, line: Option<usize>) -> Vec<Place> {
    let idl = Place { file: std::path::Path::new(file).into(), line: line.unwrap_or(0) };
    vec![idl, source.place(span.start)]
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
}
