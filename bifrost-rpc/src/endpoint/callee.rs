//! The callee's side of a session: which calls have ended, what is answered and sent.

use super::caller_time::earlier;
use super::calls::{Calls, boxed};
use super::config::Config;
use super::datagrams::Datagrams;
use super::link::{Exchange, Link};
use super::record::{Answered, Released, Served};
use super::time::Time;
use crate::wire::{AckStatus, Flags, MemoryFields};
use rangemap::RangeSet;
use std::collections::VecDeque;
use std::time::Duration;

/// Ranges of ended calls above the lowest outstanding one that are remembered at most; beyond, what the client says
/// is ignored, which only keeps records longer.
const FINISHED_RANGES_MAX: usize = 4096;
/// The tail of an answer is looked after this late: the client probes for it earlier.
const ANSWER_TIMEOUT_MIN: Duration = Duration::from_millis(40);

/// Time-outs in a row after which an answer gives the window to others.
const PROBE_TIMEOUTS: u32 = 2;

/// A session as the callee keeps it.
#[derive(Debug)]
pub(super) struct CalleeSession {
    pub(super) link: Link,
    pub(super) nonce: u64,
    /// The service it was opened for.
    pub(super) service: u32,
    pub(super) random: [u8; 32],
    /// Every call below has ended for the client.
    pub(super) lowest: u64,
    /// Calls above `lowest` that have ended for the client, or that this end will never run.
    pub(super) finished: RangeSet<u64>,
    /// Ranges put into `finished` since they were counted: at least as many as there are.
    finished_inserts: usize,
    pub(super) calls: Calls<Served>,
    /// The memory of a record that went, for the next.
    spare: Option<Box<Answered>>,
    outgoing: VecDeque<u64>,
    /// Memory operations that wait: for which write, and which they are.
    pub(super) held: Vec<(u64, u64)>,
    /// Memory of arriving messages and of answers.
    pub(super) bytes: usize,
    /// Memory that answers share with whoever gave it.
    pub(super) pinned: usize,
}

impl CalleeSession {
    pub(super) fn new(link: Link, nonce: u64, service: u32, random: [u8; 32]) -> Self {
        Self {
            link,
            nonce,
            service,
            random,
            lowest: 0,
            finished: RangeSet::new(),
            finished_inserts: 0,
            calls: Calls::default(),
            spare: None,
            outgoing: VecDeque::new(),
            held: Vec::new(),
            bytes: 0,
            pinned: 0,
        }
    }

    /// The client says that all calls below `lowest` have ended. Returns those that were not answered, and the memory
    /// freed.
    pub(super) fn raise_lowest(&mut self, lowest: u64, remember: bool) -> Released {
        let mut released = Released::default();
        if lowest <= self.lowest {
            return released;
        }
        while let Some((rpc, served)) = self.calls.pop_below(lowest) {
            released.end(rpc, served, &mut self.link);
        }
        if released.record.is_some() {
            self.spare = released.record.take();
        }
        self.calls.tidy();
        self.give_back(&released);
        if remember {
            self.lowest = lowest;
            if !self.finished.is_empty() {
                self.finished.remove(0..lowest);
            }
        }
        released
    }

    /// The client says that these calls have ended; none of them is run from now on.
    pub(super) fn finish(&mut self, range: std::ops::Range<u64>, remember: bool) -> Released {
        let mut released = Released::default();
        let start = range.start.max(self.lowest);
        if self.finished_inserts >= FINISHED_RANGES_MAX {
            self.finished_inserts = self.finished.iter().count();
        }
        if start >= range.end || self.finished_inserts >= FINISHED_RANGES_MAX {
            return released;
        }
        let ended: Vec<u64> = self.calls.range(start..range.end).map(|(rpc, _)| rpc).collect();
        for rpc in ended {
            if let Some(served) = self.calls.remove(rpc) {
                released.end(rpc, served, &mut self.link);
            }
        }
        self.give_back(&released);
        if remember {
            self.finished.insert(start..range.end);
            self.finished_inserts += 1;
        }
        released
    }

    pub(super) fn give_back(&mut self, released: &Released) {
        self.bytes = self.bytes.saturating_sub(released.bytes);
        self.pinned = self.pinned.saturating_sub(released.pinned);
    }

    /// What a memory operation asked that can be answered now.
    pub(super) fn answerable(&self, rpc: u64) -> Option<MemoryFields> {
        match self.calls.get(rpc)? {
            Served::Arriving(arriving) => arriving.memory,
            Served::Memory(run) => Some(run.fields),
            _ => None,
        }
    }

