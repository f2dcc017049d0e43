//! `serve` and `call` together, over every transport.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Serving, bifrost};
use serde_json::{Value, json};

const TCP: [&str; 6] = [
    "tcp://127.0.0.1:0?protocol=binary&transport=framed",
    "tcp://127.0.0.1:0?protocol=compact&transport=framed",
    "tcp://127.0.0.1:0?protocol=binary&transport=buffered",
    "tcp://[::1]:0?protocol=compact&transport=buffered",
    "tcp://127.0.0.1:0?protocol=json&transport=framed",
    "tcp://[::1]:0?protocol=json&transport=buffered",
];

/// Every transport; the paths of Unix sockets go with the directory.
fn everywhere() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let unix = |name: &str, query: &str| format!("unix://{}{query}", dir.path().join(name).display());
    let mut urls: Vec<String> =
        ["udp://[::1]:0", "udp://127.0.0.1:0"].into_iter().chain(TCP).map(str::to_owned).collect();
    urls.extend([unix("framed", ""), unix("buffered", "?transport=buffered&protocol=compact")]);
    (dir, urls)
}

fn start(services: &[&str]) -> (tempfile::TempDir, Serving) {
    let (dir, urls) = everywhere();
    let listen: Vec<&str> = urls.iter().map(String::as_str).collect();
    let serving = Serving::start(services, &listen, &[]);
    (dir, serving)
}

fn json(url: &str, rest: &[&str]) -> Value {
    bifrost(&[&["call", url][..], rest].concat()).json()
}

#[test]
fn one_service_is_called_over_every_transport() {
    let (_dir, serving) = start(&["Counter"]);
    let mut expected = 0;
    for url in &serving.urls {
        assert!(!url.contains(":0?") && !url.ends_with(":0") && !url.contains("multiplexed"), "{url}");
        expected += 5;
        assert_eq!(json(url, &["Counter", "add", "5"]), expected, "{url}");
        expected -= 1;
        assert_eq!(json(url, &["Counter", "add", "delta=-1"]), expected, "{url}");
        assert_eq!(json(url, &["Counter", "value", "--deadline", "5s"]), expected, "{url}");
    }
}

