//! The command line and the build script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bifrost_codegen::cli::{Args, Outcome, run};
use bifrost_codegen::{Binary, Boxing, Build, Layout, Maps, Unions};
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

#[test]
fn flags_and_builder_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.thrift");
    std::fs::write(&file, "struct S { 1: map<i32, binary> m, 2: optional S s } union U { 1: U u } service V {}")
        .unwrap();
    let words = "--maps hash --binary bytes --boxing apache --unions closed --unknown-fields --serde --derive a::B,C \
                 --attribute non_exhaustive --layout tree --emit rust,manifest";
    let words: Vec<&str> = [file.to_str().unwrap()].into_iter().chain(words.split_whitespace()).collect();
    assert_eq!(command(dir.path(), &words), (Outcome::Done, String::new()));
    let built = dir.path().join("built");
    Build::new()
        .file(&file)
        .out_dir(&built)
        .maps(Maps::Hash)
        .binary(Binary::Bytes)
        .boxing(Boxing::Apache)
        .unions(Unions::Closed)
        .unknown_fields(true)
        .serde(true)
        .derive("a::B")
        .derive("C")
        .attribute("non_exhaustive")
        .layout(Layout::Tree)
        .manifest(true)
        .compile()
        .unwrap();
    for name in ["a.rs", "mod.rs", "manifest.json"] {
        let written = std::fs::read_to_string(dir.path().join("out").join(name)).unwrap();
        assert_eq!(written, std::fs::read_to_string(built.join(name)).unwrap(), "{name}");
    }
    let text = std::fs::read_to_string(built.join("a.rs")).unwrap();
    for part in ["HashMap<i32, Bytes>", "Box<S>", "UnknownFields", "Serialize", "a::B, C", "#[non_exhaustive]"] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("UnknownField)"), "an open union");
}

#[test]
fn apache_is_a_word_for_two_options() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.thrift");
    std::fs::write(&file, "struct S { 1: T t } struct T {} union U { 1: S s }").unwrap();
    let file = file.to_str().unwrap();
    let text = || std::fs::read_to_string(dir.path().join("out/a.rs")).unwrap();
    command(dir.path(), &[file, "--apache"]);
    let apache = text();
    assert!(apache.contains("pub t: Option<Box<T>>") && !apache.contains("Unknown("));
    command(dir.path(), &[file, "--boxing", "apache", "--unions", "closed"]);
    assert_eq!(text(), apache);
    command(dir.path(), &[file]);
    assert!(text().contains("pub t: Option<T>") && text().contains("Unknown("));
    assert!(Command::try_parse_from(["test", "--out", "o", file, "--apache", "--unions", "open"]).is_err());
}

#[test]
fn options_that_make_no_rust_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = idl(dir.path());
    for (flag, value) in [("--derive", "a b"), ("--attribute", "a(]"), ("--runtime", "")] {
        let (outcome, err) =
            command(dir.path(), &[&file, "-I", dir.path().join("more").to_str().unwrap(), flag, value]);
        assert_eq!(outcome, Outcome::Failed);
        assert!(err.starts_with("error: `"), "{err}");
    }
}

#[test]
fn check_finds_modules_of_files_that_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.thrift"), dir.path().join("b.thrift"));
    std::fs::write(&a, "namespace rs x.y struct A {}").unwrap();
    std::fs::write(&b, "namespace rs x.z struct B {}").unwrap();
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let tree = ["--layout", "tree", "--check"];
    command(dir.path(), &[a, b, "--layout", "tree"]);
    std::fs::write(dir.path().join("out/own.rs"), "// written by hand").unwrap();
    assert_eq!(command(dir.path(), &[&[a, b][..], &tree].concat()), (Outcome::Done, String::new()));
    let (outcome, err) = command(dir.path(), &[&[a][..], &tree].concat());
    assert_eq!(outcome, Outcome::Failed);
    let stale = |name: &str| format!("generated, but not by this command: {}\n", dir.path().join(name).display());
    assert!(err.contains(&stale("out/x/z/b.rs")) && err.contains(&stale("out/x/z/mod.rs")), "{err}");
    assert!(err.contains("out of date: ") && !err.contains("own.rs") && !err.contains("y/a.rs"), "{err}");
    // Other commands may write to a flat directory.
    let flat = dir.path().join("flat");
    let out = |words: &[&str]| {
        let words = [&["test", "--out", flat.to_str().unwrap()][..], words].concat();
        let mut err = Vec::new();
        (run(&Command::parse_from(words).args, &mut err).unwrap(), String::from_utf8(err).unwrap())
    };
    out(&[a, b]);
    assert_eq!(out(&[a, "--check"]), (Outcome::Done, stale("flat/b.rs")));
}

#[test]
fn a_build_script_declares_the_outermost_modules_of_a_tree() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.thrift");
    std::fs::write(&file, "namespace rs x.y struct A {}").unwrap();
    let out = dir.path().join("out");
    Build::new().file(&file).out_dir(&out).layout(Layout::Tree).compile().unwrap();
    let index = std::fs::read_to_string(out.join("thrift.rs")).unwrap();
    assert!(index.contains("#[path = \"x/mod.rs\"]\npub mod x;"), "{index}");
    assert!(out.join("x/y/a.rs").exists() && out.join("x/y/mod.rs").exists());
}
