//! A hostile machine: it has seen what passes in the rack, and sends raw frames of its own, forged, replayed and mutated.
//!
//! Some come in by a port that nobody has, some by that of a node: what that node has sent before, in this life or an earlier one, and,
//! under its own addresses and incarnation, what others have sent. What that node might do by right it does by its own programs alone.

use super::plan::{MS, US};
use super::world::{Step, World};
use bifrost_dsm::Holder;
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::wire::frame::{FrameAddresses, Sum};
use bifrost_rpc::wire::{Flags, HEADER_BYTES, Header, PacketType, RACK_PORT};

/// Frames that it has seen last.
const CAPTURED_MAX: usize = 128;

impl World {
    /// A machine sends a frame, which whoever is hostile sees.
    pub(super) fn capture(&mut self, port: u16, frame: &[u8]) {
        if self.plan.hostile.is_none() {
            return;
        }
        if self.captured.len() == CAPTURED_MAX {
            self.captured.pop_front();
        }
        self.captured.push_back((port, frame.to_vec()));
    }

    /// Sends something now, and more in a while.
    pub(super) fn attack(&mut self) {
        let Some(node) = self.plan.hostile.filter(|_| !self.is_quiet) else { return };
        let pause = self.rng.between(100 * US, 20 * MS);
        self.at(self.now + pause, Step::Attack);
        if self.captured.is_empty() {
            return;
        }
        let (from, frame) = self.captured[self.rng.index(self.captured.len())].clone();
        let own = self.machines[node].port();
        let sent = match self.rng.below(4) {
            0 => Some((self.stranger(), frame)),
            1 => self.mutated(&frame, None).map(|frame| (self.stranger(), frame)),
            _ if from == own => Some((own, frame)),
            _ => self.mutated(&frame, Some(node)).map(|frame| (own, frame)),
        };
        if let Some((port, frame)) = sent {
            self.note(|| "a hostile frame".to_owned());
            self.at(self.now, Step::Ingress(port, frame));
        }
    }

    /// A port that nobody has.
    fn stranger(&self) -> u16 {
        u16::try_from(self.machines.len() + 1).unwrap_or(u16::MAX)
    }

    /// A frame as it is no more; as a node's own, if that may not do what it says.
    fn mutated(&mut self, frame: &[u8], node: Option<usize>) -> Option<Vec<u8>> {
        let (mut addresses, datagram) = FrameAddresses::parse(frame).ok()?;
        let (mut header, body) = (Header::parse(datagram).ok()?, datagram.get(HEADER_BYTES..)?);
        for _ in 0..self.rng.below(3) {
            self.mutate(&mut header);
        }
        if let Some(node) = node {
            let life = self.holder(node);
            let is_about_its_own = addresses.destination == life.node.0;
            (addresses.source, addresses.source_mac) = (life.node.0, self.machines[node].mac());
            header.incarnation = life.incarnation;
            // What it said of itself it would have to stand for.
            let is_control = header.kind == PacketType::Control || addresses.destination_port != RACK_PORT;
            if is_control || is_about_its_own || self.may(life, &header) {
                return None;
            }
        }
        let datagram = [&header.to_bytes()[..], body].concat();
        let mut sum = Sum::default();
        sum.add(&datagram);
        Some([&addresses.headers(datagram.len(), sum)?[..], &datagram].concat())
    }

    fn mutate(&mut self, header: &mut Header) {
        use PacketType::{Call, Cancel, Done, Exception, Memory, Oneway, Ping, Refused, Reply};
        let number = self.rng.next();
        match self.rng.below(8) {
            0 => header.kind = self.rng.pick(&[Call, Cancel, Done, Exception, Memory, Oneway, Ping, Refused, Reply]),
            1 => header.flags = Flags(header.flags.0 ^ 1 << (number % 16)),
            2 => header.rpc = header.rpc.wrapping_add(number % 3),
            3 => header.session ^= number & 1,
            4 => header.lowest = header.rpc.wrapping_add(number % 3),
            5 => header.instance ^= 1,
            6 if !self.heard_of.is_empty() => {
                let (pointer, op) = (self.rng.pick(&self.heard_of), u8::try_from(number % 6).unwrap_or(0));
                header.pointer = pointer.with_operation(op, 0).to_bytes();
                header.pointers = 1;
            }
            _ => header.memory_offset ^= 1 << (number % 64),
        }
    }

    /// Whether a life might do what a packet says by right.
    fn may(&self, life: Holder, header: &Header) -> bool {
        header.pointers > 0 && self.rights.could_pass(Pointer::from_bytes(header.pointer).at_rest(), life)
    }
}
