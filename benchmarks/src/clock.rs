//! The only place of this crate that reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time.
#[inline]
#[expect(clippy::disallowed_methods, reason = "a benchmark is a driver: it reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What `work` returns, and the nanoseconds that it took.
#[inline]
pub(crate) fn nanoseconds_of<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64), E> {
    let start = now();
    let result = work()?;
    Ok((result, (now() - start).as_secs_f64() * 1e9))
}

/// The monotonic time that all processes of this machine share, in nanoseconds.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    // It cannot fail on Linux.
    time.map_or(0, |time| u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_nsec()).unwrap_or(0))
}

/// Waits so long.
pub(crate) fn pause(time: Duration) {
    let end = now() + time;
    // It may return early.
    while let Some(left) = end.checked_duration_since(now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Seconds since 1970, UTC.
#[expect(clippy::disallowed_methods, reason = "names the directory of a saved run")]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Nanoseconds since 1970: a seed that differs from run to run.
#[expect(clippy::disallowed_methods, reason = "what is drawn from it is data, whose content no figure depends on")]
pub(crate) fn unix_nanoseconds() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    elapsed.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(elapsed.subsec_nanos()))
}

/// The day of `seconds` since 1970 as `YYYY-MM-DD` in the proleptic Gregorian calendar.
pub(crate) fn date(seconds: u64) -> String {
    let mut days = seconds / 86_400;
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let february = if days_of_year(year) == 366 { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

fn days_of_year(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_767_225_599), "2025-12-31");
        assert_eq!(date(1_767_225_600), "2026-01-01");
    }
}
