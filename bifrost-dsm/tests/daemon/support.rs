//! What the tests share.

use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_rpc::memory::{MemoryClient, MemoryError, MemoryStatus};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// A daemon at `::1`, and a client.
pub(crate) fn serve(config: Config) -> (Daemon, MemoryClient) {
    let builder =
        Daemon::builder(config).listen("udp://[::1]:0").transport(|server| server.lease(Duration::from_secs(1)));
    let daemon = builder.start().unwrap();
    let client = MemoryClient::connect(&daemon.server().url()).unwrap();
    (daemon, client)
}

pub(crate) fn open() -> Config {
    Config { open: true, boot: 7, ..Config::default() }
}

/// Why it was refused.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, MemoryError>) -> (MemoryStatus, u64) {
    match result {
        Err(MemoryError::Refused { status, detail }) => (status, detail),
        other => panic!("not refused: {other:?}"),
    }
}

/// Waits until something holds, for ten seconds at most.
#[expect(clippy::disallowed_methods, reason = "a test waits for other threads and processes")]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "{what} does not come true");
        let (lock, pause) = (Mutex::new(()), Condvar::new());
        drop(pause.wait_timeout(lock.lock().unwrap(), Duration::from_millis(5)));
    }
}

/// Bytes that depend on the seed.
pub(crate) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(len).collect()
}
