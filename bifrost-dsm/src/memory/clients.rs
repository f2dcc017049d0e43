//! What the server keeps of each client: outcomes, so that nothing is executed twice, and what has yet to be executed.

use super::staging::Staging;
use crate::config::Config;
use crate::identity::{Client, Holder};
use crate::ledger::{Charge, Ledger};
use crate::operation::{Outcome, Step, Work};
use crate::refusal::Refusal;
use rangemap::RangeSet;
use slab::Slab;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a client takes, and the outcome of an operation.
const CLIENT_BYTES: u64 = 512;
const RECORD_BYTES: u64 = 192;

/// An operation that has not been executed.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) work: Work,
    /// It is refused already, but only in its turn: what follows it must not overtake what it follows.
    pub(super) refused: Option<Refusal>,
    /// Accounts for the bytes that came with it.
    pub(super) charge: Charge,
}

#[derive(Debug)]
struct Record {
    outcome: Outcome,
    _charge: Charge,
}

/// Where a client is kept, so that an operation looks it up once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) client: Client,
    at: usize,
    /// Tells a client that was opened again from what it was before.
    number: u64,
}

/// One client.
#[derive(Debug)]
pub(super) struct State {
    number: u64,
    /// The client waits for no answer below.
    lowest: u64,
    /// Ids from `lowest` on whose answers it does not wait for either.
    ended: RangeSet<u64>,
    /// The outcomes of operations that changed something, or were refused.
    records: BTreeMap<u64, Record>,
    waiting: BTreeMap<u64, Waiting>,
    staged: BTreeMap<u64, Staging>,
    keeps_outcomes: bool,
    _charge: Charge,
}

