//! The memory servers of a run, and the control plane that tells them which incarnations have ended.

use super::Missing;
use super::world::{Step, World};
use crate::control::{Control, Stamp};
use crate::daemon::SharedMemory;
use crate::identity::{Holder, Node};
use crate::sim::Rule;
use bifrost_rpc::memory::{
    MemoryFields, MemoryHandler, MemoryOp, MemoryOperation, MemoryReply, MemoryStatus, ObjectId, ServedCall,
};
use bifrost_rpc::wire::{Flags, HEADER_BYTES, Header, PacketType};

/// A control message reaches its server within this time.
const CONTROL_MAX: u64 = 50_000_000;
const ROWS: usize = 1 << 16;

impl World {
    /// The number of a server in pointers.
    pub(super) fn server_byte(&self, id: usize) -> u8 {
        u8::try_from(id - self.plan.clients + 1).unwrap_or(u8::MAX)
    }

    /// A server comes up with nothing, and hears from the control plane who has ended.
    pub(super) fn open_store(&mut self, id: usize) {
        let boot = self.processes[id].life;
        let config = self.plan.memory(self.server_byte(id), boot, self.without);
        self.processes[id].store = Some(SharedMemory::new(config));
        for (machine, incarnation) in self.ended.clone() {
            self.end_incarnation(id, machine, incarnation, false);
        }
    }

    /// A server dies, and all its objects with it.
    pub(super) fn close_store(&mut self, id: usize) {
        let Some(store) = self.processes[id].store.take() else { return };
        let objects = store.with(|memory| memory.export(None, ROWS).objects);
        objects.iter().filter(|row| !row.freed).for_each(|row| self.record.freed(id, row.object.to_bits(), self.now));
    }

    fn holder(&self, machine: usize, incarnation: u32) -> Holder {
        // The first clients run on the machines one after the other.
        Holder { node: Node(self.host(machine)), incarnation }
    }

    /// The control plane declares a machine dead. Says whether it did not do so before.
    pub(super) fn fence(&mut self, machine: usize, frees: bool) -> bool {
        let (incarnation, was_ended) = self.machines[machine];
        // The address of a machine is that of the client of its number.
        if was_ended || machine >= self.plan.clients {
            return false;
        }
        self.machines[machine].1 = true;
        self.ended.push((machine, incarnation));
        for server in self.plan.clients..self.processes.len() {
            let after = self.rng.below(CONTROL_MAX);
            self.at(self.now + after, Step::End(server, machine, incarnation, frees));
        }
        true
    }

    /// A machine joins again, as its next incarnation: all its processes start anew.
    pub(super) fn rejoin(&mut self, machine: usize) {
        self.machines[machine] = (self.machines[machine].0 + 1, false);
        for client in (machine..self.plan.clients).step_by(self.plan.machines) {
            if self.processes[client].endpoint.is_some() {
                self.stop(client);
                self.start(client);
            }
        }
    }

    pub(super) fn end_incarnation(&mut self, id: usize, machine: usize, incarnation: u32, frees: bool) {
        let holder = self.holder(machine, incarnation);
        let Some(store) = &self.processes[id].store else { return };
        let rows = store.with(|memory| memory.export(None, ROWS).objects);
        let control = if frees { Control::Cleanup { holder } } else { Control::EndIncarnation { holder } };
        let last = store.with(|memory| memory.last_control());
        let stamp = Stamp { term: 1, sequence: last.sequence + 1 };
        let outcome = store.control(stamp, &control);
        self.note(|| format!("server {id}: {control:?}: {outcome:?}"));
        // And with it all before it.
        (1..=incarnation).for_each(|ended| self.record.ended(id, (machine, ended), self.now));
        let is_its = |control: Holder| control.node == holder.node && control.incarnation <= holder.incarnation;
        for row in rows.iter().filter(|row| frees && !row.freed && row.control.is_some_and(is_its)) {
            self.record.freed(id, row.object.to_bits(), self.now);
        }
    }

    pub(super) fn announced(&mut self, id: usize, operation: &MemoryOperation, bytes: u32) {
        let refusal = self.processes[id].store.as_ref().and_then(|store| store.announced(operation, bytes));
        if let Some(reply) = refusal {
            self.reply(id, operation.call, reply);
        }
    }

