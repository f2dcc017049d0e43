//! Every state of the access table that two machines with two incarnations each, one object and two calls can bring about, and
//! everything that can happen in each: the server must do what the rules allow, and nothing else.
//!
//! A state is what the rules know of. It is reached by the shortest way there is, on which each control message comes twice, and
//! there each action is tried, the crash of a machine among them.

mod rules;

use crate::access::CallKey;
use crate::checks::{Check, Checks};
use crate::config::Config;
use crate::control::{Control, Stamp};
use crate::identity::{self, Client, Node};
use crate::memory::Memory;
use crate::operation::{self, Answer, Outcome, Request, Step, Submitted, Work};
use bifrost_rpc::memory::Pointer;
use rules::{Call, Holder, Rules};
use std::collections::{HashSet, VecDeque};
use std::net::Ipv6Addr;

const HOLDERS: [Holder; 4] = [(0, 1), (0, 2), (1, 1), (1, 2)];
const CALLS: [Call; 2] = [1, 2];
const MAKER: Holder = HOLDERS[0];
const BYTES: u64 = 8;

/// Something that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Read(Holder),
    Write(Holder),
    Free(Holder),
    Grant(Holder),
    Revoke(Holder),
    Reclaim(Holder),
    /// Of a call, from whom, to whom.
    Lease(Call, Holder, Holder),
    Release(Call),
    /// Of a call, from whom, to whom: the object is returned.
    Reply(Call, Holder, Holder),
    Succeed(Holder, Holder),
    End(Holder),
    /// What follows the crash of a machine.
    Cleanup(Holder),
}

impl Action {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for one in HOLDERS {
            all.extend([Self::Read(one), Self::Write(one), Self::Free(one), Self::Grant(one), Self::Revoke(one)]);
            all.extend([Self::Reclaim(one), Self::End(one), Self::Cleanup(one)]);
            for other in HOLDERS {
                all.push(Self::Succeed(one, other));
                for call in CALLS {
                    all.extend([Self::Lease(call, one, other), Self::Reply(call, one, other)]);
                }
            }
        }
        all.extend(CALLS.map(Self::Release));
        all
    }
}

/// What a walk came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// States that can be reached.
    pub states: usize,
    /// Actions tried in them.
    pub actions: usize,
    /// What did not hold; the walk ends with it.
    pub broken: Option<String>,
}

/// Tries every action in every state, of a server that leaves a check out if so said.
#[must_use]
pub fn walk(without: Option<Check>) -> Walked {
    let actions = Action::all();
    let mut walked = Walked { states: 0, actions: 0, broken: None };
    let start = Rules::made_by(MAKER);
    let mut seen = HashSet::from([start.clone()]);
    let mut todo = VecDeque::from([(start, Vec::new())]);
    while let Some((rules, way)) = todo.pop_front() {
        walked.states += 1;
        for action in &actions {
            walked.actions += 1;
            let (mut rules, mut server) = (rules.clone(), Server::new(without));
            way.iter().for_each(|action| server.reach(*action));
            let (allowed, done) = (rules.apply(*action), server.apply(*action));
            if allowed != done || !server.agrees(&rules) {
                let found = format!("after {way:?}, {action:?} is {done}, should be {allowed}, {rules:?}: {server:?}");
                walked.broken = Some(found);
                return walked;
            }
            if seen.insert(rules.clone()) {
                todo.push_back((rules, way.iter().copied().chain([*action]).collect()));
            }
        }
    }
    walked
}

/// A server with the object.
#[derive(Debug)]
struct Server {
    memory: Memory,
    pointer: Pointer,
    next_id: u64,
    sequence: u64,
}

fn holder((machine, incarnation): Holder) -> identity::Holder {
    let node = Node(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(machine)));
    identity::Holder { node, incarnation: u32::from(incarnation) }
}

fn client(who: Holder) -> Client {
    Client { holder: holder(who), id: u64::from(who.0) }
}

