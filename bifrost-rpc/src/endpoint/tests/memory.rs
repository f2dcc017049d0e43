//! Memory operations between two endpoints joined by hand.

use super::*;
use crate::buffer::MessageBuffer;
use crate::wire::{Flags, MemoryOp, MemoryStatus, Pointer};
use bytes::Bytes;

pub(super) const OBJECT: Pointer = Pointer::new(0xFD, 3, 77);

pub(super) fn pair() -> Pair {
    pair_with(config())
}

pub(super) fn pair_with(server: Config) -> Pair {
    let mut pair = Pair::new(config(), server);
    pair.server.serve_memory();
    pair
}

fn request(op: MemoryOp, offset: u64, len: u64, body: Vec<u8>) -> MemoryRequest {
    MemoryRequest {
        pointer: OBJECT,
        op,
        argument: 0,
        is_batch: false,
        offset,
        len,
        body: Bytes::from(body).into(),
        place: None,
        deadline: None,
    }
}

pub(super) fn start(pair: &mut Pair, request: MemoryRequest) -> CallId {
    pair.client.memory(pair.now, SERVER.parse().unwrap(), request).unwrap()
}

pub(super) fn write(pair: &mut Pair, bytes: &[u8]) -> CallId {
    start(pair, request(MemoryOp::Write, 8, bytes.len() as u64, bytes.to_vec()))
}

pub(super) fn read(pair: &mut Pair, len: u64, place: Option<Vec<u8>>) -> CallId {
    start(pair, MemoryRequest { place, ..request(MemoryOp::Read, 8, len, Vec::new()) })
}

pub(super) fn operations(pair: &mut Pair) -> Vec<(MemoryOperation, Vec<u8>)> {
    let mut operations = Vec::new();
    while let Some(event) = pair.server.poll_event() {
        if let Event::Memory { operation, body } = event {
            operations.push((operation, body));
        }
    }
    operations
}

pub(super) fn reply(pair: &mut Pair, operation: &MemoryOperation, reply: MemoryReply) {
    pair.server.answer_memory(pair.now, operation.call, reply);
}

pub(super) fn end(pair: &mut Pair) -> Option<Result<MemoryAnswer, CallError>> {
    pair.answer().map(|result| {
        result.map(|answered| match answered {
            Answered::Memory(answer) => answer,
            other => panic!("unexpected {other:?}"),
        })
    })
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect()
}

#[test]
fn what_is_written_arrives_in_a_buffer_of_its_own() {
    for len in [0, 5, 1000, 300_000] {
        let mut pair = pair();
        write(&mut pair, &data(len));
        pair.exchange(|_| false);
        let (operation, body) = operations(&mut pair).pop().unwrap();
        assert_eq!((body.len(), body.capacity()), (len, len), "no spare capacity");
        assert_eq!(body, data(len));
        assert_eq!((operation.op(), operation.fields.offset, operation.fields.len), (MemoryOp::Write, 8, len as u64));
        assert_eq!(operation.fields.pointer.at_rest(), OBJECT);
        reply(&mut pair, &operation, MemoryReply::done());
        pair.exchange(|_| false);
        assert_eq!(end(&mut pair).unwrap().unwrap().status(), MemoryStatus::Ok);
    }
}

#[test]
fn what_is_read_lands_in_the_memory_that_was_lent() {
    for len in [5, 1000, 300_000] {
        let mut pair = pair();
        let place = Vec::with_capacity(len);
        let lent = place.as_ptr();
        read(&mut pair, len as u64, Some(place));
        pair.exchange(|_| false);
        let (operation, _) = operations(&mut pair).pop().unwrap();
        reply(&mut pair, &operation, MemoryReply::data(Bytes::from(data(len)).into()));
        pair.exchange(|_| false);
        let answer = end(&mut pair).unwrap().unwrap();
        assert_eq!(answer.body, data(len));
        assert_eq!(answer.body.as_ptr(), lent);
    }
}

