//! ALLOC and FREE: who makes objects, and ends them.

use super::Calls;
use super::cause::Cause;
use super::directory::Directory;
use super::objects::{Object, ObjectKey, key_of};
use super::packet::Packet;
use super::progress::Waiter;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::{Flags, MemoryFields, MemoryOp, MemoryStatus, PacketType, Pointer};

/// Bytes before the entries of the answer to a batch, and of each.
const BATCH_HEAD_BYTES: usize = 8;
const BATCH_ENTRY_BYTES: usize = 32;

impl Calls {
    /// A packet of an ALLOC or FREE.
    pub(super) fn handle_memory(&mut self, now: Time, who: &dyn Directory, packet: &Packet<'_>) -> Result<(), Cause> {
        let fields = MemoryFields::of(&packet.header);
        let is_answer = packet.header.flags.has(Flags::MEMORY_REPLY);
        // One that is joining is in the tables already, but hears of no call: what it made could not be lent or given.
        if !who.has_server(fields.pointer.server()) {
            return Err(Cause::ServerGone);
        }
        match (packet.header.kind, fields.operation(), is_answer, packet.is_to_callee()) {
            (PacketType::Memory, Some(MemoryOp::Alloc), false, true) => self.ask_for_object(who, packet),
            (PacketType::Memory, Some(MemoryOp::Free), false, true) => {
                self.sender(who, packet)?;
                self.pass(packet);
                Ok(())
            }
            (PacketType::Memory, Some(MemoryOp::Alloc), true, false) => self.make(now, who, packet, &fields),
            (PacketType::Memory, Some(MemoryOp::Free), true, false) => {
                self.free(now, who, packet, &fields);
                Ok(())
            }
            (PacketType::Refused, Some(MemoryOp::Alloc | MemoryOp::Free), _, false) => {
                self.pass(packet);
                Ok(())
            }
            _ => Err(Cause::Malformed),
        }
    }

    /// An ALLOC: who asks is remembered, since the answer names a client only.
    fn ask_for_object(&mut self, who: &dyn Directory, packet: &Packet<'_>) -> Result<(), Cause> {
        let asks = self.sender(who, packet)?;
        let header = &packet.header;
        let server = Pointer::from_bytes(header.pointer).server();
        let is_full = self.objects.len() >= self.limits.objects_max;
        let load = self.loads.entry(asks).or_default();
        let ended: Vec<_> =
            load.allocs.range((header.client, server, 0)..(header.client, server, header.lowest)).copied().collect();
        ended.iter().for_each(|alloc| _ = load.allocs.remove(alloc));
        let alloc = (header.client, server, header.rpc);
        if is_full || (load.allocs.len() >= self.limits.allocs_of_node_max && !load.allocs.contains(&alloc)) {
            return Err(Cause::Full);
        }
        load.allocs.insert(alloc);
        self.pass(packet);
        Ok(())
    }

    /// The answer to an ALLOC: its node controls the object, if it is new.
    fn make(
        &mut self,
        now: Time,
        who: &dyn Directory,
        packet: &Packet<'_>,
        fields: &MemoryFields,
    ) -> Result<(), Cause> {
        let header = &packet.header;
        let server = fields.pointer.server();
        let asked = who.receiver(packet.addresses.destination);
        let alloc = (header.client, server, header.rpc);
        if fields.status != MemoryStatus::Ok {
            asked.into_iter().for_each(|holder| self.end_alloc(holder, alloc));
            self.pass(packet);
            return Ok(());
        }
        let object = made(fields).filter(|object| object.prefix() == who.memory_prefix()).ok_or(Cause::Malformed)?;
        let key = key_of(object);
        // Of an earlier life it is lost; a later one has not joined yet, and will not hear what becomes of it.
        let boot = who.boot_of(server);
        if boot != 0 && object.object_id().boot != boot {
            return Err(Cause::ServerGone);
        }
        if self.objects.has_seen(key) {
            self.pass_after(key, packet);
            return Ok(());
        }
        let holder = asked.filter(|holder| self.has_asked(*holder, &alloc)).ok_or(Cause::NotAsked)?;
        self.end_alloc(holder, alloc);
        self.objects.set_prefix(who.memory_prefix());
        self.counts.made += 1;
        let decisions = self.objects.insert(key, Object { control: Some(holder), ..Object::default() });
        self.waiting.insert(key, packet.frame.to_vec());
        self.change(now, who, decisions, Waiter::Memory(key));
        Ok(())
    }

    /// The answer to a FREE.
    fn free(&mut self, now: Time, who: &dyn Directory, packet: &Packet<'_>, fields: &MemoryFields) {
        let key = key_of(fields.pointer);
        if !is_freed(packet, fields) || !self.objects.has(key) || self.waiting.contains_key(&key) {
            return self.pass_after(key, packet);
        }
        let mut decisions = Vec::new();
        self.objects.free(key, &mut decisions);
        self.waiting.insert(key, packet.frame.to_vec());
        self.change(now, who, decisions, Waiter::Memory(key));
    }

    /// An answer goes on; where one of the same object is waiting, it takes its place.
    fn pass_after(&mut self, key: ObjectKey, packet: &Packet<'_>) {
        match self.waiting.get_mut(&key) {
            Some(frame) => *frame = packet.frame.to_vec(),
            None => self.pass(packet),
        }
    }
}

/// The object that the answer to an ALLOC names.
fn made(fields: &MemoryFields) -> Option<Pointer> {
    let bytes = u128::from(fields.offset) << 64 | u128::from(fields.len);
    let object = Pointer::parse(bytes.to_be_bytes()).ok()?;
    (object.server() == fields.pointer.server() && object.object() != 0).then_some(object)
}

/// Whether the answer to a FREE says that it was done. In a batch it is the last operation; sealed answers to batches do not tell.
fn is_freed(packet: &Packet<'_>, fields: &MemoryFields) -> bool {
    if fields.status != MemoryStatus::Ok || !fields.is_batch {
        return fields.status == MemoryStatus::Ok;
    }
    let count = packet.body.first_chunk().map_or(0, |count| usize::from(u16::from_be_bytes(*count)));
    let last = count.checked_sub(1).map(|last| BATCH_HEAD_BYTES + last * BATCH_ENTRY_BYTES);
    let status = last.and_then(|at| packet.body.get(at..at + 2));
    !packet.header.flags.has(Flags::SEALED) && status == Some(&[0, 0])
}
