//! `bifrost rules`, as people and scripts use it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use bifrost_switch::engine::Engine;
use bifrost_switch::runtime::{Runtime, RuntimeServer, Settings};
use bifrost_switch::{PROGRAM, SharedEngine};
use common::{Outcome, bifrost};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const RACK: &str = include_str!("../../switch/racks/example.toml");

/// A directory with the example rack, and the manifest of its services.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        let idl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../idl/benchmark.thrift").display().to_string();
        let made = bifrost(&["gen", &idl, "--out", &desk.path(""), "--emit", "manifest"]);
        assert_eq!(made.code, 0, "{made:?}");
        desk.write("rack.toml", RACK);
        desk
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.dir.path().join(name);
        path.display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn rules(&self, args: &[&str]) -> Outcome {
        let (manifest, rack) = (self.path("manifest.json"), self.path("rack.toml"));
        bifrost(&[&["rules", &manifest, "--rack", &rack], args].concat())
    }
}

#[test]
fn entries_are_written_in_each_form() {
    let desk = Desk::new();
    let list = desk.rules(&[]);
    assert_eq!(list.code, 0, "{list:?}");
    assert!(list.text().contains("method SharedArrays:add") && list.text().contains("flood group 1: ports 1, 2, 3"));
    let commands = desk.rules(&["--format", "cli"]);
    assert!(commands.text().contains("\ntable_set_default rack configure 0xfd 02:b1:f0:00:00:01\n"), "{commands:?}");
    let file = desk.path("entries.json");
    assert_eq!(desk.rules(&["--format", "json", "--out", &file]).code, 0);
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(json["format"], "bifrost-entries");
}

#[test]
fn faults_are_shown_with_their_lines_and_nothing_is_written() {
    let desk = Desk::new();
    desk.write("rack.toml", &RACK.replace("port = 2\n", "port = 511\n").replace("\"Chain\", ", ""));
    let out = desk.path("out");
    let wrong = desk.rules(&["--out", &out]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    for text in ["rack.toml:19:8", "511 is no port of machines", "nobody serves `Chain`", "manifest.json:", "help: "] {
        assert!(wrong.err.contains(text), "{text}: {}", wrong.err);
    }
    assert!(!Path::new(&out).exists());
    let missing = bifrost(&["rules", &desk.path("nothing.json"), "--rack", &desk.path("rack.toml")]);
    assert!(missing.code == 1 && missing.err.contains("cannot read"), "{missing:?}");
}

#[test]
fn an_entry_is_explained_by_its_number_or_its_words() {
    let desk = Desk::new();
    let by_words = desk.rules(&["--explain", "rpc_service Ping:ping"]);
    assert_eq!(by_words.code, 0, "{by_words:?}");
    let text = by_words.text();
    for part in ["rpc_service 9 0x50696e673a70696e67", "benchmark.thrift", "manifest.json:"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let number = text.split(':').next().unwrap();
    assert_eq!(desk.rules(&["--explain", number]).text(), text);
    let place = desk.rules(&["--explain", "l2 forward 1"]).text();
    assert!(place.contains("node c1") && place.contains("rack.toml:"), "{place}");
    let none = desk.rules(&["--explain", "rpc_service nothing"]);
    assert!(none.code == 2 && none.err.contains("no entry has"), "{none:?}");
}

#[test]
fn what_changed_since_a_file_is_shown() {
    let desk = Desk::new();
    let file = desk.path("entries.json");
    assert_eq!(desk.rules(&["--format", "json", "--out", &file]).code, 0);
    let same = desk.rules(&["--diff", &file]);
    assert!(same.code == 0 && same.out.is_empty(), "{same:?}");
    desk.write("rack.toml", &RACK.replace("id = 2\n", "id = 3\n"));
    let changed = desk.rules(&["--diff", &file]);
    assert_eq!(changed.code, 1, "{changed:?}");
    for line in ["+ memory_server 3 => deliver 5 02:00:00:00:03:02", "- memory_server 2"] {
        assert!(changed.text().lines().any(|found| found == line), "{line}: {}", changed.text());
    }
    desk.write("wrong.json", "{}");
    assert_eq!(desk.rules(&["--diff", &desk.path("wrong.json")]).code, 2);
}

#[test]
fn a_running_switch_is_compared_and_changed() {
    let desk = Desk::new();
    let switch = Runtime::new(SharedEngine::new(Engine::load(PROGRAM, 1).unwrap()), PROGRAM, Settings::default());
    let server = RuntimeServer::start(&switch, "tcp://127.0.0.1:0?transport=buffered&multiplexed=true", false).unwrap();
    let url = server.url();
    let before = desk.rules(&["--diff", &url]);
    assert!(before.code == 1 && before.text().contains("+ node fd00:b1f0:0:1::c1 => deliver 1"), "{before:?}");
    let installed = desk.rules(&["--install", &url]);
    assert!(installed.code == 0 && installed.err.contains("installed: "), "{installed:?}");
    assert_eq!(installed.out, before.out);
    let after = desk.rules(&["--diff", &url]);
    assert!(after.code == 0 && after.out.is_empty(), "{after:?}");
    drop(server);
    let gone = desk.rules(&["--diff", &url]);
    assert!(gone.code == 1 && gone.err.contains("cannot read the switch"), "{gone:?}");
    let bad = desk.rules(&["--install", "carrier-pigeon://coop"]);
    assert_eq!(bad.code, 2, "{bad:?}");
}

#[test]
fn sizes_of_another_program_count() {
    let desk = Desk::new();
    desk.write("small.json", &PROGRAM.replacen("\"max_size\" : 256", "\"max_size\" : 1", 1));
    let small = desk.rules(&["--program", &desk.path("small.json")]);
    assert!(small.code == 2 && small.err.contains("`memory_server` has 2 entries, and room for 1"), "{small:?}");
    desk.write("none.json", "{}");
    assert_eq!(desk.rules(&["--program", &desk.path("none.json")]).code, 2);
}