    /// What packets without a message say of a call.
    pub(super) fn exchange(&self, rpc: u64) -> Exchange {
        let served = self.calls.get(rpc);
        Exchange { rpc, pointer: served.and_then(Served::pointer), leased: served.is_some_and(Served::is_leased) }
    }

    /// Whether the caller of a call understands references in the answer; of one that was given up nobody cares.
    pub(super) fn takes_references(&self, rpc: u64) -> bool {
        !matches!(self.calls.get(rpc), Some(Served::Running(run)) if !run.references)
    }

    /// Whether the client said that the call has ended.
    pub(super) fn has_ended(&self, rpc: u64) -> bool {
        rpc < self.lowest || self.finished.contains(&rpc)
    }

    /// Keeps and sends the answer of a running call, or of a memory operation that was announced. Returns the memory it
    /// takes; what the operation held goes to `released`.
    pub(super) fn answer(&mut self, rpc: u64, mut answered: Answered, released: &mut Released) -> Option<usize> {
        let served = self.calls.get_mut(rpc)?;
        let unacked = match served {
            Served::Running(run) => {
                answered.leased = run.leased;
                run.unacked as usize
            }
            Served::Memory(run) => {
                if run.held.is_some() {
                    answered.follows = run.fields.previous_write;
                }
                run.unacked as usize
            }
            Served::Arriving(arriving) if arriving.memory.is_some() => {
                answered.follows = arriving.memory.map_or(0, |memory| memory.previous_write);
                arriving.inbound.unacked
            }
            _ => return None,
        };
        answered.queued = true;
        // The answer acknowledges the call.
        self.link.unacked = self.link.unacked.saturating_sub(unacked);
        let bytes = answered.out.bytes();
        self.pinned += answered.pinned();
        let record = boxed(&mut self.spare, answered);
        match std::mem::replace(served, Served::Answered(record)) {
            Served::Arriving(arriving) => released.drop_arriving(*arriving),
            Served::Memory(run) => released.drop_held(run.held),
            _ => {}
        }
        self.bytes = (self.bytes + bytes).saturating_sub(released.bytes);
        self.outgoing.push_back(rpc);
        Some(bytes)
    }

    /// Tells the caller that all of a call has arrived.
    pub(super) fn acknowledge(&mut self, rpc: u64) {
        if let Some(Served::RunningOneway(run)) = self.calls.get_mut(rpc) {
            run.acks += 1;
        }
        self.link.note_ack(self.exchange(rpc), AckStatus::Complete, Vec::new());
    }

    /// An answer has something to send.
    pub(super) fn enqueue(&mut self, rpc: u64) {
        if let Some(Served::Answered(answered)) = self.calls.get_mut(rpc)
            && !answered.queued
        {
            answered.queued = true;
            self.outgoing.push_back(rpc);
        }
    }

    /// The client asks for the answer again: what it does not have is sent once more. An answer of one fragment has no
    /// timer here, so that asking again and again is what tells of a path that loses large datagrams.
    pub(super) fn answer_again(&mut self, rpc: u64) {
        if let Some(Served::Answered(answered)) = self.calls.get_mut(rpc)
            && answered.out.is_sent()
        {
            // Nobody acknowledges an answer of one fragment: that it is asked for again is how its loss shows.
            answered.backoff = answered.backoff.saturating_add(1);
            self.link.on_timeout(&mut answered.out, answered.backoff);
            let freed = answered.out.send_first_again();
            self.link.window.forget(freed);
            answered.prompt = false;
            self.enqueue(rpc);
        }
    }

    /// Acknowledges all that has come of large calls.
    pub(super) fn ack_all(&mut self) {
        for (rpc, served) in self.calls.iter_mut() {
            match served {
                Served::Arriving(arriving) if arriving.inbound.unacked > 0 => {
                    arriving.inbound.unacked = 0;
                    let about = Exchange { pointer: arriving.pointer(), ..Exchange::from(rpc) };
                    self.link.note_ack(about, AckStatus::Partial, arriving.inbound.ranges(64));
                }
                Served::Memory(run) if run.unacked > 0 => {
                    run.unacked = 0;
                    let about = Exchange { pointer: Some(run.fields.pointer), ..Exchange::from(rpc) };
                    self.link.note_ack(about, AckStatus::Complete, Vec::new());
                }
                Served::Running(run) if run.unacked > 0 => {
                    run.unacked = 0;
                    self.link.note_ack(rpc, AckStatus::Complete, Vec::new());
                }
                _ => {}
            }
        }
        self.link.unacked = 0;
    }

