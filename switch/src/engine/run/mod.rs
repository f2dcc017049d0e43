//! A packet's way: parser, ingress, copies, egress, deparser, as `simple_switch` orders them.

mod action;
mod control;
mod parse;
mod send;

use std::collections::VecDeque;

use super::bits::Slot;
use super::expr::{Context, Expr, Scratch, Value};
use super::layout::Phv;
use super::limits::PASSES_MAX;
use super::outputs::Outputs;
use super::program::{Next, Program};
use super::state::State;
use super::tables;
use super::trace::{Event, Trace};

/// `egress_spec` of a packet that is dropped.
pub(crate) const DROP_PORT: u64 = 511;

/// What programs read in `instance_type`.
mod instance {
    pub(super) const NORMAL: u64 = 0;
    pub(super) const INGRESS_CLONE: u64 = 1;
    pub(super) const EGRESS_CLONE: u64 = 2;
    pub(super) const RECIRCULATED: u64 = 4;
    pub(super) const REPLICATION: u64 = 5;
    pub(super) const RESUBMITTED: u64 = 6;
}

/// A packet on its way, or a copy of one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packet {
    phv: Phv,
    /// Bytes that the parser took.
    parsed: usize,
    /// Bytes as counters count them: as it came in.
    received: u64,
    /// Bytes as added and removed headers change them.
    length: i64,
    /// The port that an egress pass is for.
    port: u32,
    marks: Marks,
}

/// What actions ask to be done at the end of a pass.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    /// Session and field list.
    clone: Option<(u64, u64)>,
    resubmit: u64,
    recirculate: u64,
    digest: u64,
    /// Bytes of this packet, not of its copies, that are sent.
    bytes_max: Option<usize>,
    exit: bool,
}

/// Memory that is used again for the next packet.
#[derive(Debug, Default)]
pub(crate) struct Work {
    stacks: Scratch,
    key: Vec<u8>,
    /// Bits ahead, a calculation's input.
    bytes: Vec<u8>,
    /// The data of the action that runs.
    data: Vec<u8>,
    copies: Vec<(u32, u16)>,
    #[expect(clippy::vec_box, reason = "packets change hands often, and are large")]
    spare: Vec<Box<Packet>>,
    queue: VecDeque<Box<Packet>>,
    recirculated: VecDeque<(Box<Packet>, Vec<u8>)>,
    buffers: Vec<Vec<u8>>,
}

/// One run of the switch over one packet.
#[derive(Debug)]
pub(crate) struct Run<'a, T> {
    pub(crate) program: &'a Program,
    pub(crate) state: &'a mut State,
    pub(crate) work: &'a mut Work,
    pub(crate) out: &'a mut Outputs,
    pub(crate) trace: &'a mut T,
    /// Microseconds since the switch began.
    pub(crate) now: u64,
    pub(crate) passes: usize,
}

