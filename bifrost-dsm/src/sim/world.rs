//! One run: processes, packets, the server.

use super::control::Governor;
use super::judge::Judge;
use super::plan::{Plan, Process, holder};
use super::record::Record;
use super::rng::Rng;
use super::{Broken, Rule};
use crate::checks::Checks;
use crate::control::{Control, Stamp};
use crate::identity::Client;
use crate::memory::{Announce, Memory, Place, Staged};
use crate::operation::{Action, Answer, Data, Outcome, Request, Step, Submitted, Work};
use crate::pointer::{ObjectId, Pointer};
use crate::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const BROKEN_MAX: usize = 8;
const TRACE_MAX: usize = 120;
const TRIES_MAX: u32 = 5;
const RECORD_BYTES: u64 = 192;

/// An operation that a process issued.
#[derive(Debug, Clone)]
pub(super) struct Issued {
    process: usize,
    request: Request,
    /// Bytes of a write that come at once; 0 for all.
    fragment: usize,
    record: usize,
    tries: u32,
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
    record: Record,
    /// By time, then by when it was put there; with the server's life it is for.
    queue: BTreeMap<(u64, u64), (u32, Event)>,
    serial: u64,
    pub(super) processes: Vec<Process>,
    operations: Vec<Issued>,
    /// Operations at the server that have yet to be executed.
    unfinished: BTreeMap<(Client, u64), usize>,
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

    fn issue(&mut self, process: usize) {
        let state = &self.processes[process];
        if !state.alive || state.left == 0 {
            return;
        }
        if state.outstanding.len() < 3 {
            let work = self.draw_work(process);
            self.issue_work(process, work);
        }
        let pause = self.rng.between(1, 25);
        self.at(pause, Event::Issue(process));
    }

    fn issue_work(&mut self, process: usize, mut work: Work) {
        let state = &mut self.processes[process];
        (state.left, state.next_id) = (state.left - 1, state.next_id + 1);
        let id = state.next_id - 1;
        let steps = match &mut work {
            Work::One(step) => std::slice::from_mut(step),
            Work::Batch(steps) => steps.as_mut_slice(),
        };
        let mut wrote = Vec::new();
        for step in steps {
            step.previous = state.writes.get(&step.target.object).copied().unwrap_or(0);
            if matches!(step.action, Action::Write { .. }) {
                wrote.push(step.target.object);
            }
        }
        state.writes.extend(wrote.into_iter().map(|object| (object, id)));
        state.outstanding.insert(id);
        let request = Request { id, lowest: state.lowest(), work };
        let client = state.client;
        self.note(|| format!("{client} issues {request:?}"));
        let record = self.record.issue(client.id, &request, self.now);
        let fragment = if self.rng.chance(500) { 0 } else { usize::try_from(self.plan.bytes / 3).unwrap_or(1).max(1) };
        self.operations.push(Issued { process, request, fragment, record, tries: 0 });
        self.issued += 1;
        self.transmit(self.operations.len() - 1);
    }

    /// An object to work on: mostly one the node has something to do with, now and then any that ever was.
    fn draw_pointer(&mut self, process: usize) -> Option<(Pointer, u64)> {
        let mine = self.processes[process].client.holder;
        let near = |thing: &super::judge::Thing| {
            thing.control == Some(mine) || thing.leases.iter().any(|(_, callee)| *callee == mine)
        };
        let near: Vec<ObjectId> = self.judge.things.iter().filter(|thing| near(thing)).map(|thing| thing.id).collect();
        let from: Vec<(Pointer, u64)> = match self.rng.below(10) {
            0 => self.pointers.clone(),
            _ if self.plan.open => self.pointers.iter().rev().take(4).copied().collect(),
            _ => self.pointers.iter().filter(|(pointer, _)| near.contains(&pointer.object)).copied().collect(),
        };
        (!from.is_empty()).then(|| self.rng.pick(&from))
    }

