//! The memory servers: the daemon's own code behind real endpoints, and what the model makes of what they do.

use super::Rule;
use super::lane::holder_of;
use super::world::World;
use crate::gatekeeper::MemoryMessage;
use crate::rules::{EntryChange, Key, Match, Table};
use bifrost_dsm::daemon::SharedMemory;
use bifrost_dsm::{Config, Holder, Node, ObjectId, ObjectRow};
use bifrost_rpc::endpoint::Endpoint;
use bifrost_rpc::memory::{
    MemoryHandler, MemoryOp, MemoryOperation, MemoryReply, MemoryStatus, PREFIX_DEFAULT, Pointer, ServedCall,
};
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, Header, MemoryFields, PacketType};
use std::net::{IpAddr, Ipv6Addr};

impl World {
    /// A memory server's process begins, with nothing.
    pub(super) fn open_store(&mut self, index: usize) {
        let (seed, machine) = (self.rng.bytes(), &self.machines[index]);
        let config = self.plan.sealed_endpoint(&machine.name(), machine.address(), 1);
        let mut endpoint = Endpoint::new(config, seed);
        endpoint.serve_memory();
        let machine = &mut self.machines[index];
        let Some(server) = machine.server else { return };
        let config =
            Config { server, boot: machine.life, capacity_bytes: 1 << 20, chunk_bytes: 256, ..Config::default() };
        machine.store = Some(SharedMemory::new(config));
        machine.endpoint = Some(endpoint);
        self.rights.lose(server);
    }

    pub(super) fn announced(&mut self, index: usize, operation: &MemoryOperation, bytes: u32) {
        let refusal = self.machines[index].store.as_ref().and_then(|store| store.announced(operation, bytes));
        if let Some(reply) = refusal {
            self.reply_memory(index, operation.call, reply);
        }
    }

    pub(super) fn asked(&mut self, index: usize, operation: &MemoryOperation, body: Vec<u8>) {
        let Some(store) = &self.machines[index].store else { return };
        let reply = store.perform(operation, body.clone());
        if self.traces {
            let (name, fields, status) = (self.machines[index].name(), operation.fields, reply.status);
            let (peer, life) = (operation.peer, operation.incarnation);
            self.note(|| {
                format!("{name} does {:?} of {} for {peer} #{life}: {status:?}", operation.op(), fields.pointer)
            });
        }
        self.judge(index, operation, &body, &reply);
        self.reply_memory(index, operation.call, reply);
    }

    fn judge(&mut self, index: usize, operation: &MemoryOperation, body: &[u8], reply: &MemoryReply) {
        let (op, IpAddr::V6(node)) = (operation.op(), operation.peer.ip()) else { return };
        let holder = Holder { node: Node(node), incarnation: operation.incarnation };
        let Some(server) = self.machines[index].server else { return };
        let pointer = operation.fields.pointer.at_rest();
        if reply.status != MemoryStatus::Ok {
            let is_refused = matches!(
                reply.status,
                MemoryStatus::Denied | MemoryStatus::NoObject | MemoryStatus::Leased | MemoryStatus::IncarnationEnded
            );
            if is_refused && self.rights.is_owed(pointer, op, holder) {
                self.broke(Rule::InForce, format!("{op:?} of {pointer} by {holder} is refused: {:?}", reply.status));
            }
            return;
        }
        let is_given_up = self.rights.servers_given_up.contains(&(server, self.machines[index].life));
        if let Some(why) = self.rights.is_over(server, holder).filter(|_| !is_given_up) {
            self.broke(Rule::Rights, format!("{op:?} of {pointer} by {holder} is done: {why}"));
        }
        if let Some(made) = reply.allocated {
            let mut content = body.to_vec();
            content.resize(usize::try_from(operation.fields.len).unwrap_or(0), 0);
            return self.rights.made(made, holder, content);
        }
        let at = usize::try_from(operation.fields.offset).unwrap_or(0);
        let written = (op == MemoryOp::Write).then_some((at, body));
        // What a server still does that was given up, and has not heard of it, is lost with it.
        if let Err(why) = self.rights.done(pointer, op, holder, written)
            && !is_given_up
        {
            self.broke(Rule::Rights, format!("{op:?} of {pointer} by {holder} is done: {why}"));
        }
    }

    fn reply_memory(&mut self, index: usize, call: ServedCall, reply: MemoryReply) {
        let now = self.time();
        if let Some(endpoint) = &mut self.machines[index].endpoint {
            endpoint.answer_memory(now, call, reply);
        }
    }

    /// A memory server has done what the control plane told it.
    pub(super) fn was_told(&mut self, server: u8, message: &MemoryMessage, is_done: bool) {
        match message {
            MemoryMessage::Cleanup(gone) if is_done => self.rights.end(server, holder_of(*gone)),
            _ => {}
        }
    }

    /// The control plane has sent a frame on. Those of lives that are over it does not.
    pub(super) fn was_sent_on(&mut self, frame: &[u8]) {
        let Ok((addresses, datagram)) = FrameAddresses::parse(frame) else { return };
        let Ok(header) = Header::parse(datagram) else { return };
        let is_asked = matches!(header.kind, PacketType::Call | PacketType::Oneway | PacketType::Memory);
        let life = Holder { node: Node(addresses.source), incarnation: header.incarnation };
        if is_asked && header.flags.has(Flags::TO_CALLEE) && self.rights.is_outlived(life) {
            self.broke(Rule::Rights, format!("{:?} of {life}, which is over, is sent on", header.kind));
        }
    }

