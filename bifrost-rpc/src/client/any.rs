//! Waiting on many peers: the first of several calls in flight, over however many channels.

use super::Pending;
use crate::io::Clock;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::time::Duration;

/// The calls are looked at this often even when nothing arrives: some end by time, or by another thread's doing.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until one of `calls` has ended, for `timeout` at most. Returns its index; [`Pending::wait`] then returns at
/// once. `None` means that none has ended. The calls may be in flight to many servers, by whatever transport; all their sockets are waited
/// on together.
///
/// ```no_run
/// # fn calls() -> Vec<bifrost_rpc::Pending<i64>> { Vec::new() }
/// let mut calls = calls();
/// while let Some(first) = bifrost_rpc::wait_any(&calls, std::time::Duration::from_secs(5))? {
///     println!("{:?}", calls.swap_remove(first).wait());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's polling cannot be set up or fails.
pub fn wait_any<T>(calls: &[Pending<T>], timeout: Duration) -> io::Result<Option<usize>> {
    let clock = Clock::new();
    let until = clock.now().plus(timeout);
    if let Some(ended) = calls.iter().position(Pending::is_done) {
        return Ok(Some(ended));
    }
    let mut poll = Poll::new()?;
    let mut sockets: Vec<i32> = calls.iter().filter_map(Pending::socket_fd).collect();
    sockets.sort_unstable();
    sockets.dedup();
    for socket in &sockets {
        poll.registry().register(&mut SourceFd(socket), Token(0), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(sockets.len().max(1));
    loop {
        if let Some(ended) = calls.iter().position(Pending::is_done) {
            return Ok(Some(ended));
        }
        let left = until.since(clock.now());
        if left.is_zero() {
            return Ok(None);
        }
        match poll.poll(&mut events, Some(left.min(LOOK))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
}
