//! One frame's way.

use crate::common::bifrost;

/// From 02:00:00:00:00:01 to 02:00:00:00:00:02, of an experimental type.
const FRAME: &str = "02:00:00:00:00:02 02:00:00:00:00:01 88b5 0102";

fn entries(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_frame_is_followed_to_where_it_leaves() {
    let file = entries("table_add l2 forward 02:00:00:00:00:02 => 7 # the node\n");
    let outcome = bifrost(&["switch", "trace", "--entries", &file.path().display().to_string(), "--port", "1", FRAME]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let text = outcome.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "ingress: 16 bytes from port 1");
    assert!(lines.contains(&"    extract ethernet"), "{text}");
    assert!(lines.contains(&"  table l2: hit entry 0"), "{text}");
    assert!(lines.contains(&"    action forward"), "{text}");
    assert_eq!(lines[lines.len() - 2..], ["sent: 16 bytes to port 7", "port 7: 02000000000202000000000188b50102"]);
    // Without the entry it is flooded to a group that is empty.
    let text = bifrost(&["switch", "trace", "--port", "1", FRAME]).text();
    assert!(text.contains("  table l2: miss\n    action flood\n"), "{text}");
    assert!(text.contains("  multicast to group 1: 0 copies") && !text.contains("sent:"), "{text}");
}

#[test]
fn captured_frames_are_followed_one_after_another() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let header: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 65_535, 1];
    let record = |seconds: u32, last: u8| {
        let fields = [seconds, 0, 15, 15].map(u32::to_le_bytes).concat();
        [&fields[..], &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, last]].concat()
    };
    let bytes = [header.map(u32::to_le_bytes).concat(), record(1, 7), record(2, 8)].concat();
    std::fs::write(file.path(), &bytes).unwrap();
    let path = file.path().display().to_string();
    let text = bifrost(&["switch", "trace", "--port", "3", "--pcap", &path]).text();
    assert_eq!(text.matches("ingress: 15 bytes from port 3").count(), 2, "{text}");
    std::fs::write(file.path(), &bytes[..bytes.len() - 3]).unwrap();
    let outcome = bifrost(&["switch", "trace", "--port", "3", "--pcap", &path]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains(&format!("cannot read {path}")), "{outcome:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let wrong_entries = entries("table_add l2 forward\n");
    let (entries, no_program) = (wrong_entries.path().display().to_string(), entries("{}"));
    let no_program = no_program.path().display().to_string();
    for (args, code, complaint) in [
        (&["--port", "1", "123"][..], 2, "even number of hexadecimal digits"),
        (&["--port", "1", "12", "xy"], 2, "even number of hexadecimal digits"),
        (&["--port", "511", "12"], 2, "511 is not in 0..511"),
        (&["--port", "1"], 2, "required"),
        (&["--port", "1", "--entries", &entries, "12"], 2, "line 1: table l2 needs destination_mac for its key"),
        (&["--port", "1", "--program", &no_program, "12"], 1, "`header_types` is missing"),
        (&["--port", "1", "--program", "/nowhere.json", "12"], 1, "cannot read the program /nowhere.json"),
    ] {
        let outcome = bifrost(&[&["switch", "trace"], args].concat());
        assert_eq!(outcome.code, code, "{args:?}: {outcome:?}");
        assert!(outcome.err.contains(complaint), "{args:?}: {outcome:?}");
    }
}
