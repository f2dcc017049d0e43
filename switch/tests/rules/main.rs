//! Rules of the example rack: as they are written, and in the tables of a switch.

#![expect(clippy::unwrap_used, reason = "tests")]

mod golden;
mod install;
mod routed;

use bifrost_codegen::{Options, Outputs, compile_as};
use bifrost_switch::rules::{Intent, Sizes, Source, compile, render};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const RACK: &str = include_str!("../../racks/example.toml");
const IDL: &str = include_str!("../../../idl/benchmark.thrift");

/// The manifest of the benchmarks' services.
fn manifest() -> Arc<Source> {
    let path = PathBuf::from("benchmark.thrift");
    let files = BTreeMap::from([(path.clone(), IDL.to_owned())]);
    let outputs = Outputs { rust: false, manifest: true };
    let compiled = compile_as(&files, &[path], &[], &Options::default(), outputs).unwrap();
    Source::new("manifest.json", compiled.modules[Path::new("manifest.json")].as_str())
}

/// The rules of a rack with the benchmarks' services.
fn rules(rack: &str) -> Intent {
    let rack = Source::new("example.toml", rack);
    compile(&rack, &[manifest()], &Sizes::default()).unwrap_or_else(|faults| panic!("{}", render(&faults)))
}
