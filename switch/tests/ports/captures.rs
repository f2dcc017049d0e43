//! Files of captured frames.

use crate::program::{engine, frame, mac};
use bifrost_switch::daemon::{PcapReader, PortKind, StartError, Switch};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

pub fn read(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let mut last = std::time::Duration::ZERO;
    std::iter::from_fn(|| reader.read().unwrap())
        .map(|captured| {
            assert!(captured.time >= last && captured.bytes as usize == captured.frame.len());
            last = captured.time;
            captured.frame
        })
        .collect()
}

#[test]
fn each_port_has_what_came_in_and_what_left() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("captured");
    let builder = Switch::builder(engine(&[1, 2])).port(1, PortKind::Local).port(2, PortKind::Local);
    let switch = builder.capture(&inner).start().unwrap();
    let frames = [frame(1, mac(2), b"hello"), frame(1, [0xff; 6], b"all"), frame(1, mac(9), b"dropped"), vec![1, 2, 3]];
    switch.local(1).unwrap().send_all(frames.iter().map(Vec::as_slice));
    let capture = switch.shutdown().capture.unwrap();
    assert_eq!((capture.written, capture.missed, capture.error), (7, 0, None));
    let file = |name: &str| read(&inner.join(name));
    assert_eq!(file("port-1-in.pcap"), frames);
    assert_eq!(file("port-1-out.pcap"), frames[1..2]);
    assert_eq!(file("port-2-in.pcap"), [[0u8; 0]; 0]);
    assert_eq!(file("port-2-out.pcap"), frames[..2]);
    tcpdump_reads(&inner.join("port-1-in.pcap"), &["0x88b5", "length 19", "length 17"]);
}

/// Asks a program that others have written, where there is one.
fn tcpdump_reads(file: &Path, expected: &[&str]) {
    let mut command = Command::new("tcpdump");
    let output = command.args(["-e", "-n", "-r"]).arg(file).stdin(Stdio::null()).output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: there is no tcpdump to read the captured frames");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(expected.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn files_are_as_long_as_they_may_be() {
    let directory = tempfile::tempdir().unwrap();
    let builder = Switch::builder(engine(&[1, 2])).port(1, PortKind::Local).port(2, PortKind::Local);
    let switch = builder.capture(directory.path()).capture_bytes(100).start().unwrap();
    let frames: Vec<_> = (0..4u8).map(|i| frame(1, mac(9), &[i])).collect();
    switch.local(1).unwrap().send_all(frames.iter().map(Vec::as_slice));
    let capture = switch.shutdown().capture.unwrap();
    assert_eq!((capture.written, capture.missed), (3, 1));
    assert_eq!(read(&directory.path().join("port-1-in.pcap")), frames[..3]);
}

#[test]
fn a_place_where_nothing_can_be_written_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let builder = Switch::builder(engine(&[1])).port(1, PortKind::Local).capture(file.path());
    let error = builder.start().unwrap_err();
    assert!(matches!(&error, StartError::Capture { path, .. } if path == file.path()), "{error}");
}
