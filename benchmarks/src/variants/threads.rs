//! Calls per second for variants whose sessions block: one thread for each.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::{RateSession, Session};
use crate::clock;
use crate::watchdog::Aborter;

/// Several blocking sessions, one call under way on each.
#[derive(Debug)]
pub(crate) struct ThreadedRate {
    sessions: Vec<Box<dyn Session>>,
}

impl ThreadedRate {
    /// Of `sessions`, of which there is at least one.
    pub(crate) fn new(sessions: Vec<Box<dyn Session>>) -> Self {
        Self { sessions }
    }
}

impl RateSession for ThreadedRate {
    fn run(&mut self, budget: Duration) -> Result<(u64, Duration)> {
        let barrier = &Barrier::new(self.sessions.len());
        let results: Vec<Result<(u64, Instant, Instant)>> = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .sessions
                .iter_mut()
                .map(|session| scope.spawn(move || ping_until(session.as_mut(), barrier, budget)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a caller panicked"))))
                .collect()
        });
        let results = results.into_iter().collect::<Result<Vec<_>>>()?;
        let start = results.iter().map(|&(_, start, _)| start).min().context("no session")?;
        let end = results.iter().map(|&(_, _, end)| end).max().context("no session")?;
        Ok((results.iter().map(|&(calls, _, _)| calls).sum(), end - start))
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        let all =
            self.sessions.iter().filter_map(|session| session.aborter().transpose()).collect::<Result<Vec<_>>>()?;
        Ok(Some(Box::new(move || all.iter().for_each(|abort| abort()))))
    }
}

fn ping_until(session: &mut dyn Session, barrier: &Barrier, budget: Duration) -> Result<(u64, Instant, Instant)> {
    barrier.wait();
    let start = clock::now();
    let mut calls = 0;
    loop {
        session.ping()?;
        calls += 1;
        let now = clock::now();
        if now - start >= budget {
            return Ok((calls, start, now));
        }
    }
}
