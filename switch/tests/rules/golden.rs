//! The entries of the example rack, in each form.

use super::{RACK, rules};
use bifrost_switch::rules::{Source, cli, diff, from_json, listing, to_json};
use std::path::Path;

/// Compares a text with the one that is kept. `UPDATE_GOLDEN=1` writes it.
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == text, "{name} differs; see it with UPDATE_GOLDEN=1 and git diff");
}

#[test]
fn the_example_rack_has_the_entries_that_are_kept() {
    let entries = rules(RACK).entries();
    check("example.cli", &cli(&entries));
    check("example.json", &to_json(&entries));
    check("example.list", &listing(&entries));
}

#[test]
fn entries_are_read_back_as_they_were_written() {
    let entries = rules(RACK).entries();
    let saved = from_json(&Source::new("saved.json", to_json(&entries))).unwrap();
    assert_eq!(diff(&entries, &saved), []);
    assert_eq!((&saved.flood, saved.mirror), (&entries.flood, entries.mirror));
    assert_eq!(saved.rows.len(), entries.rows.len());
}

#[test]
fn a_file_that_was_not_written_so_is_refused() {
    let text = to_json(&rules(RACK).entries());
    let entry = text.lines().find(|line| line.contains("\"l2\"")).unwrap();
    for (from, to, why) in [
        ("bifrost-entries", "entries", "format `entries`"),
        ("\"version\": 1", "\"version\": 2", "version 2"),
        ("\"table\":\"l2\"", "\"table\":\"l3\"", "none of a rack's tables"),
        ("\"action\":\"forward\"", "\"action\":\"backward\"", "none of a rack's tables"),
        ("\"port\":\"1\"", "\"port\":\"512\"", "none of a rack's tables"),
        ("\"group\":1", "\"group\":2", "another flood group"),
        ("::c1/128", "::c1/129", "none of a rack's tables"),
        ("0x0000/0", "0x0001/0", "none of a rack's tables"),
        ("{", "[", "these are no entries"),
        (entry, &format!("{entry}\n{entry}"), "the key of an earlier one"),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text, "{from}");
        let fault = from_json(&Source::new("saved.json", wrong)).unwrap_err();
        assert!(fault.message().starts_with("saved.json: ") && fault.message().contains(why), "{from}: {fault}");
    }
}

#[test]
fn small_changes_of_a_rack_are_small_changes_of_its_entries() {
    let before = rules(RACK).entries();
    let with = |from: &str, to: &str| {
        assert!(RACK.contains(from));
        diff(&before, &rules(&RACK.replacen(from, to, 1)).entries()).len()
    };
    // A node on another port: `port_security`, `node` and `l2` of c1, and the flood group.
    assert_eq!(with("port = 1\n", "port = 9\n"), 5);
    // Another memory server: `port_security`, `memory_server` and `l2`.
    assert_eq!(with("[[host]]", "[[memory]]\nid = 3\nport = 6\nmac = \"02:00:00:00:03:03\"\n\n[[host]]"), 3);
    // An instance less: its share, and its right to send from the service's address.
    assert_eq!(with("serves = [\"Arrays\", \"SharedArrays\"]", "serves = [\"Arrays\"]"), 2);
}
