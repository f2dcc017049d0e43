//! What the compiler says about wrong files; the snapshots are in `tests/golden/errors`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bifrost_codegen::{Options, compile_from, render};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/errors")
}

/// The files under their bare names, so that no path of a machine is in a snapshot.
fn files() -> BTreeMap<PathBuf, String> {
    let entries = std::fs::read_dir(dir()).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|e| e == "thrift"))
        .map(|path| (path.file_name().unwrap().into(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

fn errors(name: &str) -> String {
    match compile_from(&files(), &[PathBuf::from(name)], &[], &Options::default()) {
        Ok(_) => String::new(),
        Err(diagnostics) => render(&diagnostics),
    }
}

fn check(name: &str) {
    let found = errors(&format!("{name}.thrift"));
    let path = dir().join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{}: run with UPDATE_GOLDEN=1 and look at the difference\n{found}", path.display());
}

#[test]
fn syntax() {
    check("syntax");
}

#[test]
fn names() {
    check("names");
}

#[test]
fn services() {
    check("services");
}

#[test]
fn values() {
    check("values");
}

#[test]
fn include_circle() {
    check("circle-a");
}

#[test]
fn a_missing_file_is_an_error() {
    assert_eq!(errors("nothing.thrift"), "error: no file `nothing.thrift`\n");
}

#[test]
fn references() {
    check("references");
}
