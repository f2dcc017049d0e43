//! Clients that die leave nothing.

use crate::daemon::{connect, free_bytes, start, wait_until};
use crate::raw::Raw;
use bifrost_rpc::memory::{MemoryOp, MemoryRequest, Pointer};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set in the environment of a client process: the server's URL and the object to write.
const VARIABLE: &str = "BIFROST_TEST_HALF_WRITER";
const OBJECT_BYTES: usize = 2 << 20;

/// What a client process runs; nothing in an ordinary run of the tests. It sends half of a write, says so, and waits.
#[test]
fn half_writer_process() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let (url, object) = text.split_once(' ').unwrap();
    let pointer: Pointer = object.parse().unwrap();
    let body = bytes::Bytes::from(vec![9; OBJECT_BYTES]).into();
    let (op, len) = (MemoryOp::Write, OBJECT_BYTES as u64);
    let request =
        MemoryRequest { pointer, op, argument: 0, is_batch: false, offset: 0, len, body, place: None, deadline: None };
    let mut raw = Raw::new(url);
    assert!(raw.run(request, OBJECT_BYTES / 2).is_none());
    // The harness's own words may stand before it on the line.
    println!("\nhalf");
    std::io::stdout().flush().unwrap();
    // A lease that ran out would give back what it has begun, too.
    raw.linger(Duration::from_secs(60));
}

/// A process that has sent half of a write; killed when dropped.
struct Writer(Child);

impl Writer {
    fn start(url: &str, object: Pointer) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::half_writer_process", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, format!("{url} {object}"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = crate::common::lines(child.stdout.take().unwrap());
        let writer = Self(child);
        while lines.recv_timeout(Duration::from_secs(60)).unwrap() != "half" {}
        writer
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_client_killed_in_the_middle_of_a_write_leaves_nothing() {
    let serving = start(&["--open", "--capacity", "64M", "--lease", "4s"]);
    let client = connect(&serving);
    let object = client.alloc_and_write(vec![1; OBJECT_BYTES]).unwrap();
    let before = free_bytes(&client);
    for _ in 0..3 {
        let writer = Writer::start(serving.url(), object);
        assert!(free_bytes(&client) + OBJECT_BYTES as u64 <= before, "memory is set aside");
        drop(writer);
        wait_until("it is given back", || free_bytes(&client) == before);
        assert!(client.read(object, 0, OBJECT_BYTES as u64).unwrap() == vec![1; OBJECT_BYTES], "half of a write");
    }
    client.write(object, 0, vec![2; OBJECT_BYTES]).unwrap();
    assert!(client.read(object, 0, OBJECT_BYTES as u64).unwrap() == vec![2; OBJECT_BYTES], "it serves on");
}
