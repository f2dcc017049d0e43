//! Writes that come in fragments: their memory is reserved when they are announced, and they take effect at once, when
//! all has come.

use super::submit::Admitted;
use super::{Memory, Seat};
use crate::access::Right;
use crate::checks::Check;
use crate::identity::Client;
use crate::ledger::Charge;
use crate::operation::{Action, Outcome, Step, Submitted, Work};
use crate::refusal::Refusal;
use bifrost_rpc::memory::Pointer;
use rangemap::RangeSet;

/// Gaps in a staged write at most; a fragment that makes more is dropped.
const RANGES_MAX: usize = 4096;

/// Where a staged write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into a new object, at its beginning.
    New {
        /// The object's bytes.
        len: u64,
    },
    /// To this offset of the target.
    At(u64),
    /// To several places, or into several answers: a batch. Its bytes are reserved; all else is checked when it is done.
    Batch,
}

/// A write that is about to come in fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announce {
    /// As in [`crate::Request`].
    pub id: u64,
    /// As in [`crate::Request`].
    pub lowest: u64,
    /// As in [`Step`].
    pub target: Pointer,
    /// As in [`Step`].
    pub previous: u64,
    /// As in [`Step`].
    pub unit_log2: u8,
    /// Where it goes.
    pub place: Place,
    /// Its bytes.
    pub len: u64,
}

/// What became of an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staged {
    /// Its bytes are reserved (by this announcement or by a copy of it): send them.
    Ready,
    /// All has come already: the write waits for the one before it.
    Waiting,
    /// The write is done, or refused.
    Done(Outcome),
}

/// A write as far as it has come.
#[derive(Debug)]
pub(super) struct Staging {
    announce: Announce,
    data: Vec<u8>,
    /// What of `data` has come.
    got: RangeSet<usize>,
    pub(super) charge: Charge,
}

impl Staging {
    /// Takes a fragment. Returns whether all is there.
    fn land(&mut self, at: u64, fragment: &[u8]) -> Result<bool, Refusal> {
        let end = at.checked_add(fragment.len() as u64).filter(|end| *end <= self.announce.len);
        let start = usize::try_from(at).map_err(|_| Refusal::Incomplete)?;
        let end = end.and_then(|end| usize::try_from(end).ok()).ok_or(Refusal::Incomplete)?;
        if start < end && self.got.len() < RANGES_MAX {
            if self.data.len() < end {
                // Within the capacity that `land` reserved.
                self.data.resize(end, 0);
            }
            self.data[start..end].copy_from_slice(fragment);
            self.got.insert(start..end);
        }
        Ok(self.is_complete())
    }

    fn is_complete(&self) -> bool {
        self.got.get(&0).is_some_and(|range| range.end as u64 == self.announce.len)
    }

    /// The operation; none of a batch, whose steps were not announced.
    fn into_operation(self) -> Option<(u64, Work, Charge)> {
        let Announce { id, target, previous, unit_log2, place, .. } = self.announce;
        let action = match place {
            Place::New { len } => Action::AllocWrite { len, data: self.data },
            Place::At(offset) => Action::Write { offset, data: self.data },
            Place::Batch => return None,
        };
        Some((id, Work::One(Step { target, previous, unit_log2, action }), self.charge))
    }
}

impl Memory {
    /// Reserves memory for a write that comes in fragments. What can be refused already is. The bytes come either by
    /// [`Memory::land`] and [`Memory::commit`], or, if they were collected elsewhere, by [`Memory::submit`] under the same
    /// id, which takes the reservation over.
    pub fn stage(&mut self, client: Client, announce: Announce) -> Staged {
        let seat = match self.admit(client, self.clients.seat(client), announce.id, announce.lowest, false) {
            Err(refusal) => {
                self.counters.refused(&refusal);
                return Staged::Done(Err(refusal));
            }
            Ok(Admitted::Before(Submitted::Waiting)) => return Staged::Waiting,
            Ok(Admitted::Before(Submitted::Done(outcome))) => return Staged::Done(outcome),
            Ok(Admitted::New(seat)) => seat,
        };
        if self.clients.at(seat).is_some_and(|state| state.staged(announce.id).is_some()) {
            return Staged::Ready;
        }
        match self.reserve(seat, announce) {
            Ok(()) => Staged::Ready,
            Err(refusal @ Refusal::TooManyOutstanding { .. }) => {
                self.counters.refused(&refusal);
                Staged::Done(Err(refusal))
            }
            Err(refusal) => {
                let Announce { id, target, previous, unit_log2, .. } = announce;
                let action = Action::Write { offset: 0, data: Vec::new() };
                let work = Work::One(Step { target, previous, unit_log2, action });
                match self.refuse(seat, id, work, refusal) {
                    Submitted::Done(outcome) => Staged::Done(outcome),
                    Submitted::Waiting => Staged::Waiting,
                }
            }
        }
    }

