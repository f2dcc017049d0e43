//! Our clients call Python's server.

use crate::common::bifrost;
use crate::peer::{python, scripts};
use crate::{calls, clients, forms};
use serde_json::{Value, json};

#[test]
fn generated_clients_call_everything_in_every_form() {
    let Some(python) = python() else { return };
    let (process, urls) = python.serve(&forms::urls());
    for url in urls {
        eprintln!("{url}");
        calls::everything(&mut clients::apache(&url));
    }
    assert_eq!(process.complaints(), [""; 0]);
}

#[test]
fn native_clients_call_everything_in_every_form() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut urls = forms::urls();
    urls.push(format!("unix://{}?protocol=compact&transport=framed", dir.path().join("socket").display()));
    let (process, urls) = python.serve(&urls);
    for url in urls {
        eprintln!("{url}");
        calls::everything(&mut clients::native(&url));
    }
    assert_eq!(process.complaints(), [""; 0]);
}

#[test]
fn what_a_newer_server_adds_is_passed_over() {
    let Some(python) = python() else { return };
    let newer: Vec<String> = forms::urls().iter().map(|url| format!("{url}&newer=true")).collect();
    let (process, urls) = python.serve(&newer);
    for url in urls {
        eprintln!("{url}");
        calls::newer(&mut clients::apache(&url));
        // The parameter is Python's.
        calls::newer(&mut clients::native(&url.replace("&newer=true", "")));
    }
    assert_eq!(process.complaints(), [""; 0]);
}

#[test]
fn calls_by_idl_reach_python() {
    let Some(python) = python() else { return };
    let (_process, urls) = python.serve(&forms::urls());
    let newer = scripts().join("newer.thrift").display().to_string();
    for url in &urls {
        let call = |rest: &[&str]| bifrost(&[&["call", url.as_str()][..], rest].concat());
        let scalars = json!({"flag": true, "small": -128, "large": i64::MIN, "real": "-Infinity", "text": "🦀", "bytes": "hex:00ff", "color": "BELOW"});
        assert_eq!(call(&["Interop", "echo_scalars", &scalars.to_string()]).json(), scalars, "{url}");
        let containers =
            json!({"choices": [{"several": [{"flag": false}]}], "by_flag": {"true": "t"}, "sets": [[1], []]});
        assert_eq!(call(&["Interop", "echo_containers", &containers.to_string()]).json(), containers, "{url}");
        assert_eq!(call(&["Interop", "loop", "1", "20", "300"]).json(), 321, "{url}");
        assert_eq!(call(&["Interop", "record", "7"]).text(), "", "{url}");
        let declined = call(&["Interop", "fail", "declined"]);
        assert_eq!((declined.code, declined.text().as_str()), (3, ""), "{url}");
        assert!(declined.err.starts_with("{\"Declined\":{\"code\":-42"), "{url}: {}", declined.err);
        assert_eq!(call(&["Interop", "fail", "error"]).code, 4, "{url}");
        // Nobody else has recorded this token, each address once.
        let value = json!({"first": "f", "number": 2, "kind": {"number": 3}, "parts": [{"name": "n", "grid": [[1]]}]});
        let echoed = call(&["Interop", "echo_versioned", &value.to_string(), "", "{}", "--idl", &newer]).json();
        assert_eq!(echoed, json!({"number": 2, "kind": {"number": 3}, "parts": [{"name": "n"}]}), "{url}");
        let unknown = call(&["Interop", "unheard_of", "{}", "1", "--idl", &newer]);
        assert!(unknown.code == 4 && unknown.err.contains("UnknownMethod"), "{url}: {unknown:?}");
    }
    let recorded = bifrost(&["call", &urls[0], "Interop", "recorded", "7"]).json();
    assert_eq!(recorded, Value::from(3 * urls.len()));
}
