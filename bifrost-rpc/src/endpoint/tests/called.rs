//! A callee with several addresses answers from the one that was called.

use super::*;
use crate::wire::Pointer;
use std::net::Ipv6Addr;

const SERVICE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 7);

impl Pair {
    /// Moves datagrams, those to the server to the address `called`; returns the types that the server sent, and from where.
    fn exchange_called(&mut self, called: Ipv6Addr) -> Vec<(PacketType, Option<Ipv6Addr>)> {
        let (mut out, mut sent) = (Datagrams::new(), Vec::new());
        for _ in 0..20 {
            while let Some(transmit) = self.client.poll_transmit(self.now, 64, &mut out) {
                assert_eq!(transmit.from, None);
                for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                    self.server.handle_at(self.now, CLIENT.parse().unwrap(), Some(called), datagram);
                }
            }
            self.serve();
            while let Some(transmit) = self.server.poll_transmit(self.now, 64, &mut out) {
                for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                    sent.push((Header::parse(datagram).unwrap().kind, transmit.from));
                    self.client.handle(self.now, SERVER.parse().unwrap(), datagram);
                }
            }
        }
        sent
    }
}

#[test]
fn everything_that_a_callee_sends_comes_from_the_address_that_was_called() {
    let mut pair = Pair::new(config(), config());
    pair.call(&[1; 10_000]);
    let sent = pair.exchange_called(SERVICE);
    assert_eq!(pair.answer(), reply(&[1; 10_000]));
    for kind in [PacketType::Opened, PacketType::Reply] {
        assert!(sent.iter().any(|(sent, _)| *sent == kind), "{sent:?}");
    }
    assert!(sent.iter().all(|(_, from)| *from == Some(SERVICE)), "{sent:?}");
    // Of a session that was made at one address, whatever way a packet takes.
    pair.call(b"again");
    let sent = pair.exchange_called(Ipv6Addr::LOCALHOST);
    assert_eq!(pair.answer(), reply(b"again"));
    assert!(sent.iter().all(|(_, from)| *from == Some(SERVICE)), "{sent:?}");
}

#[test]
fn a_refusal_comes_from_the_address_that_was_called() {
    let mut pair = Pair::new(config(), config());
    pair.server.drain();
    pair.call(b"hello");
    let sent = pair.exchange_called(SERVICE);
    assert!(sent.contains(&(PacketType::Refused, Some(SERVICE))), "{sent:?}");
}

#[test]
fn nothing_without_a_pointer_comes_from_a_pointers_address() {
    let native = Config { native: true, ..config() };
    let mut pair = Pair::new(config(), native);
    let pointer = Pointer::new(0xfd, 1, 7).address();
    // A packet of a session that the server does not know, and an OPEN of another version, which name no pointer.
    let mut stray = Header::new(PacketType::Call);
    (stray.flags, stray.session, stray.rpc) = (Flags::FIRST.with(Flags::TO_CALLEE), 99, 1);
    let mut other = Header::new(PacketType::Open).to_bytes();
    other[2] = 77;
    for mut datagram in [stray.to_bytes(), other] {
        pair.server.handle_at(pair.now, CLIENT.parse().unwrap(), Some(pointer), &mut datagram);
        let mut out = Datagrams::new();
        let transmit = pair.server.poll_transmit(pair.now, 64, &mut out).expect("a refusal");
        assert_eq!(Header::parse(&out.to_vec()).unwrap().kind, PacketType::Refused);
        assert_eq!(transmit.from, None);
    }
}
