//! Nodes: what callers and callees do with what they get.

use crate::frames::{Named, address, frame, header, parse, request};
use bifrost_rpc::wire::control::{ReportKind, ReportLine};
use bifrost_rpc::wire::{Flags, Header, MemoryFields, MemoryOp, MemoryStatus, PacketType, Pointer};
use bifrost_switch::gatekeeper::Holder;
use std::collections::BTreeMap;

/// A call that a node makes.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) named: Named,
    pub(crate) callee: usize,
    pub(crate) kind: PacketType,
    pub(crate) pointers: Vec<Pointer>,
}

/// What a callee has of a call.
#[derive(Debug, Clone)]
pub(crate) enum Record {
    Running { kind: PacketType, is_cancelled: bool },
    Answered(Vec<u8>),
    Ended,
}

/// A call that a node serves.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) named: Named,
    pub(crate) caller: usize,
    pub(crate) record: Record,
}

/// A node, one life of it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) incarnation: u32,
    pub(crate) lives: bool,
    pub(crate) next_rpc: u64,
    pub(crate) asked: BTreeMap<u64, Asked>,
    pub(crate) served: BTreeMap<(u64, u64), Served>,
    /// What it thinks it may pass.
    pub(crate) pointers: Vec<Pointer>,
    pub(crate) reports: Vec<ReportLine>,
}

impl Node {
    pub(crate) fn new(number: usize, incarnation: u32) -> Self {
        Self {
            number,
            incarnation,
            lives: true,
            next_rpc: 1,
            asked: BTreeMap::new(),
            served: BTreeMap::new(),
            pointers: Vec::new(),
            reports: Vec::new(),
        }
    }

    pub(crate) fn holder(&self) -> Holder {
        Holder { node: address(self.number), incarnation: self.incarnation }
    }

    pub(crate) fn instance(&self) -> u32 {
        u32::try_from(self.number).unwrap() * 1000 + self.incarnation
    }

    pub(crate) fn client(&self) -> u64 {
        (self.number as u64 + 1) * 1000 + u64::from(self.incarnation)
    }

    fn take_rpc(&mut self) -> u64 {
        self.next_rpc += 1;
        self.next_rpc - 1
    }

    pub(crate) fn named(&mut self, instance: u32) -> Named {
        let client = self.client();
        Named { client, rpc: self.take_rpc(), session: client << 32 | u64::from(instance), instance }
    }

    /// The lowest call of a session that the node waits for.
    fn lowest(&self, session: u64) -> u64 {
        let open = self.asked.values().filter(|asked| asked.named.session == session);
        open.map(|asked| asked.named.rpc).min().unwrap_or(self.next_rpc)
    }

    pub(crate) fn call(&mut self, callee: &Callee, kind: PacketType, pointers: Vec<Pointer>) -> Vec<u8> {
        let named = self.named(callee.instance);
        let asked = Asked { named, callee: callee.number, kind, pointers };
        self.asked.insert(named.rpc, asked.clone());
        self.copy(&asked)
    }

    /// A copy of a call, as of now.
    pub(crate) fn copy(&self, asked: &Asked) -> Vec<u8> {
        let mut header = header(asked.kind, asked.named, self.incarnation, Flags::LEASED);
        header.lowest = self.lowest(asked.named.session);
        frame(header, &asked.pointers, b"arguments", address(self.number), address(asked.callee))
    }

    /// Gives a call up.
    pub(crate) fn cancel(&mut self, rpc: u64) -> Option<Vec<u8>> {
        let asked = self.asked.remove(&rpc)?;
        let named = asked.named;
        self.report(ReportKind::Abandoned, named.session, named.client, named.rpc);
        let header = header(PacketType::Cancel, named, self.incarnation, Flags::LEASED);
        Some(frame(header, &[], &[], address(self.number), address(asked.callee)))
    }

    pub(crate) fn alloc(&mut self, server: u8) -> Vec<u8> {
        let named = Named { session: 0, ..self.named(0) };
        let root = Pointer::new(crate::frames::PREFIX, server, 0);
        request(MemoryOp::Alloc, root, named, self.incarnation, address(self.number))
    }

    pub(crate) fn free(&mut self, object: Pointer) -> Vec<u8> {
        let named = Named { session: 0, ..self.named(0) };
        request(MemoryOp::Free, object, named, self.incarnation, address(self.number))
    }

    fn report(&mut self, kind: ReportKind, session: u64, client: u64, rpc: u64) {
        self.reports.push(ReportLine { kind, session, client, rpc });
    }

