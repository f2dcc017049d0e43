//! `bifrost rack`: a whole rack in one process.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]

mod common;
#[path = "rack_up/native.rs"]
mod native;

use common::{Outcome, Serving, bifrost};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

/// Longer than anything takes that happens.
const WAIT: Duration = Duration::from_secs(60);

/// A place to manage a rack at.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        format!("unix://{}", self.directory.path().join("rack.sock").display())
    }

    fn up(&self, options: &[&str]) -> Serving {
        Serving::command(&[&["rack", "up", "--manage", &self.url()], options].concat(), 1)
    }

    fn ask(&self, what: &[&str]) -> Outcome {
        bifrost(&[&["rack"], what, &["--manage", &self.url()]].concat())
    }

    fn status(&self) -> Value {
        self.ask(&["status", "--json"]).json()
    }
}

fn states(status: &Value) -> Vec<(&str, &str)> {
    let nodes = status["nodes"].as_array().unwrap();
    nodes.iter().map(|node| (node["name"].as_str().unwrap(), node["state"].as_str().unwrap())).collect()
}

#[test]
fn a_rack_checks_calls_through_its_switch_and_goes_down() {
    let place = Place::new();
    let outcome = bifrost(&["rack", "up", "--check", "--calls", "5", "--manage", &place.url()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.text().contains("add two of 4 KiB by reference"), "{outcome:?}");
    assert!(outcome.err.contains("the rack is down; every call has finished"), "{outcome:?}");
}

#[test]
fn a_rack_with_a_key_does_the_same() {
    let place = Place::new();
    let key = place.directory.path().join("rack.key");
    std::fs::write(&key, "0b".repeat(32)).unwrap();
    let key = key.to_str().unwrap();
    let up = ["rack", "up", "--check", "--calls", "5", "--key-file", key, "--manage", &place.url()];
    let outcome = bifrost(&up);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn a_rack_that_is_up_tells_how_it_stands_and_is_taken_down() {
    let place = Place::new();
    let rack = place.up(&["--metrics", "127.0.0.1:0"]);
    let status = place.status();
    let expected =
        [("c1", "free"), ("m1", "in use"), ("m2", "in use"), ("m3", "in use"), ("s1", "in use"), ("s2", "in use")];
    assert_eq!(states(&status), expected);
    assert_eq!((&status["ready"], &status["objects"]["count"]), (&true.into(), &0.into()));
    let serving = |name: &str| {
        let instances = status["instances"].as_array().unwrap();
        instances.iter().filter(|found| found["service"] == name && found["serving"] == true).count()
    };
    assert_eq!((serving("Counter"), serving("SharedArrays")), (1, 2));
    let text = place.ask(&["status"]).text();
    assert!(text.contains("NODE") && text.contains("SharedArrays"), "{text}");
    // The service itself, as any client may call it.
    let domain = bifrost(&["call", &place.url(), "Gatekeeper", "failure_domain", "s1"]);
    assert_eq!(domain.json(), serde_json::json!(["s1"]));
    assert_eq!(place.ask(&["down"]).code, 0);
    let (status, err) = rack.end();
    assert!(status.success(), "{err}");
    assert!(err.contains("the rack is down; every call has finished"), "{err}");
    assert_ne!(place.ask(&["status"]).code, 0, "nobody is there any more");
}

#[test]
fn a_rack_that_was_killed_leaves_nothing_in_the_way_of_the_next() {
    let place = Place::new();
    let state = place.directory.path().join("state");
    let state = ["--state", state.to_str().unwrap()];
    let first = place.up(&state);
    let term = place.status()["term"].as_u64().unwrap();
    first.signal(Signal::SIGKILL);
    first.end();
    let second = place.up(&state);
    let status = place.status();
    assert!(status["term"].as_u64().unwrap() > term, "{status}");
    let lives = |status: &Value| status["nodes"].as_array().unwrap().iter().all(|node| node["incarnation"] == 2);
    assert!(lives(&status), "{status}");
    second.signal(Signal::SIGINT);
    assert!(second.end().0.success());
}

/// The parts of a rack of processes, by name.
fn processes(rack: &Serving) -> BTreeMap<String, i32> {
    let mut parts = BTreeMap::new();
    loop {
        let line = rack.line();
        match line.strip_prefix("process ").and_then(|line| line.split_once(": ")) {
            Some((id, rest)) => drop(parts.insert(rest.split(' ').next().unwrap().to_owned(), id.parse().unwrap())),
            None if line == "the rack is up" => return parts,
            None => {}
        }
    }
}

#[test]
fn a_rack_of_processes_checks_calls_through_its_switch_and_goes_down() {
    let place = Place::new();
    let told = ["--log", "debug"];
    let up = ["rack", "up", "--processes", "--check", "--calls", "5", "--manage", &place.url()];
    let outcome = bifrost(&[&up[..], &told].concat());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // Each of its processes tells of the calls.
    for place in ["caller", "switch", "gatekeeper", "callee", "memory"] {
        assert!(outcome.err.contains(&format!("\"{place}\"")), "nothing of the {place}");
    }
}

#[test]
fn what_a_killed_process_served_is_served_by_another() {
    let place = Place::new();
    let rack = place.up(&["--processes", "--heartbeat", "1s"]);
    let parts = processes(&rack);
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["gatekeeper", "m1", "m2", "m3", "s1", "s2", "switch"]);
    kill(Pid::from_raw(parts["s1"]), Signal::SIGKILL).unwrap();
    assert_eq!(rack.line(), "s1 has ended");
    let since = Instant::now();
    loop {
        let status = place.status();
        let serves = |node: &str| {
            let instances = status["instances"].as_array().unwrap();
            instances.iter().any(|found| found["service"] == "SharedArrays" && found["node"] == node)
        };
        if states(&status).contains(&("s1", "failed")) && !serves("s1") && serves("s2") {
            break;
        }
        assert!(since.elapsed() < WAIT, "{status}");
    }
    assert_eq!(place.ask(&["down"]).code, 0);
    // The one that was killed did not end well.
    assert_eq!(rack.end().0.code(), Some(1));
}

/// A rack of processes at a terminal of its own; its parts.
fn at_a_terminal(place: &Place) -> (Serving, BTreeMap<String, i32>) {
    let url = place.url();
    let mut up = common::command(&["rack", "up", "--processes", "--heartbeat", "1s", "--manage", &url]);
    let rack = Serving::of(up.process_group(0), 1);
    let parts = processes(&rack);
    (rack, parts)
}

fn is_there(id: i32) -> bool {
    std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|path| path.ends_with(env!("CARGO_BIN_EXE_bifrost")))
}

