//! The rack around the state machine: memory servers as they are, a table, a network.

use crate::frames::{PREFIX, address, answer, parse};
use crate::nodes::{Callee, Node};
use crate::rng::Rng;
use bifrost_dsm as dsm;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::ReportLine;
use bifrost_rpc::wire::{Flags, Header, MemoryFields, MemoryOp, MemoryStatus, PacketType, Pointer};
use bifrost_switch::gatekeeper::calls::{Calls, Directory, Limits, Place, Step, Ticket};
use bifrost_switch::gatekeeper::{Answered, CallKey, Holder, MemoryMessage, Reason, Way};
use bifrost_switch::rules::{Decision, Operations};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;
use std::time::Duration;

pub(crate) const NODES: usize = 3;
pub(crate) const SERVERS: [u8; 2] = [1, 2];

/// Who is who.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rack {
    /// Each node's incarnation, and whether it lives.
    pub(crate) nodes: Vec<(u32, bool)>,
    pub(crate) servers: BTreeSet<u8>,
    pub(crate) boots: BTreeMap<u8, u32>,
}

impl Directory for Rack {
    fn sender(&self, port: u16, source: Ipv6Addr) -> Option<Holder> {
        self.receiver(source).filter(|holder| holder.node == address(usize::from(port) - 1))
    }

    fn receiver(&self, destination: Ipv6Addr) -> Option<Holder> {
        let number = (0..NODES).find(|number| address(*number) == destination)?;
        let (incarnation, lives) = self.nodes[number];
        lives.then_some(Holder { node: destination, incarnation })
    }

    fn place(&self, instance: u32) -> Place {
        let number = usize::try_from(instance / 1000).unwrap();
        match self.nodes.get(number) {
            Some((incarnation, true)) if *incarnation == instance % 1000 => {
                Place::Live(Holder { node: address(number), incarnation: *incarnation })
            }
            Some((incarnation, _)) if instance % 1000 <= *incarnation => Place::Gone,
            _ => Place::Unknown,
        }
    }

    fn has_server(&self, server: u8) -> bool {
        self.servers.contains(&server)
    }

    fn servers(&self) -> Vec<u8> {
        self.servers.iter().copied().collect()
    }

    fn boot_of(&self, server: u8) -> u32 {
        self.boots.get(&server).copied().unwrap_or(1)
    }

    fn memory_prefix(&self) -> u8 {
        PREFIX
    }
}

/// A memory server, and the control messages to and from it.
#[derive(Debug)]
pub(crate) struct Server {
    number: u8,
    pub(crate) memory: dsm::Memory,
    sequence: u64,
    pub(crate) told: VecDeque<(Ticket, MemoryMessage)>,
    pub(crate) answered: VecDeque<(Ticket, Answered)>,
    /// What it answered to each operation.
    done: BTreeMap<(u64, u64), Vec<u8>>,
}

impl Server {
    fn new(number: u8, boot: u32) -> Self {
        let config = dsm::Config { server: number, prefix: PREFIX, boot, ..dsm::Config::default() };
        let memory = dsm::Memory::new(config);
        Self { number, memory, sequence: 0, told: VecDeque::new(), answered: VecDeque::new(), done: BTreeMap::new() }
    }

    /// Applies the next control message.
    pub(crate) fn step(&mut self) {
        let Some((ticket, message)) = self.told.pop_front() else { return };
        self.sequence += 1;
        let stamp = dsm::Stamp { term: 1, sequence: self.sequence };
        let answered = match self.memory.control(stamp, &control(&message)) {
            Ok(done) => Answered::Applied(done.changed),
            Err(refusal) => Answered::Refused(refusal.code()),
        };
        self.answered.push_back((ticket, answered));
    }

