//! Where a call has got to, and when: the instrumentation of `breakdown`.
//!
//! Each process keeps the last time of each point, on the monotonic clock, which all processes of a machine share.
//! Reaching a point is one reading of the clock and one store; where nothing is measured in parts, one load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result};

use crate::clock;

/// A point that both ends pass, in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// A message begins to be encoded: the arguments are there (client), the handler has returned (server).
    Encoding,
    /// It is encoded; next it is given to the system.
    Encoded,
    /// The whole message has come from the system.
    Received,
    /// It is decoded; next the handler runs (server), or the call returns (client).
    Decoded,
}

/// The time of each point, in the order of [`Point`], in nanoseconds.
pub(crate) type Times = [u64; 4];

static ENABLED: AtomicBool = AtomicBool::new(false);
static TIMES: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Notes times from now on, in this process.
pub(crate) fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// Stops noting them.
pub(crate) fn disable() {
    ENABLED.store(false, Ordering::Relaxed);
}

/// Notes that `point` has been reached now.
#[inline]
pub(crate) fn reach(point: Point) {
    if ENABLED.load(Ordering::Relaxed) {
        TIMES[point as usize].store(clock::monotonic_nanoseconds(), Ordering::Release);
    }
}

/// As [`reach`] of [`Point::Encoded`], the first time since [`Point::Encoding`]: a message may leave in several writes.
#[inline]
pub(crate) fn reach_encoded_once() {
    let time = |point: Point| TIMES[point as usize].load(Ordering::Acquire);
    if ENABLED.load(Ordering::Relaxed) && time(Point::Encoded) < time(Point::Encoding) {
        reach(Point::Encoded);
    }
}

/// The last times of this process.
pub(crate) fn times() -> Times {
    TIMES.each_ref().map(|time| time.load(Ordering::Acquire))
}

/// The same as a line of text.
pub(crate) fn line() -> String {
    times().map(|time| time.to_string()).join(" ")
}

/// What [`line`] said in another process.
pub(crate) fn parse(line: &str) -> Result<Times> {
    let times = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>();
    times.ok().and_then(|times| times.try_into().ok()).with_context(|| format!("no points: {:?}", line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_survive_a_line() {
        assert_eq!(parse("1 2 3 4\n").unwrap(), [1, 2, 3, 4]);
        for wrong in ["", "1 2 3", "1 2 3 4 5", "a 2 3 4"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_encoded_counts_once() {
        enable();
        reach(Point::Encoding);
        reach_encoded_once();
        let first = times();
        reach_encoded_once();
        assert_eq!(times(), first);
        assert!(first[Point::Encoded as usize] >= first[Point::Encoding as usize]);
        disable();
        reach(Point::Encoding);
        assert_eq!(times(), first);
    }
}
