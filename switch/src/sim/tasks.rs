//! What callers do: they make objects, pass them in calls, take over what the answers give, and free all.

use super::Rule;
use super::node::{Asked, message, method, place_of, service_name};
use super::plan::{MS, S};
use super::world::{Step, World};
use bifrost_dsm::{Holder, Node};
use bifrost_rpc::endpoint::{AnswerKind, Answered, CallError, CallId, MemoryAnswer, Request, service_hash};
use bifrost_rpc::memory::{MemoryOp, MemoryStatus, PREFIX_DEFAULT, Pointer};
use std::time::Duration;

/// Bytes of every object.
pub(super) const OBJECT_BYTES: u64 = 24;
const POINTERS_MAX: u64 = 3;
const FREE_ATTEMPTS: u32 = 4;
/// Time for an operation that somebody has a right to: with its server the object may be lost, and the switch drops it without a word.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);
/// Time for an operation that nobody has a right to: the switch drops it.
const RIGHTLESS: Duration = Duration::from_millis(60);

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Alloc(usize),
    Overwrite(usize),
    Call(usize),
    ReadResult(usize, Pointer),
    /// So many attempts are left.
    Free(Pointer, u32),
    HandlerRead(usize, Pointer),
    HandlerAlloc(usize),
    /// Something that may fail.
    Rightless,
}

/// A caller's task: one call with what belongs to it.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) node: usize,
    pub(super) life: u32,
    /// Who calls.
    pub(super) holder: Holder,
    /// The handler in which it was begun.
    pub(super) parent: Option<usize>,
    pub(super) service: usize,
    pub(super) is_oneway: bool,
    /// Objects of its own.
    pub(super) objects: Vec<Pointer>,
    /// What the call passes.
    pub(super) passed: Vec<Pointer>,
    /// Objects still to be made.
    to_make: u64,
    overwrites: bool,
    is_called: bool,
    /// How often its handler has begun.
    pub(super) runs: u32,
    /// The handler that ran it.
    pub(super) handler: Option<usize>,
    pub(super) is_over: bool,
}

impl World {
    /// A node begins another task.
    pub(super) fn issue(&mut self, node: usize) {
        if self.machines[node].tasks_left == 0 || self.is_quiet {
            return;
        }
        let pause = self.rng.between(1, self.plan.pause);
        self.at(self.now + pause, Step::Issue(node));
        let machine = &mut self.machines[node];
        if machine.endpoint.is_some() && machine.pauses == 0 {
            machine.tasks_left -= 1;
            self.begin_task(node, None, Vec::new());
        }
    }

    /// Begins a task, which passes these pointers beside its own.
    pub(super) fn begin_task(&mut self, node: usize, parent: Option<usize>, passed: Vec<Pointer>) {
        let to_make = if parent.is_some() { self.rng.below(2) } else { self.rng.below(POINTERS_MAX + 1) };
        let task = Task {
            node,
            life: self.machines[node].life,
            holder: self.holder(node),
            parent,
            service: self.rng.index(self.plan.serving.len()),
            is_oneway: parent.is_none() && self.rng.chance(200),
            objects: Vec::new(),
            passed,
            to_make,
            overwrites: self.rng.chance(300),
            is_called: false,
            runs: 0,
            handler: None,
            is_over: false,
        };
        self.tasks.push(task);
        self.go_on(self.tasks.len() - 1);
    }

    /// Whether the process that a task belongs to is still there.
    fn lives(&self, task: usize) -> bool {
        let task = &self.tasks[task];
        let machine = &self.machines[task.node];
        machine.life == task.life && machine.endpoint.is_some()
    }

    /// Does a task's next step.
    pub(super) fn go_on(&mut self, id: usize) {
        if !self.lives(id) || self.tasks[id].is_over {
            return;
        }
        let task = &mut self.tasks[id];
        if task.to_make > 0 {
            task.to_make -= 1;
            let node = task.node;
            self.alloc(node, Purpose::Alloc(id));
        } else if std::mem::take(&mut task.overwrites) && !task.objects.is_empty() {
            self.overwrite(id);
        } else if !task.is_called {
            task.is_called = true;
            self.call(id);
        } else {
            self.end_task(id);
        }
    }

