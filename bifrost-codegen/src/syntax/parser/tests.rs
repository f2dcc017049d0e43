use super::*;
use crate::syntax::ast::{Body, Requiredness, StructKind, TypeKind, ValueKind};

fn parsed(text: &str) -> Document {
    let (document, diagnostics) = parse(&Source::new("t.thrift", text));
    assert_eq!(diagnostics, [], "{text}");
    document
}

fn messages(text: &str) -> Vec<String> {
    let (_, diagnostics) = parse(&Source::new("t.thrift", text));
    diagnostics.iter().map(|d| d.message().to_owned()).collect()
}

#[test]
fn the_whole_grammar_is_accepted() {
    let table = [
        "include \"a.thrift\"; cpp_include '<vector>'",
        "namespace * a.b (x = \"y\") namespace rs a namespace py.twisted 'c'",
        "typedef i32 (a = \"b\") Id (bare, k = \"v\";)",
        "typedef map cpp_type \"M\" <string, list<set<i8>>> M",
        "typedef list<byte> cpp_type \"L\" L, typedef slist S; typedef uuid U",
        "enum E { A, B = 3; C = 0x1F (x) D = -2 } (y)",
        "enum Empty {}",
        "struct S xsd_all { 1: required i32 a = 5, optional string b; 3: S & next (x) }",
        "struct S { 1: i32 a xsd_optional xsd_nillable xsd_attrs { 1: i32 b } (k = 'v'), -7: i8 c }",
        "union U { 1: i32 a 2: string b } exception X {}",
        "const map<string, list<i32>> M = {'a': [1, 2; 3,], \"b\": []}, const E e = E.A",
        "const double D = -1.5e3 const bool B = true const bool Z = 0",
        "service A extends b.B { void f() i32 g(1: i32 a, i32 b) throws (1: X x) (k), } (z = 'z')",
        "service A { oneway void f(), async void g(); }",
        "struct keywords { 1: i32 list, 2: i32 required, 3: string struct, 4: bool namespace }",
    ];
    for text in table {
        parsed(text);
    }
}

#[test]
fn fields_keep_what_is_written() {
    let document = parsed("struct S { /** d */ -3: required other.T & n = [1] (bifrost.ref, a = 'b') }");
    let Body::Struct(StructKind::Struct, fields) = &document.definitions[0].body else {
        panic!("no struct");
    };
    let field = &fields[0];
    assert_eq!(field.id.map(|(id, _)| id), Some(-3));
    assert_eq!(field.requiredness, Requiredness::Required);
    assert!(matches!(&field.field_type.kind, TypeKind::Named(name) if name == "other.T"));
    assert!(field.reference);
    assert_eq!(field.docs.as_deref(), Some("d"));
    assert!(matches!(&field.default.as_ref().unwrap().kind, ValueKind::List(v) if v.len() == 1));
    let annotations: Vec<_> = field.annotations.iter().map(|a| (&*a.key.text, a.value.as_deref())).collect();
    assert_eq!(annotations, [("bifrost.ref", None), ("a", Some("b"))]);
}

#[test]
fn docs_of_the_file_and_of_the_first_definition_are_told_apart() {
    let table = [
        ("/** f */ namespace rs a struct S {}", Some("f"), None),
        ("/** f */ /** s */ struct S {}", Some("f"), Some("s")),
        ("/** s */ struct S {}", None, Some("s")),
    ];
    for (text, file, definition) in table {
        let document = parsed(text);
        assert_eq!(document.docs.as_deref(), file, "{text}");
        assert_eq!(document.definitions[0].docs.as_deref(), definition, "{text}");
    }
}

#[test]
fn all_errors_of_a_file_are_reported() {
    let text = "
        struct A {
            1: i32
            2: i32 ok,
            3 i32 b,
            4: list<i32 c
        }
        enum { X }
        const i32 Y 5
        service S {
            void f(1: i32 a
            void g(),
        }
        struct B { 1: i32 fine }
    ";
    let found = messages(text);
    let expected = [
        "expected a field, found `2`",
        "expected `:`, found `i32`",
        "expected `>`, found `c`",
        "expected an enum, found `{`",
        "expected `=`, found `5`",
    ];
    for message in expected {
        assert!(found.iter().any(|m| m == message), "{message}: {found:?}");
    }
    let (document, _) = parse(&Source::new("t.thrift", text));
    let names: Vec<_> = document.definitions.iter().map(|d| &*d.name.text).collect();
    assert!(names.contains(&"A") && names.contains(&"B"), "{names:?}");
}

#[test]
fn nesting_is_limited() {
    let deep = |n: usize| format!("typedef {}i8{} T", "list<".repeat(n), ">".repeat(n));
    assert_eq!(messages(&deep(NESTING_MAX - 1)), [""; 0]);
    assert_eq!(messages(&deep(NESTING_MAX)), ["nested deeper than 64 levels"]);
    let value = format!("const i8 X = {}", "[".repeat(100_000));
    assert_eq!(messages(&value), ["nested deeper than 64 levels"]);
    let attrs = format!("struct S {{ {}", "1: i8 a xsd_attrs { ".repeat(100_000));
    assert!(messages(&attrs).contains(&"nested deeper than 64 levels".to_owned()));
}

#[test]
fn what_is_of_another_dialect_is_called_so() {
    let text = "package \"x.y\"\n@Doc\nstruct S {}\ninteraction I { void f() }\nstruct T {}";
    let (document, diagnostics) = parse(&Source::new("t.thrift", text));
    let found: Vec<_> = diagnostics.iter().map(Diagnostic::to_string).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|text| text.contains("fbthrift")), "{found:?}");
    let names: Vec<_> = document.definitions.iter().map(|d| d.name.text.as_str()).collect();
    assert_eq!(names, ["S", "T"]);
}
