//! In which order a callee does memory operations: each after the write that it follows.

use super::Endpoint;
use super::callee::CalleeSession;
use super::memory_api::MemoryReply;
use super::record::{Held, Released, Served};
use super::time::Time;
use super::{Event, ServedCall};
use crate::wire::{MemoryStatus, Refusal};
use std::ops::Range;
use std::time::Duration;

/// Operations of a session that may wait for others at most; more are told to come again.
pub(super) const HELD_MAX: usize = 256;

/// How long an operation waits for others of which nothing comes.
pub(super) const HOLD_MAX: Duration = Duration::from_secs(10);

/// When an operation that finds no place to wait in is to be tried again, in µs.
pub(super) const HELD_RETRY_US: u32 = 1000;

/// A memory operation that waits for its turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// The write that it follows.
    pub(super) previous: u64,
    /// The operation.
    pub(super) rpc: u64,
    /// Until when something of what it waits for has to be there.
    pub(super) until: Time,
}

impl Endpoint {
    /// Refuses operations that have waited too long for others of which nothing has come.
    pub(super) fn refuse_overdue(&mut self, now: Time, index: usize) {
        let Some(session) = self.callees.get_mut(index) else { return };
        let (of, overdue) = (session.link.session, session.overdue(now));
        for turn in overdue {
            let call = ServedCall { session: of, rpc: turn.rpc };
            self.events.push_back(Event::Cancelled { call });
            self.answer_memory(now, call, MemoryReply::with(MemoryStatus::OutOfTurn, turn.previous));
        }
    }

    /// Whether a message of a session finds room.
    pub(super) fn has_room(&self, session: &CalleeSession, len: usize) -> bool {
        session.bytes + len <= self.config.session_bytes_max && self.bytes + len <= self.config.total_bytes_max
    }

    /// Operation `rpc` finds no room: those behind it that wait are given back, since they may wait for it.
    pub(super) fn make_room(&mut self, index: usize, rpc: u64) {
        let Some(session) = self.callees.get_mut(index) else { return };
        let (later, before) = std::mem::take(&mut session.held).into_iter().partition(|turn| turn.rpc > rpc);
        session.held = before;
        let later: Vec<Turn> = later;
        let (mut released, mut given_back) = (Released::default(), Vec::new());
        for held in later.into_iter().map(|turn| turn.rpc) {
            let about = session.exchange(held);
            if let Some(served) = session.calls.remove(&held) {
                released.take(held, served, &mut session.link);
                given_back.push(about);
            }
        }
        session.give_back(&released);
        self.released(index, released);
        for about in given_back {
            self.refuse_call(index, about, 0, Refusal::Busy { retry_us: HELD_RETRY_US });
        }
    }
}

impl CalleeSession {
    /// Whether an operation on `object` that follows operation `previous` can be done.
    ///
    /// One that was done came after those before it; one that was refused early says which that was. One that ended otherwise says nothing of those that it followed
    /// itself, and may never have been seen here: then all that were issued before it have to be out of the way.
    pub(super) fn is_settled(&self, mut previous: u64, object: u64) -> bool {
        // Each follows a lower one, so this ends.
        while let Some(Served::Answered(answered)) = self.calls.get(&previous) {
            previous = answered.follows;
        }
        match self.calls.get(&previous) {
            _ if previous < self.lowest.max(1) => true,
            Some(_) => false,
            None if !self.has_ended(previous) => false,
            None if previous == self.lowest => true,
            None => self.finished.gaps(&(self.lowest..previous)).all(|open| self.are_no_obstacle(open, object)),
        }
    }

    /// Whether all operations of a range are known here, and none is about to change `object`.
    fn are_no_obstacle(&self, open: Range<u64>, object: u64) -> bool {
        let mut next = open.start;
        for (rpc, served) in self.calls.range(open.clone()) {
            let other = served.pointer().is_some_and(|pointer| pointer.object() != object);
            if *rpc != next || !(other || matches!(served, Served::Answered(_))) {
                return false;
            }
            next += 1;
        }
        next == open.end
    }

    /// Operations that waited and need not any longer.
    pub(super) fn release_held(&mut self) -> Vec<Held> {
        let mut held = std::mem::take(&mut self.held);
        let mut free = Vec::new();
        held.retain(|Turn { previous, rpc, .. }| {
            let object = self.exchange(*rpc).pointer.map_or(0, crate::wire::Pointer::object);
            let is_settled = self.is_settled(*previous, object);
            match self.calls.get_mut(rpc) {
                Some(Served::Memory(run)) if is_settled => free.extend(run.held.take().map(|held| *held)),
                Some(Served::Memory(_)) => return true,
                // It was given up.
                _ => {}
            }
            false
        });
        self.held = held;
        free
    }

    /// Operations that have waited too long; they wait no more. One that waits for another that is here waits on: that one has a bound of its own.
    fn overdue(&mut self, now: Time) -> Vec<Turn> {
        let mut held = std::mem::take(&mut self.held);
        let mut overdue = Vec::new();
        held.retain_mut(|turn| {
            if turn.until > now {
                return true;
            }
            turn.until = now.plus(HOLD_MAX);
            let is_here = self.is_here(turn.previous);
            overdue.extend((!is_here).then_some(*turn));
            is_here
        });
        self.held = held;
        overdue
    }

    /// Whether something is known of an operation, or of what it follows where it was refused before its turn.
    fn is_here(&self, mut rpc: u64) -> bool {
        loop {
            match self.calls.get(&rpc) {
                Some(Served::Answered(answered)) => rpc = answered.follows,
                found => return found.is_some(),
            }
        }
    }
}
