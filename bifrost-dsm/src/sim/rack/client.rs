//! The clients of a run: what they ask for, and what they make of the answers.

use super::plan::{MS, S};
use super::record::Asked;
use super::world::{Step, World};
use crate::linear::Op;
use crate::sim::Rule;
use bifrost_rpc::buffer::{Message, MessageBuffer};
use bifrost_rpc::endpoint::{Answered, CallError, CallId, MemoryRequest};
use bifrost_rpc::memory::{Batch, BatchOp, MemoryOp, PREFIX_DEFAULT, Pointer};
use std::time::Duration;

/// Clients know of so many objects at once, mostly: the fewer, the more they meet.
const KNOWN_FEW: usize = 2;
const FREE_ATTEMPTS: u32 = 5;

/// An object that clients know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) server: usize,
    pub(super) pointer: Pointer,
    pub(super) len: u64,
    /// Nobody was told yet that it is gone.
    pub(super) is_there: bool,
}

impl World {
    pub(super) fn issue(&mut self, client: usize) {
        if self.processes[client].left == 0 || self.now > self.stops_issuing() {
            return;
        }
        let process = &self.processes[client];
        let can = process.endpoint.is_some() && process.pauses == 0 && process.calls.len() < self.plan.outstanding;
        if can {
            self.processes[client].left -= 1;
            self.issue_any(client);
        }
        let lease = u64::try_from(self.plan.lease.as_nanos()).unwrap_or(u64::MAX);
        let pause = match self.rng.below(60) {
            0..=25 => self.rng.below(50_000),
            26..=57 => self.rng.below(self.plan.pause),
            58 => self.rng.below(S),
            _ if can => self.rng.between(lease / 3, lease * 5 / 4),
            _ => MS,
        };
        self.at(self.now + pause, Step::Issue(client));
    }

    fn issue_any(&mut self, client: usize) {
        let Some(known) = self.draw_known() else { return self.alloc(client) };
        match self.rng.below(100) {
            0..=4 => self.alloc(client),
            5..=6 => self.ask(client, known, vec![Op::Free]),
            7..=20 => {
                let count = self.rng.between(1, 4);
                let ops = (0..count).map(|_| self.draw_op(known.len)).collect();
                self.ask(client, known, ops);
            }
            _ => {
                let op = self.draw_op(known.len);
                self.ask(client, known, vec![op]);
            }
        }
    }

    /// An object to work on: mostly one of the few that are there, now and then one that is gone.
    fn draw_known(&mut self) -> Option<Known> {
        let there: Vec<Known> = self.known.iter().filter(|known| known.is_there).copied().collect();
        if there.len() < KNOWN_FEW && self.rng.chance(150) {
            return None;
        }
        let from = if self.rng.chance(50) || there.is_empty() { &self.known } else { &there };
        let few = from.len().saturating_sub(if self.rng.chance(100) { from.len() } else { KNOWN_FEW });
        (!from.is_empty()).then(|| self.rng.pick(&from[few..]))
    }

    fn draw_op(&mut self, len: u64) -> Op {
        let usize = |n: u64| usize::try_from(n).unwrap_or(0);
        let (at, part) = if self.rng.chance(500) {
            (0, len)
        } else {
            let at = self.rng.below(len);
            (at, self.rng.between(1, len - at))
        };
        if self.rng.chance(520) { Op::Read(usize(at), usize(part)) } else { Op::Write(usize(at), self.data(part)) }
    }

