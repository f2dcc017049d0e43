//! One run: processes, packets, the server.

use super::control::Governor;
use super::judge::Judge;
use super::plan::{Plan, Process, holder};
use super::record::Record;
use super::{Broken, Rule};
use crate::checks::Checks;
use crate::control::{Control, Stamp};
use crate::identity::Client;
use crate::memory::Memory;
use crate::operation::{Data, Outcome, Request};
use crate::refusal::Refusal;
use bifrost_rpc::memory::{ObjectId, Pointer};
use bifrost_rpc::sim::Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const BROKEN_MAX: usize = 8;
const TRACE_MAX: usize = 120;
const RECORD_BYTES: u64 = 192;

/// An operation that a process issued.
#[derive(Debug, Clone)]
pub(super) struct Issued {
    pub(super) process: usize,
    pub(super) request: Request,
    /// Bytes of a write that come at once; 0 for all.
    pub(super) fragment: usize,
    pub(super) record: usize,
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) enum Event {
    Issue(usize),
    /// A packet of an operation: all of it, or the fragment at an offset.
    Arrive(usize, usize),
    Retry(usize),
    /// The next byte range of a read goes out.
    Send(usize, Data, Vec<u8>),
    Answer(usize, Outcome, Option<Vec<u8>>),
    Control(Stamp, Control),
    Govern,
    Restart,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) plan: Plan,
    pub(super) now: u64,
    pub(super) memory: Memory,
    pub(super) judge: Judge,
    pub(super) record: Record,
    /// By time, then by when it was put there; with the server's life it is for.
    queue: BTreeMap<(u64, u64), (u32, Event)>,
    serial: u64,
    pub(super) processes: Vec<Process>,
    pub(super) operations: Vec<Issued>,
    /// Operations at the server that have yet to be executed.
    pub(super) unfinished: BTreeMap<(Client, u64), usize>,
    /// All pointers that ever were, with their lengths.
    pub(super) pointers: Vec<(Pointer, u64)>,
    pub(super) governor: Governor,
    pub(super) boot: u32,
    restored: bool,
    pub(super) issued: usize,
    pub(super) broken: Vec<Broken>,
    pub(super) trace: VecDeque<String>,
}

