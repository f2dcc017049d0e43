//! What the compiler takes although it is careless, because Apache's own compiler takes it and real files do it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bifrost_codegen::{Options, compile_from, render};
use std::collections::BTreeMap;
use std::path::PathBuf;

type Texts<'a> = &'a [(&'a str, &'a str)];

/// The generated modules of the first file and those that it includes, or the errors.
fn compile(files: Texts<'_>) -> Result<BTreeMap<PathBuf, String>, String> {
    let first = PathBuf::from(files[0].0);
    let files: BTreeMap<_, _> = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
    let compiled = compile_from(&files, &[first], &[], &Options::default());
    compiled.map(|compiled| compiled.modules).map_err(|errors| render(&errors))
}

/// What is generated for the constant `C` of a text.
fn constant(text: &str) -> String {
    let modules = compile(&[("t.thrift", text)]).unwrap();
    let module = modules.into_values().next().unwrap();
    module.split_once("Constant `C`").unwrap().1.to_owned()
}

#[test]
fn the_last_part_of_a_name_chooses_among_the_values_of_the_expected_enum() {
    let colors = "enum Color { RED = 7, BLUE = 8 } enum Other { RED = 1, GREEN = 2 } typedef Color Hue";
    for name in ["Color.BLUE", "BLUE", "Hue.BLUE", "Other.BLUE", "nowhere.Color.BLUE"] {
        let found = constant(&format!("{colors}\nconst Color C = {name}"));
        assert!(found.contains("Color::BLUE"), "{name}: {found}");
    }
    let found = constant(&format!("{colors}\nconst Color C = Other.RED"));
    assert!(found.contains("Color::RED"), "{found}");
    let error = compile(&[("t.thrift", &format!("{colors}\nconst Color C = Other.GREEN"))]).unwrap_err();
    assert!(error.contains("`Other.GREEN` is no value of type `Color`"), "{error}");
}

#[test]
fn a_constant_goes_before_a_value_of_the_same_name() {
    let found = constant("enum Color { RED = 7, BLUE = 8 }\nconst Color RED = Color.BLUE\nconst Color C = RED");
    assert!(found.contains("Color::BLUE"), "{found}");
}

#[test]
fn included_files_may_share_their_name() {
    let a = ("a.thrift", "include \"b.thrift\"\ninclude \"sub/b.thrift\"\nstruct A { 1: b.B1 x, 2: b.B2 y }");
    let first = ("b.thrift", "struct B1 {} struct Both {}");
    let second = ("sub/b.thrift", "struct B2 {} struct Both {}");
    assert_eq!(compile(&[a, first, second]).unwrap().len(), 3);
    let a = ("a.thrift", "include \"b.thrift\"\ninclude \"sub/b.thrift\"\nstruct A { 1: b.Both x }");
    let error = compile(&[a, first, second]).unwrap_err();
    assert!(error.contains("more than one included file defines the type `b.Both`"), "{error}");
}

#[test]
fn truth_values_and_numbers_stand_for_each_other() {
    let table = [
        ("bool", "3", "true"),
        ("bool", "0", "false"),
        ("i32", "true", "1"),
        ("double", "false", "0.0"),
        ("E", "true", "E::A"),
        ("double", "E.A", "1.0"),
    ];
    for (of, written, expected) in table {
        let found = constant(&format!("enum E {{ A = 1 }} const {of} C = {written}"));
        assert!(found.contains(expected), "const {of} C = {written}: {found}");
    }
    for (of, written) in [("bool", "-1"), ("string", "true"), ("list<bool>", "true"), ("bool", "E.A")] {
        let text = format!("enum E {{ A = 1 }} const {of} C = {written}");
        let error = compile(&[("t.thrift", &text)]).unwrap_err();
        assert!(error.contains(&format!("is no value of type `{of}`")), "{text}: {error}");
    }
}