    /// Does what a request asks for, once; its answer.
    fn serve(&mut self, request: &[u8]) -> Vec<u8> {
        let (addresses, header, _, _) = parse(request);
        let key = (header.client, header.rpc);
        if let Some(done) = self.done.get(&key) {
            return done.clone();
        }
        let fields = MemoryFields::of(&header);
        let holder = holder(Holder { node: addresses.source, incarnation: header.incarnation });
        let client = dsm::Client { holder, id: header.client };
        let is_alloc = fields.operation() == Some(MemoryOp::Alloc);
        let action = if is_alloc { dsm::Action::Alloc { len: 8 } } else { dsm::Action::Free };
        let step = dsm::Step { target: fields.pointer.at_rest(), previous: 0, unit_log2: 0, action };
        let work = dsm::Work::One(step);
        let opened = self.memory.open(client);
        let outcome = match self.memory.submit(client, dsm::Request { id: header.rpc, lowest: header.rpc, work }) {
            dsm::Submitted::Done(outcome) => opened.and(outcome),
            dsm::Submitted::Waiting => panic!("it follows nothing"),
        };
        let made = match outcome {
            Ok(dsm::Answer::Allocated(pointer)) => answer(request, Some(pointer), MemoryStatus::Ok),
            Ok(_) => answer(request, None, MemoryStatus::Ok),
            Err(refusal) => answer(request, None, MemoryStatus::from_wire(refusal.code())),
        };
        self.done.insert(key, made.clone());
        made
    }

    pub(crate) fn rows(&self) -> Vec<dsm::ObjectRow> {
        self.memory.export(None, usize::MAX).objects
    }

    pub(crate) fn pointer(&self, object: dsm::ObjectId) -> Pointer {
        Pointer::new(PREFIX, self.number, object.to_bits())
    }

    fn leases(&self, object: Pointer, call: CallKey, callee: Holder) -> bool {
        let call = dsm::CallKey { client: call.0, rpc: call.1 };
        self.memory.leases(object.object_id(), None, 100).contains(&(call, holder(callee)))
    }
}

pub(crate) fn holder(of: Holder) -> dsm::Holder {
    dsm::Holder { node: dsm::Node(of.node), incarnation: of.incarnation }
}

fn control(message: &MemoryMessage) -> dsm::Control {
    use MemoryMessage as M;
    let ids = |objects: &[Pointer]| objects.iter().map(|object| object.object_id()).collect();
    let key = |call: &CallKey| dsm::CallKey { client: call.0, rpc: call.1 };
    match message {
        M::Grant { object, to } => dsm::Control::Grant { object: object.object_id(), to: holder(*to) },
        M::Revoke { object, from } => dsm::Control::Revoke { object: object.object_id(), from: holder(*from) },
        M::Reclaim { objects, from } => dsm::Control::Reclaim { objects: ids(objects), from: holder(*from) },
        M::Lease { call, caller, callee, objects } => dsm::Control::Lease {
            call: key(call),
            caller: holder(*caller),
            callee: holder(*callee),
            objects: ids(objects),
        },
        M::Release(call) => dsm::Control::Release { call: key(call) },
        M::Reply { call, from, to, returned } => {
            dsm::Control::Reply { call: key(call), from: holder(*from), to: holder(*to), returned: ids(returned) }
        }
        M::Cleanup(gone) => dsm::Control::Cleanup { holder: holder(*gone) },
    }
}

/// What the tables are to do next.
#[derive(Debug)]
pub(crate) enum TableChange {
    Rights(Ticket, Vec<Decision>),
    ForgetSource(Ipv6Addr),
    ForgetServer(u8),
}

/// A call that went on and was not answered.
#[derive(Debug, Clone)]
pub(crate) struct UnderWay {
    callee: Holder,
    pointers: Vec<Pointer>,
}

/// Who may do what, as the switch's table has it.
pub(crate) type Table = BTreeMap<(Pointer, Ipv6Addr), Operations>;

