//! The goldens are what the emitter says, stable, and laid out as rustfmt would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bifrost_codegen::load::Disk;
use bifrost_codegen::{Binary, Layout, Maps, Options, Outputs, compile_as, output, render};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files compiled with certain options, and the directory below `tests/golden` that holds what is emitted.
struct Golden {
    dir: &'static str,
    files: Vec<PathBuf>,
    options: Options,
    outputs: Outputs,
}

impl Golden {
    fn new(dir: &'static str, names: &[&str], set: impl FnOnce(&mut Options)) -> Self {
        let files = names.iter().map(|name| here().join("tests/golden/idl").join(name)).collect();
        let mut options = Options::default();
        set(&mut options);
        Self { dir, files, options, outputs: Outputs::default() }
    }

    fn dir(&self) -> PathBuf {
        here().join("tests/golden").join(self.dir)
    }

    fn emitted(&self) -> BTreeMap<PathBuf, String> {
        let compiled = compile_as(&Disk, &self.files, &[], &self.options, self.outputs);
        compiled.unwrap_or_else(|errors| panic!("{}", render(&errors))).modules
    }
}

fn goldens() -> Vec<Golden> {
    let serialize = "bifrost_rpc::serde::Serialize";
    vec![
        Golden { files: idl_files(), ..Golden::new("rust", &[], |_| {}) },
        Golden::new("apache", &["forward.thrift", "recursion.thrift", "references.thrift"], |options| {
            options.set_apache()
        }),
        Golden::new("hash", &["kept.thrift", "recursion.thrift", "references.thrift"], |options| {
            options.maps = Maps::Hash;
            options.binary = Binary::Bytes;
            options.unknown_fields = true;
        }),
        Golden::new("serde", &["kept.thrift", "recursion.thrift", "references.thrift"], |options| {
            options.serde = true;
            options.unknown_fields = true;
        }),
        Golden::new("tree", &["tree/users.thrift", "tree/names.thrift"], |options| {
            options.layout = Layout::Tree;
            options.derives = vec![serialize.to_owned(), serialize.to_owned()];
            options.attributes = vec!["serde(crate = \"bifrost_rpc::serde\")".to_owned()];
        }),
        Golden {
            outputs: Outputs { rust: false, manifest: true },
            ..Golden::new("manifest", &["references.thrift", "services.thrift", "base.thrift"], |_| {})
        },
    ]
}

fn idl_files() -> Vec<PathBuf> {
    let dirs = [here().join("tests/golden/idl"), here().join("../idl")];
    let mut files: Vec<PathBuf> = dirs.iter().flat_map(|dir| list(dir)).collect();
    files.retain(|file| file.is_file() && is_ours(file));
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
    goldens().remove(0).emitted()
}

/// All files below a directory, by their paths in it.
fn files_below(dir: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for path in list(&next) {
            match path.is_dir() {
                true => open.push(path),
                false => drop(files.insert(path.strip_prefix(dir).unwrap().to_owned())),
            }
        }
    }
    files
}

#[test]
fn goldens_are_up_to_date() {
    for golden in goldens() {
        let emitted = golden.emitted();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            output::write_changed(&golden.dir(), &emitted).unwrap();
            continue;
        }
        let outdated = output::outdated(&golden.dir(), &emitted).unwrap();
        assert!(outdated.is_empty(), "run with UPDATE_GOLDEN=1 and look at the difference: {outdated:?}");
        assert!(files_below(&golden.dir()).iter().eq(emitted.keys()), "a golden that nothing emits");
    }
}

#[test]
fn emission_does_not_depend_on_the_order_of_files() {
    for mut golden in goldens() {
        let emitted = golden.emitted();
        assert_eq!(golden.emitted(), emitted);
        golden.files.reverse();
        assert_eq!(golden.emitted(), emitted, "{}", golden.dir);
    }
}

#[test]
fn rustfmt_changes_nothing() {
    if Command::new("rustfmt").arg("--version").output().is_err() {
        return;
    }
    for golden in goldens() {
        // Away from this repository, whose rustfmt.toml is not that of the users.
        let dir = tempfile::tempdir().unwrap();
        for path in output::write_changed(dir.path(), &golden.emitted()).unwrap() {
            if path.extension().is_some_and(|extension| extension == "rs") {
                assert_formatted(&path);
            }
        }
    }
}

fn assert_formatted(path: &Path) {
    let check = Command::new("rustfmt")
        .args(["--check", "--edition", "2024", "--config", "style_edition=2024"])
        .arg(path)
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
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
