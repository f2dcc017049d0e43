//! Frames at random: what the rack's machines send, what they ought not to, and all of it damaged. They follow from a seed.

use bifrost_rpc::wire::{Flags, MethodField, PacketType};

use super::frame::{
    ARP, HEADER_AT, ICMP6, IPV4, IPV6, Packet, SERVICE_VLAN, Station, TCP, UDP, VLAN, ethernet, ipv4, ipv6, tagged, udp,
};
use super::rack::{
    CLIENT, CONTROL_PLANE, FAR, FIRST_SERVER, HELD, INSTANCE, MEMORY, OBJECT, REWRITTEN, SECOND_SERVER, SERVICE,
    STRANGER, SWITCH, memory, method,
};

const STATIONS: [Station; 5] = [CLIENT, FIRST_SERVER, SECOND_SERVER, MEMORY, STRANGER];

/// Random frames.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    state: u64,
}

impl Traffic {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A frame and the port that it comes in by.
    pub(crate) fn frame(&mut self) -> (u32, Vec<u8>) {
        let (mut port, mut frame) = match self.below(20) {
            0..9 => self.call(),
            9..15 => self.memory(),
            _ => self.ordinary(),
        };
        if self.one_in(20) {
            let (kind, tag) = (*self.choose(&[VLAN, SERVICE_VLAN]), *self.choose(&[0, 5]));
            frame = tagged(&frame, kind, tag);
        }
        if self.one_in(2) {
            self.damage(&mut frame);
        }
        if self.one_in(20) {
            port = self.choose(&STATIONS).port;
        }
        if self.one_in(15) {
            let header = [*self.choose(&[0, 0, 0, 1, 2]), 0, 0, *self.choose(&[1, 2, 3, 4, 7])];
            (port, frame) = (CONTROL_PLANE, [&header[..], &[0; 4], &frame].concat());
        }
        (port, frame)
    }

    /// SplitMix64.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn choose<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    fn bytes(&mut self, below: usize) -> Vec<u8> {
        (0..self.below(below)).map(|_| self.byte()).collect()
    }

    /// A header of any type with any of the flags that matter.
    fn packet(&mut self, from: Station, to: std::net::Ipv6Addr) -> Packet {
        let kind = 1 + self.byte() % 16;
        let flags = [0, 1, 2, 3, 3, 3, 7, 9, u16::from(self.byte() & 0x0f)];
        let flags = Flags(*self.choose(&flags));
        let mut packet = Packet::new(from, to, PacketType::from_wire(kind).unwrap(), flags);
        packet.kind = self.one_in(30).then(|| *self.choose(&[0, 17, 200]));
        packet.version = self.one_in(30).then_some(2);
        packet.body = match self.one_in(30) {
            true => vec![b'x'; 200],
            false => self.bytes(24),
        };
        packet.has_checksum = !self.one_in(10);
        if self.one_in(10) {
            packet.mac = self.choose(&STATIONS).mac;
        }
        packet
    }

    fn call(&mut self) -> (u32, Vec<u8>) {
        let from = *self.choose(&[CLIENT, CLIENT, FIRST_SERVER, SECOND_SERVER, MEMORY, STRANGER]);
        let to = *self.choose(&[SERVICE, SERVICE, CLIENT.address, SECOND_SERVER.address, FAR]);
        let mut packet = self.packet(from, to);
        if self.one_in(3) {
            packet.source = *self.choose(&[SERVICE, CLIENT.address, FIRST_SERVER.address]);
        }
        packet.header.method = match self.below(8) {
            0 => method("other"),
            1 => method("mirrored"),
            2 => method("redirected"),
            3 => MethodField::NONE,
            _ => method("ping"),
        };
        packet.header.instance = *self.choose(&[0, 0, INSTANCE, INSTANCE, REWRITTEN, HELD, 0x99]);
        packet.header.rpc = self.number() % 1000;
        if self.one_in(5) {
            packet = packet.pointer(memory(OBJECT, 0));
        }
        if self.one_in(8) {
            packet.ports = *self.choose(&[(7401, 7400), (7400, 7400), (7401, 7402)]);
        }
        (from.port, packet.frame())
    }

    fn memory(&mut self) -> (u32, Vec<u8>) {
        let address = memory(*self.choose(&[0, 0, OBJECT, OBJECT, OBJECT + 1]), self.byte() % 6);
        let is_answer = self.one_in(3);
        let (from, to) = match is_answer {
            true => (MEMORY, self.choose(&[CLIENT.address, FIRST_SERVER.address, SERVICE]).to_owned()),
            false => (*self.choose(&[CLIENT, CLIENT, CLIENT, FIRST_SERVER, STRANGER]), address),
        };
        let mut packet = self.packet(from, to).pointer(address);
        if !self.one_in(3) {
            packet.header.kind = *self.choose(&[PacketType::Memory, PacketType::Ack, PacketType::Ping]);
            packet.header.flags = if is_answer { Flags(9) } else { Flags(3) };
        }
        if is_answer {
            packet.source = address;
        }
        if self.one_in(10) {
            packet = packet.pointer(memory(OBJECT, 2));
        }
        (from.port, packet.frame())
    }

    fn ordinary(&mut self) -> (u32, Vec<u8>) {
        let from = *self.choose(&STATIONS);
        let to = *self.choose(&[SWITCH, SWITCH, FIRST_SERVER.mac, CLIENT.mac, [0xff; 6]]);
        let address = *self.choose(&[FAR, FIRST_SERVER.address, memory(OBJECT, 2)]);
        let hops = *self.choose(&[0, 1, 2, 64, 255]);
        let payload = self.packet(from, address).payload();
        let payload = if self.one_in(2) { payload } else { self.bytes(40) };
        let ports = *self.choose(&[(7400, 53), (53, 7400), (53, 54)]);
        let datagram = udp(ports.0, ports.1, &payload);
        let next = *self.choose(&[0, 43, 44, 51, 60]);
        let extension = [*self.choose(&[TCP, UDP, ICMP6, 0, 44, 60]), 0, 0, *self.choose(&[0, 1, 24])];
        let extended = [&extension[..], &[0; 4], &datagram].concat();
        let fragment = *self.choose(&[0, 0, 0x2000, 0x2003]);
        let words = *self.choose(&[5, 5, 5, 6]);
        let frame = match self.below(6) {
            0 => ethernet(to, from.mac, ARP, &[0; 28]),
            1 => ethernet(to, from.mac, IPV6, &ipv6(from.address, address, ICMP6, hops, &payload)),
            2 => ethernet(to, from.mac, IPV6, &ipv6(from.address, address, UDP, hops, &datagram)),
            3 => ethernet(to, from.mac, IPV6, &ipv6(from.address, address, next, hops, &extended)),
            4 => ethernet(to, from.mac, IPV4, &ipv4(UDP, hops, words, fragment, &datagram)),
            _ => ethernet(to, from.mac, IPV4, &ipv4(TCP, hops, words, fragment, &payload)),
        };
        (from.port, frame)
    }

    /// Up to three changes, most of them where a header is.
    pub(crate) fn damage(&mut self, frame: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            if frame.is_empty() {
                return;
            }
            let at = self.below(frame.len().min(HEADER_AT + 64));
            match self.below(12) {
                0 => frame.truncate(self.below(frame.len())),
                1 => frame.extend(self.bytes(20)),
                2 => frame.insert(at, self.byte()),
                3..7 => frame[at] ^= 1 << self.below(8),
                7..10 => frame[at] = self.byte() % 18,
                _ => frame[at] = self.byte(),
            }
        }
    }
}