#[test]
fn memory_that_is_too_small_is_not_used() {
    let mut pair = pair();
    read(&mut pair, 50_000, Some(Vec::with_capacity(100)));
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::data(Bytes::from(data(50_000)).into()));
    pair.exchange(|_| false);
    assert_eq!(end(&mut pair).unwrap().unwrap().body, data(50_000));
}

#[test]
fn an_allocation_is_answered_with_the_new_pointer() {
    let mut pair = pair();
    let alloc = MemoryRequest { pointer: OBJECT.root(), ..request(MemoryOp::Alloc, 0, 4096, vec![1; 100]) };
    start(&mut pair, alloc);
    pair.exchange(|_| false);
    let (operation, body) = operations(&mut pair).pop().unwrap();
    assert_eq!((operation.fields.len, body.len()), (4096, 100));
    reply(&mut pair, &operation, MemoryReply::allocated(OBJECT));
    pair.exchange(|_| false);
    assert_eq!(end(&mut pair).unwrap().unwrap().allocated(), OBJECT);
}

#[test]
fn a_refusal_carries_its_detail() {
    let mut pair = pair();
    read(&mut pair, 10, None);
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::with(MemoryStatus::OutOfRange, 4));
    pair.exchange(|_| false);
    let answer = end(&mut pair).unwrap().unwrap();
    assert_eq!((answer.status(), answer.detail()), (MemoryStatus::OutOfRange, 4));
}

#[test]
fn a_write_can_be_refused_before_its_data_are_there() {
    let mut pair = pair();
    write(&mut pair, &data(300_000));
    // The first packet of the data is all that comes.
    let mut fragments = 0;
    pair.exchange(|header| {
        fragments += u32::from(header.kind == PacketType::Memory);
        header.kind == PacketType::Memory && fragments > 1
    });
    let Some(Event::MemoryAnnounced { operation, bytes }) = pair.server.poll_event() else { panic!("not announced") };
    assert_eq!(bytes, 300_000);
    assert_eq!(pair.server.usage().bytes, 300_000);
    reply(&mut pair, &operation, MemoryReply::with(MemoryStatus::Denied, 0));
    assert_eq!(pair.server.usage().bytes, 0);
    pair.exchange(|_| false);
    assert_eq!(end(&mut pair).unwrap().unwrap().status(), MemoryStatus::Denied);
    assert!(operations(&mut pair).is_empty());
}

#[test]
fn a_write_that_is_refused_is_not_done_though_it_became_whole_meanwhile() {
    let mut pair = pair();
    write(&mut pair, &data(5000));
    pair.exchange(|_| false);
    let Some(Event::MemoryAnnounced { operation, .. }) = pair.server.poll_event() else { panic!("not announced") };
    reply(&mut pair, &operation, MemoryReply::with(MemoryStatus::Denied, 0));
    assert!(operations(&mut pair).is_empty());
    pair.exchange(|_| false);
    assert_eq!(end(&mut pair).unwrap().unwrap().status(), MemoryStatus::Denied);
}

#[test]
fn fragments_of_a_refused_write_are_not_answered_one_by_one() {
    let mut pair = pair();
    write(&mut pair, &data(300_000));
    let mut out = Datagrams::new();
    let mut answers = 0;
    pair.exchange(|header| header.kind == PacketType::Memory && header.message_len > 0);
    pair.pass(Duration::from_secs(1));
    let mut refused = false;
    for _ in 0..50 {
        while let Some(transmit) = pair.client.poll_transmit(pair.now, 64, &mut out) {
            for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                pair.server.handle(pair.now, CLIENT.parse().unwrap(), datagram);
                if let (false, Some(Event::MemoryAnnounced { operation, .. })) = (refused, pair.server.poll_event()) {
                    reply(&mut pair, &operation, MemoryReply::with(MemoryStatus::Denied, 0));
                    refused = true;
                }
                while pair.server.poll_transmit(pair.now, 64, &mut out).is_some() {
                    answers += 1;
                }
            }
        }
        // The answers are lost.
        pair.pass(Duration::from_millis(1));
    }
    assert!(refused && answers < 20, "{answers} answers");
    for _ in 0..20 {
        pair.pass(Duration::from_millis(200));
        pair.exchange(|_| false);
    }
    assert_eq!(end(&mut pair).unwrap().unwrap().status(), MemoryStatus::Denied);
}

