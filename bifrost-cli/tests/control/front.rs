//! Who reaches the control front, and what people see of it.

use crate::common::bifrost;
use crate::rack::{A, KEY, Memory, Plane};
use bifrost_dsm::front::idl::memory_control::{MemoryControlClient, TMemoryControlSyncClient};
use bifrost_rpc::memory::{MemoryClient, MemoryError};
use bifrost_rpc::{CallError, Channel};
use serde_json::json;
use std::io::Write;

fn key_file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    KEY.iter().try_for_each(|byte| write!(file, "{byte:02x}")).unwrap();
    file
}

#[test]
fn with_a_key_only_what_is_sealed_with_it_is_heard() {
    let file = key_file();
    let key = file.path().to_str().unwrap();
    // Sealed, it may listen anywhere.
    let server = Memory::with(&["--control", "udp://0.0.0.0:0", "--control-key", key]);
    let url = server.control.replace("0.0.0.0", "127.0.0.1");
    let mut plane = Plane::sealed(&url, KEY);
    assert_eq!(plane.cleanup(A), Ok(1));
    for channel in [Channel::builder(), Channel::builder().key(bifrost_rpc::Key::from_bytes([1; 32]))] {
        let mut stranger = MemoryControlClient::new(channel.connect(&url).unwrap());
        let error = stranger.info().unwrap_err();
        assert!(matches!(CallError::of(&error), Some(CallError::Refused(_))), "{error}");
    }
    assert_eq!(plane.client.info().unwrap().last.sequence, 1);
    let seen = bifrost(&["call", &url, "MemoryControl", "info", "--key-file", key]).json();
    assert_eq!((&seen["server"], &seen["open"]), (&json!(1), &json!(false)));
    assert_eq!(server.end(), [""; 0], "no warning");
}

#[test]
fn without_a_key_it_listens_to_this_machine_only_and_says_so() {
    for url in ["udp://0.0.0.0:0", "udp://[::]:0"] {
        let outcome = bifrost(&["mem", "udp://127.0.0.1:0", "--control", url]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.err.contains(url) && outcome.err.contains("--control-key"), "{}", outcome.err);
    }
    let tcp = bifrost(&["mem", "udp://127.0.0.1:0", "--control", "tcp://127.0.0.1:0"]);
    assert!(tcp.code == 2 && tcp.err.contains("udp:// or unix://"), "{}", tcp.err);
    let file = key_file();
    let key = ["--control-key", file.path().to_str().unwrap()];
    let unix = bifrost(&[&["mem", "udp://127.0.0.1:0", "--control", "unix:///nowhere"], &key[..]].concat());
    assert!(unix.code == 2 && unix.err.contains("sealed"), "{}", unix.err);
    let written = Memory::start().end();
    assert!(written.len() == 1 && written[0].contains("--control-key"), "{written:?}");
}

#[test]
fn control_and_memory_do_not_share_an_address() {
    let server = Memory::start();
    let outcome = bifrost(&["call", &server.url, "MemoryControl", "info"]);
    assert_eq!(outcome.code, 4, "an unknown method: {outcome:?}");
    let memory = MemoryClient::connect(&server.control).unwrap();
    assert!(matches!(memory.alloc(1), Err(MemoryError::Call(CallError::Refused(_)))));
}

#[test]
fn a_unix_socket_reaches_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("unix://{}", dir.path().join("control").display());
    let server = Memory::with(&["--control", &url]);
    server.node(A).alloc(1000).unwrap();
    let metrics = bifrost(&["call", &server.control, "MemoryControl", "metrics"]).json();
    assert_eq!((&metrics["objects"], &metrics["operations"]["alloc"]), (&json!(1), &json!(1)));
}

#[test]
fn people_see_the_table_and_the_metrics_by_bifrost_call() {
    let server = Memory::with(&["--server", "3", "--capacity", "1M", "--control", "udp://127.0.0.1:0"]);
    let channels = Channel::builder().local([127, 0, 0, 2].into());
    let list = format!("3={}", server.url);
    let node = bifrost_rpc::memory::GlobalMemory::connect_with(&list, channels).unwrap();
    let object = node.alloc_and_write(vec![1; 1000]).unwrap();
    assert!(node.alloc(2 << 20).is_err());
    let see = |rest: &[&str]| bifrost(&[&["call", &server.control, "MemoryControl"], rest].concat()).json();
    let metrics = see(&["metrics"]);
    assert_eq!(metrics["capacity_bytes"], json!(1 << 20));
    assert_eq!(metrics["operations"], json!({"alloc": 1, "free": 0, "read": 0, "write": 0}));
    assert_eq!(metrics["refusals"], json!({"OutOfMemory": 1}));
    let pointer = json!(uuid::Uuid::from(object).to_string());
    let page = see(&["table"]);
    let row = &page["objects"][0];
    assert_eq!((&row["object"], &row["bytes"]), (&pointer, &json!(1000)));
    assert_eq!(row["control"], json!({"node": "127.0.0.2", "incarnation": 1}));
    let after = format!("after={}", pointer.as_str().unwrap());
    assert_eq!(see(&["table", &after])["objects"], json!([]));
    assert_eq!(see(&["leases", pointer.as_str().unwrap()]), json!([]));
    let stamp = r#"{"term": 1, "sequence": 1}"#;
    let cleanup = [&["cleanup", stamp][..], &[r#"{"node": "127.0.0.2", "incarnation": 1}"#]].concat();
    assert_eq!(see(&cleanup), json!(2));
    assert_eq!(see(&["info"])["last"], json!({"term": 1, "sequence": 1}));
    assert_eq!(see(&["ended"]), json!([{"node": "127.0.0.2", "incarnation": 1}]));
}