impl State {
    /// The client waits for no answer below. Returns whether operations that waited may go on for it.
    pub(super) fn advance(&mut self, lowest: u64) -> bool {
        if lowest <= self.lowest {
            return false;
        }
        self.lowest = lowest;
        if !self.ended.is_empty() {
            self.ended.remove(0..lowest);
        }
        self.forget(0..lowest);
        self.has_waiting()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The client does not wait for the answers of these. Where that makes too many ranges, they are kept instead.
    pub(super) fn end(&mut self, ids: Range<u64>, ranges_max: usize) {
        let ids = ids.start.max(self.lowest)..ids.end;
        if ids.is_empty() || self.ended.len() >= ranges_max {
            return;
        }
        self.ended.insert(ids.clone());
        self.forget(ids);
    }

    fn forget(&mut self, ids: Range<u64>) {
        drop_range(&mut self.records, &ids);
        drop_range(&mut self.waiting, &ids);
        drop_range(&mut self.staged, &ids);
    }

    pub(super) fn has_ended(&self, id: u64) -> bool {
        id < self.lowest || (!self.ended.is_empty() && self.ended.contains(&id))
    }

    pub(super) fn record(&self, id: u64) -> Option<Outcome> {
        self.records.get(&id).map(|record| record.outcome.clone())
    }

    pub(super) fn waits(&self, id: u64) -> bool {
        self.waiting.contains_key(&id)
    }

    /// Refuses an operation for which there is no room.
    pub(super) fn room(&self, id: u64, config: &Config) -> Result<(), Refusal> {
        let limit = config.records_max;
        let has = self.records.len() + self.waiting.len() + self.staged.len();
        if has >= limit && !self.staged.contains_key(&id) {
            return Err(Refusal::TooManyOutstanding { limit: limit as u64 });
        }
        Ok(())
    }

    pub(super) fn conclude(&mut self, id: u64, outcome: &Outcome, ledger: &Ledger) {
        self.unstage(id);
        if self.keeps_outcomes && !self.has_ended(id) {
            // Bounded by the number of records, and needed to refuse for lack of memory.
            let record = Record { outcome: outcome.clone(), _charge: ledger.charge_anyway(RECORD_BYTES) };
            self.records.insert(id, record);
        }
    }

    /// Whether all writes that the operation follows have been executed, refused or given up.
    pub(super) fn is_ready(&self, id: u64, work: &Work) -> bool {
        if let Work::One(Step { previous: 0, .. }) = work {
            return true;
        }
        work.steps().iter().all(|step| {
            let previous = step.previous;
            previous >= id || self.has_ended(previous) || self.records.contains_key(&previous)
        })
    }

    pub(super) fn wait(&mut self, operation: Waiting, limit: usize) -> Result<(), Refusal> {
        if self.waiting.len() >= limit {
            return Err(Refusal::TooManyOutstanding { limit: limit as u64 });
        }
        self.waiting.insert(operation.id, operation);
        Ok(())
    }

    /// Takes out the first waiting operation that need not wait any more.
    pub(super) fn next_ready(&mut self) -> Option<Waiting> {
        let id = *self.waiting.iter().find(|(id, operation)| self.is_ready(**id, &operation.work))?.0;
        self.waiting.remove(&id)
    }

    pub(super) fn drop_unfinished(&mut self, id: u64) {
        self.waiting.remove(&id);
        self.staged.remove(&id);
    }

    pub(super) fn stage(&mut self, id: u64, staging: Staging) {
        self.staged.insert(id, staging);
    }

    pub(super) fn staged(&mut self, id: u64) -> Option<&mut Staging> {
        self.staged.get_mut(&id)
    }

    pub(super) fn staged_len(&self) -> usize {
        self.staged.len()
    }

    pub(super) fn unstage(&mut self, id: u64) -> Option<Staging> {
        // Most clients have nothing here.
        if self.staged.is_empty() { None } else { self.staged.remove(&id) }
    }
}

fn drop_range<T>(map: &mut BTreeMap<u64, T>, ids: &Range<u64>) {
    // Most clients have nothing here.
    while !map.is_empty() {
        let Some((id, _)) = map.range(ids.clone()).next() else { return };
        let id = *id;
        map.remove(&id);
    }
}

/// All clients.
#[derive(Debug, Default)]
pub(super) struct Clients {
    states: Slab<State>,
    seats: BTreeMap<Client, Seat>,
    /// Clients ever opened.
    opened: u64,
}

impl Clients {
    pub(super) fn open(&mut self, client: Client, config: &Config, ledger: &Ledger) -> Result<Seat, Refusal> {
        if let Some(seat) = self.seat(client) {
            return Ok(seat);
        }
        if self.len() >= config.clients_max {
            return Err(Refusal::TooManyClients { limit: config.clients_max as u64 });
        }
        let state = State {
            number: self.opened + 1,
            lowest: 1,
            ended: RangeSet::new(),
            records: BTreeMap::new(),
            waiting: BTreeMap::new(),
            staged: BTreeMap::new(),
            keeps_outcomes: config.keeps_outcomes,
            _charge: ledger.charge(CLIENT_BYTES)?,
        };
        self.opened += 1;
        let seat = Seat { client, at: self.states.insert(state), number: self.opened };
        self.seats.insert(client, seat);
        Ok(seat)
    }

    pub(super) fn close(&mut self, client: Client) {
        if let Some(seat) = self.seats.remove(&client) {
            self.states.remove(seat.at);
        }
    }

    pub(super) fn seat(&self, client: Client) -> Option<Seat> {
        self.seats.get(&client).copied()
    }

    /// The client of a seat, if it has not left it.
    pub(super) fn at(&mut self, seat: Seat) -> Option<&mut State> {
        self.states.get_mut(seat.at).filter(|state| state.number == seat.number)
    }

    pub(super) fn get_mut(&mut self, client: Client) -> Option<&mut State> {
        let seat = self.seat(client)?;
        self.at(seat)
    }

    /// The clients of an incarnation and of those before it.
    pub(super) fn until(&self, last: Holder) -> Vec<Client> {
        let first = Client { holder: Holder { incarnation: 0, ..last }, id: 0 };
        self.seats.range(first..=Client { holder: last, id: u64::MAX }).map(|(client, _)| *client).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Writes being staged, operations waiting.
    pub(super) fn unfinished(&self) -> (u64, u64) {
        let states = self.states.iter();
        states.fold((0, 0), |(s, w), (_, state)| (s + state.staged.len() as u64, w + state.waiting.len() as u64))
    }
}
