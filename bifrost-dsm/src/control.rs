//! Control messages: how the control plane (Gatekeeper) drives the access table and the snapshots, and their order.

use crate::access::CallKey;
use crate::checks::{Check, Checks};
use crate::identity::Holder;
use crate::refusal::Refusal;
use bifrost_rpc::memory::ObjectId;
use std::collections::VecDeque;

/// Outcomes kept for control messages that come again.
const OUTCOMES_MAX: usize = 256;
/// Objects in one control message at most.
pub const CONTROL_OBJECTS_MAX: usize = 1 << 16;

/// Whose turn a control message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The control plane's term, which rises each time another takes over.
    pub term: u64,
    /// Counts the term's messages to this server, from 1.
    pub sequence: u64,
}

/// What the control plane says. Each message may be repeated, under the same stamp or another: what is so already is left
/// as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// `to` controls an object that nobody controls.
    Grant {
        /// The object.
        object: ObjectId,
        /// Who controls it from now on.
        to: Holder,
    },
    /// `from` controls the object no longer, and nobody else does.
    Revoke {
        /// The object.
        object: ObjectId,
        /// Who controlled it.
        from: Holder,
    },
    /// Objects that `from` controls are freed on its behalf, as if it had freed them; others stay as they are.
    Reclaim {
        /// The objects.
        objects: Vec<ObjectId>,
        /// Who controls them.
        from: Holder,
    },
    /// A call is about to reach its callee: the objects it passes are leased.
    Lease {
        /// The call.
        call: CallKey,
        /// The node that makes the call; it must control or lease each object.
        caller: Holder,
        /// The node that may read them.
        callee: Holder,
        /// What the call passes.
        objects: Vec<ObjectId>,
    },
    /// A call has ended without a result that matters: its leases end.
    Release {
        /// The call.
        call: CallKey,
    },
    /// A call has ended with a reply: its leases end, and the caller controls what the callee returns and controlled.
    Reply {
        /// The call.
        call: CallKey,
        /// The callee.
        from: Holder,
        /// The caller.
        to: Holder,
        /// The pointers in the reply; those that `from` does not control stay as they are.
        returned: Vec<ObjectId>,
    },
    /// A node takes another's place: it controls and leases what the other did.
    Succeed {
        /// Whose place.
        from: Holder,
        /// Who takes it.
        to: Holder,
    },
    /// An incarnation has ended: it and earlier ones of its node are refused everything from now on.
    EndIncarnation {
        /// The incarnation.
        holder: Holder,
    },
    /// An incarnation has ended, and what it and earlier ones controlled is freed; what is leased to it is not any more.
    Cleanup {
        /// The incarnation.
        holder: Holder,
    },
    /// Keeps the present version of objects.
    Snapshot {
        /// The snapshot's number, which the control plane chooses.
        id: u64,
        /// The objects: all exist, or the message is refused.
        objects: Vec<ObjectId>,
    },
    /// Gives all objects of a snapshot the version it has, also those that have been freed since. It stays.
    Restore {
        /// The snapshot.
        id: u64,
    },
    /// Gives a snapshot's memory back; objects freed since it was made go now.
    DropSnapshot {
        /// The snapshot.
        id: u64,
    },
}

/// What a control message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Controlled {
    /// Objects and leases that changed; 0 if everything was so already.
    pub changed: u64,
}

/// What is to be done with a control message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Apply,
    /// It was applied before, with this outcome.
    Before(Result<Controlled, Refusal>),
}

/// The order of control messages.
#[derive(Debug)]
pub(crate) struct Order {
    checks: Checks,
    /// The last message that was applied.
    last: Stamp,
    /// The outcomes of the last messages, newest at the end.
    outcomes: VecDeque<Result<Controlled, Refusal>>,
}

impl Order {
    pub(crate) fn new(checks: Checks) -> Self {
        Self { checks, last: Stamp { term: 0, sequence: 0 }, outcomes: VecDeque::new() }
    }

    pub(crate) fn last(&self) -> Stamp {
        self.last
    }

    /// What to do with a message of this stamp.
    pub(crate) fn turn(&mut self, stamp: Stamp) -> Result<Turn, Refusal> {
        if stamp.term < self.last.term {
            let term = self.last.term;
            return if self.checks.makes(Check::Term) { Err(Refusal::OldTerm { term }) } else { Ok(Turn::Apply) };
        }
        let last = if stamp.term == self.last.term { self.last.sequence } else { 0 };
        if !self.checks.makes(Check::Sequence) {
            return Ok(Turn::Apply);
        }
        if stamp.sequence <= last {
            return Ok(Turn::Before(self.outcome(last - stamp.sequence)));
        }
        let expected = last.saturating_add(1);
        if stamp.sequence > expected { Err(Refusal::OutOfSequence { expected }) } else { Ok(Turn::Apply) }
    }

    /// The outcome of the message that is `back` messages before the last.
    fn outcome(&self, back: u64) -> Result<Controlled, Refusal> {
        let back = usize::try_from(back).unwrap_or(usize::MAX);
        self.outcomes.iter().rev().nth(back).copied().unwrap_or(Ok(Controlled { changed: 0 }))
    }

    /// A message was applied.
    pub(crate) fn applied(&mut self, stamp: Stamp, outcome: Result<Controlled, Refusal>) {
        if stamp.term > self.last.term {
            self.outcomes.clear();
        }
        if stamp > self.last {
            self.last = stamp;
        }
        if self.outcomes.len() == OUTCOMES_MAX {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(term: u64, sequence: u64) -> Stamp {
        Stamp { term, sequence }
    }

    #[test]
    fn messages_are_applied_once_each_in_their_order() {
        let mut order = Order::new(Checks::default());
        assert_eq!(order.turn(stamp(1, 2)), Err(Refusal::OutOfSequence { expected: 1 }));
        assert_eq!(order.turn(stamp(1, 1)), Ok(Turn::Apply));
        order.applied(stamp(1, 1), Ok(Controlled { changed: 5 }));
        order.applied(stamp(1, 2), Err(Refusal::NoRight));
        assert_eq!(order.turn(stamp(1, 1)), Ok(Turn::Before(Ok(Controlled { changed: 5 }))));
        assert_eq!(order.turn(stamp(1, 2)), Ok(Turn::Before(Err(Refusal::NoRight))));
        assert_eq!(order.turn(stamp(1, 0)), Ok(Turn::Before(Ok(Controlled { changed: 0 }))));
    }

    #[test]
    fn a_new_term_begins_at_one_and_ends_the_older() {
        let mut order = Order::new(Checks::default());
        order.applied(stamp(3, 1), Ok(Controlled { changed: 1 }));
        assert_eq!(order.turn(stamp(5, 2)), Err(Refusal::OutOfSequence { expected: 1 }));
        assert_eq!(order.turn(stamp(5, 1)), Ok(Turn::Apply));
        order.applied(stamp(5, 1), Ok(Controlled { changed: 0 }));
        assert_eq!(order.turn(stamp(3, 2)), Err(Refusal::OldTerm { term: 5 }));
        assert_eq!(order.last(), stamp(5, 1));
    }

    #[test]
    fn the_outcomes_kept_are_bounded() {
        let mut order = Order::new(Checks::default());
        for sequence in 1..=2 * OUTCOMES_MAX as u64 {
            order.applied(stamp(1, sequence), Ok(Controlled { changed: sequence }));
        }
        assert_eq!(order.outcomes.len(), OUTCOMES_MAX);
        assert_eq!(order.turn(stamp(1, 1)), Ok(Turn::Before(Ok(Controlled { changed: 0 }))));
    }
}
