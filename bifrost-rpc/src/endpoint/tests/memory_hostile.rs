//! MEMORY packets that break the protocol.

use super::memory::{OBJECT, end, operations, pair as pair_anew, read, reply, write};
use super::*;
use crate::wire::{Flags, MemoryFields, MemoryOp, MemoryStatus, RefusedBody};
use bytes::Bytes;

/// What is wrong with a packet, and how it comes to be.
type Change = (&'static str, fn(&mut Header));

/// A pair with an open memory session, and a header of a WRITE of 600 bytes in it.
fn opened() -> (Pair, Header) {
    let mut pair = pair_anew();
    write(&mut pair, b"x");
    let mut first = None;
    pair.exchange(|header| {
        if header.kind == PacketType::Memory {
            first.get_or_insert(*header);
        }
        false
    });
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::done());
    pair.exchange(|_| false);
    assert!(end(&mut pair).unwrap().is_ok());
    let mut header = first.unwrap();
    (header.rpc, header.lowest, header.packet) = (10, 10, 1000);
    (header.message_len, header.memory_len) = (600, 600);
    (pair, header)
}

fn inject(pair: &mut Pair, mut header: Header, body: &[u8]) -> Option<RefusedBody> {
    header.body_len = u16::try_from(body.len()).unwrap();
    let mut datagram = [&header.to_bytes()[..], body].concat();
    pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut datagram);
    let mut out = Datagrams::new();
    pair.server.poll_transmit(pair.now, 1, &mut out)?;
    let sent = out.to_vec();
    let header = Header::parse(&sent).unwrap();
    (header.kind == PacketType::Refused).then(|| RefusedBody::parse(&sent[HEADER_BYTES..]).unwrap())
}

#[test]
fn operations_that_make_no_sense_are_refused() {
    let changes: [Change; 7] = [
        ("no operation", |header| header.pointer[6] = 0),
        ("an unknown operation", |header| header.pointer[6] = 9),
        ("a read with data", |header| header.pointer[6] = MemoryOp::Read as u8),
        ("less data than announced", |header| header.memory_len = 601),
        ("past the end of all objects", |header| header.memory_offset = u64::MAX - 599),
        ("waits for itself", |header| header.previous_write = 10),
        ("no pointer", |header| header.pointer[0] = 1),
    ];
    for (what, change) in changes {
        let (mut pair, mut header) = opened();
        change(&mut header);
        let refused = inject(&mut pair, header, &[7; 600]);
        assert_eq!(refused.map(|refused| refused.refusal), Some(Refusal::BadOperation), "{what}");
        assert!(operations(&mut pair).is_empty(), "{what}");
        assert_eq!(pair.server.usage().served, 0, "{what}");
    }
    let (mut pair, header) = opened();
    assert_eq!(inject(&mut pair, header, &[7; 600]), None);
    assert_eq!(operations(&mut pair).len(), 1, "unchanged it is done");
}

#[test]
fn answers_do_not_travel_to_servers_nor_requests_to_clients() {
    let (mut pair, mut header) = opened();
    header.flags = header.flags.with(Flags::MEMORY_REPLY);
    assert_eq!(inject(&mut pair, header, &[7; 600]), None);
    assert!(operations(&mut pair).is_empty());
    assert_eq!(pair.server.stats().malformed, 1);

    read(&mut pair, 3, None);
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::data(Bytes::from_static(b"abc").into()));
    let mut out = Datagrams::new();
    pair.server.poll_transmit(pair.now, 1, &mut out).unwrap();
    let good = out.to_vec();
    let changes: [fn(&mut Header); 3] = [
        |header| header.flags = Flags::FIRST,
        |header| header.pointer[15] ^= 1,
        |header| header.kind = PacketType::Reply,
    ];
    for change in changes {
        let mut header = Header::parse(&good).unwrap();
        change(&mut header);
        let mut bad = [&header.to_bytes()[..], &good[HEADER_BYTES..]].concat();
        pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut bad);
        assert_eq!(end(&mut pair), None, "{header:?}");
    }
    pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut good.clone());
    assert_eq!(end(&mut pair).unwrap().unwrap().body, b"abc");
}

