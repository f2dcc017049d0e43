//! Frames by hand: Ethernet, IP, UDP, and Bifröst with the header that `bifrost-rpc` writes.

use std::net::Ipv6Addr;

use bifrost_rpc::wire::{Flags, Header, MethodField, PacketType, RACK_PORT};

pub(crate) type Mac = [u8; 6];

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const VLAN: u16 = 0x8100;
pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
pub(crate) const ARP: u16 = 0x0806;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP6: u8 = 58;

/// First byte of a Bifröst header in a frame without tag.
pub(crate) const HEADER_AT: usize = 62;

/// A machine at a port of the switch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Station {
    pub(crate) port: u32,
    pub(crate) mac: Mac,
    pub(crate) address: Ipv6Addr,
}

pub(crate) fn ethernet(to: Mac, from: Mac, kind: u16, rest: &[u8]) -> Vec<u8> {
    [&to[..], &from, &kind.to_be_bytes(), rest].concat()
}

/// The same frame with a tag.
pub(crate) fn tagged(frame: &[u8], kind: u16, tag: u16) -> Vec<u8> {
    [&frame[..12], &kind.to_be_bytes(), &tag.to_be_bytes(), &frame[12..]].concat()
}

pub(crate) fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, hops: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&[0x60, 0, 0, 0], &length[..], &[next, hops], &from.octets(), &to.octets(), rest].concat()
}

/// From 10.0.0.1 to 10.0.0.2. `words`: of the header, five without options. `fragment`: the 16 bits of flags and offset.
pub(crate) fn ipv4(protocol: u8, hops: u8, words: u8, fragment: u16, rest: &[u8]) -> Vec<u8> {
    let header_bytes = usize::from(words) * 4;
    let length = u16::try_from(header_bytes + rest.len()).unwrap().to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let mut header = vec![0x40 | words, 0, length[0], length[1], 0, 1, fragment[0], fragment[1], hops, protocol, 0, 0];
    header.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    header.resize(header_bytes, 1);
    let sum = (!sum(&header)).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    [&header[..], rest].concat()
}

/// Without a checksum.
pub(crate) fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

/// The checksum of a UDP datagram over IPv6 whose own checksum field counts too: 0 where that is right.
pub(crate) fn udp_sum(from: Ipv6Addr, to: Ipv6Addr, datagram: &[u8]) -> u16 {
    let length = u32::try_from(datagram.len()).unwrap().to_be_bytes();
    let pseudo = [&from.octets()[..], &to.octets(), &length, &[0, 0, 0, UDP], datagram].concat();
    !sum(&pseudo)
}

/// Ones' complement sum of 16-bit words.
pub(crate) fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap()
}

/// A Bifröst packet on its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) header: Header,
    /// The type byte, where it is none that `Header` knows.
    pub(crate) kind: Option<u8>,
    pub(crate) version: Option<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) from: Station,
    pub(crate) source: Ipv6Addr,
    pub(crate) to: Ipv6Addr,
    pub(crate) mac: Mac,
    /// UDP ports, source and destination.
    pub(crate) ports: (u16, u16),
    pub(crate) has_checksum: bool,
}

impl Packet {
    /// From a machine's own address, to the MAC address of the switch.
    pub(crate) fn new(from: Station, to: Ipv6Addr, kind: PacketType, flags: Flags) -> Self {
        let header = Header { client: 1, rpc: 1, incarnation: 1, flags, ..Header::new(kind) };
        let ports = if flags.has(Flags::TO_CALLEE) { (40_000, RACK_PORT) } else { (RACK_PORT, 40_000) };
        let (mac, source) = (super::rack::SWITCH, from.address);
        let body = b"seventeen bytes..".to_vec();
        Self { header, kind: None, version: None, body, from, source, to, mac, ports, has_checksum: true }
    }

    pub(crate) fn flags(mut self, flags: Flags) -> Self {
        self.header.flags = flags;
        self
    }

    pub(crate) fn kind(mut self, kind: PacketType) -> Self {
        self.header.kind = kind;
        self
    }

    pub(crate) fn method(mut self, method: MethodField) -> Self {
        self.header.method = method;
        self
    }

    pub(crate) fn instance(mut self, instance: u32) -> Self {
        self.header.instance = instance;
        self
    }

    pub(crate) fn pointer(mut self, pointer: Ipv6Addr) -> Self {
        (self.header.pointer, self.header.pointers) = (pointer.octets(), 1);
        self
    }

    pub(crate) fn source(mut self, source: Ipv6Addr) -> Self {
        self.source = source;
        self
    }

    pub(crate) fn from(mut self, station: Station) -> Self {
        (self.from, self.source) = (station, station.address);
        self
    }

    /// The UDP payload.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let header = Header { body_len: u16::try_from(self.body.len()).unwrap(), ..self.header };
        let mut payload = [&header.to_bytes()[..], &self.body].concat();
        payload[2] = self.version.unwrap_or(payload[2]);
        payload[3] = self.kind.unwrap_or(payload[3]);
        payload
    }

    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut datagram = udp(self.ports.0, self.ports.1, &self.payload());
        if self.has_checksum {
            let sum = match udp_sum(self.source, self.to, &datagram) {
                0 => 0xffff,
                sum => sum,
            };
            datagram[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        ethernet(self.mac, self.from.mac, IPV6, &ipv6(self.source, self.to, UDP, 64, &datagram))
    }
}
