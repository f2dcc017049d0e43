//! What is under way: batches for the switch, messages to memory servers, log records, and what is to be done when each is done.

use super::input::Answered;
use super::numbered::Numbered;
use super::output::{MemoryMessage, Output};
use super::record::Record;
use crate::rules::{EntryChange, Scope};
use bifrost_rpc::endpoint::Time;
use smallvec::{SmallVec, smallvec};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Before tables that could not be repaired are repaired again.
const REPAIR_DELAY: Duration = Duration::from_secs(1);

/// How something ended that was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// A memory server has answered.
    Answered(Answered),
    /// The memory server is gone.
    Gone,
}

/// Outputs, and what waits for them. `T` says what is to be done next.
#[derive(Debug)]
pub(super) struct Outbox<T> {
    outputs: VecDeque<Output>,
    ready: VecDeque<(T, Outcome)>,
    term: u64,
    last_batch: u64,
    batches: Numbered<SmallVec<[T; 2]>>,
    repair: Repair<T>,
    lanes: BTreeMap<u8, Lane<T>>,
    last_record: u64,
    unlogged: VecDeque<(u64, T)>,
    has_log_failed: bool,
}

/// The tables differ from the rules, because the switch has refused or lost changes.
#[derive(Debug)]
struct Repair<T> {
    /// The tables whose rules are known.
    scope: Scope,
    due: Option<Time>,
    /// The batch that repairs them.
    under_way: Option<u64>,
    waiting: Vec<T>,
    failures: u64,
}

/// The way to a memory server.
#[derive(Debug)]
struct Lane<T> {
    last: u64,
    waiting: VecDeque<(u64, T)>,
}