    /// Makes an object for a node.
    pub(super) fn alloc(&mut self, node: usize, purpose: Purpose) {
        let server = u8::try_from(self.rng.between(1, self.plan.servers as u64)).unwrap_or(1);
        let body = self.bytes();
        let pointer = Pointer::new(PREFIX_DEFAULT, server, 0);
        let asked = Asked { len: OBJECT_BYTES, body, ..Asked::of(pointer, MemoryOp::Alloc) };
        self.ask(node, asked, purpose);
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..OBJECT_BYTES / 8).flat_map(|_| self.rng.next().to_le_bytes()).collect()
    }

    fn overwrite(&mut self, id: usize) {
        let (node, object) = (self.tasks[id].node, self.tasks[id].objects[0]);
        let body = self.bytes();
        let asked = Asked { len: OBJECT_BYTES, body, ..Asked::of(object, MemoryOp::Write) };
        self.ask(node, asked.within(PATIENCE), Purpose::Overwrite(id));
    }

    fn call(&mut self, id: usize) {
        let now = self.time();
        self.add_foreign(id);
        let task = &mut self.tasks[id];
        task.passed.extend(&task.objects);
        let (node, service, is_oneway, passed) = (task.node, task.service, task.is_oneway, task.passed.clone());
        let callees: Vec<_> =
            self.plan.serving[service].iter().map(|node| Node(self.machines[*node].address())).collect();
        self.rights.pass(&passed, self.tasks[id].holder, &callees);
        let is_impatient = self.rng.chance(self.plan.impatience);
        let longest = self.rng.pick(&[MS, 50 * MS, S]);
        let deadline = is_impatient.then(|| Duration::from_nanos(self.rng.between(MS, longest + MS)));
        let request = Request {
            method: method(service, is_oneway),
            service: service_hash(service_name(service)),
            oneway: is_oneway,
            idempotent: false,
            deadline,
            references: true,
            message: message(&(id as u64).to_be_bytes()).with_pointers(passed.clone()),
        };
        self.note(|| format!("n{node} calls {} for task {id}: {passed:?}", service_name(service)));
        let Some(endpoint) = &mut self.machines[node].endpoint else { return };
        let call = endpoint.call(now, place_of(service), request);
        self.calls += 1;
        if let (Ok(call), true) = (&call, self.rng.chance(self.plan.impatience)) {
            self.cancel_later(node, *call);
        }
        self.wait(node, call, Purpose::Call(id));
        if let Some(object) = passed.first().copied().filter(|_| self.rng.chance(self.plan.malice)) {
            // Its handler may be reading.
            let body = self.bytes();
            let asked = Asked { len: OBJECT_BYTES, body, ..Asked::of(object, MemoryOp::Write) };
            self.ask(node, asked.within(RIGHTLESS), Purpose::Rightless);
        }
        self.drive(node);
    }

    fn cancel_later(&mut self, node: usize, call: CallId) {
        let longest = self.rng.pick(&[MS, 50 * MS, S]);
        let after = self.rng.below(longest);
        self.at(self.now + after, Step::Cancel(node, self.machines[node].life, call));
    }

    /// Passes something that is another's, now and then.
    fn add_foreign(&mut self, id: usize) {
        if self.rng.chance(self.plan.malice / 2) && !self.heard_of.is_empty() {
            let pointer = self.rng.pick(&self.heard_of);
            if !self.tasks[id].objects.contains(&pointer) && !self.tasks[id].passed.contains(&pointer) {
                self.tasks[id].passed.push(pointer);
            }
        }
    }

    /// Something that a node waited for has ended.
    pub(super) fn ends(&mut self, node: usize, purpose: Purpose, result: Result<Answered, CallError>) {
        match purpose {
            Purpose::Alloc(task) => self.made(task, &result),
            Purpose::Overwrite(task) => self.go_on(task),
            Purpose::Call(task) => self.returned(task, result),
            Purpose::ReadResult(task, pointer) => {
                self.check_read(pointer, &result);
                self.free(node, pointer, FREE_ATTEMPTS);
                self.go_on(task);
            }
            Purpose::Free(pointer, attempts) => {
                let again = result.is_err() && attempts > 0;
                if again {
                    self.free(node, pointer, attempts - 1);
                }
            }
            Purpose::HandlerRead(handler, pointer) => {
                self.check_read(pointer, &result);
                self.handle_on(handler);
            }
            Purpose::HandlerAlloc(handler) => self.handler_made(handler, &result),
            Purpose::Rightless => {}
        }
    }

    fn made(&mut self, id: usize, result: &Result<Answered, CallError>) {
        if let Some(pointer) = allocated(result) {
            self.tasks[id].objects.push(pointer);
            self.heard_of.push(pointer);
        }
        self.go_on(id);
    }

    /// What was read is what the object has: nobody writes it while it is passed.
    fn check_read(&mut self, pointer: Pointer, result: &Result<Answered, CallError>) {
        let Some(answer) = memory_answer(result).filter(|answer| answer.status() == MemoryStatus::Ok) else { return };
        let content = self.rights.content(pointer);
        if content.as_ref().is_some_and(|content| *content != answer.body) {
            self.broke(Rule::Content, format!("{pointer} is {content:?}, read was {:?}", answer.body));
        }
    }

    /// A call has ended.
    fn returned(&mut self, id: usize, result: Result<Answered, CallError>) {
        let task = &self.tasks[id];
        let (runs, is_oneway, handler) = (task.runs, task.is_oneway, task.handler);
        match result {
            Ok(Answered::Delivered) if is_oneway => self.answered += 1,
            Ok(Answered::Message(kind, _, given)) => {
                self.answered += 1;
                if runs != 1 {
                    self.broke(Rule::ExactlyOnce, format!("task {id} was answered and has run {runs} times"));
                }
                if let Some(handler) = handler {
                    self.rights.release(handler);
                    self.rights.unpass(&self.tasks[id].passed.clone());
                    self.take_over(id, kind, handler, &given);
                }
            }
            Ok(other) => self.broke(Rule::ExactlyOnce, format!("task {id} is answered by {other:?}")),
            Err(error) if !error.may_have_run() && runs > 0 => {
                self.broke(Rule::ExactlyOnce, format!("task {id} has run, and its caller is told: {error}"));
            }
            Err(_) => {}
        }
        self.go_on(id);
    }

    /// Takes over what an answer gave: reads it, and frees it.
    fn take_over(&mut self, id: usize, kind: AnswerKind, handler: usize, given: &[Pointer]) {
        let expected = &self.handlers[handler].answered;
        if expected.as_deref() != Some(given) || (kind == AnswerKind::Exception && !given.is_empty()) {
            let text = format!("task {id} is answered with {given:?}, its handler said {expected:?}");
            self.broke(Rule::ExactlyOnce, text);
        }
        let (node, holder) = (self.tasks[id].node, self.tasks[id].holder);
        for pointer in given {
            if self.handlers[handler].given.contains(pointer) {
                self.rights.given(*pointer, holder);
                let asked = Asked { len: OBJECT_BYTES, ..Asked::of(*pointer, MemoryOp::Read) };
                self.ask(node, asked.within(PATIENCE), Purpose::ReadResult(id, *pointer));
            }
        }
    }

    /// Frees what a task made.
    fn end_task(&mut self, id: usize) {
        let task = &mut self.tasks[id];
        task.is_over = true;
        let (node, parent, objects) = (task.node, task.parent, std::mem::take(&mut task.objects));
        objects.iter().for_each(|pointer| self.free(node, *pointer, FREE_ATTEMPTS));
        if let Some(parent) = parent {
            self.handle_on(parent);
        }
    }

    pub(super) fn free(&mut self, node: usize, pointer: Pointer, attempts: u32) {
        self.ask(node, Asked::of(pointer, MemoryOp::Free), Purpose::Free(pointer, attempts));
    }

    /// Reads what the node has no right to, or not any more.
    pub(super) fn read_rightless(&mut self, node: usize, pointer: Pointer) {
        let asked = Asked { len: OBJECT_BYTES, ..Asked::of(pointer, MemoryOp::Read) };
        self.ask(node, asked.within(RIGHTLESS), Purpose::Rightless);
    }

    /// What a node's processes waited for is forgotten with them.
    pub(super) fn forget_work(&mut self, index: usize) {
        self.waits.retain(|(node, ..), _| *node != index);
        for id in 0..self.tasks.len() {
            self.tasks[id].is_over |= self.tasks[id].node == index;
        }
        for id in 0..self.handlers.len() {
            if self.handlers[id].node == index && !self.handlers[id].is_over {
                self.handlers[id].is_over = true;
                self.rights.stop(id);
            }
        }
    }
}

pub(super) fn memory_answer(result: &Result<Answered, CallError>) -> Option<&MemoryAnswer> {
    if let Ok(Answered::Memory(answer)) = result { Some(answer) } else { None }
}

/// The object that an ALLOC made.
pub(super) fn allocated(result: &Result<Answered, CallError>) -> Option<Pointer> {
    let answer = memory_answer(result).filter(|answer| answer.status() == MemoryStatus::Ok)?;
    Some(answer.allocated())
}
