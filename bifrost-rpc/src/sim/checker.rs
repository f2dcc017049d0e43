//! What must hold in every run: a ledger of all calls, their effects and their ends, kept outside all nodes.

use super::memory::MemoryLedger;
use super::payload::{answer, answer_pointers, key_of, request, request_pointers, takes_references};
use super::plan::{Disruption, Method, Plan, nanos};
use crate::endpoint::{AnswerKind, Answered, CallError};
use crate::wire::Pointer;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Keys of calls start here, so that other numbers are not mistaken for one.
const KEY_BASE: u64 = 0xCA11_0000_0000_0000;
/// Violations kept for a run.
const VIOLATIONS_MAX: usize = 8;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// A call has at most one effect; an idempotent one more only where its outcome was unknown.
    AtMostOnce,
    /// A call that was answered, or reported delivered, has had its effect.
    Answered,
    /// Messages arrive as they were sent, with the method and at the server they were meant for.
    Payload,
    /// A call that ended with an error that excludes an effect has none, ever.
    NeverRan,
    /// Writes of one client to one object happen in the order in which they were issued.
    WriteOrder,
    /// A read gives one whole write, and none older than those that were seen done before it was asked for.
    StaleRead,
    /// What nobody called does not run: forged, malformed or contradictory packets.
    Forged,
    /// A call does not start after its CANCEL has arrived.
    CancelledRan,
    /// No call fails where nothing happened that excuses it.
    Unexcused,
    /// Every call ends.
    Stuck,
    /// A call ends once.
    EndedTwice,
    /// Memory stays within its bounds.
    Memory,
    /// There are no more sessions than clients asked for.
    Sessions,
    /// Sessions are made for addresses only whose owners have proved that they receive there.
    UnprovenAddress,
    /// When all is over, nothing is held and nothing is sent.
    Leak,
    /// A run comes to its end in a bounded number of steps and packets.
    Livelock,
    /// On links that route by pointers a packet goes to, or comes from, the address that its pointer is.
    Misplaced,
    /// A handler of a leased call begins only while the lease is in force, and the lease ends when no handler runs.
    Lease,
    /// What ends report to the control plane is true, and said once.
    Report,
    /// When all is over every lease has ended, and every answer with pointers was accepted or abandoned.
    Unsettled,
    /// Nothing panics.
    Panic,
}

/// A rule that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// When, in the run's time.
    pub at: Duration,
    /// What happened.
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} violated at {:?}: {}", self.rule, self.at, self.detail)
    }
}

/// What is known of a call.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) client: usize,
    pub(super) server: usize,
    pub(super) service: usize,
    pub(super) method: Method,
    pub(super) request_bytes: usize,
    pub(super) answer_bytes: usize,
    pub(super) issued: u64,
    pub(super) deadline: Option<Duration>,
    pub(super) cancelled: bool,
    /// A packet that must not start anything.
    pub(super) is_forged: bool,
    /// The control plane refused it: it passes a pointer that it may not pass; or the switch drops it.
    pub(super) is_denied: bool,
    /// Nobody waits for its end: its client crashed, or is a rogue.
    pub(super) is_abandoned: bool,
    /// Times a server took it, less those it gave it back.
    pub(super) received: u32,
    pub(super) effects: u32,
    pub(super) ended: Option<End>,
    pub(super) ended_at: u64,
    /// Of a memory operation.
    pub(super) object: u64,
    /// Of a write: when it took effect, as a number that rises with each write to its object.
    pub(super) version: u64,
    /// Of a read: the version that was known to be there when it was asked for.
    pub(super) floor: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    MayHaveRun,
    NeverRuns,
}

impl Entry {
    pub(super) fn new(client: usize, server: usize, method: Method, issued: u64) -> Self {
        Self {
            client,
            server,
            service: 0,
            method,
            request_bytes: 0,
            answer_bytes: 0,
            issued,
            deadline: None,
            cancelled: false,
            is_forged: false,
            is_denied: false,
            is_abandoned: false,
            received: 0,
            effects: 0,
            ended: None,
            ended_at: issued,
            object: 0,
            version: 0,
            floor: 0,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }
}

/// The ledger and its judge.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) plan: Plan,
    pub(super) entries: Vec<Entry>,
    /// What happened to nodes, from when to when.
    pub(super) disruptions: Vec<(u64, u64, Disruption)>,
    /// Calls whose CANCEL has reached a server: its node and life, session, call.
    cancels: BTreeSet<(usize, u32, u64, u64)>,
    /// OPENs that have reached a server: its node and life, and what tells them apart.
    opens: BTreeMap<(usize, u32), BTreeSet<(u64, u64)>>,
    pub(super) memory: MemoryLedger,
    pub(super) violations: Vec<Violation>,
}

