//! The same with each machine in a network namespace of its own. Needs root, `ip`, `ethtool`, `setpriv` and `unshare`; skipped, and said so,
//! without.

use super::common::{Outcome, Serving, bifrost, command, run};
use super::{Place, WAIT, processes, states};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const NAMESPACES: &str = "/run/netns";

/// What it takes that this machine has not, or does not let this user do.
fn missing() -> Option<String> {
    if !Uid::effective().is_root() {
        return Some("not root".to_owned());
    }
    let tools = ["ip -V", "ethtool --version", "setpriv --pdeathsig KILL -- true", "unshare --net true"];
    let succeeds = |line: &&str| {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap());
        let command = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    tools.into_iter().find(|line| !succeeds(line)).map(|line| format!("`{line}` fails"))
}

/// Says why, past the harness, which swallows what a passing test prints.
fn is_skipped(what: &str) -> bool {
    let missing = missing();
    if let Some(why) = &missing {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {what} is not tested in network namespaces: {why}");
    }
    missing.is_some()
}

/// The names of the namespaces that a process has made and that are there.
fn namespaces(creator: u32) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(NAMESPACES) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(&format!("bifrost-{creator}-"))).collect()
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < WAIT, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Whether a process is there and is more than its exit status.
fn is_alive(process: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn check(place: &Place, options: &[&str]) -> Outcome {
    let up = ["rack", "up", "--native", "--check", "--calls", "5", "--manage", &place.url()];
    bifrost(&[&up, options].concat())
}

fn serves(status: &Value, node: &str) -> bool {
    let instances = status["instances"].as_array().unwrap();
    instances.iter().any(|found| found["service"] == "SharedArrays" && found["node"] == node)
}

/// Takes a rack down, which ends with this status and leaves nothing.
fn goes_down(place: &Place, rack: Serving, parts: impl IntoIterator<Item = i32>, code: i32) {
    let creator = rack.process();
    assert_eq!(place.ask(&["down"]).code, 0);
    let (status, err) = rack.end();
    assert_eq!(status.code(), Some(code), "{err}");
    assert_eq!(namespaces(creator), Vec::<String>::new());
    assert!(!parts.into_iter().any(is_alive));
}

#[test]
fn a_native_rack_checks_calls_through_its_switch_and_goes_down() {
    if is_skipped("a rack") {
        return;
    }
    let place = Place::new();
    let outcome = check(&place, &[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.text().contains("add two of 4 KiB by reference"), "{outcome:?}");
    let machine = |line: &&str| line.starts_with("namespace bifrost-");
    let names: Vec<&str> = outcome.err.lines().filter(machine).collect();
    assert_eq!(names.len(), 6, "{outcome:?}");
    for line in names {
        let name = line.trim_start_matches("namespace ").split(':').next().unwrap();
        assert!(!Path::new(NAMESPACES).join(name).exists(), "{name} is left over");
    }
}

#[test]
fn a_native_rack_with_a_key_does_the_same() {
    if is_skipped("a rack with a key") {
        return;
    }
    let place = Place::new();
    let key = place.directory.path().join("rack.key");
    std::fs::write(&key, "0b".repeat(32)).unwrap();
    let outcome = check(&place, &["--key-file", key.to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn a_native_rack_on_bmv2_does_the_same() {
    let finds = |directory: &Path| directory.join("simple_switch").exists();
    if !std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|directory| finds(&directory)) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: a rack on simple_switch: there is none in PATH");
        return;
    }
    if is_skipped("a rack on simple_switch") {
        return;
    }
    let place = Place::new();
    let outcome = check(&place, &["--bmv2"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn a_native_rack_tells_how_it_stands_and_leaves_nothing() {
    if is_skipped("how a rack stands") {
        return;
    }
    let place = Place::new();
    let rack = place.up(&["--native", "--metrics", "127.0.0.1:0"]);
    let parts = processes(&rack);
    assert_eq!(namespaces(rack.process()).len(), 7);
    let status = place.status();
    let expected =
        [("c1", "free"), ("m1", "in use"), ("m2", "in use"), ("m3", "in use"), ("s1", "in use"), ("s2", "in use")];
    let joined: Vec<_> = states(&status).into_iter().filter(|(name, _)| *name != "c1").collect();
    assert_eq!(joined, expected[1..]);
    assert!(serves(&status, "s1") && serves(&status, "s2"), "{status}");
    goes_down(&place, rack, parts.into_values(), 0);
    assert_ne!(place.ask(&["status"]).code, 0, "nobody is there any more");
}

#[test]
fn a_native_rack_goes_down_when_it_is_interrupted() {
    if is_skipped("a rack that is interrupted") {
        return;
    }
    let place = Place::new();
    let rack = place.up(&["--native"]);
    let (creator, parts) = (rack.process(), processes(&rack));
    rack.signal(Signal::SIGINT);
    let (status, err) = rack.end();
    assert!(status.success(), "{err}");
    assert_eq!(namespaces(creator), Vec::<String>::new());
    assert!(!parts.into_values().any(is_alive));
}

#[test]
fn killed_machines_of_a_native_rack_are_done_without() {
    if is_skipped("the death of machines") {
        return;
    }
    let place = Place::new();
    let rack = place.up(&["--native", "--heartbeat", "1s"]);
    let parts = processes(&rack);
    for name in ["s1", "m2"] {
        kill(Pid::from_raw(parts[name]), Signal::SIGKILL).unwrap();
        assert_eq!(rack.line(), format!("{name} has ended"));
    }
    until("they are declared dead, and what they served is served by others", || {
        let status = place.status();
        let states = states(&status);
        [("s1", "failed"), ("m2", "failed"), ("m1", "in use")].iter().all(|state| states.contains(state))
            && !serves(&status, "s1")
            && serves(&status, "s2")
    });
    // The ones that were killed did not end well.
    goes_down(&place, rack, parts.into_values(), 1);
}

#[test]
fn what_a_killed_native_rack_leaves_is_removed_by_the_next() {
    if is_skipped("the death of a rack") {
        return;
    }
    let place = Place::new();
    let first = place.up(&["--native"]);
    let (creator, parts) = (first.process(), processes(&first));
    first.signal(Signal::SIGKILL);
    first.end();
    until("its processes end with it", || !parts.values().any(|part| is_alive(*part)));
    assert_eq!(namespaces(creator).len(), 7);
    let second = place.up(&["--native"]);
    assert_eq!(namespaces(creator), Vec::<String>::new());
    let parts = processes(&second);
    goes_down(&place, second, parts.into_values(), 0);
}

#[test]
fn what_a_native_rack_needs_is_told() {
    let place = Place::new();
    let outcome = run(command(&["rack", "up", "--native", "--manage", &place.url()]).env("PATH", ""));
    let needs = "--native needs root, a kernel that lets it make network namespaces, and the programs `ip`, `ethtool`";
    assert!(outcome.code == 1 && outcome.err.contains(needs), "{outcome:?}");
    let cause = if Uid::effective().is_root() { "cannot run ip" } else { "this is not root" };
    assert!(outcome.err.contains(cause), "{outcome:?}");
}
