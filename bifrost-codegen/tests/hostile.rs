//! No input makes the compiler panic, and what compiles is emitted the same each time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bifrost_codegen::{Binary, Layout, Maps, Options, Outputs, compile_as, render};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

const WORDS: [&str; 58] = [
    "struct",
    "union",
    "exception",
    "enum",
    "service",
    "extends",
    "typedef",
    "const",
    "namespace",
    "include",
    "oneway",
    "void",
    "throws",
    "required",
    "optional",
    "list",
    "set",
    "map",
    "string",
    "binary",
    "i32",
    "double",
    "uuid",
    "bool",
    "{",
    "}",
    "(",
    ")",
    "<",
    ">",
    "[",
    "]",
    ",",
    ";",
    ":",
    "=",
    "&",
    "*",
    "1",
    "-1",
    "0x7f",
    "99999",
    "1.5",
    "\"s\"",
    "'a.thrift'",
    "A",
    "B",
    "A.B",
    "x.A",
    "true",
    "/** d */",
    "# c\n",
    "\n",
    "bifrost.ref",
    "bifrost.short",
    "a",
    "b",
    "é",
];

const SEEDS: [&str; 6] = [
    include_str!("golden/idl/fields.thrift"),
    include_str!("golden/idl/recursion.thrift"),
    include_str!("golden/idl/names-and.shapes.thrift"),
    include_str!("golden/errors/values.thrift"),
    include_str!("golden/errors/services.thrift"),
    include_str!("../../idl/example.thrift"),
];

/// Compiles one file, among others that it may include.
fn run(text: &str) {
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    files.insert("x.thrift".into(), "struct A {} enum B { C } const i32 D = 1".to_owned());
    files.insert("const.thrift".into(), include_str!("golden/idl/const.thrift").to_owned());
    files.insert("bifrost.thrift".into(), include_str!("../../idl/bifrost.thrift").to_owned());
    files.insert("a.thrift".into(), text.to_owned());
    let compile = |options: &Options| compile_as(&files, &["a.thrift".into()], &[], options, ALL);
    for options in [Options::default(), other_options()] {
        match compile(&options) {
            Ok(compiled) => assert_eq!(compiled.modules, compile(&options).unwrap().modules),
            Err(diagnostics) => assert!(render(&diagnostics).starts_with("error: ")),
        }
    }
}

const ALL: Outputs = Outputs { rust: true, manifest: true };

/// Everything that is not the default.
fn other_options() -> Options {
    let mut options = Options::apache();
    options.maps = Maps::Hash;
    options.binary = Binary::Bytes;
    options.unknown_fields = true;
    options.serde = true;
    options.layout = Layout::Tree;
    options
}

#[derive(Debug, Clone)]
enum Edit {
    Delete(usize, usize),
    Insert(usize, &'static str),
    Copy(usize, usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = 0..20_000_usize;
    let edit = prop_oneof![
        (at.clone(), 1..40_usize).prop_map(|(at, len)| Edit::Delete(at, len)),
        (at.clone(), proptest::sample::select(&WORDS[..])).prop_map(|(at, word)| Edit::Insert(at, word)),
        (at.clone(), 1..80_usize, at).prop_map(|(from, len, to)| Edit::Copy(from, len, to)),
    ];
    proptest::collection::vec(edit, 1..6)
}

fn mutate(seed: &str, edits: &[Edit]) -> String {
    let mut text: Vec<char> = seed.chars().collect();
    for edit in edits {
        let place = |at: usize| at % (text.len() + 1);
        match *edit {
            Edit::Delete(at, len) => {
                let at = place(at);
                text.drain(at..(at + len).min(text.len()));
            }
            Edit::Insert(at, word) => {
                let at = place(at);
                text.splice(at..at, format!(" {word} ").chars());
            }
            Edit::Copy(from, len, to) => {
                let (from, to) = (place(from), place(to));
                let part: Vec<char> = text.iter().skip(from).take(len).copied().collect();
                text.splice(to..to, part);
            }
        }
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        run(&text);
    }

    #[test]
    fn any_words(words in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..80)) {
        run(&words.join(" "));
    }

    #[test]
    fn files_with_mistakes(seed in proptest::sample::select(&SEEDS[..]), edits in edits()) {
        run(&mutate(seed, &edits));
    }
}

#[test]
fn deep_and_large_inputs_end_soon() {
    let chain: String = (0..5_000).map(|n| format!("typedef T{} T{n}\n", n + 1)).collect();
    let heirs: String = (0..2_000).map(|n| format!("service S{n} extends S{} {{}}\n", n + 1)).collect();
    let structs: String = (0..5_000).map(|n| format!("struct S{n} {{ 1: S{} next = {{}} }}\n", n + 1)).collect();
    let doubling: String = (0..60).map(|n| format!("const list<i32> C{n} = [C{}, C{}]\n", n + 1, n + 1)).collect();
    let table = [
        "struct S { 1: ".to_owned() + &"list<".repeat(100_000),
        "const i32 A = ".to_owned() + &"{1:".repeat(100_000),
        "(".repeat(100_000),
        "/*".repeat(100_000),
        format!("{chain}typedef i32 T5000"),
        format!("{heirs}service S2000 {{}}"),
        format!("{structs}struct S5000 {{}}"),
        doubling,
        "struct S { 1: S s = {\"s\": {\"s\": {}}} }".to_owned(),
    ];
    for text in table {
        run(&text);
    }
}