#[test]
fn fragments_for_another_target_are_dropped() {
    let changes: [Change; 5] = [
        ("another object", |header| header.pointer[15] ^= 1),
        ("another operation", |header| header.pointer[6] = MemoryOp::Alloc as u8),
        ("another offset", |header| header.memory_offset += 1),
        ("another length", |header| header.memory_len += 1),
        ("another write before it", |header| header.previous_write = 3),
    ];
    for (what, change) in changes {
        let (mut pair, mut header) = opened();
        inject(&mut pair, header, &[7; 300]);
        (header.offset, header.flags) = (300, Flags::TO_CALLEE);
        let right = header;
        change(&mut header);
        inject(&mut pair, header, &[8; 300]);
        assert!(operations(&mut pair).is_empty(), "{what}");
        inject(&mut pair, right, &[7; 300]);
        let (operation, body) = operations(&mut pair).pop().unwrap();
        assert_eq!((operation.fields.pointer.at_rest(), body), (OBJECT, vec![7; 600]), "{what}");
    }
}

#[test]
fn fragments_of_an_answer_that_disagree_are_dropped() {
    let (mut pair, _) = opened();
    read(&mut pair, 2000, None);
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::data(Bytes::from(vec![5; 2000]).into()));
    let mut is_first = true;
    let mut out = Datagrams::new();
    while pair.server.poll_transmit(pair.now, 1, &mut out).is_some() {
        let mut datagram = out.to_vec();
        if !is_first {
            let mut header = Header::parse(&datagram).unwrap();
            let mut fields = MemoryFields::of(&header);
            fields.status = MemoryStatus::Denied;
            fields.put(&mut header, true);
            datagram[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        }
        is_first = false;
        pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut datagram);
    }
    assert_eq!(end(&mut pair), None);
    for _ in 0..20 {
        pair.pass(Duration::from_millis(100));
        pair.exchange(|_| false);
    }
    assert_eq!(end(&mut pair).unwrap().unwrap().body, [5; 2000]);
}

#[test]
fn memory_operations_and_calls_do_not_mix_in_a_session() {
    let (mut pair, header) = opened();
    let mut call = Header { kind: PacketType::Call, method: method(), pointers: 0, pointer: [0; 16], ..header };
    (call.memory_len, call.memory_offset) = (0, 0);
    assert_eq!(inject(&mut pair, call, &[7; 600]).unwrap().refusal, Refusal::UnknownMethod);
    let mut pair = pair_anew();
    pair.call(b"hello");
    let mut session = None;
    pair.exchange(|seen| {
        session.get_or_insert(*seen);
        if seen.kind == PacketType::Call {
            session = Some(*seen);
        }
        false
    });
    let session = session.unwrap();
    let (session, client, instance) = (session.session, session.client, session.instance);
    let memory = Header { session, client, instance, ..header };
    assert_eq!(inject(&mut pair, memory, &[7; 600]).unwrap().refusal, Refusal::UnknownMethod);
    assert!(operations(&mut pair).is_empty());
}

#[test]
fn an_operation_of_an_unknown_session_is_refused_and_its_target_named() {
    let (mut pair, mut header) = opened();
    header.session ^= 1;
    header.body_len = 0;
    let mut datagram = header.to_bytes().to_vec();
    pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut datagram);
    let mut out = Datagrams::new();
    pair.server.poll_transmit(pair.now, 1, &mut out).unwrap();
    let refused = Header::parse(&out.to_vec()).unwrap();
    assert_eq!((refused.kind, refused.pointers, refused.pointer), (PacketType::Refused, 1, header.pointer));
}
