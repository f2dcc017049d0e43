//! A memory server behind an endpoint: what the transport gives is asked of `Memory`, and answered.

use crate::identity::{Client, Holder, Node};
use crate::memory::{Announce, Memory, Place, Staged};
use crate::operation::{Action, Answer, Outcome, Request, Step, Submitted, Work};
use crate::pointer::{ObjectId, Pointer};
use crate::refusal::Refusal;
use bifrost_rpc::buffer::{Message, MessageBuffer};
use bifrost_rpc::memory::{Batch, BatchOutcome, MemoryOp, MemoryOperation, MemoryReply, MemoryStatus, ServedCall};
use bifrost_rpc::wire::outcomes_to_bytes;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Debug)]
pub(super) struct Store {
    pub(super) memory: Memory,
    calls: BTreeMap<ServedCall, (Client, u64)>,
    batches: BTreeMap<ServedCall, usize>,
}

fn client(op: &MemoryOperation) -> Client {
    let node = match op.peer.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    Client { holder: Holder { node: Node(node), incarnation: op.incarnation }, id: op.client }
}

fn target(op: &MemoryOperation, object: u64) -> Pointer {
    let pointer = op.fields.pointer;
    Pointer { prefix: pointer.prefix(), server: pointer.server(), object: ObjectId::from_bits(object) }
}

fn refused(refusal: Refusal) -> MemoryReply {
    MemoryReply::with(MemoryStatus::from_wire(refusal.code()), refusal.detail())
}

fn message(data: &crate::operation::Data) -> Message {
    let mut out = MessageBuffer::new();
    data.pieces().iter().for_each(|piece| out.put_shared(piece.clone()));
    out.finish()
}

fn reply(outcome: Outcome, steps: usize) -> MemoryReply {
    match outcome {
        Err(refusal) => refused(refusal),
        Ok(Answer::Allocated(pointer)) => {
            MemoryReply::allocated(bifrost_rpc::memory::Pointer::from_bytes(pointer.to_bytes()))
        }
        Ok(Answer::Data(data)) => MemoryReply::data(message(&data)),
        Ok(Answer::Written | Answer::Freed) => MemoryReply::done(),
        Ok(Answer::Batch(answers, refusal)) => {
            let mut outcomes = Vec::new();
            let mut out = MessageBuffer::new();
            for answer in &answers {
                let len = if let Answer::Data(data) = answer { data.len() as u64 } else { 0 };
                outcomes.push(BatchOutcome { status: MemoryStatus::Ok, detail: 0, len });
            }
            if let Some(refusal) = refusal {
                let status = MemoryStatus::from_wire(refusal.code());
                outcomes.push(BatchOutcome { status, detail: refusal.detail(), len: 0 });
            }
            outcomes.resize(steps, BatchOutcome { status: MemoryStatus::NotDone, detail: 0, len: 0 });
            out.put_slice(&outcomes_to_bytes(&outcomes));
            for answer in &answers {
                if let Answer::Data(data) = answer {
                    data.pieces().iter().for_each(|piece| out.put_shared(piece.clone()));
                }
            }
            MemoryReply::data(out.finish())
        }
    }
}

impl Store {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, calls: BTreeMap::new(), batches: BTreeMap::new() }
    }

    pub(super) fn announced(&mut self, op: &MemoryOperation, _bytes: u32) -> Option<MemoryReply> {
        let client = client(op);
        if let Err(refusal) = self.memory.open(client) {
            return Some(refused(refusal));
        }
        if op.fields.is_batch {
            return None;
        }
        let place = match op.op() {
            MemoryOp::Alloc => Place::New,
            _ => Place::At(op.fields.offset),
        };
        let announce = Announce {
            id: op.rpc,
            lowest: op.lowest,
            target: target(op, op.fields.pointer.object()),
            previous: 0,
            unit_log2: op.fields.pointer.argument(),
            place,
            len: op.fields.len,
        };
        match self.memory.stage(client, announce) {
            Staged::Ready => {
                self.calls.insert(op.call, (client, op.rpc));
                None
            }
            Staged::Waiting => None,
            Staged::Done(outcome) => Some(reply(outcome, 0)),
        }
    }

    fn work(op: &MemoryOperation, body: Vec<u8>) -> Option<Work> {
        let fields = op.fields;
        let previous = 0;
        let step =
            |object, argument, action| Step { target: target(op, object), previous, unit_log2: argument, action };
        if fields.is_batch {
            let (batch, places) = Batch::parse(&body).ok()?;
            let steps = batch.ops().iter().zip(places).map(|(one, place)| {
                let action = match one.op {
                    MemoryOp::Read => Action::Read { offset: one.offset, len: one.len },
                    MemoryOp::Write => Action::Write { offset: one.offset, data: body[place].to_vec() },
                    _ => Action::Free,
                };
                step(if one.object == 0 { fields.pointer.object() } else { one.object }, one.argument, action)
            });
            return Some(Work::Batch(steps.collect()));
        }
        let action = match op.op() {
            MemoryOp::Alloc if body.is_empty() => Action::Alloc { len: fields.len },
            MemoryOp::Alloc => Action::AllocWrite { data: body },
            MemoryOp::Read => Action::Read { offset: fields.offset, len: fields.len },
            MemoryOp::Write => Action::Write { offset: fields.offset, data: body },
            MemoryOp::Free => Action::Free,
        };
        Some(Work::One(step(fields.pointer.object(), fields.pointer.argument(), action)))
    }

    pub(super) fn run(&mut self, op: &MemoryOperation, body: Vec<u8>) -> Option<MemoryReply> {
        let client = client(op);
        if let Err(refusal) = self.memory.open(client) {
            return Some(refused(refusal));
        }
        let Some(work) = Self::work(op, body) else { return Some(refused(Refusal::Incomplete)) };
        let steps = if let Work::Batch(steps) = &work { steps.len() } else { 0 };
        self.calls.remove(&op.call);
        match self.memory.submit(client, Request { id: op.rpc, lowest: op.lowest, work }) {
            Submitted::Done(outcome) => Some(reply(outcome, steps)),
            Submitted::Waiting => {
                self.calls.insert(op.call, (client, op.rpc));
                self.batches.insert(op.call, steps);
                None
            }
        }
    }

    pub(super) fn cancelled(&mut self, call: ServedCall) {
        self.calls.remove(&call);
    }

    pub(super) fn poll(&mut self) -> Option<(ServedCall, MemoryReply)> {
        while let Some((client, id, outcome)) = self.memory.poll_answer() {
            let found = self.calls.iter().find(|(_, waits)| **waits == (client, id)).map(|(call, _)| *call);
            if let Some(call) = found {
                self.calls.remove(&call);
                return Some((call, reply(outcome, self.batches.remove(&call).unwrap_or(0))));
            }
        }
        None
    }
}
