//! Links that route by pointers, between two endpoints joined by hand.

use super::memory::{OBJECT, end, operations, read, reply, start, write};
use super::*;
use crate::wire::{MemoryOp, PassError, Pointer};
use std::net::{IpAddr, Ipv6Addr};

fn pair() -> Pair {
    let mut pair = Pair::new(Config { native: true, ..config() }, Config { native: true, ..config() });
    pair.server.serve_memory();
    pair
}

/// A packet, and the address at the memory server's end of it.
type Passed = (Header, Option<Ipv6Addr>);

impl Pair {
    /// As [`Pair::exchange`], of links that route by pointers; `change` may give a packet another address. Returns what crossed.
    fn route(&mut self, mut change: impl FnMut(&Header, &mut Option<Ipv6Addr>)) -> Vec<Passed> {
        let client: SocketAddr = CLIENT.parse().unwrap();
        let mut out = Datagrams::new();
        let mut passed = Vec::new();
        loop {
            let before = passed.len();
            while let Some(transmit) = self.client.poll_transmit(self.now, 64, &mut out) {
                assert_eq!((transmit.from, transmit.to.port()), (None, 2000), "a client sends from its own address");
                let IpAddr::V6(place) = transmit.to.ip() else { panic!("no IPv6") };
                for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                    let header = Header::parse(datagram).unwrap();
                    let mut place = Some(place);
                    passed.push((header, place));
                    change(&header, &mut place);
                    self.server.handle_at(self.now, client, place, datagram);
                }
            }
            while let Some(transmit) = self.server.poll_transmit(self.now, 64, &mut out) {
                assert_eq!(transmit.to, client);
                for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                    let header = Header::parse(datagram).unwrap();
                    let mut place = transmit.from;
                    passed.push((header, place));
                    change(&header, &mut place);
                    let from = SocketAddr::from((place.unwrap_or(Ipv6Addr::LOCALHOST), 2000));
                    self.client.handle(self.now, from, datagram);
                }
            }
            if passed.len() == before {
                return passed;
            }
        }
    }

    /// Lets all operations be done, whatever they are.
    fn do_all(&mut self) -> Vec<Passed> {
        let mut passed = self.route(|_, _| {});
        loop {
            let operations = operations(self);
            if operations.is_empty() {
                return passed;
            }
            for (operation, _) in operations {
                let body = vec![7; usize::try_from(operation.fields.len).unwrap()];
                let answer = match operation.op() {
                    MemoryOp::Read => MemoryReply::data(bytes::Bytes::from(body).into()),
                    _ => MemoryReply::done(),
                };
                reply(self, &operation, answer);
            }
            passed.extend(self.route(|_, _| {}));
        }
    }
}

fn place(pointer: [u8; 16]) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(pointer))
}

#[test]
fn every_packet_goes_to_or_comes_from_its_pointer() {
    let mut pair = pair();
    let mut passed = Vec::new();
    for len in [10, 300_000] {
        write(&mut pair, &vec![1; len]);
        read(&mut pair, len as u64, None);
        passed.extend(pair.do_all());
        assert!(end(&mut pair).unwrap().is_ok() && end(&mut pair).unwrap().is_ok());
    }
    let given_up = read(&mut pair, 5, None);
    passed.extend(pair.route(|_, _| {}));
    pair.client.cancel(pair.now, given_up);
    pair.pass(Duration::from_millis(30));
    passed.extend(pair.route(|_, _| {}));
    pair.server.drain();
    read(&mut pair, 5, None);
    passed.extend(pair.route(|_, _| {}));
    pair.client.close(pair.now);
    passed.extend(pair.route(|_, _| {}));
    use PacketType::{Ack, Cancel, Close, Memory, Open, Opened, Refused};
    for kind in [Open, Opened, Memory, Ack, Cancel, Refused, Close] {
        assert!(passed.iter().any(|(header, _)| header.kind == kind), "no {kind:?}");
    }
    for (header, at) in passed {
        assert_eq!((header.pointers, at), (1, place(header.pointer)), "{header:?}");
        let is_of_session = matches!(header.kind, Open | Opened | Close) || header.rpc == 0;
        assert_eq!(is_of_session, Pointer::from_bytes(header.pointer) == OBJECT.root(), "{header:?}");
    }
    assert_eq!((pair.server.stats().misplaced, pair.client.stats().misplaced), (0, 0));
}

