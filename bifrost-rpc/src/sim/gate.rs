//! A control plane between the nodes: it holds calls that lease and lets them go, refuses some, answers for servers that are gone, and
//! ends leases by what passes it and by what ends report. It judges, too: whether reports are true, and whether all that is owed comes.

use super::checker::Rule;
use super::plan::{MS, S};
use super::trace::Fate;
use super::world::{Step, World};
use crate::wire::control::{ReportKind, ReportLine};
use crate::wire::{Flags, HEADER_BYTES, Header, PacketType, Refusal, RefusedBody};
use std::collections::{BTreeMap, BTreeSet};

/// How often it asks after a call whose caller waits no more.
const ASK: u64 = S;

/// A call, by session and RPC id.
pub(super) type Key = (u64, u64);
/// A node and its life.
type Life = (usize, u32);

/// What becomes of copies of a call.
#[derive(Debug)]
enum Stand {
    /// The newest is kept.
    Held(Vec<u8>),
    /// They are answered so.
    Refused(Refusal),
    /// They are dropped.
    Ended,
    /// They go on.
    Released,
}

#[derive(Debug)]
struct Leased {
    stand: Stand,
    header: Header,
    caller: Life,
    callee: Life,
    /// The callee may use what the call leases.
    in_force: bool,
    is_asked: bool,
    is_answered: bool,
    is_abandoned: bool,
    /// The answer gave pointers, and the caller has not said what became of them.
    gives: bool,
    /// A packet with pointers that are given has passed. It, or a copy, may come when the call was given up.
    gave: bool,
}

impl Leased {
    fn new(stand: Stand, header: &Header, caller: Life, callee: Life) -> Self {
        let (in_force, is_asked, is_answered, is_abandoned, gives, gave) = (false, false, false, false, false, false);
        Self { stand, header: *header, caller, callee, in_force, is_asked, is_answered, is_abandoned, gives, gave }
    }
}

/// What it knows.
#[derive(Debug, Default)]
pub(super) struct Gate {
    calls: BTreeMap<Key, Leased>,
    /// What callees said of calls and, with RPC id 0, of sessions.
    done: BTreeSet<(Life, Key)>,
}

/// Whether the switch gives a packet to the control plane.
fn is_redirected(header: &Header) -> bool {
    let is_leased = header.flags.has(Flags::LEASED);
    match header.kind {
        PacketType::Call | PacketType::Oneway | PacketType::Reply | PacketType::Exception => {
            header.offset == 0 && (is_leased || header.pointers > 0)
        }
        PacketType::Cancel | PacketType::Refused => is_leased,
        _ => false,
    }
}

impl World {
    /// Whether a packet has to pass the control plane.
    pub(super) fn meets_gate(&self, header: Option<&Header>) -> bool {
        self.plan.has_gate && header.is_some_and(is_redirected)
    }

    fn life(&self, node: usize) -> Life {
        (node, self.nodes[node].life)
    }

    fn lives(&self, life: Life) -> bool {
        self.life(life.0) == life && self.nodes[life.0].endpoint.is_some()
    }

    /// A packet comes by; says whether it goes on.
    pub(super) fn pass_gate(&mut self, from: usize, to: usize, header: &Header, bytes: &[u8]) -> bool {
        let key = (header.session, header.rpc);
        match header.kind {
            PacketType::Reply | PacketType::Exception => self.gate_answer(from, to, header),
            PacketType::Refused => self.gate_refused(from, key, bytes),
            PacketType::Cancel => self.gate_given_up(key),
            _ => return self.gate_call(from, to, header, bytes),
        }
        true
    }

    fn gate_call(&mut self, from: usize, to: usize, header: &Header, bytes: &[u8]) -> bool {
        let key = (header.session, header.rpc);
        let below: Vec<Key> = self.gate.calls.range((key.0, 0)..(key.0, header.lowest)).map(|(key, _)| *key).collect();
        below.into_iter().for_each(|key| self.gate_given_up(key));
        if !self.gate.calls.contains_key(&key) {
            self.gate_new(key, from, to, header, bytes);
        }
        let Some(call) = self.gate.calls.get_mut(&key) else { return false };
        match &mut call.stand {
            Stand::Released => return true,
            Stand::Ended => {}
            Stand::Refused(refusal) => {
                let refusal = *refusal;
                self.gate_says(key, PacketType::Refused, Some(refusal));
            }
            Stand::Held(newest) => {
                *newest = bytes.to_vec();
                self.gate_says(key, PacketType::Held, None);
            }
        }
        false
    }

    /// A call that was not known: its fate.
    fn gate_new(&mut self, key: Key, from: usize, to: usize, header: &Header, bytes: &[u8]) {
        let (caller, callee) = (self.life(from), self.life(to));
        let instance = self.nodes[to].endpoint.as_ref().map(crate::endpoint::Endpoint::instance);
        let is_calm = self.now >= self.plan.calm;
        let stand = if instance != Some(header.instance) {
            Stand::Refused(Refusal::NeverReleased)
        } else if is_calm || self.rng.chance(500) {
            Stand::Released
        } else {
            let longest = self.rng.pick(&[50 * MS, S, 15 * S]);
            let after = self.rng.below(longest);
            self.at(self.now + after, Step::Decide(key));
            Stand::Held(bytes.to_vec())
        };
        let in_force = matches!(stand, Stand::Released);
        self.gate.calls.insert(key, Leased { in_force, ..Leased::new(stand, header, caller, callee) });
    }

