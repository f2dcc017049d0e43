//! What a client asked for and saw, as lines of a file that outlives it.
//!
//! `ask ID TIME OBJECT alloc|read|write OFFSET BYTES` is written before an operation begins, `done ID TIME [HEX]` and
//! `not-done ID` after it has ended. Data that are written follow from client and id. Times are of the clock that all
//! processes of the machine share.

use bifrost_dsm::linear::{Entry, Op, Seen};
use bifrost_rpc::sim::Rng;
use nix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Nanoseconds of CLOCK_MONOTONIC.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    u64::try_from(now.tv_sec()).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec()).unwrap()
}

/// The data of a client's write.
pub(crate) fn data(client: u64, id: u64, bytes: u64) -> Vec<u8> {
    let mut rng = Rng::new(client << 32 | id);
    let mut data: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| rng.next().to_le_bytes()).collect();
    data.truncate(usize::try_from(bytes).unwrap());
    data
}

/// A file being written. Each line is one system call, so that what was written is there when its process is killed.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    next: u64,
}

impl Log {
    pub(crate) fn create(path: &Path) -> Self {
        Self { file: File::create(path).unwrap(), next: 1 }
    }

    fn line(&mut self, line: &str) {
        self.file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// An object was made.
    pub(crate) fn made(&mut self, object: u64, bytes: u64, begin: u64) {
        let id = self.next;
        self.next += 1;
        self.line(&format!("ask {id} {begin} {object} alloc 0 {bytes}"));
        self.done(id, None);
    }

    /// A read or write is about to begin. Returns its id.
    pub(crate) fn ask(&mut self, object: u64, what: &str, offset: u64, bytes: u64) -> u64 {
        let id = self.next;
        self.next += 1;
        self.line(&format!("ask {id} {} {object} {what} {offset} {bytes}", now()));
        id
    }

    pub(crate) fn done(&mut self, id: u64, read: Option<&[u8]>) {
        let time = now();
        let hex: String = read.unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
        self.line(&format!("done {id} {time} {hex}"));
    }

    pub(crate) fn not_done(&mut self, id: u64) {
        self.line(&format!("not-done {id}"));
    }
}

/// Lines in a log, as far as it goes.
pub(crate) fn lines(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
}

/// The operations of a client, each with its object.
pub(crate) fn read(path: &Path, client: u64) -> Vec<(u64, Entry)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut operations: BTreeMap<u64, (u64, Entry)> = BTreeMap::new();
    // A line without its end was never acted on.
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let id = number(1);
        match words[0] {
            "ask" => {
                let (offset, bytes) = (usize::try_from(number(5)).unwrap(), number(6));
                let op = match words[4] {
                    "alloc" => Op::Alloc(vec![0; usize::try_from(bytes).unwrap()]),
                    "read" => Op::Read(offset, usize::try_from(bytes).unwrap()),
                    _ => Op::Write(offset, data(client, id, bytes)),
                };
                operations.insert(id, (number(3), Entry { client, op, begin: number(2), end: None, latest: None }));
            }
            "done" => {
                let (_, entry) = operations.get_mut(&id).unwrap();
                let bytes =
                    (0..words[3].len()).step_by(2).map(|at| u8::from_str_radix(&words[3][at..at + 2], 16).unwrap());
                let seen = if matches!(entry.op, Op::Read(..)) { Seen::Bytes(bytes.collect()) } else { Seen::Done };
                entry.end = Some((number(2), seen));
            }
            _ => _ = operations.remove(&id),
        }
    }
    operations.into_values().collect()
}
