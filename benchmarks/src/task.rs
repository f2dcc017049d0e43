//! What a lane times: one operation, with what belongs before and after it outside the timing.

use std::fmt::Debug;

use anyhow::{Context, Result};

use crate::random::Random;
use crate::variants::Session;
use crate::watchdog::Aborter;
use crate::workload::{Argument, Outcome, Workload};

/// An operation that is done again and again, each time on bytes drawn anew.
pub(crate) trait Task: Debug {
    /// Draws the data of the next operation and puts them where they have to be.
    fn prepare(&mut self, random: &mut Random) -> Result<()>;

    /// The operation: nothing else is timed.
    fn run(&mut self) -> Result<()>;

    /// Whether the result is right for what was drawn.
    ///
    /// # Errors
    /// The first difference.
    fn check(&mut self) -> Result<()>;

    /// As [`Session::aborter`].
    fn aborter(&self) -> Result<Option<Aborter>>;
}

/// A call of a workload through a session.
#[derive(Debug)]
pub(crate) struct CallTask {
    workload: Workload,
    session: Box<dyn Session>,
    argument: Argument,
    given: Option<Argument>,
    outcome: Option<Outcome>,
}

impl CallTask {
    pub(crate) fn new(workload: Workload, session: Box<dyn Session>) -> Self {
        Self { workload, session, argument: Argument::Nothing, given: None, outcome: None }
    }
}

impl Task for CallTask {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.argument = self.workload.draw(random);
        self.given = Some(self.argument.clone());
        Ok(())
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        let given = self.given.take().context("a call without a preparation")?;
        self.outcome = Some(self.workload.call(self.session.as_mut(), given)?);
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let outcome = self.outcome.take().context("a check without a call")?;
        self.workload.check(&self.argument, &outcome)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        self.session.aborter()
    }
}