    /// The servers of the memory have answered: the held call goes on, or is refused.
    pub(super) fn decide(&mut self, key: Key) {
        let fate = self.rng.below(10);
        let Some(call) = self.gate.calls.get_mut(&key) else { return };
        if let Stand::Held(bytes) = &mut call.stand {
            let bytes = std::mem::take(bytes);
            let refusal = match fate {
                0 => Refusal::NeverReleased,
                1 => Refusal::NoRight,
                _ => {
                    (call.stand, call.in_force) = (Stand::Released, true);
                    let (from, to) = (call.caller.0, call.callee.0);
                    return self.forward(from, (to, None), bytes);
                }
            };
            call.stand = Stand::Refused(refusal);
            let denied = (refusal == Refusal::NoRight).then(|| self.call_of(&bytes)).flatten();
            if let Some(index) = denied {
                self.checker.entries[index].is_denied = true;
            }
            self.gate_says(key, PacketType::Refused, Some(refusal));
        }
    }

    /// The call that a first fragment is of.
    fn call_of(&self, bytes: &[u8]) -> Option<usize> {
        let further = Header::parse(bytes).ok()?.further_bytes().ok()?;
        self.checker.index_of(bytes.get(HEADER_BYTES + further..)?)
    }

    fn gate_answer(&mut self, from: usize, to: usize, header: &Header) {
        let key = (header.session, header.rpc);
        let (caller, callee) = (self.life(to), self.life(from));
        let waits = self.nodes[to].endpoint.as_ref().is_some_and(|endpoint| endpoint.client() == header.client);
        // A call without pointers is heard of by its answer.
        let unseen = || Leased::new(Stand::Released, header, caller, callee);
        let call = self.gate.calls.entry(key).or_insert_with(unseen);
        call.gave |= header.kind == PacketType::Reply && header.pointers > 0;
        if call.callee == callee && !call.is_answered {
            call.is_answered = true;
            call.gives = header.pointers > 0 && !call.is_abandoned && waits;
            self.end_lease(key, "it was answered");
        }
    }

    fn gate_refused(&mut self, from: usize, key: Key, bytes: &[u8]) {
        let callee = self.life(from);
        let is_of = self.gate.calls.get(&key).is_some_and(|call| call.callee == callee);
        let refused = bytes.get(HEADER_BYTES..).and_then(|body| RefusedBody::parse(body).ok());
        // After BUSY a copy that is under way may run.
        let ends = refused.is_some_and(|refused| !matches!(refused.refusal, Refusal::Busy { .. }));
        if is_of && ends {
            self.end_lease(key, "it was refused");
        }
    }

    /// The caller waits no more.
    fn gate_given_up(&mut self, key: Key) {
        let Some(call) = self.gate.calls.get_mut(&key) else { return };
        if matches!(call.stand, Stand::Held(_)) {
            call.stand = Stand::Ended;
        }
        if call.in_force && !call.is_asked {
            call.is_asked = true;
            self.at(self.now + ASK, Step::Ask(key));
        }
    }

    /// Asks the callee what became of a call that nobody waits for.
    pub(super) fn ask(&mut self, key: Key) {
        if self.gate.calls.get(&key).is_some_and(|call| call.in_force) {
            self.gate_says(key, PacketType::Cancel, None);
            self.at(self.now + ASK, Step::Ask(key));
        }
    }

    /// What a lease was for is over: no handler of the call runs.
    fn end_lease(&mut self, (session, rpc): Key, why: &str) {
        let Some(call) = self.gate.calls.get_mut(&(session, rpc)) else { return };
        call.in_force = false;
        let callee = call.callee;
        if self.lives(callee) && self.nodes[callee.0].jobs.values().any(|job| job.call.parts() == (session, rpc)) {
            let detail = format!("call {rpc} of {session:x} runs at n{}, and {why}", callee.0);
            self.checker.violate(self.now, Rule::Lease, detail);
        }
    }

    /// A packet in the name of the other end.
    fn gate_says(&mut self, key: Key, kind: PacketType, refusal: Option<Refusal>) {
        let Some(call) = self.gate.calls.get(&key) else { return };
        let (of, caller, callee) = (&call.header, call.caller, call.callee);
        let body = refusal.map(|refusal| RefusedBody { refusal, packet: of.packet }.to_bytes()).unwrap_or_default();
        let mut header = Header::new(kind);
        (header.client, header.session, header.rpc, header.instance) = (of.client, of.session, of.rpc, of.instance);
        (header.method, header.flags) = (of.method, Flags::LEASED);
        header.body_len = u16::try_from(body.len()).unwrap_or(0);
        let (from, to) = if kind == PacketType::Cancel {
            (header.method, header.flags) = (crate::wire::MethodField::NONE, Flags::LEASED.with(Flags::TO_CALLEE));
            (caller, callee)
        } else {
            (callee, caller)
        };
        self.trace.packet(self.now, from.0, to.0, Some(&header), Fate::OfControl);
        if self.life(to.0) == to && !self.rng.chance(self.plan.network.loss) {
            self.deliver(from.0, (to.0, None), [&header.to_bytes()[..], &body].concat(), true);
        }
    }

