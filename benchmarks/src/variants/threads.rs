//! Calls per second for variants whose sessions block: one thread for each.

use std::sync::Barrier;
use std::time::Duration;

use anyhow::Result;

use super::{RateSession, Session};
use crate::clock;
use crate::together::{self, Turn};
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
        together::run(&mut self.sessions, |session, barrier| ping_until(session.as_mut(), barrier, budget))
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        let all =
            self.sessions.iter().filter_map(|session| session.aborter().transpose()).collect::<Result<Vec<_>>>()?;
        Ok(Some(Box::new(move || all.iter().for_each(|abort| abort()))))
    }
}

fn ping_until(session: &mut dyn Session, barrier: &Barrier, budget: Duration) -> Result<Turn> {
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
