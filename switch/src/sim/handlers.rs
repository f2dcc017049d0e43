//! What callees do: they read what they are passed, call others, make results and answer.

use super::Rule;
use super::node::{Asked, message};
use super::plan::MS;
use super::tasks::{OBJECT_BYTES, PATIENCE, Purpose, allocated};
use super::world::{Step, World};
use bifrost_dsm::Holder;
use bifrost_rpc::endpoint::{AnswerKind, Answered, CallError, ServedCall};
use bifrost_rpc::memory::{MemoryOp, Pointer};
use bifrost_rpc::wire::MethodField;
use std::net::SocketAddr;
use std::time::Duration;

const DEPTH_MAX: usize = 3;

/// What a handler still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Read(Pointer),
    Pause,
    Make,
    Nest,
}

/// A handler of a call.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) node: usize,
    life: u32,
    holder: Holder,
    call: ServedCall,
    method: MethodField,
    task: usize,
    is_oneway: bool,
    passed: Vec<Pointer>,
    /// What is to be done, the last first.
    acts: Vec<Act>,
    results: Vec<Pointer>,
    /// The pointers in its answer.
    pub(super) answered: Option<Vec<Pointer>>,
    /// Those of them that it gave.
    pub(super) given: Vec<Pointer>,
    pub(super) is_over: bool,
}

impl World {
    /// A call arrives.
    #[expect(clippy::too_many_arguments, reason = "all that the event says")]
    pub(super) fn called(
        &mut self,
        node: usize,
        call: ServedCall,
        _peer: SocketAddr,
        method: MethodField,
        is_oneway: bool,
        message: &[u8],
        passed: Vec<Pointer>,
    ) {
        let now = self.time();
        let id = message.first_chunk().copied().map_or(u64::MAX, u64::from_be_bytes);
        let task = usize::try_from(id).unwrap_or(usize::MAX);
        if self.rng.chance(30)
            && let Some(endpoint) = &mut self.machines[node].endpoint
            && endpoint.refuse_busy(now, call, Duration::from_millis(5))
        {
            return self.note(|| format!("n{node} is busy for task {task}"));
        }
        let handler = self.handlers.len();
        self.note(|| format!("n{node} runs task {task} as handler {handler}: {passed:?}"));
        let Some(of) = self.tasks.get_mut(task) else {
            return self.broke(Rule::ExactlyOnce, "a call that nobody made");
        };
        of.runs += 1;
        of.handler = Some(handler);
        let (runs, is_same, caller) = (of.runs, of.passed == passed, of.holder);
        let is_rightful = passed.iter().all(|pointer| self.rights.could_pass(*pointer, caller));
        if runs > 1 {
            self.broke(Rule::ExactlyOnce, format!("task {task} runs again"));
        }
        if !is_same {
            self.broke(Rule::ExactlyOnce, format!("task {task} arrives with other pointers: {passed:?}"));
        }
        if !is_rightful {
            self.broke(Rule::Rights, format!("task {task} runs, though its caller may not pass {passed:?}"));
        }
        let holder = self.holder(node);
        self.rights.begin(handler, holder, &passed);
        let acts = self.acts(task, &passed);
        let (results, life) = (Vec::new(), self.machines[node].life);
        let (answered, given) = (None, Vec::new());
        let new = Handler {
            node,
            life,
            holder,
            call,
            method,
            task,
            is_oneway,
            passed,
            acts,
            results,
            answered,
            given,
            is_over: false,
        };
        self.handlers.push(new);
        self.at(self.now + 1, Step::Handler(handler));
    }

    fn acts(&mut self, task: usize, passed: &[Pointer]) -> Vec<Act> {
        let mut acts: Vec<Act> = passed.iter().map(|pointer| Act::Read(*pointer)).collect();
        if self.rng.chance(500) {
            acts.push(Act::Make);
        }
        if self.depth(task) < DEPTH_MAX && self.rng.chance(250) && !self.is_quiet {
            acts.push(Act::Nest);
        }
        if self.rng.chance(300) {
            acts.push(Act::Pause);
        }
        for at in 1..acts.len() {
            let other = self.rng.index(at + 1);
            acts.swap(at, other);
        }
        acts
    }