#[test]
fn packets_at_another_address_than_their_pointer_are_dropped() {
    let other = place(Pointer::new(0xFD, 3, 78).with_operation(MemoryOp::Write as u8, 0).to_bytes());
    for answers in [false, true] {
        for wrong in [other, None] {
            let mut pair = pair();
            read(&mut pair, 5, None);
            pair.do_all();
            assert!(end(&mut pair).unwrap().is_ok());
            write(&mut pair, b"abc");
            let misplace = |header: &Header, at: &mut Option<Ipv6Addr>| {
                if header.kind == PacketType::Memory && header.flags.has(Flags::MEMORY_REPLY) == answers {
                    *at = wrong;
                }
            };
            pair.route(misplace);
            for (operation, _) in operations(&mut pair) {
                reply(&mut pair, &operation, MemoryReply::done());
            }
            pair.route(misplace);
            assert_eq!(end(&mut pair), None);
            let dropped = if answers { pair.client.stats().misplaced } else { pair.server.stats().misplaced };
            assert_eq!(dropped, 1);
            // It comes again, and to the right place.
            pair.pass(Duration::from_millis(60));
            pair.do_all();
            assert!(end(&mut pair).unwrap().is_ok());
        }
    }
}

#[test]
fn a_batch_never_mixes_pointers() {
    let mut pair = pair();
    read(&mut pair, 5, None);
    pair.do_all();
    end(&mut pair);
    for _ in 0..3 {
        read(&mut pair, 5, None);
        write(&mut pair, b"x");
    }
    let mut out = Datagrams::new();
    while let Some(transmit) = pair.client.poll_transmit(pair.now, 64, &mut out) {
        let to = SocketAddr::from((Pointer::from_bytes(Header::parse(&out.to_vec()).unwrap().pointer).address(), 2000));
        assert_eq!(transmit.to, to);
        for datagram in out.to_vec().chunks(transmit.segment_bytes) {
            assert_eq!(Pointer::from_bytes(Header::parse(datagram).unwrap().pointer).address(), to.ip());
        }
    }
}

#[test]
fn one_endpoint_reaches_all_servers_by_their_pointers() {
    let mut pair = pair();
    for server in [3, 4] {
        let pointer = Pointer::new(0xFD, server, 1);
        let request = MemoryRequest {
            pointer,
            op: MemoryOp::Read,
            argument: 0,
            is_batch: false,
            offset: 0,
            len: 1,
            body: Message::empty(),
            place: None,
            deadline: None,
        };
        start(&mut pair, request);
        let sent = pair.client.poll_transmit(pair.now, 1, &mut Datagrams::new()).unwrap();
        assert_eq!(sent.to.ip(), pointer.root().address());
    }
    assert_eq!(pair.client.usage().caller_sessions, 2);
}

#[test]
fn pointers_that_are_no_address_of_memory_are_not_sent_to() {
    let mut pair = pair();
    for pointer in [Pointer::new(0, 0, 1), Pointer::from_bytes([0xFD; 16])] {
        let request = MemoryRequest {
            pointer,
            op: MemoryOp::Free,
            argument: 0,
            is_batch: false,
            offset: 0,
            len: 0,
            body: Message::empty(),
            place: None,
            deadline: None,
        };
        let refused = pair.client.memory(pair.now, SERVER.parse().unwrap(), request);
        assert_eq!(refused, Err(CallError::Pointers(PassError::NotRoutable(pointer))));
    }
}

/// Ordinary calls go on as ever beside it.
#[test]
fn calls_are_not_routed_by_pointers() {
    let mut pair = pair();
    pair.call(b"x");
    assert_eq!(pair.run(), super::reply(b"x"));
}