    pub(super) fn asked(&mut self, id: usize, operation: &MemoryOperation, body: Vec<u8>) {
        let Some(store) = &self.processes[id].store else { return };
        let reply = store.perform(operation, body);
        let status = reply.status;
        self.note(|| {
            let (client, rpc, fields) = (operation.client, operation.rpc, operation.fields);
            format!("server {id} does {client:x}/{rpc} {fields:?}: {status:?}")
        });
        self.reply(id, operation.call, reply);
    }

    pub(super) fn cancelled(&mut self, id: usize, call: ServedCall) {
        if let Some(store) = &self.processes[id].store {
            store.cancelled(call);
        }
    }

    pub(super) fn session_ended(&mut self, id: usize, session: u64) {
        if let Some(store) = &self.processes[id].store {
            store.session_ended(session);
        }
    }

    fn reply(&mut self, id: usize, call: ServedCall, reply: MemoryReply) {
        let now = self.time();
        if let Some(endpoint) = self.processes[id].endpoint.as_mut() {
            endpoint.answer_memory(now, call, reply);
        }
    }

    /// What a server without staging does with a fragment of a write: it is seen at once.
    pub(super) fn sees_fragment(&mut self, id: usize, datagram: &[u8]) {
        if self.without != Some(Missing::Staging) {
            return;
        }
        let Some((header, fields)) = message(datagram, Flags::TO_CALLEE, MemoryOp::Write) else { return };
        let at = usize::try_from(fields.offset).unwrap_or(0) + header.offset as usize;
        let fragment = &datagram[HEADER_BYTES..HEADER_BYTES + usize::from(header.body_len)];
        let is_part = u32::from(header.body_len) < header.message_len;
        if let Some(store) = self.processes[id].store.as_ref().filter(|_| is_part) {
            store.with(|memory| memory.put_unstaged(ObjectId::from_bits(fields.pointer.object()), at, fragment));
        }
    }

    /// What a server without pinned versions sends of a read: the object as it is now.
    pub(super) fn unpin(&mut self, id: usize, datagram: &mut [u8]) {
        if self.without != Some(Missing::VersionPinning) {
            return;
        }
        let Some((header, fields)) = message(datagram, Flags::MEMORY_REPLY, MemoryOp::Read) else { return };
        if fields.status != MemoryStatus::Ok {
            return;
        }
        let object = ObjectId::from_bits(fields.pointer.object());
        let now = self.processes[id].store.as_ref().and_then(|store| store.with(|memory| memory.peek(object)));
        let start = usize::try_from(fields.offset).unwrap_or(0) + header.offset as usize;
        if let Some(bytes) = now.as_ref().and_then(|now| now.get(start..start + usize::from(header.body_len))) {
            datagram[HEADER_BYTES..HEADER_BYTES + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// When everybody has left, only objects are there of which no client ever heard; without them, nothing.
    pub(super) fn check_empty(&mut self, id: usize) {
        let unknown = self.record.unknown_objects(id);
        let Some(left) = self.processes[id].store.as_ref().map(SharedMemory::metrics) else { return };
        if left.objects > unknown || (left.clients, left.staged, left.pinned_bytes) != (0, 0, 0) {
            self.broke(Rule::Memory, format!("server {id}: left are {left:?}; {unknown} objects may be"));
        }
        for machine in 0..self.plan.machines.min(self.plan.clients) {
            self.end_incarnation(id, machine, self.machines[machine].0, true);
        }
        let Some(metrics) = self.processes[id].store.as_ref().map(SharedMemory::metrics) else { return };
        if (metrics.used_bytes, metrics.objects, metrics.clients, metrics.pinned_bytes) != (0, 0, 0, 0) {
            self.broke(Rule::Memory, format!("server {id} at the end: {metrics:?}"));
        }
    }
}

/// Header and fields of a packet of such a message, if it is one and in clear.
fn message(datagram: &[u8], flag: Flags, op: MemoryOp) -> Option<(Header, MemoryFields)> {
    let header = Header::parse(datagram).ok()?;
    let fields = MemoryFields::of(&header);
    let fits = header.kind == PacketType::Memory && header.flags.has(flag) && !fields.is_batch;
    (fits && fields.operation() == Some(op)).then_some((header, fields))
}