fn await_end_of(parts: &BTreeMap<String, i32>) {
    let since = Instant::now();
    while parts.values().any(|id| is_there(*id)) {
        assert!(since.elapsed() < WAIT, "some of {parts:?} are left");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ctrl_c_at_a_terminal_takes_a_rack_of_processes_down_in_good_order() {
    let place = Place::new();
    let (rack, parts) = at_a_terminal(&place);
    // It goes to all processes of the terminal.
    kill(Pid::from_raw(-i32::try_from(rack.process()).unwrap()), Signal::SIGINT).unwrap();
    let (status, err) = rack.end();
    assert!(status.success() && err.contains("the rack is down; every call has finished"), "{err}");
    await_end_of(&parts);
}

#[test]
fn a_rack_of_processes_that_was_killed_takes_its_parts_along() {
    let place = Place::new();
    let (rack, parts) = at_a_terminal(&place);
    assert!(parts.values().all(|id| is_there(*id)));
    rack.signal(Signal::SIGKILL);
    await_end_of(&parts);
}

#[test]
fn a_second_rack_at_one_place_is_told_of_the_first() {
    let place = Place::new();
    let first = place.up(&[]);
    for options in [&[][..], &["--processes"]] {
        let second = place.ask(&[&["up"], options].concat());
        assert!(second.code == 2 && second.err.contains("a rack is up at unix:///"), "{second:?}");
    }
    assert_eq!(place.status()["ready"], true, "the first goes on");
    assert_eq!(place.ask(&["down"]).code, 0);
    assert!(first.end().0.success());
}

#[test]
fn a_rack_is_watched_until_ctrl_c() {
    let place = Place::new();
    let rack = place.up(&[]);
    let mut watching = common::command(&["rack", "status", "--watch", "--manage", &place.url()]).spawn().unwrap();
    let shown = common::lines(watching.stdout.take().unwrap());
    for _ in 0..2 {
        while !shown.recv_timeout(WAIT).unwrap().contains("Gatekeeper: term 1") {}
    }
    kill(Pid::from_raw(i32::try_from(watching.id()).unwrap()), Signal::SIGINT).unwrap();
    assert!(watching.wait().unwrap().success());
    assert_eq!(place.ask(&["down"]).code, 0);
    assert!(rack.end().0.success());
}

#[test]
fn a_file_where_a_rack_is_to_be_managed_is_left_alone() {
    let place = Place::new();
    let file = place.directory.path().join("rack.sock");
    std::fs::write(&file, "mine").unwrap();
    let outcome = place.ask(&["up"]);
    assert!(outcome.code == 1 && outcome.err.contains("cannot listen on"), "{outcome:?}");
    assert_eq!(outcome.err.matches("in use").count(), 1, "{outcome:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_mistake_in_a_description_is_pointed_to() {
    let place = Place::new();
    let file = place.directory.path().join("rack.toml");
    let node = "name = \"c1\"\nport = 1\nmac = \"02:00:00:00:01:01\"\naddresses = [\"fd00:b1f0:0:1::c1\"]\n";
    std::fs::write(&file, format!("[rack]\nprefix = \"fd00:b1f0:0:1::/64\"\n[[node]]\n{node}serve = [\"Ping\"]\n"))
        .unwrap();
    let outcome = place.ask(&["up", file.to_str().unwrap()]);
    assert!(outcome.code == 2 && outcome.err.contains("rack.toml:8:1"), "{outcome:?}");
    let said = "error: there are no rules for this rack\n\nerror: unknown field `serve`, expected one of";
    assert!(outcome.err.starts_with(said), "{outcome:?}");
}

#[test]
fn two_racks_cannot_share_a_log() {
    let place = Place::new();
    let state = place.directory.path().join("state");
    let state = ["--state", state.to_str().unwrap()];
    let _first = place.up(&state);
    let other = format!("unix://{}", place.directory.path().join("other.sock").display());
    let second = bifrost(&[&["rack", "up", "--manage", &other][..], &state].concat());
    assert!(second.code == 1 && second.err.contains("another control plane runs with this log"), "{second:?}");
}

#[test]
fn wrong_usage_is_told() {
    let place = Place::new();
    let description = place.directory.path().join("rack.toml");
    std::fs::write(&description, "[rack]\nprefix = \"fd00:b1f0:0:1::/64\"\n").unwrap();
    let no_machines = description.to_str().unwrap();
    for (args, complaint) in [
        (&["rack", "up", "--check", no_machines][..], "the checks need a node"),
        (&["rack", "up", "--manage", "tcp://192.0.2.1:1"], "from its own machine only"),
        (&["rack", "up", "--metrics", "192.0.2.1:1", "--manage", &place.url()], "to this machine only"),
        (&["gatekeeper", "--rack", no_machines, "--control", "nowhere"], "give --state"),
    ] {
        let outcome = bifrost(args);
        assert!(outcome.code == 2 && outcome.err.contains(complaint), "{outcome:?}");
    }
}

#[test]
fn a_control_plane_without_a_switch_says_so() {
    let place = Place::new();
    let description = place.directory.path().join("rack.toml");
    std::fs::write(&description, "[rack]\nprefix = \"fd00:b1f0:0:1::/64\"\n").unwrap();
    let (description, state) = (description.to_str().unwrap(), place.directory.path().join("state"));
    let control = place.directory.path().to_str().unwrap();
    let args = ["gatekeeper", "--supervised", "--rack", description, "--control", control, "--manage", &place.url()];
    let outcome = bifrost(&[&args[..], &["--state", state.to_str().unwrap()]].concat());
    assert!(outcome.code == 1 && outcome.err.contains("no switch is at"), "{outcome:?}");
    let gone = place.ask(&["status"]);
    assert!(gone.err.contains("no rack is up"), "{gone:?}");
}