    /// The answer of a call that it serves.
    pub(crate) fn answer(&mut self, key: (u64, u64), kind: PacketType, returned: &[Pointer]) -> Option<Vec<u8>> {
        let incarnation = self.incarnation;
        let served = self.served.get_mut(&key)?;
        let header = header(kind, served.named, incarnation, Flags::LEASED);
        let body: &[u8] =
            if kind == PacketType::Refused { &[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] } else { &[] };
        let made = frame(header, returned, body, address(self.number), address(served.caller));
        served.record = Record::Answered(made.clone());
        Some(made)
    }

    /// The handler of a oneway or cancelled call ends.
    pub(crate) fn done(&mut self, key: (u64, u64)) {
        if let Some(served) = self.served.get_mut(&key) {
            served.record = Record::Ended;
            let named = served.named;
            self.report(ReportKind::Done, named.session, named.client, named.rpc);
        }
    }

    /// Takes a frame; what it sends in return.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (addresses, header, pointers, body) = parse(bytes);
        match header.kind {
            PacketType::Call | PacketType::Oneway => self.serve(&header, addresses.source),
            PacketType::Cancel => {
                self.take_cancel(&header, addresses.source);
                None
            }
            PacketType::Reply | PacketType::Exception => {
                if header.client == self.client() && self.asked.remove(&header.rpc).is_some() && !pointers.is_empty() {
                    self.report(ReportKind::Accepted, header.session, header.client, header.rpc);
                    self.pointers.extend(pointers);
                }
                None
            }
            PacketType::Refused if body.first() != Some(&2) => {
                _ = self.asked.remove(&header.rpc);
                None
            }
            PacketType::Done => {
                _ = self.asked.remove(&header.rpc);
                None
            }
            PacketType::Memory => {
                self.take_memory(&header);
                None
            }
            _ => None,
        }
    }

    fn take_memory(&mut self, header: &Header) {
        let fields = MemoryFields::of(header);
        if fields.operation() == Some(MemoryOp::Alloc) && fields.status == MemoryStatus::Ok {
            let bits = u128::from(fields.offset) << 64 | u128::from(fields.len);
            let pointer = Pointer::from_bytes(bits.to_be_bytes());
            if header.client == self.client() && !self.pointers.contains(&pointer) {
                self.pointers.push(pointer);
            }
        }
    }

    fn serve(&mut self, header: &Header, from: std::net::Ipv6Addr) -> Option<Vec<u8>> {
        if header.instance != self.instance() {
            return None;
        }
        for ((client, rpc), served) in &mut self.served {
            if *client == header.client && served.named.session == header.session && *rpc < header.lowest {
                let is_oneway = matches!(served.record, Record::Running { kind: PacketType::Oneway, .. });
                if !is_oneway && !matches!(served.record, Record::Running { .. }) {
                    served.record = Record::Ended;
                }
            }
        }
        let key = (header.client, header.rpc);
        let caller = usize::from(from.octets()[15]) - 1;
        let named =
            Named { client: header.client, rpc: header.rpc, session: header.session, instance: header.instance };
        let record = Record::Running { kind: header.kind, is_cancelled: false };
        match &self.served.entry(key).or_insert(Served { named, caller, record }).record {
            Record::Answered(frame) => Some(frame.clone()),
            _ => None,
        }
    }

    fn take_cancel(&mut self, header: &Header, from: std::net::Ipv6Addr) {
        if header.instance != self.instance() {
            return;
        }
        let key = (header.client, header.rpc);
        let caller = usize::from(from.octets()[15]) - 1;
        let named =
            Named { client: header.client, rpc: header.rpc, session: header.session, instance: header.instance };
        let served = self.served.entry(key).or_insert(Served { named, caller, record: Record::Ended });
        match &mut served.record {
            Record::Running { is_cancelled, .. } => *is_cancelled = true,
            record => {
                *record = Record::Ended;
                self.report(ReportKind::Done, header.session, header.client, header.rpc);
            }
        }
    }

    /// Calls that run here.
    pub(crate) fn running(&self) -> Vec<((u64, u64), PacketType, bool)> {
        let running = self.served.iter().filter_map(|(key, served)| match served.record {
            Record::Running { kind, is_cancelled } => Some((*key, kind, is_cancelled)),
            _ => None,
        });
        running.collect()
    }
}

/// What a caller knows of a callee.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callee {
    pub(crate) number: usize,
    pub(crate) instance: u32,
}
