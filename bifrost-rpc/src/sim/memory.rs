//! Memory operations among the calls of a run: a memory server of the simplest kind, and what must hold of it.
//!
//! An object is what was last written to it, whole. The offset of an operation says which one of the ledger it is.

use super::checker::{Checker, Rule};
use super::node::{Job, address, pointer};
use super::payload::{key_of, request};
use super::plan::{CallPlan, Disruption, Method};
use super::world::World;
use crate::buffer::Message;
use crate::endpoint::{MemoryAnswer, MemoryOperation, MemoryReply, MemoryRequest, ServedCall};
use crate::wire::{Flags, Header, MemoryOp, MemoryStatus, MethodField, PacketType, Pointer};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Where there is a control plane, one of so many operations names something that its client has no right to.
const RIGHTLESS_EVERY: u64 = 12;

/// What is known of the objects, outside all nodes.
#[derive(Debug, Default)]
pub(super) struct MemoryLedger {
    /// By server and object: the version of the last write, and of the last that its client saw done.
    versions: BTreeMap<(usize, u64), (u64, u64)>,
    /// By server, object, and client: the last write that took effect.
    order: BTreeMap<(usize, u64, u64), usize>,
}

impl World {
    pub(super) fn issue_memory(&mut self, index: usize, call: &CallPlan) {
        let now = self.time();
        let known = self.checker.memory.versions.get(&(call.server, call.object)).map_or(0, |versions| versions.1);
        let entry = &mut self.checker.entries[index];
        (entry.object, entry.floor) = (call.object, known);
        let body = if call.method == Method::Read { Vec::new() } else { request(Checker::key(index), call.bytes) };
        let memory = MemoryRequest {
            pointer: pointer(call.server, call.object),
            op: if call.method == Method::Read { MemoryOp::Read } else { MemoryOp::Write },
            argument: 0,
            is_batch: false,
            offset: Checker::key(index),
            len: body.len() as u64,
            body: Message::from(Bytes::from(body)),
            place: (call.method == Method::Read).then(|| Vec::with_capacity(call.bytes)),
            deadline: call.deadline,
        };
        self.trace.text(self.now, || format!("n{} to n{}: #{index} {call:?}", call.client, call.server));
        let node = &mut self.nodes[call.client];
        let life = node.life;
        let Some(endpoint) = node.endpoint.as_mut() else { return };
        let issued = endpoint.memory(now, address(call.server), memory);
        self.issued(index, call, life, issued);
    }

    /// Whether a switch drops a packet without a word, as it does all of an operation that its client has no right to.
    pub(super) fn lacks_right(&mut self, header: &Header) -> bool {
        let op = MemoryOp::from_wire(Pointer::from_bytes(header.pointer).operation());
        let is_guarded = header.pointers == 1 && matches!(op, Some(MemoryOp::Read | MemoryOp::Write));
        let is_rightless = header.session.wrapping_add(header.rpc).is_multiple_of(RIGHTLESS_EVERY);
        let drops = self.plan.has_gate && is_guarded && is_rightless && header.flags.has(Flags::TO_CALLEE);
        let index = self.checker.index_of(&header.memory_offset.to_be_bytes());
        if let Some(index) = index.filter(|_| drops && header.kind == PacketType::Memory) {
            self.checker.entries[index].is_denied = true;
        }
        drops
    }

    /// The entry that an operation belongs to.
    fn entry_of(&mut self, id: usize, operation: &MemoryOperation) -> Option<usize> {
        let index = self.checker.index_of(&operation.fields.offset.to_be_bytes());
        if index.is_none() {
            self.checker.violate(
                self.now,
                Rule::Forged,
                format!("n{id} is asked for an operation that nobody asked for"),
            );
        }
        index
    }

    /// Data of a write begin to arrive: one that is not to be is refused at once.
    pub(super) fn on_announced(&mut self, id: usize, operation: &MemoryOperation) {
        let now = self.time();
        let index = self.checker.index_of(&operation.fields.offset.to_be_bytes());
        let is_denied = index.is_some_and(|index| self.checker.entries[index].method == Method::Denied);
        if let Some(endpoint) = self.nodes[id].endpoint.as_mut().filter(|_| is_denied) {
            endpoint.answer_memory(now, operation.call, MemoryReply::with(MemoryStatus::Denied, 7));
        }
    }