impl Checker {
    pub(super) fn new(plan: Plan) -> Self {
        let (entries, disruptions, violations) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            plan,
            entries,
            disruptions,
            cancels: BTreeSet::new(),
            opens: BTreeMap::new(),
            memory: MemoryLedger::default(),
            violations,
        }
    }

    pub(super) fn violate(&mut self, now: u64, rule: Rule, detail: impl Into<String>) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { rule, at: Duration::from_nanos(now), detail: detail.into() });
        }
    }

    /// Adds a call and returns its index.
    pub(super) fn enter(&mut self, entry: Entry) -> usize {
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// What the messages of the call are made of.
    pub(super) fn key(index: usize) -> u64 {
        KEY_BASE + index as u64
    }

    pub(super) fn index_of(&self, message: &[u8]) -> Option<usize> {
        let index = usize::try_from(key_of(message)?.checked_sub(KEY_BASE)?).ok()?;
        (index < self.entries.len()).then_some(index)
    }

    pub(super) fn begin(&mut self, now: u64, what: Disruption) -> usize {
        self.disruptions.push((now, u64::MAX, what));
        self.disruptions.len() - 1
    }

    pub(super) fn end(&mut self, now: u64, disruption: usize) {
        self.disruptions[disruption].1 = now;
    }

    pub(super) fn saw_cancel(&mut self, node: usize, life: u32, session: u64, rpc: u64) {
        self.cancels.insert((node, life, session, rpc));
    }

    pub(super) fn saw_open(&mut self, node: usize, life: u32, client: u64, nonce: u64) {
        self.opens.entry((node, life)).or_default().insert((client, nonce));
    }

    /// A server took a call. Returns its index where it is one.
    pub(super) fn received(
        &mut self,
        now: u64,
        (node, life): (usize, u32),
        (session, rpc): (u64, u64),
        message: &[u8],
        called: (usize, Method),
    ) -> Option<usize> {
        let Some(index) = self.index_of(message) else {
            self.violate(now, Rule::Forged, format!("a call of {} bytes that nobody made runs", message.len()));
            return None;
        };
        let entry = &mut self.entries[index];
        entry.received += 1;
        if entry.is_forged {
            self.violate(now, Rule::Forged, format!("call #{index} runs, whose packets had to be refused"));
            return Some(index);
        }
        let fits = entry.server == node && (entry.service, entry.method) == called;
        if !fits || message != request(Self::key(index), entry.request_bytes) {
            self.violate(now, Rule::Payload, format!("call #{index} arrived changed"));
        }
        if self.cancels.contains(&(node, life, session, rpc)) {
            self.violate(now, Rule::CancelledRan, format!("call #{index} started after its CANCEL"));
        }
        Some(index)
    }

    /// What came with a call, at a server that may take values only.
    pub(super) fn received_pointers(
        &mut self,
        now: u64,
        index: usize,
        pointers: &[Pointer],
        references: bool,
        by_value: bool,
    ) {
        let key = Self::key(index);
        if self.entries[index].is_forged {
            return;
        }
        if pointers != request_pointers(key) || references != takes_references(key) {
            self.violate(now, Rule::Payload, format!("call #{index} arrived with {} pointers", pointers.len()));
        } else if by_value && !pointers.is_empty() {
            self.violate(now, Rule::Payload, format!("call #{index} has pointers its server does not understand"));
        }
    }

    /// A server gave a call back unrun.
    pub(super) fn given_back(&mut self, now: u64, index: usize) {
        let entry = &mut self.entries[index];
        entry.received = entry.received.saturating_sub(1);
        if entry.ended == Some(End::Answered) && entry.received == 0 && entry.method == Method::Note {
            self.violate(now, Rule::Answered, format!("oneway #{index} was reported delivered and given back"));
        }
    }

    /// A call has its effect.
    pub(super) fn effect(&mut self, now: u64, index: usize) {
        let may_repeat = matches!(self.entries[index].method, Method::AddIdempotent | Method::Read);
        let excused = may_repeat && (self.entries[index].method == Method::Read || self.may_lose(index, now));
        let entry = &mut self.entries[index];
        entry.effects += 1;
        let (effects, ended) = (entry.effects, entry.ended);
        if effects > 1 && !excused {
            self.violate(now, Rule::AtMostOnce, format!("call #{index} has effect number {effects}"));
        }
        if ended == Some(End::NeverRuns) {
            self.violate(now, Rule::NeverRan, format!("call #{index} runs after an error that excluded it"));
        }
    }

    /// A call ended for its client.
    pub(super) fn ended(&mut self, now: u64, index: usize, result: &Result<Answered, CallError>) {
        let entry = &self.entries[index];
        if entry.ended.is_some() {
            return self.violate(now, Rule::EndedTwice, format!("call #{index} ended again: {result:?}"));
        }
        let end = match result {
            Ok(answered) => {
                self.check_answer(now, index, answered);
                End::Answered
            }
            Err(error) => {
                if entry.effects > 0 && !error.may_have_run() {
                    self.violate(now, Rule::NeverRan, format!("call #{index} ran, yet: {error}"));
                }
                if !self.is_excused(index, error, now) {
                    self.violate(now, Rule::Unexcused, format!("call #{index} failed: {error} ({error:?})"));
                }
                if error.may_have_run() { End::MayHaveRun } else { End::NeverRuns }
            }
        };
        self.entries[index].ended = Some(end);
        self.entries[index].ended_at = now;
    }

    fn check_answer(&mut self, now: u64, index: usize, answered: &Answered) {
        let entry = &self.entries[index];
        let (arrived, ran) = (entry.received > 0, entry.effects > 0);
        match answered {
            Answered::Delivered if entry.method == Method::Note => {
                if !arrived {
                    self.violate(now, Rule::Answered, format!("oneway #{index} was not delivered"));
                }
            }
            Answered::Message(kind, bytes, pointers) => {
                let key = Self::key(index);
                let is_whole = *bytes == answer(key, entry.answer_bytes) && *pointers == answer_pointers(key);
                if !is_whole || *kind != Self::answer_kind(index) {
                    self.violate(now, Rule::Payload, format!("call #{index} got a wrong answer of {}", bytes.len()));
                } else if !ran {
                    self.violate(now, Rule::Answered, format!("call #{index} was answered without running"));
                }
            }
            Answered::Memory(answer) => self.check_memory_answer(now, index, answer),
            Answered::Delivered | Answered::Session { .. } => {
                self.violate(now, Rule::Answered, format!("call #{index} got no answer"));
            }
        }
    }

    /// Every third call is answered with an exception.
    pub(super) fn answer_kind(index: usize) -> AnswerKind {
        if index.is_multiple_of(3) { AnswerKind::Exception } else { AnswerKind::Reply }
    }

    /// Sessions and memory of a server after each step.
    pub(super) fn check_usage(&mut self, now: u64, node: usize, life: u32, usage: crate::endpoint::Usage) {
        let asked = self.opens.get(&(node, life)).map_or(0, BTreeSet::len);
        if usage.callee_sessions > asked {
            let detail = format!("node {node} has {} sessions for {asked} requests", usage.callee_sessions);
            self.violate(now, Rule::Sessions, detail);
        }
        // Answers cannot be refused once their calls have run: there is room for those of the calls accepted.
        let answers: usize = self.plan.calls.iter().map(|call| call.answer_bytes).sum();
        let bound = self.plan.limits.total_bytes + answers;
        if usage.bytes > bound {
            self.violate(now, Rule::Memory, format!("node {node} holds {} bytes, over {bound}", usage.bytes));
        }
        if usage.callee_sessions > self.plan.limits.sessions {
            self.violate(now, Rule::Memory, format!("node {node} has {} sessions", usage.callee_sessions));
        }
    }

    /// Packets that the calls made may have cost: a generous bound, which only a livelock exceeds.
    pub(super) fn packet_budget(&self, is_duplicating: bool) -> u64 {
        let lease = nanos(self.plan.lease);
        let of = |entry: &Entry| {
            let fragments = (entry.request_bytes + entry.answer_bytes) as u64 / 1000 + 2;
            let seconds = (entry.ended_at - entry.issued + lease) / 1_000_000_000 + 1;
            100 + 40 * fragments + 50 * seconds
        };
        let sum: u64 = self.entries.iter().map(of).sum();
        (sum + 1000) * if is_duplicating { 3 } else { 1 }
    }

    /// By now every call has to have ended.
    pub(super) fn check_ended(&mut self, now: u64) {
        let stuck = |entry: &Entry| !entry.is_abandoned && entry.ended.is_none();
        let stuck: Vec<usize> = (0..self.entries.len()).filter(|index| stuck(&self.entries[*index])).collect();
        for index in stuck {
            self.violate(now, Rule::Stuck, format!("call #{index} has not ended"));
        }
    }
}
