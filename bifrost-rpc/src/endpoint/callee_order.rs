//! In which order a callee does memory operations: each after the write that it follows.

use super::Endpoint;
use super::callee::CalleeSession;
use super::record::{Held, Released, Served};
use crate::wire::Refusal;
use std::ops::Range;

/// Operations of a session that may wait for others at most; more are told to come again.
pub(super) const HELD_MAX: usize = 256;

/// When an operation that finds no place to wait in is to be tried again, in µs.
pub(super) const HELD_RETRY_US: u32 = 1000;

impl Endpoint {
    /// Whether a message of a session finds room.
    pub(super) fn has_room(&self, session: &CalleeSession, len: usize) -> bool {
        session.bytes + len <= self.config.session_bytes_max && self.bytes + len <= self.config.total_bytes_max
    }

    /// Operation `rpc` finds no room: those behind it that wait are given back, since they may wait for it.
    pub(super) fn make_room(&mut self, index: usize, rpc: u64) {
        let Some(session) = self.callees.get_mut(index) else { return };
        let (later, before) = std::mem::take(&mut session.held).into_iter().partition(|(_, held)| *held > rpc);
        session.held = before;
        let later: Vec<(u64, u64)> = later;
        let (mut released, mut given_back) = (Released::default(), Vec::new());
        for (_, held) in later {
            let about = session.exchange(held);
            if let Some(served) = session.calls.remove(held) {
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
        // There are no records of those below.
        if previous < self.lowest.max(1) {
            return true;
        }
        // Each follows a lower one, so this ends.
        while let Some(Served::Answered(answered)) = self.calls.get(previous) {
            previous = answered.follows;
        }
        match self.calls.get(previous) {
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
            if rpc != next || !(other || matches!(served, Served::Answered(_))) {
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
        held.retain(|(previous, rpc)| {
            let object = self.exchange(*rpc).pointer.map_or(0, crate::wire::Pointer::object);
            let is_settled = self.is_settled(*previous, object);
            match self.calls.get_mut(*rpc) {
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
}
