//! A rack of processes, and nodes in the test's own process.

use crate::WAIT;
use crate::common::{Outcome, Serving, bifrost};
use bifrost_rpc::node::{Node, NodeBuilder};
use bifrost_rpc::{Channel, Key};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Two nodes for tests, one that serves, two memory servers.
const DESCRIPTION: &str = r#"
[rack]
prefix = "fd00:b1f0:0:1::/64"

[[node]]
name = "c1"
port = 1
mac = "02:00:00:00:01:01"
addresses = ["fd00:b1f0:0:1::c1"]

[[node]]
name = "c2"
port = 2
mac = "02:00:00:00:01:02"
addresses = ["fd00:b1f0:0:1::c2"]

[[node]]
name = "s1"
port = 3
mac = "02:00:00:00:02:01"
addresses = ["fd00:b1f0:0:1::51"]
serves = ["Ping", "Counter", "SharedArrays"]

[[memory]]
id = 1
port = 4
mac = "02:00:00:00:03:01"

[[memory]]
id = 2
port = 5
mac = "02:00:00:00:03:02"
"#;

/// A rack that is up. Dropping it ends all of it, whatever state it is in.
pub(crate) struct Rack {
    directory: TempDir,
    up: Option<Serving>,
    /// All processes that there were, by name.
    parts: BTreeMap<String, i32>,
    gone: Vec<i32>,
    tunnel: String,
    key: Option<Key>,
}

impl Rack {
    pub(crate) fn up() -> Self {
        Self::start(None)
    }

    /// A rack with a key, out of a file.
    pub(crate) fn with_key() -> Self {
        Self::start(Some(Key::from_bytes([0x0b; 32])))
    }

    fn start(key: Option<Key>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (description, file) = (directory.path().join("rack.toml"), directory.path().join("rack.key"));
        std::fs::write(&description, DESCRIPTION).unwrap();
        std::fs::write(&file, "0b".repeat(32)).unwrap();
        let manage = manage(directory.path());
        // Heartbeats so slow that a busy machine is not taken for dead.
        let mut args =
            vec!["rack", "up", description.to_str().unwrap(), "--processes", "--heartbeat", "1s", "--manage", &manage];
        args.extend(key.iter().flat_map(|_| ["--key-file", file.to_str().unwrap()]));
        let up = Serving::command(&args, 1);
        let (parts, gone, tunnel) = (BTreeMap::new(), Vec::new(), String::new());
        let mut rack = Self { directory, up: Some(up), parts, gone, tunnel, key };
        while rack.line() != "the rack is up" {}
        assert_eq!(rack.parts.keys().collect::<Vec<_>>(), ["gatekeeper", "m1", "m2", "s1", "switch"]);
        rack
    }

    fn serving(&self) -> &Serving {
        self.up.as_ref().unwrap()
    }

    /// The next line that the rack says; what it tells of processes is remembered.
    pub(crate) fn line(&mut self) -> String {
        let line = self.serving().line();
        assert!(!line.starts_with("no line on standard error"), "{line}");
        if let Some((id, rest)) = line.strip_prefix("process ").and_then(|line| line.split_once(": ")) {
            let (name, url) = rest.split_once(" at ").unwrap();
            if name == "switch" {
                self.tunnel = url.replacen("udp://", "tunnel://", 1);
            }
            self.gone.extend(self.parts.insert(name.to_owned(), id.parse().unwrap()));
        }
        line
    }

    /// Joins as a node for tests.
    pub(crate) fn join(&self, name: &str) -> Node {
        self.join_as(name, |node| node)
    }

    /// The same, with further settings.
    pub(crate) fn join_as(&self, name: &str, settings: impl FnOnce(NodeBuilder) -> NodeBuilder) -> Node {
        let builder = self.key.iter().fold(Node::builder().within(WAIT), |node, key| node.key(key.clone()));
        settings(builder).join(&format!("{}?node={name}", self.tunnel)).unwrap()
    }

    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        kill(Pid::from_raw(self.parts[name]), signal).unwrap();
    }

    pub(crate) fn kill(&self, name: &str) {
        let id = self.parts[name];
        self.signal(name, Signal::SIGKILL);
        wait_for(&format!("the end of {name}"), || !runs(id));
    }

    /// Kills Gatekeeper, and keeps it from being started again.
    pub(crate) fn take_gatekeeper_away(&self) {
        self.serving().signal(Signal::SIGSTOP);
        self.kill("gatekeeper");
    }

    /// Has it started again, and waits until it is.
    pub(crate) fn bring_gatekeeper_back(&mut self) {
        self.serving().signal(Signal::SIGCONT);
        self.await_gatekeeper();
    }

    /// Waits until Gatekeeper is started again, and decides.
    pub(crate) fn await_gatekeeper(&mut self) {
        while !self.line().contains(": gatekeeper at ") {}
        wait_for("a Gatekeeper that decides", || self.try_status().is_some_and(|status| status["ready"] == true));
    }

    pub(crate) fn ask(&self, what: &[&str]) -> Outcome {
        bifrost(&[&["rack"], what, &["--manage", &manage(self.directory.path())]].concat())
    }

    /// Calls Gatekeeper, as people may.
    pub(crate) fn gatekeeper(&self, call: &[&str]) -> Outcome {
        bifrost(&[&["call", &manage(self.directory.path()), "Gatekeeper"], call].concat())
    }

    fn try_status(&self) -> Option<Value> {
        let outcome = self.ask(&["status", "--json"]);
        (outcome.code == 0).then(|| outcome.json())
    }

    pub(crate) fn status(&self) -> Value {
        let since = Instant::now();
        loop {
            match self.try_status() {
                Some(status) => return status,
                // On a busy machine its time may run out.
                None => assert!(since.elapsed() < WAIT, "{:?}", self.ask(&["status"])),
            }
        }
    }

    /// Takes the rack down, and sees to it that nothing of it is left. Returns the exit status and what was said.
    pub(crate) fn down(mut self) -> (i32, String) {
        let outcome = self.ask(&["down"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        self.end()
    }

    /// Waits until the rack has ended by itself, and sees to it that nothing of it is left.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let (status, err) = self.up.take().unwrap().end();
        let left: Vec<_> = self.parts.iter().filter(|(_, id)| runs(**id)).collect();
        assert!(left.is_empty() && !self.gone.iter().any(|id| runs(*id)), "{left:?} are left");
        (status.code().unwrap(), err)
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        let Some(up) = self.up.take() else { return };
        // A test has failed: the rack may be in any state.
        up.signal(Signal::SIGCONT);
        up.signal(Signal::SIGTERM);
        let since = Instant::now();
        while self.parts.values().any(|id| runs(*id)) && since.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
        for id in self.parts.values().filter(|id| runs(**id)) {
            let _ = kill(Pid::from_raw(*id), Signal::SIGKILL);
        }
    }
}

fn manage(directory: &Path) -> String {
    format!("unix://{}", directory.join("rack.sock").display())
}

/// Whether a process runs, and is one of these.
fn runs(id: i32) -> bool {
    std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|path| path == Path::new(env!("CARGO_BIN_EXE_bifrost")))
}

pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < WAIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How a node stands.
pub(crate) fn state<'a>(status: &'a Value, node: &str) -> &'a str {
    let nodes = status["nodes"].as_array().unwrap();
    nodes.iter().find(|found| found["name"] == node).unwrap()["state"].as_str().unwrap()
}

/// A channel to a service of the rack, which takes references.
pub(crate) fn channel(node: &Node, service: &str) -> Channel {
    node.channel().global_memory(node.memory()).deadline(WAIT).connect(&format!("rack://{service}")).unwrap()
}
