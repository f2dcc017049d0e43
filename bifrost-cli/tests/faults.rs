//! What is wrong is said, with the status that says whose fault it is.

mod common;

use common::bifrost;
use std::net::{TcpListener, UdpSocket};

/// Runs a wrong command line and returns what it said.
fn complaint(args: &[&str]) -> String {
    let outcome = bifrost(args);
    assert_eq!(outcome.code, 2, "{args:?}: {outcome:?}");
    assert!(outcome.out.is_empty(), "{args:?}: {outcome:?}");
    outcome.err
}

#[test]
fn wrong_calls_are_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.thrift");
    std::fs::write(&broken, "service Counter { i64 add(1: lng delta) }").unwrap();
    let broken = broken.display().to_string();
    let url = "udp://[::1]:9";
    for (args, expected) in [
        (&["here", "Counter", "value"][..], "udp://[::1]:7400"),
        (&["http://[::1]:80", "Counter", "value"], "no scheme \"http\""),
        (&["tcp://[::1]:80?protocol=xml", "Counter", "value"], "binary, compact and json"),
        (&["udp://no.such.host.invalid:1", "Counter", "value"], "cannot resolve"),
        (&[url, "Count", "value"], "no service \"Count\""),
        (&[url, "Counter", "sub"], "it has add and value"),
        (&[url, "Counter", "add"], "\"delta\" is missing"),
        (&[url, "Counter", "add", "{"], "expected i64 as JSON"),
        (&[url, "Counter", "add", "\"5\""], "expected i64"),
        (&[url, "Counter", "add", "1", "2"], "no argument for \"2\""),
        (&[url, "Counter", "add", "9223372036854775808"], "no i64"),
        (&[url, "Echo", "echo", "@/no/file"], "cannot read the file"),
        (&[url, "Counter", "value", "--deadline", "5"], "without a unit"),
        (&[url, "Counter", "value", "--deadline", "0s"], "more than 0"),
        (&[url, "Counter", "value", "--repeat", "0"], "--repeat"),
        (&[url, "Counter", "value", "--idl", "/no/file.thrift"], "no file"),
        (&[url, "Counter", "value", "--idl", &broken], "broken.thrift:1:30"),
        (&["tcp://[::1]:9", "Counter", "value", "--key-file", "/no/file"], "seals UDP only"),
    ] {
        let said = complaint(&[&["call"], args].concat());
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn wrong_servers_do_not_start() {
    let several = "tcp://127.0.0.1:0?multiplexed=false";
    for (args, expected) in [
        (&["Shop"][..], "Ping, Echo, Arrays, SharedArrays, Counter, Store, Health, Interop and InteropUuid"),
        (&["Ping", "Ping"], "twice"),
        (&[], "SERVICE"),
        (&["Ping", "--listen", "[::1]:7400"], "scheme://host:port"),
        (&["Ping", "--listen", "tcp://[::1]:0?transport=http"], "framed and buffered"),
        (&["Ping", "Echo", "--listen", several], "multiplexing"),
        (&["Ping", "--listen", "tcp://[::1]:0", "--key-file", "/no/file"], "seals UDP only"),
        (&["Ping", "--max-message", "64X"], "no size"),
        (&["Ping", "--drain", "5"], "without a unit"),
        (&["Ping", "--workers", "0"], "--workers"),
        (&["SharedArrays", "--memory", "tcp://[::1]:7501"], "--memory"),
    ] {
        let said = complaint(&[&["serve"], args].concat());
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for url in [format!("tcp://{}", tcp.local_addr().unwrap()), format!("udp://{}", udp.local_addr().unwrap())] {
        let outcome = bifrost(&["serve", "Ping", "--listen", &url]);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(outcome.err.contains(url.split("://").nth(1).unwrap()), "{outcome:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_from_one_that_is_silent() {
    // Bound, so that nobody else answers there; never read.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", silent.local_addr().unwrap());
    let outcome = bifrost(&["call", &url, "Counter", "add", "1", "--deadline", "300ms"]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.err.contains("The call did not run."), "{outcome:?}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let outcome = bifrost(&["call", &url, "Counter", "add", "1", "--deadline", "300ms"]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.err.contains("The call may have run."), "{outcome:?}");

    drop(listener);
    let outcome = bifrost(&["call", &url, "Counter", "add", "1", "--deadline", "5s"]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.err.contains("The call did not run."), "{outcome:?}");
}