#[test]
fn operations_are_done_after_the_write_before_them() {
    let mut pair = pair();
    // A session first, so that the loss below hits the write alone.
    read(&mut pair, 1, None);
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::data(Bytes::from_static(b"x").into()));
    pair.exchange(|_| false);
    end(&mut pair).unwrap().unwrap();
    write(&mut pair, &data(5000));
    write(&mut pair, b"second");
    read(&mut pair, 6, None);
    let mut lost = false;
    pair.exchange(|header| {
        let hit = header.kind == PacketType::Memory && header.message_len == 5000 && header.offset == 0;
        lost |= hit;
        hit
    });
    assert!(lost && operations(&mut pair).is_empty(), "nothing is done before the first write");
    for _ in 0..10 {
        pair.pass(Duration::from_millis(100));
        pair.exchange(|_| false);
    }
    let mut done = Vec::new();
    for _ in 0..3 {
        let (operation, body) = operations(&mut pair).pop().unwrap();
        assert!(operations(&mut pair).is_empty(), "one at a time");
        done.push(body.len());
        reply(&mut pair, &operation, MemoryReply::done());
    }
    assert_eq!(done, [5000, 6, 0]);
    pair.exchange(|_| false);
    assert_eq!((0..3).filter_map(|_| end(&mut pair)).filter(Result::is_ok).count(), 3);
    assert_eq!(pair.server.usage().bytes, 0);
}

#[test]
fn a_write_that_was_given_up_holds_nobody() {
    for has_older in [false, true] {
        let mut pair = pair();
        let older = MemoryRequest { pointer: Pointer::new(0xFD, 3, 5), ..request(MemoryOp::Read, 0, 1, Vec::new()) };
        let older = has_older.then(|| start(&mut pair, older));
        pair.exchange(|_| false);
        let first = write(&mut pair, &data(5000));
        // All of it is lost, and so is what says that it was given up.
        pair.exchange(|header| header.kind == PacketType::Memory);
        pair.client.cancel(pair.now, first);
        pair.exchange(|_| true);
        assert!(matches!(end(&mut pair), Some(Err(CallError::Cancelled { .. }))));
        write(&mut pair, b"second");
        for _ in 0..30 {
            pair.exchange(|_| false);
            pair.pass(Duration::from_millis(100));
        }
        let done: Vec<_> = operations(&mut pair).into_iter().filter(|(_, body)| body == b"second").collect();
        assert_eq!(done.len(), 1, "older {older:?}");
    }
}

/// The one given up followed the first, which nobody here has seen yet.
#[test]
fn a_write_that_was_given_up_does_not_let_a_later_one_pass_an_earlier_one() {
    let mut pair = pair();
    write(&mut pair, b"first");
    let given_up = write(&mut pair, b"given up");
    write(&mut pair, b"third");
    pair.exchange(|header| header.kind == PacketType::Memory);
    pair.client.cancel(pair.now, given_up);
    assert!(matches!(end(&mut pair), Some(Err(CallError::Cancelled { .. }))));
    let mut done = Vec::new();
    for step in 0..40 {
        // At first the third write gets through, and the first does not.
        pair.exchange(|header| {
            step < 20 && header.kind == PacketType::Memory && header.message_len == 5 && header.previous_write == 0
        });
        for (operation, body) in operations(&mut pair) {
            reply(&mut pair, &operation, MemoryReply::done());
            done.push(body);
        }
        assert!(step >= 20 || done.is_empty(), "{done:?} passed the first write");
        pair.pass(Duration::from_millis(100));
    }
    assert_eq!(done, [b"first", b"third"]);
}