impl World {
    pub(super) fn new(seed: u64, checks: Checks) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Plan::draw(&mut rng, checks);
        let (memory, judge) = (Memory::new(plan.config(1)), Judge::new(plan.open, 1));
        Self {
            rng,
            now: 1,
            memory,
            judge,
            record: Record::default(),
            queue: BTreeMap::new(),
            serial: 0,
            processes: Vec::new(),
            operations: Vec::new(),
            unfinished: BTreeMap::new(),
            pointers: Vec::new(),
            governor: Governor::new(plan.nodes),
            boot: 1,
            restored: false,
            issued: 0,
            broken: Vec::new(),
            trace: VecDeque::new(),
            plan,
        }
    }

    pub(super) fn run(&mut self) {
        for node in 0..self.plan.nodes {
            (0..2).for_each(|_| self.start(node));
        }
        self.at(20, Event::Govern);
        if self.plan.restarts {
            let when = self.rng.between(100, 600);
            self.at(when, Event::Restart);
        }
        while let Some(((time, _), (life, event))) = self.queue.pop_first() {
            self.now = time.max(self.now + 1);
            let of_a_session =
                matches!(event, Event::Arrive(..) | Event::Send(..) | Event::Answer(..) | Event::Control(..));
            // Packets for an earlier life of the server name its instance, and are dropped.
            if life == self.boot || !of_a_session {
                self.step(event);
            }
            self.drain();
            self.check_memory();
            if self.broken.len() >= BROKEN_MAX {
                return;
            }
        }
        self.finish();
    }

    pub(super) fn at(&mut self, after: u64, event: Event) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial), (self.boot, event));
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{:>6}  {}", self.now, text()));
    }

    pub(super) fn broke(&mut self, rule: Rule, text: impl Into<String>) {
        let text = format!("at {}: {}", self.now, text.into());
        self.broken.push(Broken { rule, text });
    }

    /// A process starts on a node.
    pub(super) fn start(&mut self, node: u16) {
        let client = Client { holder: holder(node, self.governor.incarnation(node)), id: self.rng.next() >> 32 };
        let left = self.plan.operations;
        let (outstanding, writes) = (BTreeSet::new(), BTreeMap::new());
        self.processes.push(Process { client, node, alive: true, left, next_id: 1, outstanding, writes });
        self.open(client);
        let pause = self.rng.below(30);
        self.at(pause, Event::Issue(self.processes.len() - 1));
    }

    fn open(&mut self, client: Client) {
        let ended = self.judge.has_ended(client.holder);
        match self.memory.open(client) {
            Ok(()) if !ended => self.judge.clients.push(client),
            Err(Refusal::EndedIncarnation) if ended => {}
            Err(Refusal::OutOfMemory { .. }) if self.plan.tight => {}
            other => self.broke(Rule::Judge, format!("{client} opens: {other:?}")),
        }
    }

    /// A process is gone, and its session with it.
    pub(super) fn kill(&mut self, process: usize) {
        self.processes[process].alive = false;
        let client = self.processes[process].client;
        self.note(|| format!("{client} dies"));
        self.memory.close(client);
        self.judge.clients.retain(|other| *other != client);
        self.unfinished.retain(|(other, _), _| *other != client);
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Issue(process) => self.issue(process),
            Event::Arrive(operation, at) => self.arrive(operation, at),
            Event::Retry(operation) => self.retry(operation),
            Event::Send(operation, data, sent) => self.send(operation, data, sent),
            Event::Answer(operation, outcome, read) => self.answered(operation, &outcome, read.as_deref()),
            Event::Control(stamp, control) => self.control(stamp, &control),
            Event::Govern => self.govern(),
            Event::Restart => self.restart(),
        }
    }

    /// The server dies and comes back with nothing.
    fn restart(&mut self) {
        self.boot += 1;
        self.note(|| "the server restarts".into());
        self.memory = Memory::new(self.plan.config(self.boot));
        self.judge = Judge::new(self.plan.open, self.boot);
        self.unfinished.clear();
        self.governor.reset();
        for process in 0..self.processes.len() {
            let state = &mut self.processes[process];
            // What was under way is lost with the session: its outcome is unknown.
            state.outstanding.clear();
            if state.alive {
                let client = state.client;
                self.open(client);
            }
        }
    }

    /// The control plane freed objects.
    pub(super) fn freed(&mut self, objects: impl Iterator<Item = ObjectId>) {
        objects.for_each(|object| self.record.freed(object, self.now));
    }

    /// The control plane restored a snapshot.
    pub(super) fn restored(&mut self, objects: Vec<(ObjectId, Vec<u8>)>) {
        self.restored = true;
        objects.into_iter().for_each(|(object, bytes)| self.record.restored(object, bytes, self.now));
    }

    fn check_memory(&mut self) {
        let metrics = self.memory.metrics();
        let slack = RECORD_BYTES * self.issued as u64;
        if !self.restored && metrics.used_bytes > metrics.capacity_bytes + slack {
            self.broke(Rule::Memory, format!("{} bytes in use of {}", metrics.used_bytes, metrics.capacity_bytes));
        }
        // Frees, restores and cleanups are never refused, and pin what is being read.
        let frees = metrics.operations.frees > 0 || metrics.controls > 0;
        if !frees && metrics.pinned_bytes > self.plan.pinned_max {
            self.broke(Rule::Memory, format!("{} bytes pinned", metrics.pinned_bytes));
        }
    }

    /// Everybody leaves. No memory may be in use then.
    fn finish(&mut self) {
        for thing in self.judge.things.clone() {
            let holds = self.memory.peek(thing.id);
            if holds.as_ref() != Some(&thing.bytes) {
                self.broke(Rule::Judge, format!("object {} holds {holds:?}, expected {:?}", thing.id, thing.bytes));
            }
        }
        (0..self.processes.len()).for_each(|process| self.kill(process));
        self.clear_up();
        let metrics = self.memory.metrics();
        if (metrics.used_bytes, metrics.objects, metrics.leases, metrics.pinned_bytes) != (0, 0, 0, 0) {
            self.broke(Rule::Memory, format!("at the end: {metrics:?}"));
        }
        let record = std::mem::take(&mut self.record);
        self.broken.extend(record.judge(self.plan.open));
    }
}
