//! Which errors have a cause: everything else that fails is a violation.

use super::checker::Checker;
use super::faults::Fault;
use super::payload::request_pointers;
use super::plan::{Disruption, MS, Method, nanos};
use crate::endpoint::CallError;
use crate::wire::Refusal;

/// Time after a disruption in which its last packets may still be under way.
const AFTERMATH: u64 = 1000 * MS;

impl Checker {
    /// Whether the error has a cause.
    pub(super) fn is_excused(&self, index: usize, error: &CallError, now: u64) -> bool {
        let (entry, limits) = (&self.entries[index], &self.plan.limits);
        let longest = limits.session_bytes.min(limits.total_bytes).min(limits.message_bytes as usize);
        match error {
            CallError::Refused(_) if self.can_be_misled() => true,
            CallError::Deadline { .. } => entry.deadline.is_some_and(|after| entry.issued + nanos(after) <= now),
            CallError::Cancelled { .. } => entry.cancelled,
            CallError::Closed { .. } => {
                self.disrupted(entry.issued, now, |what| what == Disruption::Close(entry.client))
            }
            CallError::TooLarge { .. } | CallError::Refused(Refusal::TooLarge { .. }) => entry.request_bytes > longest,
            CallError::AnswerTooLarge { .. } => entry.answer_bytes > longest,
            CallError::Refused(Refusal::UnknownMethod) => entry.method == Method::Missing,
            CallError::Refused(Refusal::TooManySessions) => limits.sessions < 100,
            CallError::Refused(Refusal::Draining) => {
                let since = entry.issued.saturating_sub(AFTERMATH);
                self.disrupted(since, now, |what| what == Disruption::Drain(entry.server))
            }
            CallError::Refused(Refusal::NoRight) | CallError::Unanswered { .. } => entry.is_denied,
            CallError::Pointers(_) => self.plan.by_value && !request_pointers(Self::key(index)).is_empty(),
            CallError::OutcomeUnknown(_) | CallError::Unreachable { .. } => self.may_lose(index, now),
            _ => false,
        }
    }

    /// With a key, packets that cannot be sealed (refusals before there is a session) may be forged or corrupted:
    /// that can end a session, though it must never make a call run twice.
    fn can_be_misled(&self) -> bool {
        self.plan.keyed && [Fault::Corruption, Fault::Forgery].iter().any(|fault| self.plan.faults.has(*fault))
    }

    /// Whether something happened that can lose the call's session: while it was under way, or within half a lease
    /// before, which is as long as a session is used without asking.
    pub(super) fn may_lose(&self, index: usize, now: u64) -> bool {
        let entry = &self.entries[index];
        let since = if self.plan.faults.has(Fault::Replay) {
            0
        } else {
            entry.issued.saturating_sub(nanos(self.plan.lease) / 2 + AFTERMATH)
        };
        let loses =
            |what: Disruption| !matches!(what, Disruption::Close(_)) && what.concerns(entry.client, entry.server);
        self.can_be_misled() || self.disrupted(since, now, loses)
    }

    fn disrupted(&self, since: u64, now: u64, which: impl Fn(Disruption) -> bool) -> bool {
        self.disruptions.iter().any(|(from, until, what)| *from <= now && *until >= since && which(*what))
    }
}