#[test]
fn a_write_that_was_refused_early_does_not_let_a_later_one_pass_an_earlier_one() {
    for is_heard in [false, true] {
        let mut pair = pair();
        write(&mut pair, b"first");
        write(&mut pair, &data(5000));
        if !is_heard {
            write(&mut pair, b"third");
        }
        let mut done = Vec::new();
        for step in 0..40 {
            pair.exchange(|header| step < 20 && header.message_len == 5 && header.previous_write == 0);
            while let Some(event) = pair.server.poll_event() {
                match event {
                    Event::MemoryAnnounced { operation, .. } => {
                        reply(&mut pair, &operation, MemoryReply::with(MemoryStatus::Denied, 0));
                    }
                    Event::Memory { operation, body } => {
                        reply(&mut pair, &operation, MemoryReply::done());
                        done.push(body);
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
            if is_heard && step == 10 {
                assert_eq!(end(&mut pair).unwrap().unwrap().status(), MemoryStatus::Denied);
                write(&mut pair, b"third");
            }
            assert!(step >= 20 || done.is_empty(), "{done:?} passed the first write");
            pair.pass(Duration::from_millis(100));
        }
        assert_eq!(done, [b"first", b"third"]);
    }
}

#[test]
fn a_write_finds_room_though_what_waits_for_it_took_it_all() {
    let mut pair = pair_with(Config { session_bytes_max: 5000, total_bytes_max: 5000, ..config() });
    write(&mut pair, &[1; 3000]);
    write(&mut pair, &[2; 3000]);
    let mut done = Vec::new();
    for step in 0..200 {
        pair.exchange(|header| step == 0 && header.kind == PacketType::Memory && header.previous_write == 0);
        for (operation, body) in operations(&mut pair) {
            done.push(body[0]);
            reply(&mut pair, &operation, MemoryReply::done());
        }
        pair.pass(Duration::from_millis(20));
    }
    assert_eq!(done, [1, 2]);
    assert_eq!(pair.server.usage().bytes, 0);
}

#[test]
fn operations_that_wait_are_bounded() {
    let mut pair = pair();
    write(&mut pair, b"first");
    for _ in 0..400 {
        read(&mut pair, 1, None);
    }
    pair.exchange(|_| false);
    let (first, _) = operations(&mut pair).pop().unwrap();
    assert!(pair.server.usage().served <= 257);
    reply(&mut pair, &first, MemoryReply::done());
    let mut answered = 0;
    for _ in 0..200 {
        pair.exchange(|_| false);
        for (operation, _) in operations(&mut pair) {
            reply(&mut pair, &operation, MemoryReply::data(Bytes::from_static(b"x").into()));
        }
        answered += std::iter::from_fn(|| end(&mut pair)).filter(Result::is_ok).count();
        pair.pass(Duration::from_millis(20));
    }
    assert_eq!(answered, 401);
}

#[test]
fn a_write_that_stays_behind_in_a_lost_session_is_not_done_after_a_later_one() {
    let mut pair = pair();
    read(&mut pair, 1, None);
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::data(Bytes::from_static(b"x").into()));
    pair.exchange(|_| false);
    end(&mut pair).unwrap().unwrap();
    write(&mut pair, &data(5000));
    // All but one fragment arrive; that one is kept by the network.
    let mut out = Datagrams::new();
    let mut late = Vec::new();
    while let Some(transmit) = pair.client.poll_transmit(pair.now, 1, &mut out) {
        let mut datagram = out.to_vec();
        assert_eq!(datagram.len(), transmit.segment_bytes);
        if late.is_empty() {
            late = datagram
        } else {
            pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut datagram)
        }
    }
    for _ in 0..20 {
        pair.exchange(|_| true);
        pair.pass(Duration::from_secs(1));
    }
    assert!(matches!(end(&mut pair), Some(Err(CallError::OutcomeUnknown(_)))));
    write(&mut pair, b"later");
    pair.exchange(|_| false);
    assert_eq!(operations(&mut pair).len(), 1);
    pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut late);
    assert!(operations(&mut pair).is_empty(), "the lost write is done after all");
    assert_eq!(pair.server.usage().callee_sessions, 1);
}

