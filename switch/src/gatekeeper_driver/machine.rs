//! What the driver drives.

use crate::gatekeeper::{Gatekeeper, Input, Output, Record};
use crate::rules::Entries;
use bifrost_rpc::endpoint::Time;

/// A control plane's state machine: Gatekeeper's, or a test's.
pub trait Machine: Send + 'static {
    /// Takes something in.
    fn handle(&mut self, now: Time, input: Input<'_>);

    /// What is to be done next.
    fn poll_output(&mut self) -> Option<Output>;

    /// When something is due.
    fn poll_timeout(&self) -> Option<Time>;

    /// Does what is due.
    fn handle_timeout(&mut self, now: Time);

    /// What the switch's tables are to say, all of it.
    fn entries(&self) -> Entries;

    /// Records that say what all records so far do.
    fn snapshot(&self) -> Vec<Record>;
}

impl Machine for Gatekeeper {
    fn handle(&mut self, now: Time, input: Input<'_>) {
        Self::handle(self, now, input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        Self::poll_output(self)
    }

    fn poll_timeout(&self) -> Option<Time> {
        Self::poll_timeout(self)
    }

    fn handle_timeout(&mut self, now: Time) {
        Self::handle_timeout(self, now);
    }

    fn entries(&self) -> Entries {
        self.rules().entries()
    }

    fn snapshot(&self) -> Vec<Record> {
        Self::snapshot(self)
    }
}
