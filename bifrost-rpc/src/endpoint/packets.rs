//! Datagrams taken apart, each packet given to whom it concerns; refusals for packets of no session.

use super::time::Time;
use super::{Endpoint, LOOSE_MAX, Loose, memory};
use crate::wire::{Flags, HEADER_BYTES, Header, PacketType, Refusal, WireError};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Refusals for packets of no session at most, each second.
pub(super) const REFUSALS_PER_SECOND: u32 = 1000;

impl Endpoint {
    /// Takes in a datagram, or several that the kernel joined. Bodies are decrypted in place.
    pub fn handle(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) {
        self.handle_at(now, from, None, datagram);
    }

    /// As [`Endpoint::handle`], of a datagram that was sent to the address `local`, from which it is then answered. A memory
    /// server behind links that route by pointers ([`Config::native`](super::Config::native)) has to know it.
    pub fn handle_at(&mut self, now: Time, from: SocketAddr, local: Option<Ipv6Addr>, datagram: &mut [u8]) {
        self.prompt.clear();
        self.expected = None;
        self.called = local.filter(|local| !self.is_pointer(*local));
        let mut rest = datagram;
        while !rest.is_empty() {
            let header = match Header::parse(rest) {
                Ok(header) => header,
                Err(WireError::Type(_)) => {
                    // A later version's packet: what follows it may be known.
                    self.stats.malformed += 1;
                    let body_len =
                        rest.get(102..104).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes);
                    rest = rest.get_mut(HEADER_BYTES + usize::from(body_len)..).unwrap_or_default();
                    continue;
                }
                Err(error) => {
                    self.on_malformed(now, from, rest, error);
                    return;
                }
            };
            let end = HEADER_BYTES + usize::from(header.body_len);
            if rest.len() < end {
                self.stats.malformed += 1;
                return;
            }
            let (packet, more) = rest.split_at_mut(end);
            rest = more;
            let head_bytes = header.further_bytes().map(|further| HEADER_BYTES + further);
            let Some((head, body)) = head_bytes.ok().and_then(|head| packet.split_at_mut_checked(head)) else {
                self.stats.malformed += 1;
                continue;
            };
            self.stats.packets_in += 1;
            if !self.is_in_place(from, local, &header) {
                self.stats.misplaced += 1;
                continue;
            }
            self.handle_packet(now, from, &header, head, body);
        }
    }

    pub(super) fn handle_packet(&mut self, now: Time, from: SocketAddr, header: &Header, raw: &[u8], body: &mut [u8]) {
        let to_callee = header.flags.has(Flags::TO_CALLEE);
        match header.kind {
            PacketType::Open if to_callee => self.on_open(now, from, header, raw, body),
            PacketType::Opened if !to_callee => self.on_opened(now, from, header, raw, body),
            PacketType::Control => self.stats.strays += 1,
            _ if header.flags.has(Flags::FROM_CONTROL) => self.on_packet_of_control(now, from, header, raw, body),
            PacketType::Memory if to_callee == header.flags.has(Flags::MEMORY_REPLY) => self.stats.malformed += 1,
            _ if to_callee => self.on_packet_to_callee(now, from, header, raw, body),
            _ => self.on_packet_to_caller(now, from, header, raw, body),
        }
    }

    pub(super) fn on_malformed(&mut self, now: Time, from: SocketAddr, datagram: &[u8], error: WireError) {
        self.stats.malformed += 1;
        let WireError::Version(version) = error else {
            return;
        };
        let kind = datagram.get(3).copied();
        let nonce = datagram.get(48..56).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        if kind == Some(PacketType::Open as u8) {
            let mut header = Header::new(PacketType::Open);
            header.rpc = nonce;
            self.refuse(now, from, &header, Refusal::WrongVersion { speaks: crate::wire::VERSION });
        } else if matches!(kind, Some(kind) if kind == PacketType::Refused as u8 || kind == PacketType::Opened as u8) {
            self.on_foreign_version(now, from, nonce, version);
        }
    }

    /// Refuses a packet of no session.
    pub(super) fn refuse(&mut self, now: Time, to: SocketAddr, refused: &Header, refusal: Refusal) {
        if now.since(self.refusals_since) >= Duration::from_secs(1) {
            self.refusals_since = now;
            self.refusals_left = REFUSALS_PER_SECOND;
        }
        if self.refusals_left == 0 || self.loose.len() >= LOOSE_MAX {
            return;
        }
        self.refusals_left -= 1;
        self.stats.refusals += 1;
        let body = crate::wire::RefusedBody { refusal, packet: refused.packet }.to_bytes();
        let mut header = Header::new(PacketType::Refused);
        header.method = refused.method;
        // It would end the call's leases.
        let still_runs = self.reports.as_ref().is_some_and(|reports| reports.runs((refused.session, refused.rpc)));
        header.flags = Flags(0).and(refused.flags.has(Flags::LEASED) && !still_runs, Flags::LEASED);
        if memory::is_memory(refused) {
            (header.pointers, header.pointer) = (1, refused.pointer);
        }
        header.client = refused.client;
        header.rpc = refused.rpc;
        header.session = refused.session;
        header.instance = self.config.instance;
        header.incarnation = self.config.incarnation;
        header.body_len = u16::try_from(body.len()).unwrap_or(0);
        let mut datagram = header.to_bytes().to_vec();
        datagram.extend_from_slice(&body);
        self.loose.push_back(Loose { to, from: self.called, datagram });
    }
}