    pub(super) fn on_memory(&mut self, id: usize, operation: &MemoryOperation, body: Vec<u8>) {
        let Some(index) = self.entry_of(id, operation) else { return };
        let (object, entry) = (operation.fields.pointer.object(), &self.checker.entries[index]);
        let method = entry.method;
        // A read has no body of its own to be known by.
        let message =
            if method == Method::Read { request(Checker::key(index), entry.request_bytes) } else { body.clone() };
        let called = (entry.service, method);
        let at = (id, self.nodes[id].life);
        if entry.object != object && !entry.is_forged {
            self.checker.violate(self.now, Rule::Payload, format!("operation #{index} names object {object}"));
        }
        if self.checker.received(self.now, at, operation.call.parts(), &message, called).is_none() {
            return;
        }
        if method == Method::Denied {
            return self.reply_memory(id, operation.call, MemoryReply::with(MemoryStatus::Denied, 7));
        }
        let (call, oneway) = (operation.call, false);
        let memory = Some((operation.client, object, body));
        self.take_job(id, Job { call, index, method: MethodField::NONE, oneway, is_started: false, memory });
    }

    /// A job that has its effect writes its object.
    pub(super) fn memory_effect(&mut self, id: usize, number: u64) {
        let Some(job) = self.nodes[id].jobs.get_mut(&number) else { return };
        let Some((client, object, body)) = job.memory.as_mut().filter(|(_, _, body)| !body.is_empty()) else { return };
        let (index, client, object, body) = (job.index, *client, *object, std::mem::take(body));
        self.nodes[id].objects.insert(object, Bytes::from(body));
        self.checker.wrote(self.now, id, client, index);
    }

    pub(super) fn answer_memory(&mut self, id: usize, call: ServedCall, index: usize, object: u64) {
        let mut reply = MemoryReply::done();
        if self.checker.entries[index].method == Method::Read {
            let content = self.nodes[id].objects.get(&object).cloned().unwrap_or_default();
            reply = MemoryReply::data(Message::from(content));
        }
        self.reply_memory(id, call, reply);
    }

    fn reply_memory(&mut self, id: usize, call: ServedCall, reply: MemoryReply) {
        let now = self.time();
        if let Some(endpoint) = self.nodes[id].endpoint.as_mut() {
            endpoint.answer_memory(now, call, reply);
        }
    }
}

impl Checker {
    /// A write has taken effect.
    fn wrote(&mut self, now: u64, server: usize, client: u64, index: usize) {
        let object = self.entries[index].object;
        let versions = self.memory.versions.entry((server, object)).or_default();
        versions.0 += 1;
        self.entries[index].version = versions.0;
        let before = self.memory.order.insert((server, object, client), index);
        if let Some(before) = before.filter(|before| *before > index) {
            let detail = format!("write #{index} took effect after #{before}, which was issued later");
            self.violate(now, Rule::WriteOrder, detail);
        }
    }

    /// A memory operation was answered.
    pub(super) fn check_memory_answer(&mut self, now: u64, index: usize, answer: &MemoryAnswer) {
        let entry = &self.entries[index];
        let (server, object, version) = (entry.server, entry.object, entry.version);
        match (entry.method, answer.status()) {
            (Method::Denied, MemoryStatus::Denied) if entry.effects == 0 && answer.detail() == 7 => {}
            (Method::Write, MemoryStatus::Ok) if entry.effects > 0 => {
                let versions = self.memory.versions.entry((server, object)).or_default();
                versions.1 = versions.1.max(version);
            }
            (Method::Read, MemoryStatus::Ok) if entry.effects > 0 => self.check_read(now, index, &answer.body),
            (method, status) => {
                let detail = format!("{method:?} #{index} with {} effects is answered: {status}", entry.effects);
                self.violate(now, Rule::Answered, detail);
            }
        }
    }

    fn has_restarted(&self, server: usize, now: u64) -> bool {
        let is_restart =
            |what: Disruption| matches!(what, Disruption::Crash(node) | Disruption::Drain(node) if node == server);
        self.disruptions.iter().any(|(from, _, what)| *from <= now && is_restart(*what))
    }

    fn check_read(&mut self, now: u64, index: usize, read: &[u8]) {
        let (server, object, floor) =
            (self.entries[index].server, self.entries[index].object, self.entries[index].floor);
        let written = key_of(read).and_then(|_| self.index_of(read));
        let write = written.map(|write| &self.entries[write]);
        let is_whole = match (written, write) {
            (Some(at), Some(write)) => {
                write.object == object
                    && write.server == server
                    && write.version > 0
                    && read == request(Self::key(at), write.request_bytes)
            }
            _ => read.is_empty(),
        };
        let version = write.map_or(0, |write| write.version);
        // A server that restarted has lost its objects.
        let restarted = self.has_restarted(server, now);
        if !is_whole {
            self.violate(now, Rule::StaleRead, format!("read #{index} is no whole write of {} bytes", read.len()));
        } else if version < floor && !restarted {
            self.violate(now, Rule::StaleRead, format!("read #{index} gives version {version}, older than {floor}"));
        }
    }
}
