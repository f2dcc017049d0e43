//! The network between the nodes.

use super::checker::Rule;
use super::faults::Fault;
use super::node::Datagram;
use super::rng::Rng;
use super::trace::Fate;
use super::world::{Step, World};
use crate::wire::{Header, MethodField, PacketType};
use std::net::Ipv6Addr;

/// Where a datagram goes: the node, and, on links that route by pointers, the address at its memory server's end.
pub(super) type Way = (usize, Option<Ipv6Addr>);

/// The network's character. Chances are per mille, times in nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Of datagrams that are lost.
    pub loss: u64,
    /// Of datagrams that arrive once more; of these again.
    pub duplication: u64,
    /// Of datagrams that take up to `detour` longer.
    pub reordering: u64,
    /// How much longer some take at most.
    pub detour: u64,
    /// Of datagrams that have a bit flipped.
    pub corruption: u64,
    /// Shortest time from node to node.
    pub delay: u64,
    /// How much longer any may take.
    pub jitter: u64,
    /// Largest datagram that passes, in bytes.
    pub mtu: usize,
    /// Bytes that a node's socket buffers.
    pub socket_bytes: usize,
    /// How late a node looks at its socket at most.
    pub process: u64,
}

impl Network {
    /// How long a datagram takes.
    fn way(&self, rng: &mut Rng) -> u64 {
        let detour = |rng: &mut Rng| if rng.chance(self.reordering) { rng.below(self.detour) } else { 0 };
        self.delay + rng.below(self.jitter) + detour(rng)
    }

    /// After how long each copy arrives of a datagram that is not lost.
    pub fn arrivals(&self, rng: &mut Rng) -> Vec<u64> {
        let mut after = Vec::new();
        while rng.chance(self.duplication) {
            after.push(self.way(rng));
        }
        after.push(self.way(rng));
        after
    }
}

impl World {
    /// The address at the memory server's end of a packet with this header.
    pub(super) fn route_of(&self, header: &Header) -> Option<Ipv6Addr> {
        let is_memory =
            header.kind == PacketType::Memory || (header.method == MethodField::NONE && header.pointers == 1);
        (self.plan.native && is_memory).then(|| Ipv6Addr::from(header.pointer))
    }

    /// Sends a datagram of a node on its way, with what the network does to it.
    pub(super) fn send(&mut self, from: usize, (to, route): Way, bytes: Vec<u8>) {
        let header = Header::parse(&bytes).ok();
        self.overhear(from, (to, route), header.as_ref(), &bytes);
        if to >= self.nodes.len() {
            return self.deliver(from, (to, route), bytes, true);
        }
        if let Some(header) = header.filter(|header| self.lacks_right(header)) {
            return self.trace.packet(self.now, from, to, Some(&header), Fate::NoRight);
        }
        if let Some(header) = header.filter(|header| self.meets_gate(Some(header))) {
            let is_lost = self.rng.chance(self.plan.network.loss);
            if is_lost || !self.pass_gate(from, to, &header, &bytes) {
                let fate = if is_lost { Fate::Lost } else { Fate::Held };
                return self.trace.packet(self.now, from, to, Some(&header), fate);
            }
        }
        self.forward(from, (to, route), bytes);
    }

    /// What the network does to a datagram on its way to a node.
    pub(super) fn forward(&mut self, from: usize, (to, route): Way, mut bytes: Vec<u8>) {
        let header = Header::parse(&bytes).ok();
        let network = &self.plan.network;
        let mut is_genuine = true;
        let fate = if self.cuts.iter().any(|(_, a, b)| (*a, *b) == (from, to)) {
            Fate::Cut
        } else if bytes.len() > network.mtu {
            Fate::TooLarge
        } else if self.rng.chance(network.loss) {
            Fate::Lost
        } else if self.rng.chance(network.corruption) {
            let (at, bit) = (self.rng.index(bytes.len()), self.rng.below(8));
            bytes[at] ^= 1 << bit;
            is_genuine = false;
            Fate::Corrupted
        } else {
            Fate::Sent
        };
        self.trace.packet(self.now, from, to, header.as_ref(), fate);
        let is_dropped = match fate {
            Fate::Sent => false,
            // Without a key the checksum of UDP has to do, and here it always does.
            Fate::Corrupted => !self.plan.keyed,
            _ => true,
        };
        if is_dropped {
            return;
        }
        for after in self.plan.network.arrivals(&mut self.rng) {
            self.arrive_after(after, to, Datagram { from, bytes: bytes.clone(), route, is_genuine });
        }
    }

    /// A datagram arrives after some time.
    pub(super) fn deliver(&mut self, from: usize, (to, route): Way, bytes: Vec<u8>, is_genuine: bool) {
        let after = self.plan.network.way(&mut self.rng);
        self.arrive_after(after, to, Datagram { from, bytes, route, is_genuine });
    }

    fn arrive_after(&mut self, after: u64, to: usize, datagram: Datagram) {
        self.at(self.now + after, Step::Arrive(to, datagram));
    }

    /// What everybody on the path sees: the adversary, who keeps some, and the checker.
    fn overhear(&mut self, from: usize, (to, route): Way, header: Option<&Header>, bytes: &[u8]) {
        let Some(header) = header else { return };
        if route != self.route_of(header) {
            let detail = format!("n{from} sends {:?} with pointer {:02x?} by {route:?}", header.kind, header.pointer);
            self.checker.violate(self.now, Rule::Misplaced, detail);
        }
        if to == self.hostile.phantom && header.kind == PacketType::Opened && header.session != 0 {
            let detail = format!("n{from} made a session for an address that never heard of it");
            self.checker.violate(self.now, Rule::UnprovenAddress, detail);
        }
        let faults = self.plan.faults;
        if to < self.nodes.len() && (faults.has(Fault::Replay) || faults.has(Fault::Forgery)) {
            self.hostile.keep(&mut self.rng, from, (to, route), bytes);
        }
    }
}