    fn depth(&self, task: usize) -> usize {
        let parent = self.tasks[task].parent.map(|handler| self.handlers[handler].task);
        parent.map_or(0, |task| self.depth(task) + 1)
    }

    /// Does a handler's next step.
    pub(super) fn handle_on(&mut self, id: usize) {
        let handler = &mut self.handlers[id];
        let (node, machine) = (handler.node, &self.machines[handler.node]);
        if handler.is_over || machine.life != handler.life {
            return;
        }
        if machine.pauses > 0 {
            return self.at(self.now + 10 * MS, Step::Handler(id));
        }
        match handler.acts.pop() {
            Some(Act::Read(pointer)) => {
                let asked = Asked { len: OBJECT_BYTES, ..Asked::of(pointer, MemoryOp::Read) };
                self.ask(node, asked.within(PATIENCE), Purpose::HandlerRead(id, pointer));
            }
            Some(Act::Pause) => {
                let longest = self.rng.pick(&[MS, 50 * MS, 500 * MS]);
                let after = self.rng.below(longest);
                self.at(self.now + after, Step::Handler(id));
            }
            Some(Act::Make) => self.alloc(node, Purpose::HandlerAlloc(id)),
            Some(Act::Nest) => {
                let passed = handler.passed.iter().copied().take(2).collect();
                self.begin_task(node, Some(id), passed);
            }
            None => self.answer(id),
        }
    }

    pub(super) fn handler_made(&mut self, id: usize, result: &Result<Answered, CallError>) {
        if let Some(pointer) = allocated(result) {
            self.handlers[id].results.push(pointer);
            self.heard_of.push(pointer);
        }
        self.handle_on(id);
    }

    fn answer(&mut self, id: usize) {
        let now = self.time();
        let kind = if self.rng.chance(100) { AnswerKind::Exception } else { AnswerKind::Reply };
        let returns_passed = self.rng.chance(150);
        let handler = &mut self.handlers[id];
        handler.is_over = true;
        let (node, call, results) = (handler.node, handler.call, handler.results.clone());
        let mut pointers = if kind == AnswerKind::Reply { results.clone() } else { Vec::new() };
        if returns_passed && kind == AnswerKind::Reply {
            pointers.extend(handler.passed.first());
        }
        self.rights.stop(id);
        let handler = &mut self.handlers[id];
        let (method, is_oneway) = (handler.method, handler.is_oneway);
        let Some(endpoint) = &mut self.machines[node].endpoint else { return };
        let is_kept = if is_oneway {
            endpoint.done(call);
            false
        } else {
            let message = message(b"answer").with_pointers(pointers.clone());
            match endpoint.reply(now, call, kind, method, message) {
                Ok(is_kept) => is_kept,
                Err(error) => return self.broke(Rule::Ends, format!("handler {id} cannot answer: {error}")),
            }
        };
        self.note(|| format!("handler {id} answers {kind:?} {pointers:?}, kept: {is_kept}"));
        if is_kept {
            self.give(id, pointers);
        }
        // What it made and gave nobody is its own.
        let own: Vec<Pointer> =
            results.into_iter().filter(|pointer| !self.handlers[id].given.contains(pointer)).collect();
        own.into_iter().for_each(|pointer| self.free(node, pointer, 3));
        if let Some(pointer) = self.handlers[id].passed.first().copied().filter(|_| self.rng.chance(self.plan.malice)) {
            self.read_rightless(node, pointer);
        }
        self.drive(node);
    }

    fn give(&mut self, id: usize, pointers: Vec<Pointer>) {
        let (from, to) = (self.handlers[id].holder, self.tasks[self.handlers[id].task].holder);
        for pointer in &pointers {
            // A node gives itself what it has made, and nothing that it passed to itself.
            let is_own = from == to && !self.handlers[id].results.contains(pointer);
            if !is_own && self.rights.give(*pointer, from, to) {
                self.handlers[id].given.push(*pointer);
            }
        }
        self.handlers[id].answered = Some(pointers);
    }

    /// The caller of a call that runs waits no more: the handler goes on all the same.
    pub(super) fn call_cancelled(&mut self, node: usize, call: ServedCall) {
        self.note(|| format!("{call:?} of n{node} is cancelled"));
    }
}
