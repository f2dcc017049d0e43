//! The manifest, and the runtime's idea of the same.

use bifrost_codegen::load::Disk;
use bifrost_codegen::manifest::method_field;
use bifrost_codegen::{Options, Outputs, compile_as, compile_from, render};
use bifrost_rpc::wire::MethodField;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

const OUTPUTS: Outputs = Outputs { rust: false, manifest: true };

fn manifest_of(files: &BTreeMap<PathBuf, String>) -> Result<Value, String> {
    let paths: Vec<PathBuf> = files.keys().cloned().collect();
    match compile_as(files, &paths, &[], &Options::default(), OUTPUTS) {
        Ok(compiled) => Ok(serde_json::from_str(&compiled.modules[&PathBuf::from("manifest.json")]).unwrap()),
        Err(diagnostics) => Err(render(&diagnostics)),
    }
}

fn one(text: &str) -> Value {
    manifest_of(&BTreeMap::from([("a.thrift".into(), text.to_owned())])).unwrap()
}

proptest! {
    #[test]
    fn fields_are_those_of_the_runtime(service in "[A-Za-z_]{1,20}", method in "[A-Za-z_0-9]{1,30}") {
        prop_assert_eq!(method_field(&service, &method), *MethodField::new(&service, &method).bytes());
    }
}

#[test]
fn the_golden_manifest_has_the_fields_of_the_runtime() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/idl");
    let files = ["references.thrift", "services.thrift"].map(|name| dir.join(name));
    let compiled = compile_as(&Disk, &files, &[], &Options::default(), OUTPUTS).unwrap();
    let manifest: Value = serde_json::from_str(&compiled.modules[&PathBuf::from("manifest.json")]).unwrap();
    let mut methods = 0;
    for service in manifest["services"].as_array().unwrap() {
        let name = service["name"].as_str().unwrap();
        for method in service["methods"].as_array().unwrap() {
            let field = MethodField::new(name, method["name"].as_str().unwrap());
            let hex: String = field.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(method["field"], hex, "{method}");
            methods += 1;
        }
    }
    assert!(methods > 20, "{methods}");
}

#[test]
fn pointers_are_counted() {
    let manifest = one("
        struct In { 1: binary a (bifrost.ref), 2: list<Leaf> leaves }
        struct Leaf { 1: binary b (bifrost.ref) }
        struct Two { 1: binary a (bifrost.ref), 2: string b (bifrost.ref) }
        service S { Two f(1: Two x, 2: binary y (bifrost.ref)), void g(1: In x), void h(1: i32 x) }
    ");
    let methods = &manifest["services"][0]["methods"];
    assert_eq!(methods[0]["pointers_max"], json!({"call": 3, "answer": 2}));
    // A list may hold any number.
    assert_eq!(methods[1]["pointers_max"], json!({"call": 64, "answer": 0}));
    assert_eq!(methods[2]["pointers_max"], json!({"call": 0, "answer": 0}));
    let paths: Vec<_> =
        methods[1]["arguments"][0]["references"].as_array().unwrap().iter().map(|r| &r["path"]).collect();
    assert_eq!(paths, ["x.a", "x.leaves[].b"]);
}

#[test]
fn a_type_without_end_has_a_manifest() {
    // 2 to the power of 40 paths, and a struct that holds itself.
    let levels: String = (0..40).map(|n| format!("struct S{n} {{ 1: S{0} a, 2: S{0} b }}\n", n + 1)).collect();
    let text =
        format!("{levels} struct S40 {{ 1: binary x (bifrost.ref), 2: S0 again }} service S {{ void f(1: S0 s) }}");
    let argument = &one(&text)["services"][0]["methods"][0]["arguments"][0];
    assert_eq!(argument["more_references"], true);
    assert_eq!(argument["references"].as_array().unwrap().len(), 256);
}

#[test]
fn methods_that_a_switch_cannot_tell_apart_are_refused() {
    let file = |name: &str, text: &str| (PathBuf::from(name), text.to_owned());
    let files = BTreeMap::from([
        file("a.thrift", "service S { void f() }"),
        file("b.thrift", "service Base { void f() }\nservice S extends Base {}"),
    ]);
    let error = manifest_of(&files).unwrap_err();
    assert!(error.starts_with("error: `S:f` is a method of two services\n --> b.thrift:2:9"), "{error}");
    assert!(error.contains("help: ") && error.contains("a.thrift:1"), "{error}");
    // Rust has modules to tell them apart.
    let paths: Vec<PathBuf> = files.keys().cloned().collect();
    assert!(compile_from(&files, &paths, &[], &Options::default()).is_ok());
}