    fn reserve(&mut self, seat: Seat, announce: Announce) -> Result<(), Refusal> {
        let (limit, client) = (self.config.staged_max, seat.client);
        let state = self.clients.at(seat).ok_or(Refusal::UnknownClient)?;
        if state.staged_len() >= limit {
            return Err(Refusal::TooManyOutstanding { limit: limit as u64 });
        }
        match announce.place {
            Place::New { len } => self.allows(client.holder, &announce.target, len)?,
            Place::At(offset) => {
                let object = self.resolve(client.holder, &announce.target, Right::Write)?;
                self.range(object, announce.unit_log2, offset, announce.len)?;
            }
            // Where nodes are protected from each other it makes none, and touches this object alone.
            Place::Batch if !self.config.open && announce.target.object() == 0 => return Err(Refusal::SeveralObjects),
            Place::Batch if !self.config.open => _ = self.resolve(client.holder, &announce.target, Right::Read)?,
            Place::Batch => {}
        }
        let charge = self.ledger.charge(announce.len)?;
        let staging = Staging { announce, data: Vec::new(), got: RangeSet::new(), charge };
        if let Some(state) = self.clients.at(seat) {
            state.stage(announce.id, staging);
        }
        Ok(())
    }

    /// Takes a fragment of a staged write; one that came before changes nothing. Returns whether all has come.
    ///
    /// # Errors
    ///
    /// [`Refusal::Incomplete`] when no such write is staged or the fragment lies outside it; [`Refusal::OutOfMemory`]
    /// when the system has none.
    pub fn land(&mut self, client: Client, id: u64, at: u64, fragment: &[u8]) -> Result<bool, Refusal> {
        let staging = self.clients.get_mut(client).and_then(|state| state.staged(id)).ok_or(Refusal::Incomplete)?;
        if staging.data.capacity() == 0 {
            staging.data = self.ledger.vec(usize::try_from(staging.announce.len).unwrap_or(usize::MAX))?;
        }
        let complete = staging.land(at, fragment)?;
        let announce = staging.announce;
        if !self.config.checks.makes(Check::Staging) {
            self.land_unstaged(client, &announce, at, fragment);
        }
        Ok(complete)
    }

    /// What a server without staging would do with a fragment.
    fn land_unstaged(&mut self, client: Client, announce: &Announce, at: u64, fragment: &[u8]) {
        let Place::At(offset) = announce.place else { return };
        let Ok(object) = self.resolve(client.holder, &announce.target, Right::Write) else { return };
        let Ok(range) = self.range(object, 0, offset + at, fragment.len() as u64) else { return };
        if let Ok(charge) = self.ledger.charge(fragment.len() as u64) {
            let _ = self.put(object, range.start, fragment.to_vec(), charge);
        }
    }

    /// Executes a staged write of which all has come.
    pub fn commit(&mut self, client: Client, id: u64) -> Submitted {
        let seat = self.clients.seat(client);
        let Some((seat, state)) = seat.and_then(|seat| Some((seat, self.clients.at(seat)?))) else {
            return Submitted::Done(Err(Refusal::UnknownClient));
        };
        if let Some(outcome) = state.record(id) {
            return Submitted::Done(outcome);
        }
        if state.waits(id) {
            return Submitted::Waiting;
        }
        if !state.staged(id).is_some_and(|staging| staging.is_complete()) {
            return Submitted::Done(Err(Refusal::Incomplete));
        }
        match state.unstage(id).and_then(Staging::into_operation) {
            Some((id, work, charge)) => self.run(seat, work.only_reads(), id, work, charge),
            None => Submitted::Done(Err(Refusal::Incomplete)),
        }
    }
}