#[test]
fn several_services_share_an_address() {
    let (_dir, serving) = start(&["Store", "Echo", "Ping", "Arrays"]);
    for (n, url) in serving.urls.iter().enumerate() {
        assert_ne!(url.starts_with("udp"), url.contains("multiplexed=true"), "{url}");
        let (key, value) = (format!("key-{n}"), r#"{"items": [{"text": "Quick fox"}, {"number": -7}]}"#);
        assert_eq!(json(url, &["Store", "put", &key, value, "expected=0"]), 1, "{url}");
        let found = json(url, &["Store", "get", &key]);
        let items = json!([{"text": "Quick fox"}, {"number": -7}]);
        assert_eq!(found, json!({"key": key, "value": {"items": items}, "version": 1, "labels": ["fox", "quick"]}));
        assert_eq!(json(url, &["Store", "find", r#"["fox"]"#]).as_object().unwrap().len(), n + 1, "{url}");
        assert_eq!(json(url, &["Arrays", "add", "hex:01ff", "hex:0101"]), "hex:0200");
        assert_eq!(json(url, &["Arrays", "increment_list", "[1, 127]", "1"]), json!([2, -128]));
        assert_eq!(json(url, &["Ping", "ping"]), Value::Null);
        // Oneway: nothing is printed, and the server has it, once.
        let note = bifrost(&["call", url, "Store", "note", "hello"]);
        assert_eq!((note.code, note.text().as_str()), (0, ""));
        assert_eq!(serving.line(), "note to Store: hello", "{url}");
    }
    let notes = json(serving.url(), &["Store", "status"])["gauges"]["notes"].as_f64();
    assert_eq!(notes, Some(f64::from(u32::try_from(serving.urls.len()).unwrap())), "one at each address");
}

#[test]
fn exceptions_have_codes_of_their_own() {
    let (_dir, serving) = start(&["Store", "Ping"]);
    for url in &serving.urls {
        let missing = bifrost(&["call", url, "Store", "get", "nothing"]);
        assert_eq!((missing.code, missing.err.as_str()), (3, "{\"NotFound\":{\"key\":\"nothing\"}}\n"), "{url}");
        let refused = bifrost(&["call", url, "Store", "put", "a", r#"{"number": 1}"#, "7"]);
        assert_eq!((refused.code, refused.text().as_str()), (3, ""), "{url}");
        assert!(refused.err.contains("\"version\":0"), "{refused:?}");
        let unknown = bifrost(&["call", url, "Counter", "value"]);
        assert_eq!(unknown.code, 4, "{url}: {unknown:?}");
        assert!(unknown.err.contains("TApplicationException"), "{unknown:?}");
    }
}

#[test]
fn binaries_come_back_as_they_went() {
    let (_dir, serving) = start(&["Echo"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    std::fs::write(file.path(), &bytes).unwrap();
    let large = format!("@{}", file.path().display());
    for url in &serving.urls {
        assert!(bifrost(&["call", url, "Echo", "echo", &large, "--raw"]).out == bytes, "{url}");
        assert_eq!(json(url, &["Echo", "echo", "plain text"]), "plain text");
        assert_eq!(json(url, &["Echo", "echo", "base64:AP8="]), "hex:00ff");
        assert_eq!(json(url, &["Echo", "echo", ""]), "");
    }
}

#[test]
fn calls_are_repeated() {
    let (_dir, serving) = start(&["Counter"]);
    for (n, url) in serving.urls.iter().enumerate() {
        let outcome = bifrost(&["call", url, "Counter", "add", "1", "--repeat", "3", "--deadline", "5s"]);
        let lines: Vec<String> = (1..=3).map(|i| (3 * n + i).to_string()).collect();
        assert_eq!(outcome.text().lines().collect::<Vec<_>>(), lines, "{url}");
    }
}

#[test]
fn uuids_are_called_with() {
    let (_dir, serving) = start(&["InteropUuid", "Interop"]);
    let (one, other) = ("00112233-4455-6677-8899-aabbccddeeff", "ffeeddcc-bbaa-9988-7766-554433221100");
    let value = json!({"id": one, "must": other, "several": [one, other], "unique": [one], "by_id": {one: "text"},
        "named": {"": [], "b": [other]}, "choice": {"ids": [one]}});
    for url in &serving.urls {
        assert_eq!(json(url, &["InteropUuid", "echo_uuid", one]), one, "{url}");
        assert_eq!(json(url, &["InteropUuid", "echo_uuids", &value.to_string()]), value, "{url}");
        let unknown = bifrost(&["call", url, "InteropUuid", "echo_uuid", &"0".repeat(32)]);
        assert!(unknown.code == 3 && unknown.err.contains("Unknown"), "{unknown:?}");
    }
}

#[test]
fn idl_of_ones_own_is_called_by() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.thrift");
    std::fs::write(&path, "service Counter { i64 add(7: string unused, 1: i64 by = 2), i64 value() }").unwrap();
    let serving = Serving::start(&["Counter"], &["udp://[::1]:0"], &[]);
    let idl = path.display().to_string();
    assert_eq!(serving.call(&["mine.Counter", "add", "x", "--idl", &idl]).json(), 2);
    assert_eq!(serving.call(&["Counter", "add", "by=3", "unused=x", "--idl", &idl]).json(), 5);
}

#[test]
fn sealed_calls_need_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let key = |name: &str, digits: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, digits.repeat(32)).unwrap();
        path.display().to_string()
    };
    let (right, wrong, bad) = (key("right", "0a"), key("wrong", "0b"), key("bad", "zz"));
    let serving = Serving::start(&["Counter"], &["udp://[::1]:0"], &["--key-file", &right]);
    assert_eq!(serving.call(&["Counter", "add", "5", "--key-file", &right]).json(), 5);
    for options in [&["--key-file", wrong.as_str()][..], &[]] {
        let args = [&["Counter", "add", "5", "--deadline", "1s"][..], options].concat();
        let outcome = serving.call(&args);
        assert_eq!(outcome.code, 5, "{outcome:?}");
        assert!(outcome.err.contains("The call did not run."), "{outcome:?}");
    }
    assert_eq!(serving.call(&["Counter", "value", "--key-file", &bad]).code, 2);
    assert_eq!(serving.call(&["Counter", "value", "--key-file", "/no/file"]).code, 1);
    assert_eq!(serving.call(&["Counter", "value", "--key-file", &right]).json(), 5);
}

#[test]
fn how_a_call_gets_on_is_told_on_standard_error() {
    let serving = Serving::start(&["Counter"], &["udp://[::1]:0"], &[]);
    let call = |options: &[&str]| bifrost(&[&["call", &serving.urls[0], "Counter", "add", "5"], options].concat());
    assert_eq!(call(&[]).err, "");
    let told = call(&["--log", "debug"]).err;
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("bifrost::call")).collect();
    let ends = (lines[0], lines[lines.len() - 1]);
    assert!(ends.0.contains("sends the call") && ends.1.contains("gets the answer"), "{told}");
    let told = call(&["--log", "bifrost::call=debug", "--log-json"]).err;
    let fields: Vec<Value> =
        told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone()).collect();
    assert_eq!(fields[0]["call"], fields[1]["call"], "{told}");
    let wrong = call(&["--log", "call=loud"]);
    assert!(wrong.code == 2 && wrong.err.contains("--log call=loud"), "{wrong:?}");
}