    /// A node is gone.
    pub(super) fn gate_stopped(&mut self, node: usize) {
        let life = self.life(node);
        let keys: Vec<Key> = self.gate.calls.keys().copied().collect();
        for key in keys {
            let Some(call) = self.gate.calls.get_mut(&key) else { continue };
            if call.callee == life {
                let was_held = matches!(call.stand, Stand::Held(_));
                let refusal = match was_held {
                    true => Refusal::NeverReleased,
                    false => Refusal::UnknownSession,
                };
                if was_held || call.in_force {
                    (call.stand, call.in_force) = (Stand::Refused(refusal), false);
                    self.gate_says(key, PacketType::Refused, Some(refusal));
                }
            } else if call.caller == life {
                call.gives = false;
                self.gate_given_up(key);
            }
        }
    }

    /// A node reports.
    pub(super) fn gate_hears(&mut self, node: usize, line: ReportLine) {
        let (life, key) = (self.life(node), (line.session, line.rpc));
        self.trace.text(self.now, || format!("n{node} reports {line:x?}"));
        match line.kind {
            ReportKind::Done => {
                self.gate.done.insert((life, key));
                if self.gate.calls.get(&key).is_some_and(|call| call.callee == life) {
                    self.end_lease(key, "it is reported done");
                }
            }
            ReportKind::SessionEnded => {
                self.gate.done.insert((life, key));
                let of = self.gate.calls.range((key.0, 0)..=(key.0, u64::MAX));
                let of: Vec<Key> = of.filter(|(_, call)| call.callee == life).map(|(key, _)| *key).collect();
                of.into_iter().for_each(|key| self.end_lease(key, "its session is reported ended"));
            }
            ReportKind::Accepted => match self.gate.calls.get_mut(&key).filter(|call| call.gives) {
                Some(call) => call.gives = false,
                None => self.untrue(node, &line, "it was given nothing, or has accepted it before"),
            },
            ReportKind::Abandoned => self.gate_abandoned(node, &line),
        }
    }

    fn gate_abandoned(&mut self, node: usize, line: &ReportLine) {
        let (life, key) = (self.life(node), (line.session, line.rpc));
        match self.gate.calls.get_mut(&key) {
            // Told again where an answer has come that gives something.
            Some(call) if call.is_abandoned && call.gave => {}
            Some(call) if call.is_abandoned => self.untrue(node, line, "it said so before"),
            Some(call) => {
                (call.is_abandoned, call.gives) = (true, false);
                self.gate_given_up(key);
            }
            // A call without pointers, whose answer may have some.
            None => {
                let mut header = Header::new(PacketType::Call);
                (header.session, header.rpc, header.client) = (line.session, line.rpc, line.client);
                let call = Leased::new(Stand::Released, &header, life, life);
                self.gate.calls.insert(key, Leased { is_abandoned: true, ..call });
            }
        }
    }

    fn untrue(&mut self, node: usize, line: &ReportLine, why: &str) {
        self.checker.violate(self.now, Rule::Report, format!("n{node} reports {line:x?}: {why}"));
    }

    /// A handler is given a call.
    pub(super) fn gate_starts(&mut self, node: usize, key: Key, is_leased: bool) {
        let life = self.life(node);
        if !self.plan.has_gate {
            return;
        }
        if self.gate.done.contains(&(life, key)) || self.gate.done.contains(&(life, (key.0, 0))) {
            let detail = format!("call {} of {:x} starts at n{node}, and was reported done", key.1, key.0);
            self.checker.violate(self.now, Rule::Report, detail);
        }
        let in_force = self.gate.calls.get(&key).is_some_and(|call| call.in_force && call.callee == life);
        if is_leased && !in_force {
            let detail = format!("call {} of {:x} starts at n{node} without its lease", key.1, key.0);
            self.checker.violate(self.now, Rule::Lease, detail);
        }
    }

    /// When all is over, no lease is in force and nobody owes a word about what was given.
    pub(super) fn check_gate(&mut self) {
        let owed: Vec<String> = (self.gate.calls.iter())
            .filter(|(_, call)| call.in_force || (call.gives && self.lives(call.caller)))
            .map(|(key, call)| format!("call {} of {:x} is not settled: {call:?}", key.1, key.0))
            .collect();
        owed.into_iter().for_each(|detail| self.checker.violate(self.now, Rule::Unsettled, detail));
        for node in &self.nodes {
            let known = node.endpoint.as_ref().map(|endpoint| endpoint.outstanding((0, 0), 1)).unwrap_or_default();
            if !known.is_empty() {
                self.checker.violate(self.now, Rule::Leak, format!("n{} still knows {known:?}", node.id));
            }
        }
    }
}
