//! The rack of `docs/rack.md`: a switch, a server and clients, each a process, with the commands that stand there.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where something is missing, and says what it skips"
)]

mod common;

use bifrost_switch::bmv2;
use common::{Serving, bifrost};

const ENTRIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../switch/racks/by-hand.txt");
const SERVER: &str = "node=s1&address=fd00:b1f0:0:1::51&mac=02:00:00:00:02:01";
const CLIENT: &str = "node=c1&address=fd00:b1f0:0:1::c1&mac=02:00:00:00:01:01";

/// A switch with the entries, at a free port, and the beginning of its tunnels' URLs.
fn switch(options: &[&str]) -> (Serving, String) {
    let ports = ["--port", "1=tunnel:c1", "--port", "2=tunnel:s1", "--listen", "udp://[::1]:0"];
    let args = [&["switch", "--entries", ENTRIES][..], &ports, options].concat();
    let switch = Serving::command(&args, 1);
    let tunnel = switch.url().replace("udp://", "tunnel://");
    (switch, tunnel)
}

#[test]
fn a_client_that_knows_a_services_name_calls_it_through_the_switch() {
    called_through(switch(&["--runtime", "none"]));
}

#[test]
fn a_client_calls_it_through_bmv2() {
    if bmv2::find().is_none() {
        println!("SKIPPED: no simple_switch in PATH");
        return;
    }
    called_through(switch(&["--bmv2"]));
    let path = bmv2::find().unwrap();
    called_through(switch(&["--bmv2", path.to_str().unwrap()]));
}

fn called_through((_switch, tunnel): (Serving, String)) {
    let (server, client) = (format!("{tunnel}?{SERVER}"), format!("{tunnel}?{CLIENT}"));
    let serving = Serving::command(&["serve", "Counter", "--link", &server], 1);
    assert_eq!(serving.url(), "udp://[fd00:b1f0:0:1::51]:7400");
    for total in [5, 10] {
        let answer = bifrost(&["call", "rack://Counter", "Counter", "add", "5", "--link", &client]);
        assert_eq!(answer.json(), total);
    }
    let nobody = ["call", "rack://Store", "Store", "get", "fox", "--deadline", "300ms", "--link", &client];
    assert_eq!(bifrost(&nobody).code, 5, "a service without an entry answered");
}

#[test]
fn a_rack_with_a_key_takes_only_who_knows_it() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("rack.key");
    std::fs::write(&key, "0b".repeat(32)).unwrap();
    let key = key.to_str().unwrap();
    let (_switch, tunnel) = switch(&["--runtime", "none", "--key-file", key]);
    let (server, client) = (format!("{tunnel}?{SERVER}"), format!("{tunnel}?{CLIENT}"));
    let _serving = Serving::command(&["serve", "Counter", "--link", &server, "--link-key", key], 1);
    let call = ["call", "rack://Counter", "Counter", "value", "--link", &client];
    let stranger = bifrost(&call);
    assert!(stranger.err.contains("no answer, or one under another key"), "{stranger:?}");
    assert_eq!(bifrost(&[&call[..], &["--link-key", key]].concat()).json(), 0);
}

#[test]
fn wrong_links_are_wrong_usage() {
    for (args, complaint) in [
        (&["--link", "tunnel://[::1]:7410"][..], "say who attaches"),
        (&["--link", "udp://[::1]:7410?node=c1"], "tunnel://"),
        (&["--link", "tunnel://192.0.2.1:7410?node=c1"], "needs the rack's key"),
        (&[], "in which rack?"),
    ] {
        let outcome = bifrost(&[&["call", "rack://Counter", "Counter", "value"][..], args].concat());
        assert!(outcome.code != 0 && outcome.err.contains(complaint), "{outcome:?}");
    }
}