    fn draw_work(&mut self, process: usize) -> Work {
        let Some((target, len)) = self.draw_pointer(process).filter(|_| !self.rng.chance(120)) else {
            let len = self.rng.between(1, self.plan.bytes);
            let action =
                if self.rng.chance(500) { Action::Alloc { len } } else { Action::AllocWrite { data: self.data(len) } };
            let target = Pointer { prefix: crate::pointer::PREFIX_DEFAULT, server: 1, object: ObjectId::default() };
            return Work::One(Step { target, previous: 0, unit_log2: 0, action });
        };
        let action = self.draw_action(len);
        let first = Step { target, previous: 0, unit_log2: 0, action };
        if !self.rng.chance(120) || matches!(first.action, Action::Free) {
            return Work::One(first);
        }
        let (other, len) = match self.draw_pointer(process).filter(|_| self.rng.chance(300)) {
            Some(other) => other,
            None => (target, len),
        };
        let action = self.draw_action(len);
        Work::Batch(vec![first, Step { target: other, previous: 0, unit_log2: 0, action }])
    }

    fn draw_action(&mut self, len: u64) -> Action {
        let (offset, part) = if self.rng.chance(400) {
            (0, len)
        } else {
            let offset = self.rng.below(len);
            (offset, self.rng.between(1, len - offset + u64::from(self.rng.clone().chance(50))))
        };
        match self.rng.below(100) {
            0..=3 => Action::Free,
            4..=50 => Action::Read { offset, len: part },
            _ => Action::Write { offset, data: self.data(part) },
        }
    }