fn key(call: Call) -> CallKey {
    CallKey { client: 1, rpc: u64::from(call) }
}

impl Server {
    fn new(without: Option<Check>) -> Self {
        let checks = without.map_or_else(Checks::default, Checks::without);
        let mut memory = Memory::new(Config { checks, ..Config::default() });
        // A fresh server has room for four.
        HOLDERS.into_iter().for_each(|who| _ = memory.open(client(who)));
        let pointer = Pointer::new(memory.config().prefix, memory.config().server, 0);
        let mut server = Self { memory, pointer, next_id: 1, sequence: 0 };
        if let Ok(Answer::Allocated(pointer)) = server.ask(MAKER, operation::Action::Alloc { len: BYTES }) {
            server.pointer = pointer;
        }
        server
    }

    fn ask(&mut self, who: Holder, action: operation::Action) -> Outcome {
        let id = self.next_id;
        self.next_id += 1;
        let work = Work::One(Step { target: self.pointer, previous: 0, unit_log2: 0, action });
        match self.memory.submit(client(who), Request { id, lowest: id, work }) {
            Submitted::Done(outcome) => outcome,
            // It follows nothing.
            Submitted::Waiting => Err(crate::refusal::Refusal::Incomplete),
        }
    }

    /// Does what leads to a state. Control messages come twice, which may change nothing.
    fn reach(&mut self, action: Action) {
        self.apply(action);
        if !matches!(action, Action::Read(_) | Action::Write(_) | Action::Free(_)) {
            self.apply(action);
        }
    }

    /// Whether it was done.
    fn apply(&mut self, action: Action) -> bool {
        let object = self.pointer.object_id();
        let control = match action {
            Action::Read(who) => return self.ask(who, operation::Action::Read { offset: 0, len: BYTES }).is_ok(),
            Action::Write(who) => {
                return self.ask(who, operation::Action::Write { offset: 0, data: vec![who.1; 8] }).is_ok();
            }
            Action::Free(who) => return self.ask(who, operation::Action::Free).is_ok(),
            Action::Grant(to) => Control::Grant { object, to: holder(to) },
            Action::Revoke(from) => Control::Revoke { object, from: holder(from) },
            Action::Reclaim(from) => Control::Reclaim { objects: vec![object], from: holder(from) },
            Action::Lease(call, caller, callee) => {
                let (caller, callee) = (holder(caller), holder(callee));
                Control::Lease { call: key(call), caller, callee, objects: vec![object] }
            }
            Action::Release(call) => Control::Release { call: key(call) },
            Action::Reply(call, from, to) => {
                Control::Reply { call: key(call), from: holder(from), to: holder(to), returned: vec![object] }
            }
            Action::Succeed(from, to) => Control::Succeed { from: holder(from), to: holder(to) },
            Action::End(who) => Control::EndIncarnation { holder: holder(who) },
            Action::Cleanup(who) => Control::Cleanup { holder: holder(who) },
        };
        self.sequence += 1;
        self.memory.control(Stamp { term: 1, sequence: self.sequence }, &control).is_ok()
    }

    /// Whether the table says what the rules do, and memory is in use as long as the object is there and no longer.
    fn agrees(&mut self, rules: &Rules) -> bool {
        let page = self.memory.export(None, 2);
        let table = page.objects.first().map(|row| {
            let leases: Vec<_> = row.leases.iter().map(|(call, callee)| (call.rpc, *callee)).collect();
            (row.control, row.freed, leases)
        });
        let leases = rules.leases.iter().map(|(call, callee)| (u64::from(*call), holder(*callee))).collect();
        let expected = rules.exists.then(|| (rules.control.map(holder), rules.is_freed, leases));
        HOLDERS.into_iter().for_each(|who| self.memory.close(client(who)));
        table == expected && (self.memory.metrics().used_bytes > 0) == rules.exists
    }
}