    /// The switch has dropped a frame. Whoever has a right may use it, though, if the tables are there.
    pub(super) fn was_dropped(&mut self, port: u16, frame: &[u8]) {
        let Ok((addresses, datagram)) = FrameAddresses::parse(frame) else { return };
        let Ok(header) = Header::parse(datagram) else { return };
        let fields = MemoryFields::of(&header);
        let is_request = header.kind == PacketType::Memory && header.flags.has(Flags::TO_CALLEE);
        let Some(op) = fields.operation().filter(|_| is_request && self.fabric.is_intact) else { return };
        let holder = Holder { node: Node(addresses.source), incarnation: header.incarnation };
        let pointer = fields.pointer.at_rest();
        let is_its =
            self.machines.iter().any(|machine| (machine.port(), machine.address()) == (port, addresses.source));
        if is_its && self.rights.is_owed(pointer, op, holder) {
            self.broke(Rule::InForce, format!("the switch drops {op:?} of {pointer} by {holder} at port {port}"));
        }
    }

    /// The tables were changed: a right that is new there is in force at its server, one that is gone there is not any more.
    pub(super) fn was_changed(&mut self, change: &EntryChange) {
        let (key, is_new) = match change {
            EntryChange::Add(key, _) => (key, true),
            EntryChange::Delete(key) => (key, false),
            _ => return,
        };
        let Some((pointer, op, source)) = right_in(key).filter(|(_, op, _)| *op == MemoryOp::Read) else {
            // A controller's right to write comes and goes with leases that are under way.
            return;
        };
        let Some(is_at_server) = self.server_allows(pointer, op, source) else { return };
        let is_given_up = self.rights.given_up.iter().any(|gone| gone.node == Node(source))
            || self.rights.is_server_given_up(pointer);
        let is_freed = self.server_row(pointer).is_none_or(|row| row.freed);
        if is_new && !is_at_server && !is_freed && !is_given_up {
            self.broke(Rule::Order, format!("the switch lets {source} {op:?} {pointer}, its server does not"));
        } else if !is_new && is_at_server && !is_given_up && !self.has_begun_anew(pointer, source) {
            self.broke(Rule::Order, format!("{source} may not {op:?} {pointer} at the switch, but at the server"));
        }
        if is_new {
            self.begun_rights.remove(&(pointer, source));
        }
    }

    /// Whether a lease is in force at the server that the control plane may not have heard of yet.
    fn is_leased_to(&self, pointer: Pointer, source: Ipv6Addr) -> bool {
        self.server_row(pointer).is_some_and(|row| row.leases.iter().any(|(_, of)| of.node == Node(source)))
    }

    /// Whether a right that is in force at its server is a later one than that which the switch takes away.
    fn has_begun_anew(&self, pointer: Pointer, source: Ipv6Addr) -> bool {
        self.begun_rights.contains(&(pointer, source)) || self.is_leased_to(pointer, source)
    }

    /// A control message was done at a memory server: rights that were not there before it are.
    pub(super) fn note_begun(&mut self, before: &[(Pointer, Ipv6Addr)]) {
        let begun =
            before.iter().filter(|(pointer, node)| self.server_allows(*pointer, MemoryOp::Read, *node) == Some(true));
        let begun: Vec<_> = begun.copied().collect();
        self.begun_rights.extend(begun);
    }

    /// The rights to read that a control message may give, and that are not there yet.
    pub(super) fn rights_to_begin(&self, message: &MemoryMessage) -> Vec<(Pointer, Ipv6Addr)> {
        let (objects, to) = match message {
            MemoryMessage::Lease { objects, callee, .. } => (&objects[..], callee),
            MemoryMessage::Reply { returned, to, .. } => (&returned[..], to),
            _ => return Vec::new(),
        };
        let of = objects.iter().map(|pointer| (*pointer, to.node));
        of.filter(|(pointer, node)| self.server_allows(*pointer, MemoryOp::Read, *node) == Some(false)).collect()
    }

    /// What a memory server says of an object.
    fn server_row(&self, pointer: Pointer) -> Option<ObjectRow> {
        let store = self.machines[self.machine_of(pointer.server())].store.as_ref()?;
        let object = pointer.object();
        let after = object.checked_sub(1).map(ObjectId::from_bits);
        let page = store.with(|memory| memory.export(after, 1));
        page.objects.into_iter().next().filter(|row| row.object.to_bits() == object)
    }

    /// Whether a memory server lets a node do something; `None`: this life of it is over.
    pub(super) fn server_allows(&self, pointer: Pointer, op: MemoryOp, source: Ipv6Addr) -> Option<bool> {
        let machine = &self.machines[self.machine_of(pointer.server())];
        if machine.store.is_none() || u64::from(machine.life) != pointer.object() >> 32 {
            return None;
        }
        let Some(row) = self.server_row(pointer) else { return Some(false) };
        let controls = row.control.is_some_and(|of| of.node == Node(source)) && !row.freed;
        let leases = row.leases.iter().any(|(_, of)| of.node == Node(source));
        Some(match op {
            MemoryOp::Read => controls || leases,
            _ => controls && row.leases.is_empty(),
        })
    }
}

/// What an entry of `memory_access` is about.
pub(super) fn right_in(key: &Key) -> Option<(Pointer, MemoryOp, Ipv6Addr)> {
    let exact: Vec<u128> = key.fields().map(|field| if let Match::Exact(value) = field { value } else { 0 }).collect();
    let [server, object, operation, source] = exact.as_slice() else { return None };
    let pointer = Pointer::new(PREFIX_DEFAULT, u8::try_from(*server).ok()?, u64::try_from(*object).ok()?);
    let op = MemoryOp::from_wire(u8::try_from(*operation).ok()?)?;
    (key.table == Table::MemoryAccess).then_some((pointer, op, Ipv6Addr::from_bits(*source)))
}
