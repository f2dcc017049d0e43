//! A call as its caller keeps it.

use super::CallId;
use super::error::{CallError, Lost};
use super::inbound::Inbound;
use super::link::Exchange;
use super::outbound::Outbound;
use super::time::Time;
use super::unheard::Unheard;
use crate::wire::{Flags, MemoryFields, MethodField, PacketType};

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallPhase {
    /// Not all of it is known to have arrived.
    Sending,
    /// The callee has all of it.
    Arrived,
    /// The control plane holds it; so many probes may go unanswered.
    Held(u32),
    /// The callee was busy; it is sent again when the timer ends.
    Busy,
}

/// A call sent in a session.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) method: MethodField,
    pub(super) oneway: bool,
    pub(super) idempotent: bool,
    pub(super) out: Outbound,
    pub(super) answer: Option<(PacketType, Inbound)>,
    /// Of a memory operation: what is asked.
    pub(super) memory: Option<MemoryFields>,
    /// Of a memory operation: what the fragments of its answer say.
    pub(super) answer_memory: Option<MemoryFields>,
    /// Memory that the caller lent for the answer.
    pub(super) place: Option<Vec<u8>>,
    /// It was sent in a session that was lost, so it may have run, whatever becomes of it in another one.
    pub(super) lost_before: bool,
    pub(super) deadline: Option<Time>,
    pub(super) started: Time,
    pub(super) phase: CallPhase,
    /// When the call is looked after next; nothing is due before it was sent.
    pub(super) timer: Option<Time>,
    /// Time-outs in a row.
    pub(super) backoff: u32,
    /// Of a read or write: how long it was asked for in vain.
    pub(super) unheard: Unheard,
    /// Whether it stands in the session's queue of messages to send.
    pub(super) queued: bool,
    /// It takes references in its answer.
    pub(super) references: bool,
    /// It only asks what the peer understands: it ends as soon as there is a session.
    pub(super) only_asks: bool,
}

impl Call {
    /// As if never sent, for another session.
    pub(super) fn reset(mut self: Box<Self>) -> Box<Self> {
        self.out.restart(usize::MAX);
        self.out.packets = 0;
        self.answer = None;
        self.answer_memory = None;
        self.phase = CallPhase::Sending;
        self.timer = None;
        self.backoff = 0;
        self.unheard = Unheard::default();
        self.queued = false;
        self
    }

    /// What packets without a message say of it.
    pub(super) fn exchange(&self, rpc: u64) -> Exchange {
        Exchange { rpc, pointer: self.memory.map(|memory| memory.pointer), leased: self.is_leased() }
    }

    /// It leases pointers.
    pub(super) fn is_leased(&self) -> bool {
        !self.out.message().pointers().is_empty()
    }

    /// What all its fragments say of references.
    pub(super) fn flags(&self) -> Flags {
        Flags(0).and(self.is_leased(), Flags::LEASED).and(self.references, Flags::REFERENCES)
    }

    /// The error that the call ends with, if the last that happened to it was `error`.
    pub(super) fn end_error(&self, error: CallError) -> CallError {
        if self.lost_before && !error.may_have_run() { CallError::OutcomeUnknown(Lost::Session) } else { error }
    }
}