impl<T: Trace> Run<'_, T> {
    /// Takes a packet, and everything that comes of it, to its end.
    pub(crate) fn process(&mut self, port: u32, bytes: &[u8]) {
        let mut packet = self.fresh();
        let intrinsic = &self.program.intrinsic;
        (packet.received, packet.length) = (bytes.len() as u64, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        packet.phv.set(Some(intrinsic.ingress_port), u64::from(port));
        packet.phv.set(Some(intrinsic.packet_length), bytes.len() as u64);
        packet.phv.set(intrinsic.ingress_time, self.now);
        self.trace.note(|| Event::Ingress { port, bytes: bytes.len() });
        self.ingress(packet, bytes);
        while let Some((packet, buffer)) = self.work.recirculated.pop_front() {
            self.ingress(packet, &buffer);
            self.work.buffers.push(buffer);
        }
    }

    /// A packet without headers and metadata.
    fn fresh(&mut self) -> Box<Packet> {
        let layout = &self.program.layout;
        match self.work.spare.pop() {
            Some(mut packet) => {
                packet.phv.reset(layout);
                (packet.parsed, packet.received, packet.length, packet.port) = (0, 0, 0, 0);
                packet.marks = Marks::default();
                packet
            }
            None => Box::new(Packet { phv: Phv::new(layout), ..Packet::default() }),
        }
    }

    fn copy(&mut self, of: &Packet) -> Box<Packet> {
        let mut packet = self.work.spare.pop().unwrap_or_default();
        packet.phv.copy_from(&of.phv);
        (packet.parsed, packet.received, packet.length) = (of.parsed, of.received, of.length);
        packet.marks = Marks::default();
        packet
    }

    fn end(&mut self, packet: Box<Packet>, reason: &'static str) {
        self.trace.note(|| Event::Drop(reason));
        self.work.spare.push(packet);
    }

    /// Whether another pass may begin.
    fn may_pass(&mut self) -> bool {
        self.passes += 1;
        self.passes <= PASSES_MAX
    }

    /// Ingress, until the packet is no longer resubmitted, then egress of all that came of it.
    fn ingress(&mut self, mut packet: Box<Packet>, bytes: &[u8]) {
        loop {
            if !self.may_pass() {
                return self.end(packet, "after too many passes");
            }
            self.parse(&mut packet, bytes);
            self.verify(&mut packet, bytes);
            self.control(&mut packet, self.program.ingress, bytes);
            packet.marks.exit = false;
            if let Some((session, list)) = packet.marks.clone.take() {
                self.clone_ingress(&packet, session, list, bytes);
            }
            self.digest(&packet);
            if packet.marks.resubmit == 0 {
                break;
            }
            self.trace.note(|| Event::Resubmit);
            let list = packet.marks.resubmit;
            packet = self.again(packet, bytes.len(), list, instance::RESUBMITTED);
        }
        self.forward(packet, bytes);
        while let Some(packet) = self.work.queue.pop_front() {
            self.egress(packet, bytes);
        }
    }

    /// A packet as new, but for the metadata in a field list.
    fn again(&mut self, packet: Box<Packet>, length: usize, list: u64, kind: u64) -> Box<Packet> {
        let mut next = self.fresh();
        self.keep(&packet.phv, list, &mut next.phv);
        next.phv.set(Some(self.program.intrinsic.instance_type), kind);
        next.phv.set(Some(self.program.intrinsic.packet_length), length as u64);
        (next.received, next.length) = (length as u64, i64::try_from(length).unwrap_or(i64::MAX));
        self.work.spare.push(packet);
        next
    }

    /// Copies the fields of a list.
    fn keep(&self, from: &Phv, list: u64, to: &mut Phv) {
        for &slot in self.program.field_lists.get(&list).into_iter().flatten() {
            slot.copy_to(&from.bytes, slot, &mut to.bytes);
        }
    }

    /// After ingress: several copies, none, or one.
    fn forward(&mut self, mut packet: Box<Packet>, bytes: &[u8]) {
        let intrinsic = &self.program.intrinsic;
        let group = packet.phv.field(intrinsic.multicast_group);
        if group != 0 {
            packet.phv.set(Some(intrinsic.instance_type), instance::REPLICATION);
            self.replicate(&mut packet, group);
            self.work.spare.push(packet);
            return;
        }
        let port = packet.phv.field(Some(intrinsic.egress_spec));
        if port == DROP_PORT {
            return self.end(packet, "at the end of ingress");
        }
        packet.phv.set(Some(intrinsic.instance_type), instance::NORMAL);
        packet.port = u32::try_from(port).unwrap_or(u32::MAX);
        // The copies that were made during ingress go first.
        if self.work.queue.is_empty() {
            self.egress(packet, bytes);
        } else {
            self.work.queue.push_back(packet);
        }
    }

    fn replicate(&mut self, packet: &mut Packet, group: u64) {
        let mut copies = std::mem::take(&mut self.work.copies);
        self.state.multicast.copies(group, &mut copies);
        self.trace.note(|| Event::Multicast { group: u32::try_from(group).unwrap_or(u32::MAX), copies: copies.len() });
        for &(port, rid) in &copies {
            if self.work.queue.len() >= PASSES_MAX {
                break;
            }
            packet.phv.set(self.program.intrinsic.egress_rid, u64::from(rid));
            let mut copy = self.copy(packet);
            copy.port = port;
            self.work.queue.push_back(copy);
        }
        self.work.copies = copies;
    }

    /// A copy of the packet as it came in, which goes to egress with the metadata in the list.
    fn clone_ingress(&mut self, packet: &Packet, session: u64, list: u64, bytes: &[u8]) {
        let Some(mirror) = self.session(session) else { return };
        let intrinsic = &self.program.intrinsic;
        let mut copy = self.fresh();
        (copy.received, copy.length) = (packet.received, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        // The parser may branch on the port.
        copy.phv.set(Some(intrinsic.ingress_port), packet.phv.field(Some(intrinsic.ingress_port)));
        self.parse(&mut copy, bytes);
        copy.phv.reset_metadata(&self.program.layout);
        self.keep(&packet.phv, list, &mut copy.phv);
        copy.phv.set(Some(intrinsic.instance_type), instance::INGRESS_CLONE);
        self.mirror(copy, mirror);
    }

    /// A copy of the packet as it is after egress, which goes through egress again.
    fn clone_egress(&mut self, packet: &Packet, session: u64, list: u64) {
        let Some(mirror) = self.session(session) else { return };
        let mut copy = self.copy(packet);
        copy.phv.reset_metadata(&self.program.layout);
        self.keep(&packet.phv, list, &mut copy.phv);
        copy.phv.set(Some(self.program.intrinsic.instance_type), instance::EGRESS_CLONE);
        self.mirror(copy, mirror);
    }

    fn session(&mut self, session: u64) -> Option<super::state::Mirror> {
        let session = u16::try_from(session & u64::from(super::limits::MIRROR_SESSION_MAX)).ok()?;
        let found = self.state.mirrors.get(&session).copied();
        self.trace.note(|| Event::Clone { session, configured: found.is_some() });
        found
    }

    fn mirror(&mut self, mut copy: Box<Packet>, mirror: super::state::Mirror) {
        if let Some(group) = mirror.group {
            self.replicate(&mut copy, u64::from(group));
        }
        match mirror.port {
            Some(port) => {
                copy.port = port;
                self.work.queue.push_back(copy);
            }
            None => self.work.spare.push(copy),
        }
    }

    fn egress(&mut self, mut packet: Box<Packet>, bytes: &[u8]) {
        if !self.may_pass() {
            return self.end(packet, "after too many passes");
        }
        let (intrinsic, port) = (&self.program.intrinsic, packet.port);
        self.trace.note(|| Event::Egress { port });
        packet.phv.set(intrinsic.enqueued_time, self.now);
        packet.phv.set(intrinsic.egress_time, self.now);
        packet.phv.set(Some(intrinsic.egress_port), u64::from(port));
        // Anything but the drop port.
        packet.phv.set(Some(intrinsic.egress_spec), DROP_PORT + 1);
        packet.phv.set(Some(intrinsic.packet_length), packet.length.cast_unsigned());
        self.control(&mut packet, self.program.egress, bytes);
        if let Some((session, list)) = packet.marks.clone.take() {
            self.clone_egress(&packet, session, list);
        }
        if packet.phv.field(Some(intrinsic.egress_spec)) == DROP_PORT {
            return self.end(packet, "at the end of egress");
        }
        if packet.marks.recirculate == 0 {
            self.send(&mut packet, bytes);
            self.work.spare.push(packet);
            return;
        }
        self.trace.note(|| Event::Recirculate);
        let mut buffer = self.work.buffers.pop().unwrap_or_default();
        buffer.clear();
        self.deparse(&mut packet, bytes, &mut buffer);
        let list = packet.marks.recirculate;
        let next = self.again(packet, buffer.len(), list, instance::RECIRCULATED);
        self.work.recirculated.push_back((next, buffer));
    }

    /// Gives the fields of a digest out.
    fn digest(&mut self, packet: &Packet) {
        if packet.marks.digest == 0 {
            return;
        }
        let Some(list) = self.program.learn_lists.iter().find(|list| list.id == packet.marks.digest) else { return };
        self.trace.note(|| Event::Digest(list.name.clone()));
        self.work.bytes.clear();
        for &slot in &list.fields {
            let start = self.work.bytes.len();
            self.work.bytes.resize(start + slot.bytes(), 0);
            tables::fill(slot, &packet.phv.bytes, &mut self.work.bytes[start..]);
        }
        self.out.push_digest(list.id, &self.work.bytes);
        self.state.learner.learn(list.id, &self.work.bytes, self.now);
    }

    fn value(&mut self, expr: &Expr, packet: &Packet) -> Value {
        let context = Context {
            layout: &self.program.layout,
            phv: &packet.phv,
            data: &self.work.data,
            registers: &self.state.registers,
        };
        expr.value(context, &mut self.work.stacks)
    }

    fn number(&mut self, expr: &Expr, packet: &Packet) -> u64 {
        self.value(expr, packet).low()
    }

    /// Where conditions lead from a node on.
    #[inline]
    fn decide(&mut self, from: Next, packet: &Packet) -> Next {
        let context = Context {
            layout: &self.program.layout,
            phv: &packet.phv,
            data: &self.work.data,
            registers: &self.state.registers,
        };
        self.program.flow.decide(from, context, &mut self.work.stacks)
    }

    fn holds(&mut self, condition: &Expr, packet: &Packet) -> bool {
        let context = Context {
            layout: &self.program.layout,
            phv: &packet.phv,
            data: &self.work.data,
            registers: &self.state.registers,
        };
        condition.truth(context, &mut self.work.stacks)
    }

    /// The bits of a field's last element, where there is one.
    fn last(&self, packet: &Packet, stack: usize, field: Slot) -> Option<Slot> {
        packet.phv.last(stack).and_then(|last| self.program.layout.element(stack, last, field))
    }
}