#[test]
fn a_client_that_is_gone_leaves_nothing_of_its_write() {
    let mut pair = pair();
    write(&mut pair, &data(2 << 20));
    let mut fragments = 0;
    pair.exchange(|header| {
        fragments += u32::from(header.kind == PacketType::Memory);
        fragments > 100
    });
    assert_eq!(pair.server.usage().bytes, 2 << 20);
    let Some(Event::MemoryAnnounced { operation, .. }) = pair.server.poll_event() else { panic!("not announced") };
    for _ in 0..40 {
        pair.now = pair.now.plus(Duration::from_secs(1));
        pair.server.handle_timeout(pair.now);
        while pair.server.poll_transmit(pair.now, 64, &mut Datagrams::new()).is_some() {}
    }
    assert_eq!(pair.server.usage(), Usage::default());
    let cancelled = std::iter::from_fn(|| pair.server.poll_event());
    let cancelled: Vec<_> = cancelled
        .map(|event| match event {
            Event::Cancelled { call } => (Some(call), call.session()),
            Event::MemorySessionEnded { session } => (None, session),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    let session = operation.call.session();
    assert_eq!(cancelled, [(Some(operation.call), session), (None, session)], "the session's end comes last");
}

#[test]
fn what_is_read_is_kept_until_its_caller_has_it() {
    let mut pair = pair();
    read(&mut pair, 300_000, None);
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    let object = Bytes::from(data(300_000));
    reply(&mut pair, &operation, MemoryReply::data(object.clone().into()));
    assert_eq!(pair.server.usage().pinned, 300_000);
    pair.exchange(|header| header.kind == PacketType::Memory);
    assert_eq!(pair.server.usage().pinned, 300_000);
    for _ in 0..20 {
        pair.pass(Duration::from_millis(100));
        pair.exchange(|_| false);
    }
    assert_eq!(end(&mut pair).unwrap().unwrap().body, object);
    assert_eq!((pair.server.usage().pinned, pair.server.usage().bytes), (0, 0));
    assert!(object.try_into_mut().is_ok(), "nobody else has it any more");
}

#[test]
fn all_the_memory_of_an_answer_is_accounted_for() {
    let mut pair = pair();
    read(&mut pair, 3, None);
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    let mut body = MessageBuffer::recycle(Vec::with_capacity(8192));
    body.put_slice(b"abc");
    reply(&mut pair, &operation, MemoryReply::data(body.finish()));
    assert_eq!(pair.server.usage().bytes, 8192);
    pair.exchange(|_| false);
    assert_eq!(end(&mut pair).unwrap().unwrap().body, b"abc");
    // The next operation says that it has been had.
    read(&mut pair, 3, None);
    pair.exchange(|_| false);
    assert_eq!(pair.server.usage().bytes, 0);
}

#[test]
fn a_read_that_finds_no_room_for_its_answer_is_asked_for_again() {
    let mut pair = pair_with(Config { session_bytes_max: 100_000, ..config() });
    read(&mut pair, 60_000, None);
    read(&mut pair, 60_000, None);
    pair.exchange(|_| false);
    for (operation, _) in operations(&mut pair) {
        reply(&mut pair, &operation, MemoryReply::data(Bytes::from(data(60_000)).into()));
        assert!(pair.server.usage().bytes <= 100_000);
    }
    let mut ended = 0;
    for _ in 0..40 {
        pair.exchange(|_| false);
        for (operation, _) in operations(&mut pair) {
            reply(&mut pair, &operation, MemoryReply::data(Bytes::from(data(60_000)).into()));
        }
        ended += std::iter::from_fn(|| end(&mut pair)).filter(|end| end.as_ref().unwrap().body.len() == 60_000).count();
        pair.pass(Duration::from_millis(50));
    }
    assert_eq!(ended, 2);
}

/// What a switch relies on: each packet of a memory session says where it belongs.
#[test]
fn every_packet_of_a_memory_session_names_its_target() {
    use PacketType::{Ack, Cancel, Close, Memory, Open, Opened, Ping, Pong};
    let mut pair = pair();
    let mut seen = std::collections::BTreeSet::new();
    let mut lossy = 0;
    let mut check = |header: &Header| {
        assert_eq!(header.pointers, 1, "{header:?}");
        let pointer = Pointer::from_bytes(header.pointer);
        let of_operation = header.rpc != 0 && !matches!(header.kind, Open | Opened);
        let expected = if of_operation { OBJECT.with_operation(pointer.operation(), 0) } else { OBJECT.root() };
        assert_eq!(pointer, expected, "{header:?}");
        assert_eq!(pointer.operation() != 0, of_operation, "{header:?}");
        let is_answer = header.kind == Memory && !header.flags.has(Flags::TO_CALLEE);
        assert_eq!(header.flags.has(Flags::MEMORY_REPLY), is_answer);
        seen.insert(header.kind as u8);
        lossy += 1;
        lossy % 5 == 0
    };
    for _ in 0..8 {
        write(&mut pair, &data(100_000));
        let given_up = read(&mut pair, 100_000, None);
        for step in 0..30 {
            pair.exchange(&mut check);
            for (operation, _) in operations(&mut pair) {
                let body = if operation.op() == MemoryOp::Read { data(100_000) } else { Vec::new() };
                reply(&mut pair, &operation, MemoryReply::data(Bytes::from(body).into()));
            }
            if step == 3 {
                pair.client.cancel(pair.now, given_up);
            }
            pair.pass(Duration::from_millis(30));
        }
        pair.pass(Duration::from_secs(20));
    }
    pair.client.close(pair.now);
    pair.exchange(&mut check);
    for kind in [Ack, Cancel, Close, Memory, Open, Opened, Ping, Pong] {
        assert!(seen.contains(&(kind as u8)), "no {kind:?} was seen");
    }
}

#[test]
fn memory_and_calls_live_beside_each_other() {
    let mut pair = pair();
    pair.call(b"hello");
    write(&mut pair, b"world");
    for _ in 0..5 {
        pair.exchange(|_| false);
        while let Some(event) = pair.server.poll_event() {
            match event {
                Event::Call { call, message: bytes, .. } => {
                    pair.server.reply(pair.now, call, AnswerKind::Reply, method(), message(&bytes)).unwrap();
                }
                Event::Memory { operation, .. } => reply(&mut pair, &operation, MemoryReply::done()),
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    assert_eq!(pair.server.usage().callee_sessions, 2);
    assert_eq!(std::iter::from_fn(|| pair.answer()).filter(Result::is_ok).count(), 2);
}

#[test]
fn a_server_without_memory_says_so() {
    let mut pair = Pair::new(config(), config());
    write(&mut pair, b"x");
    pair.exchange(|_| false);
    assert_eq!(end(&mut pair), Some(Err(CallError::Refused(Refusal::UnknownMethod))));
}

#[test]
fn a_server_that_drains_refuses_operations_for_good() {
    let mut pair = pair();
    write(&mut pair, b"x");
    pair.exchange(|_| false);
    let (operation, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &operation, MemoryReply::done());
    pair.exchange(|_| false);
    assert!(end(&mut pair).unwrap().is_ok());
    pair.server.drain();
    write(&mut pair, b"y");
    pair.exchange(|_| false);
    assert_eq!(end(&mut pair), Some(Err(CallError::Refused(Refusal::Draining))));
}