    pub(super) fn can_send(&self) -> bool {
        self.link.has_notes() || (!self.outgoing.is_empty() && self.link.window.room() > 0)
    }

    /// Fills the batch with what is to be sent.
    pub(super) fn fill(&mut self, now: Time, limits: (usize, usize), out: &mut Datagrams) {
        while let Some((bytes, pointer)) = self.link.peek_note() {
            if !out.takes(bytes, self.link.route(pointer), limits) {
                return;
            }
            self.link.put_note(0, out);
        }
        while let Some(rpc) = self.outgoing.front().copied() {
            let Some(Served::Answered(answered)) = self.calls.get_mut(rpc) else {
                self.outgoing.pop_front();
                continue;
            };
            while let Some(range) = answered.out.peek() {
                if self.link.window.room() == 0 {
                    answered.timer.get_or_insert(now.plus(ANSWER_TIMEOUT_MIN));
                    self.link.has_new_timer = true;
                    return;
                }
                let route = self.link.route(answered.memory.as_ref().map(|memory| memory.pointer));
                if !out.takes(self.link.fragment_datagram(&answered.out, &range), route, limits) {
                    return;
                }
                let mut header = Link::message_header(answered.kind, answered.method, rpc, 0);
                let is_prompt = answered.prompt && answered.out.packets == 0;
                header.flags = Flags(0).and(is_prompt, Flags::PROMPT).and(answered.leased, Flags::LEASED);
                if let Some(memory) = &answered.memory {
                    memory.put(&mut header, true);
                }
                self.link.put_fragment(now, header, &mut answered.out, range, out);
            }
            answered.queued = false;
            self.outgoing.pop_front();
            // What takes room in the window must leave it even if what the client says of it is lost.
            if answered.out.is_counted() {
                let wait = self.link.rtt.timeout(answered.backoff).max(ANSWER_TIMEOUT_MIN);
                answered.timer = Some(now.plus(wait));
                self.link.has_new_timer = true;
            }
        }
    }

    /// The next time at which something is due: an answer's timer, an arriving message that makes no progress, the
    /// end of the lease.
    pub(super) fn next_deadline(&self, config: &Config) -> Option<Time> {
        let calls = self.calls.iter().filter_map(|(_, served)| match served {
            Served::Answered(answered) => answered.timer,
            Served::Arriving(arriving) => Some(arriving.progress.plus(config.peer_timeout)),
            Served::Running(_) | Served::RunningOneway(_) | Served::Memory(_) | Served::Done { .. } => None,
        });
        earlier(calls.min(), Some(self.link.heard.plus(config.lease)))
    }

    /// Looks after answers whose timer ended and messages that stopped arriving, which are returned.
    pub(super) fn calls_timeout(&mut self, now: Time, config: &Config) -> Released {
        let mut due = Vec::new();
        let mut stuck = Vec::new();
        for (rpc, served) in self.calls.iter_mut() {
            match served {
                Served::Answered(answered) if answered.timer.is_some_and(|timer| timer <= now) => {
                    answered.timer = None;
                    if !answered.out.is_acked() {
                        answered.backoff = answered.backoff.saturating_add(1);
                        self.link.on_timeout(&mut answered.out, answered.backoff);
                        let probes = answered.backoff >= PROBE_TIMEOUTS;
                        let freed = if probes { answered.out.probe() } else { answered.out.send_first_again() };
                        self.link.window.forget(freed);
                        // It may be kept from being sent by what others have in flight.
                        let wait = self.link.rtt.timeout(answered.backoff).max(ANSWER_TIMEOUT_MIN);
                        answered.timer = Some(now.plus(wait));
                        due.push(rpc);
                    }
                }
                Served::Arriving(arriving) if now.since(arriving.progress) >= config.peer_timeout => stuck.push(rpc),
                _ => {}
            }
        }
        due.into_iter().for_each(|rpc| self.enqueue(rpc));
        let mut released = Released::default();
        for rpc in stuck {
            if let Some(served) = self.calls.remove(rpc) {
                released.take(rpc, served, &mut self.link);
            }
        }
        self.give_back(&released);
        released
    }
}