impl<T> Outbox<T> {
    pub(super) fn new(term: u64) -> Self {
        Self {
            outputs: VecDeque::new(),
            ready: VecDeque::new(),
            term,
            last_batch: 0,
            batches: Numbered::default(),
            repair: Repair { scope: Scope::Described, due: None, under_way: None, waiting: Vec::new(), failures: 0 },
            lanes: BTreeMap::new(),
            last_record: 0,
            unlogged: VecDeque::new(),
            has_log_failed: false,
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is to be done next, because something before it is done.
    pub(super) fn next(&mut self) -> Option<(T, Outcome)> {
        self.ready.pop_front()
    }

    pub(super) fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Changes the tables, and goes on when they say so. Where nothing changes the tables may still have to be told what was decided before.
    pub(super) fn change(&mut self, changes: Vec<EntryChange>, then: T) {
        if !changes.is_empty() {
            self.last_batch += 1;
            self.batches.push(self.last_batch, smallvec![then]);
            self.put(Output::Change { batch: self.last_batch, changes });
        } else if let Some(last) = self.batches.last_mut() {
            last.push(then);
        } else if self.repair.due.is_some() {
            self.repair.waiting.push(then);
        } else {
            self.ready.push_back((then, Outcome::Done));
        }
    }

    /// Makes the tables say what the rules do, whatever they say now.
    pub(super) fn reconcile(&mut self, scope: Scope, then: T) {
        self.repair.scope = scope;
        self.repair.waiting.push(then);
        self.reconcile_now();
    }

    fn reconcile_now(&mut self) {
        self.last_batch += 1;
        self.batches.push(self.last_batch, self.repair.waiting.drain(..).collect());
        (self.repair.due, self.repair.under_way) = (None, Some(self.last_batch));
        self.put(Output::Reconcile { batch: self.last_batch, scope: self.repair.scope });
    }

    /// The number of the last batch.
    pub(super) fn last_batch(&self) -> u64 {
        self.last_batch
    }

    /// Whether the tables say all that was decided up to this batch.
    pub(super) fn is_in_force(&self, batch: u64) -> bool {
        let is_repaired = self.repair.due.is_none() && self.repair.under_way.is_none();
        is_repaired && self.batches.first().is_none_or(|first| first > batch)
    }

    pub(super) fn on_changed(&mut self, now: Time, batch: u64, is_done: bool) {
        let Some(waiting) = self.batches.take(batch) else { return };
        self.repair.under_way.take_if(|repairs| *repairs == batch);
        if is_done && self.repair.due.is_some() {
            // It was done, but what it rests on was not, or is lost.
            self.repair.waiting.extend(waiting);
            return;
        }
        if is_done {
            self.repair.failures = 0;
            self.ready.extend(waiting.into_iter().map(|then| (then, Outcome::Done)));
            return;
        }
        self.repair.waiting.extend(waiting);
        let delay = if self.repair.failures == 0 { Duration::ZERO } else { REPAIR_DELAY };
        self.repair.failures += 1;
        self.repair.due.get_or_insert(now.plus(delay));
    }

    /// The switch has lost its tables.
    pub(super) fn on_switch_restarted(&mut self, now: Time) {
        self.repair.due = Some(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.repair.due.is_some_and(|due| due <= now) {
            self.reconcile_now();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.repair.due
    }

    /// Begins to speak to a memory server, at the first number.
    pub(super) fn open_lane(&mut self, server: u8, at: (u16, [u8; 6])) {
        self.lanes.insert(server, Lane { last: 0, waiting: VecDeque::new() });
        self.put(Output::Server { server, at: Some(at) });
    }

    /// Speaks to a memory server no more; what it was told and has not answered is over.
    pub(super) fn close_lane(&mut self, server: u8) {
        if let Some(gone) = self.lanes.remove(&server) {
            self.put(Output::Server { server, at: None });
            self.ready.extend(gone.waiting.into_iter().map(|(_, then)| (then, Outcome::Gone)));
        }
    }

    /// Tells a memory server something.
    pub(super) fn tell(&mut self, server: u8, message: MemoryMessage, then: T) {
        let Some(lane) = self.lanes.get_mut(&server) else {
            self.ready.push_back((then, Outcome::Gone));
            return;
        };
        lane.last += 1;
        let sequence = lane.last;
        lane.waiting.push_back((sequence, then));
        let term = self.term;
        self.put(Output::Memory { server, term, sequence, message });
    }

    /// An answer of a memory server. Numbers are answered in order; one that is not due is ignored.
    pub(super) fn on_memory(&mut self, server: u8, sequence: u64, answered: Answered) {
        let Some(lane) = self.lanes.get_mut(&server) else { return };
        if lane.waiting.front().is_some_and(|(number, _)| *number == sequence)
            && let Some((_, then)) = lane.waiting.pop_front()
        {
            self.ready.push_back((then, Outcome::Answered(answered)));
        }
    }

    /// Writes a record, and goes on when it is on stable storage.
    pub(super) fn log_then(&mut self, record: Record, then: T) {
        self.log(record);
        self.unlogged.push_back((self.last_record, then));
    }

    /// Writes a record for which nothing waits.
    pub(super) fn log(&mut self, record: Record) {
        self.last_record += 1;
        if self.has_log_failed {
            return;
        }
        self.put(Output::Log { number: self.last_record, record });
    }

    pub(super) fn on_logged(&mut self, number: u64) {
        while self.unlogged.front().is_some_and(|(waits_for, _)| *waits_for <= number) {
            let done = self.unlogged.pop_front();
            self.ready.extend(done.map(|(_, then)| (then, Outcome::Done)));
        }
    }

    /// What waits for stable storage waits for ever.
    pub(super) fn fail_log(&mut self) {
        self.has_log_failed = true;
    }

    pub(super) fn has_log_failed(&self) -> bool {
        self.has_log_failed
    }

    pub(super) fn set_term(&mut self, term: u64) {
        self.term = term;
    }

    pub(super) fn term(&self) -> u64 {
        self.term
    }

    /// Messages, batches and records that are under way.
    pub(super) fn under_way(&self) -> usize {
        let told: usize = self.lanes.values().map(|lane| lane.waiting.len()).sum();
        told + self.batches.len() + self.repair.waiting.len() + self.unlogged.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(outbox: &mut Outbox<u8>) -> Vec<u8> {
        std::iter::from_fn(|| outbox.next()).map(|(then, _)| then).collect()
    }

    fn change(outbox: &mut Outbox<u8>, port: Option<u16>, then: u8) {
        outbox.change(port.map(EntryChange::Mirror).into_iter().collect(), then);
    }

    #[test]
    fn what_rests_on_a_batch_that_was_refused_waits_for_the_repair() {
        let (mut outbox, now) = (Outbox::new(1), Time::ZERO);
        change(&mut outbox, Some(1), 1);
        change(&mut outbox, Some(2), 2);
        // What it needs may be in the first batch.
        change(&mut outbox, None, 3);
        outbox.on_changed(now, 1, false);
        outbox.on_changed(now, 2, true);
        assert!(done(&mut outbox).is_empty());
        assert!(!outbox.is_in_force(2));
        outbox.handle_timeout(now);
        assert!(!outbox.is_in_force(2));
        outbox.on_changed(now, 3, true);
        assert_eq!(done(&mut outbox), [1, 2, 3]);
        assert!(outbox.is_in_force(2));
    }

    #[test]
    fn a_batch_that_was_done_before_the_tables_were_lost_waits_for_the_repair() {
        let (mut outbox, now) = (Outbox::new(1), Time::ZERO);
        change(&mut outbox, Some(1), 1);
        outbox.on_switch_restarted(now);
        outbox.on_changed(now, 1, true);
        assert!(done(&mut outbox).is_empty());
        outbox.handle_timeout(now);
        outbox.on_changed(now, 2, true);
        assert_eq!(done(&mut outbox), [1]);
    }
}
