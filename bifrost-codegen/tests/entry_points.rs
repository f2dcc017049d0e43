//! The command line and the build script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bifrost_codegen::Build;
use bifrost_codegen::cli::{Args, Outcome, run};
use clap::Parser;
use std::path::Path;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn command(dir: &Path, words: &[&str]) -> (Outcome, String) {
    let out = dir.join("out");
    let words = [&["test", "--out", out.to_str().unwrap()][..], words].concat();
    let mut err = Vec::new();
    let outcome = run(&Command::parse_from(words).args, &mut err).unwrap();
    (outcome, String::from_utf8(err).unwrap())
}

fn idl(dir: &Path) -> String {
    std::fs::create_dir_all(dir.join("more")).unwrap();
    std::fs::write(dir.join("more/types.thrift"), "struct T {}").unwrap();
    let path = dir.join("main.thrift");
    std::fs::write(&path, "include \"types.thrift\"\nservice S { types.T f() }").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn check_says_what_is_out_of_date() {
    let dir = tempfile::tempdir().unwrap();
    let (file, more) = (idl(dir.path()), dir.path().join("more"));
    let words = [&*file, "-I", more.to_str().unwrap()];
    let with_check = [&words[..], &["--check"]].concat();
    let (outcome, err) = command(dir.path(), &with_check);
    assert_eq!(outcome.code(), 1);
    assert!(err.contains("main.rs") && err.contains("types.rs") && err.contains("help: "), "{err}");
    assert_eq!(command(dir.path(), &words), (Outcome::Done, String::new()));
    assert_eq!(command(dir.path(), &with_check), (Outcome::Done, String::new()));
}

#[test]
fn errors_are_rendered() {
    let dir = tempfile::tempdir().unwrap();
    let (outcome, err) = command(dir.path(), &[&idl(dir.path())]);
    assert_eq!(outcome, Outcome::Failed);
    assert!(err.starts_with("error: no file `types.thrift` to include\n"), "{err}");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_build_script_gets_modules_and_their_index() {
    let dir = tempfile::tempdir().unwrap();
    let file = idl(dir.path());
    let out = dir.path().join("out");
    Build::new().file(&file).include_dir(dir.path().join("more")).out_dir(&out).compile().unwrap();
    let index = std::fs::read_to_string(out.join("thrift.rs")).unwrap();
    assert!(index.contains("#[path = \"main.rs\"]\npub mod main;"), "{index}");
    assert!(out.join("types.rs").exists());
    let error = Build::new().file(&file).out_dir(&out).compile().unwrap_err();
    assert!(error.to_string().contains("no file `types.thrift`"), "{error}");
}