    fn data(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.rng.next().to_le_bytes()[0]).collect()
    }

    /// Sends all packets of an operation; each may be lost, come twice, be late.
    fn transmit(&mut self, operation: usize) {
        let issued = &self.operations[operation];
        let len =
            usize::try_from(issued.request.work.steps().iter().map(|s| s.action.data_len()).sum::<u64>()).unwrap_or(0);
        let staged = issued.fragment > 0 && matches!(issued.request.work, Work::One(_)) && len > issued.fragment;
        let offsets: Vec<usize> = if staged { (0..len).step_by(issued.fragment).collect() } else { vec![usize::MAX] };
        for at in offsets {
            let copies =
                if self.rng.chance(self.plan.loss) { 0 } else { 1 + u64::from(self.rng.chance(self.plan.double)) };
            for _ in 0..copies {
                let late = if self.rng.chance(60) { 6 } else { 1 };
                let delay = self.rng.between(1, self.plan.delay * late);
                self.at(delay, Event::Arrive(operation, at));
            }
        }
        let wait = self.plan.delay * 2 + self.rng.between(10, 40);
        self.at(wait, Event::Retry(operation));
    }

    fn retry(&mut self, operation: usize) {
        let issued = &mut self.operations[operation];
        issued.tries += 1;
        let (tries, id) = (issued.tries, issued.request.id);
        let state = &mut self.processes[issued.process];
        if !state.alive || !state.outstanding.contains(&id) {
            return;
        }
        if tries >= TRIES_MAX || self.rng.chance(60) {
            // Given up: the outcome stays unknown.
            state.outstanding.remove(&id);
            let client = state.client;
            return self.note(|| format!("{client} gives up #{id}"));
        }
        self.transmit(operation);
    }

    /// A packet of an operation reaches the server.
    fn arrive(&mut self, operation: usize, at: usize) {
        let issued = self.operations[operation].clone();
        let (client, request) = (self.processes[issued.process].client, issued.request);
        let expected = self.judge.arrives(client, request.id, request.lowest);
        if expected.is_none() {
            self.unfinished.insert((client, request.id), operation);
        }
        // What the packet's lowest outstanding id lets go is executed before what it asks for.
        self.memory.acknowledge(client, request.lowest, &[]);
        self.drain();
        let submitted = match &request.work {
            Work::One(step) if at != usize::MAX => self.fragment(client, &request, step, (at, issued.fragment)),
            _ => Some(self.memory.submit(client, request.clone())),
        };
        let Some(submitted) = submitted else {
            if let Some(expected) = expected {
                self.broke(Rule::Judge, format!("{client} #{} is staged, expected {expected:?}", request.id));
            }
            return;
        };
        self.note(|| format!("{client} #{} at {at}: {submitted:?}", request.id));
        match (submitted, expected) {
            (Submitted::Waiting, None) => {}
            (Submitted::Done(outcome), Some(expected)) if outcome == expected => self.outcome(operation, outcome),
            (Submitted::Done(outcome), None) => self.executed(operation, outcome),
            (other, expected) => {
                self.broke(Rule::Judge, format!("{client} #{}: {other:?}, expected {expected:?}", request.id));
            }
        }
    }

    /// A fragment of a write: announced by each, executed with the last.
    fn fragment(
        &mut self,
        client: Client,
        request: &Request,
        step: &Step,
        (at, len): (usize, usize),
    ) -> Option<Submitted> {
        let (place, data) = match &step.action {
            Action::Write { offset, data } => (Place::At(*offset), data),
            Action::AllocWrite { data } => (Place::New, data),
            _ => return None,
        };
        let announce = Announce {
            id: request.id,
            lowest: request.lowest,
            target: step.target,
            previous: step.previous,
            unit_log2: step.unit_log2,
            place,
            len: data.len() as u64,
        };
        match self.memory.stage(client, announce) {
            Staged::Done(outcome) => return Some(Submitted::Done(outcome)),
            Staged::Waiting => return Some(Submitted::Waiting),
            Staged::Ready => {}
        }
        let fragment = &data[at..(at + len).min(data.len())];
        match self.memory.land(client, request.id, at as u64, fragment) {
            Ok(true) => Some(self.memory.commit(client, request.id)),
            Ok(false) => None,
            Err(refusal) => Some(Submitted::Done(Err(refusal))),
        }
    }

    /// Takes the outcomes of operations that had to wait.
    fn drain(&mut self) {
        while let Some((client, id, outcome)) = self.memory.poll_answer() {
            self.note(|| format!("{client} #{id} has waited: {outcome:?}"));
            match self.unfinished.get(&(client, id)).copied() {
                Some(operation) => self.executed(operation, outcome),
                None => self.broke(Rule::Judge, format!("{client} #{id} was not waiting")),
            }
        }
    }

    /// The server executed an operation just now.
    fn executed(&mut self, operation: usize, outcome: Outcome) {
        let issued = &self.operations[operation];
        let (client, record) = (self.processes[issued.process].client, issued.record);
        self.unfinished.remove(&(client, issued.request.id));
        let (tight, few_pins) = (self.plan.tight, self.plan.few_pins);
        let may = |refusal: &Refusal| match refusal {
            Refusal::OutOfMemory { .. } => tight,
            Refusal::TooManyPinned { .. } => few_pins,
            _ => false,
        };
        if let Some(wrong) = self.judge.executed(client, &issued.request, &outcome, may) {
            self.broke(Rule::Judge, wrong);
        }
        if let Ok(Answer::Allocated(pointer)) = &outcome {
            self.record.made(record, pointer.object);
            let len = self.operations[operation].request.work.steps().iter().map(|step| match &step.action {
                Action::Alloc { len } => *len,
                action => action.data_len(),
            });
            self.pointers.push((*pointer, len.sum()));
        }
        self.outcome(operation, outcome);
    }

    /// An answer sets out; the bytes of a read go out little by little.
    fn outcome(&mut self, operation: usize, outcome: Outcome) {
        match outcome {
            Ok(Answer::Data(data)) => self.at(0, Event::Send(operation, data, Vec::new())),
            outcome if !self.rng.chance(self.plan.loss) => {
                let delay = self.rng.between(1, self.plan.delay);
                self.at(delay, Event::Answer(operation, outcome, None));
            }
            _ => {}
        }
    }

    fn send(&mut self, operation: usize, data: Data, mut sent: Vec<u8>) {
        let part = self.rng.between(1, self.plan.bytes.div_ceil(2));
        for _ in 0..part {
            if sent.len() < data.len() {
                sent.push(self.memory.sent(&data, sent.len()));
            }
        }
        if sent.len() < data.len() {
            let pause = self.rng.between(1, self.plan.slow);
            return self.at(pause, Event::Send(operation, data, sent));
        }
        let delay = self.rng.between(1, self.plan.delay);
        if !self.rng.chance(self.plan.loss) {
            // The answer itself is as long as the read; nobody needs the pinned version any more.
            let data = Data { pieces: vec![sent.clone().into()], ..data };
            self.at(delay, Event::Answer(operation, Ok(Answer::Data(data)), Some(sent)));
        }
    }

    fn answered(&mut self, operation: usize, outcome: &Outcome, read: Option<&[u8]>) {
        let issued = &self.operations[operation];
        let (record, steps) = (issued.record, issued.request.work.steps().len());
        let state = &mut self.processes[issued.process];
        if state.alive && state.outstanding.remove(&issued.request.id) {
            self.record.answer(record, steps, outcome, read, self.now);
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
