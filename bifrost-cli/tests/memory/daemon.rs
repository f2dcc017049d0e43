//! A memory server in a process of its own.

use crate::common::Serving;
use bifrost_rpc::memory::{MemoryClient, MemoryError, MemoryStatus};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Starts `bifrost mem` on a free port of `::1` with these options.
pub(crate) fn start(options: &[&str]) -> Serving {
    start_at(&["udp://[::1]:0"], options)
}

pub(crate) fn start_at(urls: &[&str], options: &[&str]) -> Serving {
    Serving::command(&[&["mem"], urls, options].concat(), urls.len())
}

pub(crate) fn connect(serving: &Serving) -> MemoryClient {
    MemoryClient::connect(serving.url()).unwrap()
}

/// Why it was refused.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, MemoryError>) -> (MemoryStatus, u64) {
    match result {
        Err(MemoryError::Refused { status, detail }) => (status, detail),
        other => panic!("not refused: {other:?}"),
    }
}

/// Bytes that the server has free, as it says when it is asked for more than it has.
pub(crate) fn free_bytes(client: &MemoryClient) -> u64 {
    let (status, free) = refused(client.alloc(1 << 30));
    assert_eq!(status, MemoryStatus::OutOfMemory, "the tests' servers have less than 1 GiB");
    free
}

/// Waits until something holds, for forty seconds at most.
#[expect(clippy::disallowed_methods, reason = "a test waits for other processes")]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(40);
    while !holds() {
        assert!(Instant::now() < until, "{what} does not come true");
        pause(Duration::from_millis(20));
    }
}

pub(crate) fn pause(time: Duration) {
    let (lock, condition) = (Mutex::new(()), Condvar::new());
    drop(condition.wait_timeout(lock.lock().unwrap(), time).unwrap());
}

/// A small generator: the same numbers in each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len + 8);
        while out.len() < len {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(len);
        out
    }
}
