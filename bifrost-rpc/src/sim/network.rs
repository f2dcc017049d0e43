//! The network between the nodes.

use super::checker::Rule;
use super::faults::Fault;
use super::node::Datagram;
use super::trace::Fate;
use super::world::{Step, World};
use crate::wire::{Header, MethodField, PacketType};
use std::net::Ipv6Addr;

/// Where a datagram goes: the node, and, on links that route by pointers, the address at its memory server's end.
pub(super) type Way = (usize, Option<Ipv6Addr>);

impl World {
    /// The address at the memory server's end of a packet with this header.
    pub(super) fn route_of(&self, header: &Header) -> Option<Ipv6Addr> {
        let is_memory =
            header.kind == PacketType::Memory || (header.method == MethodField::NONE && header.pointers == 1);
        (self.plan.native && is_memory).then(|| Ipv6Addr::from(header.pointer))
    }

    /// Sends a datagram of a node on its way, with what the network does to it.
    pub(super) fn send(&mut self, from: usize, (to, route): Way, mut bytes: Vec<u8>) {
        let header = Header::parse(&bytes).ok();
        self.overhear(from, (to, route), header.as_ref(), &bytes);
        if to >= self.nodes.len() {
            return self.deliver(from, (to, route), bytes, true);
        }
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
        while self.rng.chance(network_duplication(self)) {
            self.deliver(from, (to, route), bytes.clone(), is_genuine);
        }
        self.deliver(from, (to, route), bytes, is_genuine);
    }

    /// A datagram arrives after some time.
    pub(super) fn deliver(&mut self, from: usize, (to, route): Way, bytes: Vec<u8>, is_genuine: bool) {
        let network = &self.plan.network;
        let mut after = network.delay + self.rng.below(network.jitter);
        if self.rng.chance(network.reordering) {
            after += self.rng.below(network.detour);
        }
        self.at(self.now + after, Step::Arrive(to, Datagram { from, bytes, route, is_genuine }));
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

fn network_duplication(world: &World) -> u64 {
    world.plan.network.duplication
}