/// The rack.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) calls: Calls,
    pub(crate) rack: Rack,
    pub(crate) rng: Rng,
    pub(crate) now: Time,
    pub(crate) nodes: Vec<Node>,
    pub(crate) servers: Vec<Server>,
    pub(crate) changes: VecDeque<TableChange>,
    pub(crate) changed: VecDeque<Ticket>,
    pub(crate) table: Table,
    /// On its way to the control plane.
    pub(crate) net: Vec<(Reason, u16, Vec<u8>)>,
    pub(crate) under_way: BTreeMap<CallKey, UnderWay>,
    passed: BTreeSet<CallKey>,
    /// Clients of which a call has gone on.
    pub(crate) clients: BTreeSet<u64>,
    never: BTreeSet<CallKey>,
    /// Who may come to control each object by what honest nodes did.
    pub(crate) heirs: BTreeMap<Pointer, BTreeSet<Holder>>,
    pub(crate) is_lossy: bool,
    /// Frames that left for nodes.
    pub(crate) sent: Vec<Vec<u8>>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            calls: Calls::new(Limits::default()),
            rack: Rack { nodes: vec![(1, true); NODES], servers: SERVERS.into(), boots: BTreeMap::new() },
            rng: Rng(seed),
            now: Time::ZERO,
            nodes: (0..NODES).map(|number| Node::new(number, 1)).collect(),
            servers: SERVERS.iter().map(|number| Server::new(*number, 1)).collect(),
            changes: VecDeque::new(),
            changed: VecDeque::new(),
            table: Table::new(),
            net: Vec::new(),
            under_way: BTreeMap::new(),
            passed: BTreeSet::new(),
            clients: BTreeSet::new(),
            never: BTreeSet::new(),
            heirs: BTreeMap::new(),
            is_lossy: false,
            sent: Vec::new(),
        }
    }

    pub(crate) fn callee(&self, number: usize) -> Callee {
        Callee { number, instance: self.nodes[number].instance() }
    }

    /// A node sends a frame, which the switch hands over.
    pub(crate) fn send(&mut self, node: usize, frame: Vec<u8>) {
        let (_, header, _, _) = parse(&frame);
        let reason = match MemoryFields::of(&header).operation() {
            Some(MemoryOp::Alloc) if header.kind == PacketType::Memory => Reason::Alloc,
            Some(_) if header.kind == PacketType::Memory => Reason::Free,
            _ => Reason::Lease,
        };
        self.net.push((reason, u16::try_from(node).unwrap() + 1, frame));
    }

    /// The state machine takes a frame from the network.
    pub(crate) fn deliver(&mut self, at: usize) {
        let (reason, port, frame) = self.net.swap_remove(at);
        self.calls.handle_packet(self.now, &self.rack, reason, port, &frame);
        self.take_steps();
    }

    pub(crate) fn report(&mut self, sender: Holder, line: &ReportLine) {
        self.calls.handle_report(self.now, &self.rack, sender, line);
        self.take_steps();
    }

    pub(crate) fn pass_time(&mut self, by: Duration) {
        self.now = self.now.plus(by);
        self.calls.handle_timeout(self.now, &self.rack);
        self.take_steps();
    }

    pub(crate) fn server_answers(&mut self, at: usize) {
        if let Some((ticket, answered)) = self.servers[at].answered.pop_front() {
            self.calls.handle_told(self.now, &self.rack, ticket, answered);
            self.take_steps();
        }
    }

    pub(crate) fn table_changes(&mut self) {
        match self.changes.pop_front() {
            Some(TableChange::Rights(ticket, decisions)) => {
                decisions.iter().for_each(|decision| apply(&mut self.table, decision));
                self.changed.push_back(ticket);
            }
            Some(TableChange::ForgetSource(source)) => self.table.retain(|(_, of), _| *of != source),
            Some(TableChange::ForgetServer(server)) => self.table.retain(|(object, _), _| object.server() != server),
            None => {}
        }
    }

    pub(crate) fn tables_answer(&mut self) {
        if let Some(ticket) = self.changed.pop_front() {
            self.calls.handle_changed(self.now, &self.rack, ticket, true);
            self.take_steps();
        }
    }

    /// A node dies. It is back when all is cleaned up.
    pub(crate) fn kill(&mut self, number: usize) {
        let (gone, client) = (self.nodes[number].holder(), self.nodes[number].client());
        // Its client may be anybody's from now on: lies under its name would be as good as calls.
        let port = u16::try_from(number).unwrap() + 1;
        self.net.retain(|(_, from, frame)| {
            let (_, header, _, _) = parse(frame);
            let is_own = *from == port && header.incarnation == gone.incarnation;
            header.client != client || !header.flags.has(Flags::TO_CALLEE) || is_own
        });
        self.nodes[number].lives = false;
        self.rack.nodes[number].1 = false;
        self.under_way.retain(|_, call| call.callee != gone);
        self.changes.push_back(TableChange::ForgetSource(gone.node));
        self.calls.end_node(self.now, &self.rack, gone);
        self.take_steps();
    }

    /// A memory server ends, and another life of it begins.
    pub(crate) fn restart_server(&mut self, at: usize) {
        let number = SERVERS[at];
        let boot = self.servers[at].memory.config().boot + 1;
        self.servers[at] = Server::new(number, boot);
        self.rack.servers.remove(&number);
        self.changes.push_back(TableChange::ForgetServer(number));
        for call in self.under_way.values_mut() {
            call.pointers.retain(|pointer| pointer.server() != number);
        }
        self.calls.end_server(self.now, &self.rack, number);
        self.take_steps();
        self.rack.servers.insert(number);
        self.rack.boots.insert(number, boot);
        self.calls.begin_server(number);
        self.take_steps();
    }

    pub(crate) fn take_steps(&mut self) {
        while let Some(step) = self.calls.poll_step() {
            match step {
                Step::Tell { server, ticket, message } => {
                    assert!(self.rack.has_server(server), "{message:?} to a server that is gone");
                    self.servers[usize::from(server) - 1].told.push_back((ticket, message));
                }
                Step::Change { ticket, decisions } => {
                    self.changes.push_back(TableChange::Rights(ticket, decisions));
                }
                Step::Send { way, frame } => self.leave(way, frame),
                Step::Say { way, packet, .. } => self.leave(way, packet.frame()),
                Step::Cleaned(gone) => {
                    let number = (0..NODES).find(|number| address(*number) == gone.node).unwrap();
                    self.nodes[number] = Node::new(number, gone.incarnation + 1);
                    self.rack.nodes[number] = (gone.incarnation + 1, true);
                }
            }
        }
    }

    /// A frame leaves the switch.
    fn leave(&mut self, way: Way, frame: Vec<u8>) {
        let (addresses, header, pointers, body) = parse(&frame);
        if addresses.destination.octets()[..4] == [0; 4] {
            let server = usize::from(Pointer::from_bytes(addresses.destination.octets()).server()) - 1;
            let answer = self.servers[server].serve(&frame);
            return self.note_alloc(server, answer);
        }
        self.judge(way, &header, &pointers, &body);
        // The switch finds a callee by its instance.
        let number = match header.flags.has(Flags::TO_CALLEE) {
            true => usize::try_from(header.instance / 1000).unwrap(),
            false => usize::from(addresses.destination.octets()[15]) - 1,
        };
        self.sent.push(frame.clone());
        let copies = match self.is_lossy {
            true if self.rng.chance(20) => 0,
            true if self.rng.chance(10) => 2,
            _ => 1,
        };
        for _ in 0..copies {
            if let Some(back) =
                Some(&mut self.nodes[number]).filter(|node| node.lives).and_then(|node| node.take(&frame))
            {
                self.send(number, back);
            }
        }
    }

    fn note_alloc(&mut self, server: usize, answer: Vec<u8>) {
        let (addresses, header, _, _) = parse(&answer);
        let fields = MemoryFields::of(&header);
        if fields.operation() == Some(MemoryOp::Alloc) && fields.status == MemoryStatus::Ok {
            let bits = u128::from(fields.offset) << 64 | u128::from(fields.len);
            let object = Pointer::from_bytes(bits.to_be_bytes());
            let control = self.servers[server].rows().iter().find(|row| row.object == object.object_id()).cloned();
            // A copy of an answer may come after the object.
            if let Some(control) = control.and_then(|row| row.control) {
                let maker = Holder { node: control.node.0, incarnation: control.incarnation };
                let heirs = self.heirs.entry(object).or_default();
                if heirs.is_empty() {
                    assert_eq!(addresses.destination, maker.node);
                    heirs.insert(maker);
                }
            }
        }
        let reason = if fields.operation() == Some(MemoryOp::Alloc) { Reason::Alloc } else { Reason::Free };
        self.net.push((reason, 100 + u16::try_from(server).unwrap(), answer));
    }

    /// Judges a packet that goes on, or that the control plane made.
    fn judge(&mut self, way: Way, header: &Header, pointers: &[Pointer], body: &[u8]) {
        let key = (header.client, header.rpc);
        match header.kind {
            PacketType::Call | PacketType::Oneway => {
                assert!(!self.never.contains(&key), "{key:?} was never to go on");
                self.clients.insert(header.client);
                if self.passed.insert(key)
                    && let Place::Live(callee) = self.rack.place(header.instance)
                {
                    let call = UnderWay { callee, pointers: pointers.to_vec() };
                    self.check_in_force(key, &call);
                    self.under_way.insert(key, call);
                }
            }
            PacketType::Reply | PacketType::Exception | PacketType::Done => self.answered(key),
            PacketType::Refused => match (way, body[0]) {
                (Way::Port(_), 9 | 11) => {
                    assert!(!self.passed.contains(&key), "{key:?} went on");
                    self.never.insert(key);
                }
                (_, 2) => {}
                _ => self.answered(key),
            },
            _ => {}
        }
    }

    /// An answer goes on: nothing of the call's rights may be left.
    fn answered(&mut self, key: CallKey) {
        let Some(call) = self.under_way.remove(&key) else { return };
        for pointer in &call.pointers {
            let server = &self.servers[usize::from(pointer.server()) - 1];
            assert!(!server.leases(*pointer, key, call.callee), "{key:?} is answered and leases {pointer}");
        }
    }

    fn check_in_force(&self, key: CallKey, call: &UnderWay) {
        for pointer in &call.pointers {
            let server = &self.servers[usize::from(pointer.server()) - 1];
            let rights = self.table.get(&(*pointer, call.callee.node)).copied().unwrap_or_default();
            assert!(server.leases(*pointer, key, call.callee), "{key:?} runs without its lease of {pointer}: {call:?}");
            assert!(rights.read, "{key:?} runs and the table does not let {:?} read {pointer}", call.callee);
        }
    }

    /// Every call that runs has its rights, at the servers and in the tables.
    pub(crate) fn check(&self) {
        for node in self.nodes.iter().filter(|node| node.lives) {
            for (key, _, _) in node.running() {
                if let Some(call) = self.under_way.get(&key).filter(|call| call.callee == node.holder()) {
                    self.check_in_force(key, call);
                }
            }
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        let servers = self.servers.iter().all(|server| server.told.is_empty() && server.answered.is_empty());
        servers && self.changes.is_empty() && self.changed.is_empty()
    }

    /// With nothing under way the tables say what the servers do, and so does the state machine; and control is where honest nodes put it.
    pub(crate) fn check_quiet(&self) {
        assert!(self.is_quiet());
        let mut expected = Table::new();
        for server in &self.servers {
            for row in server.rows() {
                let object = server.pointer(row.object);
                let lives = |of: &dsm::Holder| {
                    self.rack.receiver(of.node.0).is_some_and(|holder| holder.incarnation == of.incarnation)
                };
                if let Some(control) = row.control.filter(|control| lives(control) && !row.freed) {
                    let rights = expected.entry((object, control.node.0)).or_default();
                    *rights = Operations { read: true, write: row.leases.is_empty() };
                    let heir = Holder { node: control.node.0, incarnation: control.incarnation };
                    assert!(self.heirs[&object].contains(&heir), "{heir:?} controls {object}");
                }
                for (_, callee) in row.leases.iter().filter(|(_, callee)| lives(callee)) {
                    expected.entry((object, callee.node.0)).or_default().read = true;
                }
            }
        }
        // Objects whose ALLOC was not answered yet have no entries.
        let known: BTreeSet<Pointer> = self.calls.objects(None).map(|object| object.pointer).collect();
        expected.retain(|(object, _), _| known.contains(object));
        assert_eq!(self.table, expected, "the tables and what the servers say");
        let mut own = Table::new();
        self.calls.rights().for_each(|decision| apply(&mut own, &decision));
        assert_eq!(own, expected, "the state machine and what the servers say");
    }
}

fn apply(table: &mut Table, decision: &Decision) {
    match decision {
        Decision::Grant { pointer, operations, source } => {
            let rights = table.entry((*pointer, *source)).or_default();
            rights.read |= operations.read;
            rights.write |= operations.write;
        }
        Decision::Revoke { pointer, operations, source } => {
            let rights = table.entry((*pointer, *source)).or_default();
            rights.read &= !operations.read;
            rights.write &= !operations.write;
            if *rights == Operations::default() {
                table.remove(&(*pointer, *source));
            }
        }
        other => panic!("{other:?} is not the calls' to decide"),
    }
}
