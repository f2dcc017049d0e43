//! The goldens are what the emitter says, stable, and laid out as rustfmt would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bifrost_codegen::{Options, compile, output, render};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn golden_dir() -> PathBuf {
    here().join("tests/golden/rust")
}

fn idl_files() -> Vec<PathBuf> {
    let dirs = [here().join("tests/golden/idl"), here().join("../idl")];
    let mut files: Vec<PathBuf> = dirs.iter().flat_map(|dir| list(dir)).collect();
    files.retain(|file| is_ours(file));
    files.sort();
    files
}

/// Files of other parts of the project may stand in `idl` too; they have tests of their own.
fn is_ours(file: &Path) -> bool {
    let is_shared = file.components().rev().nth(1).is_some_and(|dir| dir.as_os_str() == "idl");
    let name = file.file_name().unwrap().to_string_lossy();
    let is_golden = file.starts_with(here().join("tests/golden/idl"));
    is_golden || (is_shared && ["benchmark.thrift", "bifrost.thrift", "example.thrift"].contains(&&*name))
}

fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn emitted() -> BTreeMap<PathBuf, String> {
    compile(&idl_files(), &[], &Options::default()).unwrap_or_else(|errors| panic!("{}", render(&errors)))
}

#[test]
fn goldens_are_up_to_date() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        output::write_changed(&golden_dir(), &emitted()).unwrap();
        return;
    }
    let outdated = output::outdated(&golden_dir(), &emitted()).unwrap();
    assert!(outdated.is_empty(), "run with UPDATE_GOLDEN=1 and look at the difference: {outdated:?}");
    assert_eq!(list(&golden_dir()).len(), emitted().len(), "a golden that nothing emits");
}

#[test]
fn emission_is_stable() {
    assert_eq!(emitted(), emitted());
    let mut reversed = idl_files();
    reversed.reverse();
    let reversed = compile(&reversed, &[], &Options::default()).unwrap();
    assert!(reversed.keys().eq(emitted().keys()));
}

#[test]
fn rustfmt_changes_nothing() {
    if Command::new("rustfmt").arg("--version").output().is_err() {
        return;
    }
    // Away from this repository, whose rustfmt.toml is not that of the users.
    let dir = tempfile::tempdir().unwrap();
    let written = output::write_changed(dir.path(), &emitted()).unwrap();
    for path in written {
        let check = Command::new("rustfmt")
            .args(["--check", "--edition", "2024", "--config", "style_edition=2024"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    }
}

#[test]
fn only_what_changed_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut modules = emitted();
    assert_eq!(output::write_changed(dir.path(), &modules).unwrap().len(), modules.len());
    assert!(output::write_changed(dir.path(), &modules).unwrap().is_empty());
    modules.insert("base.rs".into(), "// changed\n".to_owned());
    assert_eq!(output::outdated(dir.path(), &modules).unwrap(), [dir.path().join("base.rs")]);
}
