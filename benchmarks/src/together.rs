//! Several clients at once, each on a thread of its own.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

/// What a client has done: how many operations, from when to when.
pub(crate) type Turn = (u64, Instant, Instant);

/// Runs `work` for all clients at the same time. Each has to wait at the barrier once, even if it has failed before: the others wait for it.
///
/// Returns how many operations there were, and the time from the first one's beginning to the last one's end.
pub(crate) fn run<C: Send>(
    clients: &mut [C],
    work: impl Fn(&mut C, &Barrier) -> Result<Turn> + Sync,
) -> Result<(u64, Duration)> {
    let (barrier, work) = (&Barrier::new(clients.len()), &work);
    let results: Vec<Result<Turn>> = std::thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || work(client, barrier))).collect();
        let panicked = || Err(anyhow!("a client panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    });
    let results = results.into_iter().collect::<Result<Vec<_>>>()?;
    let start = results.iter().map(|&(_, start, _)| start).min().context("no client")?;
    let end = results.iter().map(|&(_, _, end)| end).max().context("no client")?;
    Ok((results.iter().map(|&(count, _, _)| count).sum(), end - start))
}