    fn data(&mut self, len: u64) -> Vec<u8> {
        let mut data: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| self.rng.next().to_le_bytes()).collect();
        data.truncate(usize::try_from(len).unwrap_or(0));
        data
    }

    fn alloc(&mut self, client: usize) {
        if self.rng.chance(300) {
            return self.alloc_several(client);
        }
        let server = self.plan.clients + self.rng.index(self.plan.servers);
        let len = self.rng.between(1, self.plan.bytes);
        let data = if self.rng.chance(500) { self.data(len) } else { Vec::new() };
        let mut content = data.clone();
        content.resize(usize::try_from(len).unwrap_or(0), 0);
        let pointer = Pointer::new(PREFIX_DEFAULT, self.server_byte(server), 0);
        let known = Known { server, pointer, len, is_there: true };
        let request = self.request(known, MemoryOp::Alloc, 0, len, Message::from(bytes::Bytes::from(data)));
        self.begin(client, known, vec![Op::Alloc(content)], request);
    }

    /// A batch that makes objects.
    fn alloc_several(&mut self, client: usize) {
        let server = self.plan.clients + self.rng.index(self.plan.servers);
        let pointer = Pointer::new(PREFIX_DEFAULT, self.server_byte(server), 0);
        let known = Known { server, pointer, len: 0, is_there: true };
        let count = self.rng.between(1, 4);
        let alloc = |world: &mut Self| {
            let len = world.rng.between(1, world.plan.bytes);
            Op::Alloc(world.data(len))
        };
        let ops = (0..count).map(|_| alloc(self)).collect();
        self.ask_together(client, known, ops);
    }

    fn ask_together(&mut self, client: usize, known: Known, ops: Vec<Op>) {
        let (batch, body) = batch(&ops);
        let request = MemoryRequest { is_batch: true, ..self.request(known, batch.strongest(), 0, 0, body) };
        self.begin(client, known, ops, request);
    }

    /// One operation on an object, or a batch of them.
    fn ask(&mut self, client: usize, known: Known, ops: Vec<Op>) {
        let [op] = ops.as_slice() else {
            return self.ask_together(client, known, ops);
        };
        let request = match op {
            Op::Read(at, len) => self.request(known, MemoryOp::Read, *at as u64, *len as u64, Message::empty()),
            Op::Write(at, data) => {
                let body = Message::from(bytes::Bytes::from(data.clone()));
                self.request(known, MemoryOp::Write, *at as u64, data.len() as u64, body)
            }
            _ => self.request(known, MemoryOp::Free, 0, 0, Message::empty()),
        };
        self.begin(client, known, ops, request);
    }

    fn request(&mut self, known: Known, op: MemoryOp, offset: u64, len: u64, body: Message) -> MemoryRequest {
        let has_deadline = self.plan.is_impatient && self.rng.chance(200);
        let longest = self.rng.pick(&[MS, 50 * MS, 3 * S]);
        let deadline = has_deadline.then(|| Duration::from_nanos(self.rng.between(1, longest)));
        let pointer = known.pointer;
        MemoryRequest { pointer, op, argument: 0, is_batch: false, offset, len, body, place: None, deadline }
    }

    fn begin(&mut self, client: usize, known: Known, ops: Vec<Op>, request: MemoryRequest) {
        let process = &self.processes[client];
        let machine = self.machine(client);
        let asked = Asked { process: client, life: process.life, holder: (machine, self.machines[machine].0), known };
        let operation = self.record.issue(asked, ops, self.now);
        self.note(|| format!("client {client} issues #{operation} on {}: {request:?}", known.server));
        let (now, to) = (self.time(), self.address(known.server));
        let Some(endpoint) = self.processes[client].endpoint.as_mut() else { return };
        match endpoint.memory(now, to, request) {
            Ok(call) => _ = self.processes[client].calls.insert(call, operation),
            Err(error) => self.broke(Rule::Judge, format!("#{operation} could not be issued: {error}")),
        }
        if self.plan.is_impatient && self.rng.chance(150) {
            let longest = self.rng.pick(&[MS, 20 * MS, S]);
            let after = self.rng.below(longest);
            self.at(self.now + after, Step::Cancel(operation));
        }
        self.drive(client);
    }

    pub(super) fn cancel(&mut self, operation: usize) {
        let now = self.time();
        let (id, life) = self.record.whose(operation);
        let process = &mut self.processes[id];
        let call = process.calls.iter().find(|(_, at)| **at == operation).map(|(call, _)| *call);
        let can = process.life == life && process.pauses == 0;
        if let (Some(call), Some(endpoint)) = (call, process.endpoint.as_mut().filter(|_| can)) {
            endpoint.cancel(now, call);
            self.note(|| format!("client {id} cancels #{operation}"));
            self.drive(id);
        }
    }

    /// An operation has ended.
    pub(super) fn answered(&mut self, id: usize, call: CallId, result: Result<Answered, CallError>) {
        let Some(operation) = self.processes[id].calls.remove(&call) else {
            return self.broke(Rule::Ends, format!("{call:?} of client {id} ended twice"));
        };
        self.note(|| format!("client {id} #{operation}: {result:?}"));
        let made = self.record.end(operation, &result, self.now);
        match made {
            Err(wrong) => self.broke(Rule::Judge, wrong),
            Ok(ended) => {
                self.known.extend(ended.made);
                if let Some(gone) = ended.gone {
                    let same = self.known.iter_mut().filter(|known| known.pointer == gone.pointer);
                    same.for_each(|known| known.is_there = false);
                }
                if self.plan.is_calm() && !ended.is_done {
                    self.broke(Rule::Judge, format!("#{operation} failed without a reason: {result:?}"));
                }
            }
        }
    }

    /// By now all operations have ended. What is known is freed.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
        if let Some(stuck) = self.processes.iter().find_map(|process| process.calls.values().next()) {
            return self.broke(Rule::Ends, format!("#{stuck} has not ended"));
        }
        for known in self.known.clone() {
            let after = self.rng.below(S);
            self.at(self.now + after, Step::Free(known, FREE_ATTEMPTS));
        }
    }

    /// Some client frees an object, until it is gone.
    pub(super) fn free(&mut self, known: Known, attempts: u32) {
        let is_there = self.known.iter().any(|other| other.pointer == known.pointer && other.is_there);
        let client = self.rng.index(self.plan.clients);
        if !is_there || attempts == 0 {
            return;
        }
        if self.processes[client].endpoint.is_some() {
            self.ask(client, known, vec![Op::Free]);
        }
        self.at(self.now + 15 * S, Step::Free(known, attempts - 1));
    }
}

fn batch(ops: &[Op]) -> (Batch, Message) {
    let steps = ops.iter().map(|op| {
        let (op, offset, len) = match op {
            Op::Read(at, len) => (MemoryOp::Read, *at, *len),
            Op::Write(at, data) => (MemoryOp::Write, *at, data.len()),
            Op::Alloc(data) => (MemoryOp::Alloc, 0, data.len()),
            _ => (MemoryOp::Free, 0, 0),
        };
        BatchOp { op, argument: 0, object: 0, offset: offset as u64, len: len as u64 }
    });
    // At most a few, and allocs only among themselves.
    let batch = Batch::new(steps.collect()).unwrap_or_else(|error| panic!("a batch that is none: {error}"));
    let mut body = MessageBuffer::new();
    body.put_slice(&batch.to_bytes());
    for op in ops {
        if let Op::Write(_, data) | Op::Alloc(data) = op {
            body.put_slice(data);
        }
    }
    (batch, body.finish())
}
