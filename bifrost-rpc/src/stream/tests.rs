use super::incoming::{BadStream, Budget, Incoming};
use crate::io::Transport;
use crate::protocol::tests::encode;
use crate::protocol::tests::value::{AnyStruct, structs};
use crate::protocol::{Binary, Compact, Json, Limits};
use proptest::prelude::*;

const LIMITS: Limits = Limits::DEFAULT.with_message_bytes_max(1 << 20);
/// A message's memory may be this many times as large as what has come of it.
const GROWTH: usize = 2;
/// Memory that a stream takes before anything has come.
const ROOM: usize = 2 << 10;

fn incoming(transport: Transport) -> Incoming {
    Incoming::new(transport, LIMITS, Budget::new(64 << 20))
}

/// Puts bytes into the room, as a receive does; returns how many fitted.
fn fill(incoming: &mut Incoming, bytes: &[u8]) -> Result<usize, BadStream> {
    let room = incoming.room()?;
    let len = room.len().min(bytes.len());
    room[..len].copy_from_slice(&bytes[..len]);
    incoming.filled(len);
    Ok(len)
}

/// All messages of a stream that comes in pieces of at most `step` bytes.
fn messages(incoming: &mut Incoming, stream: &[u8], step: usize) -> Result<Vec<Vec<u8>>, BadStream> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < stream.len() {
        at += fill(incoming, &stream[at..stream.len().min(at + step)])?;
        while let Some(len) = incoming.message()?.map(<[u8]>::len) {
            found.push(incoming.take(len));
        }
    }
    Ok(found)
}

fn message(value: &AnyStruct, n: usize) -> Vec<u8> {
    let (header, body, end): (&[u8], _, &[u8]) = match n % 4 {
        0 => (b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x07", encode::<Binary>(value), b""),
        1 => (b"\0\0\0\x03add\x01\0\0\0\x07", encode::<Binary>(value), b""),
        2 => (b"\x82\x21\xff\x01\x03add", encode::<Compact>(value), b""),
        _ => (b"[1,\"add\",1,7,", encode::<Json>(value), b"]"),
    };
    [header, &body, end].concat()
}

fn on_stream(transport: Transport, messages: &[Vec<u8>]) -> Vec<u8> {
    let head = |message: &Vec<u8>| match transport {
        Transport::Framed => u32::try_from(message.len()).unwrap().to_be_bytes().to_vec(),
        Transport::Buffered => Vec::new(),
    };
    messages.iter().flat_map(|message| [head(message), message.clone()].concat()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn messages_are_told_apart_in_whatever_pieces_they_come(
        values in prop::collection::vec(structs(), 1..6),
        step in 1..5000_usize,
    ) {
        let sent: Vec<_> = values.iter().enumerate().map(|(n, value)| message(value, n)).collect();
        for transport in [Transport::Framed, Transport::Buffered] {
            let stream = on_stream(transport, &sent);
            prop_assert_eq!(messages(&mut incoming(transport), &stream, step), Ok(sent.clone()));
        }
    }

    #[test]
    fn memory_follows_what_has_come(
        bytes in prop::collection::vec(prop_oneof![0..17_u8, any::<u8>()], 0..3000),
        step in 1..4000_usize,
    ) {
        for transport in [Transport::Framed, Transport::Buffered] {
            let budget = Budget::new(64 << 20);
            let mut incoming = Incoming::new(transport, LIMITS, budget.clone());
            // Whatever comes of it: nothing here is a message of much use.
            let _ = messages(&mut incoming, &bytes, step);
            prop_assert!((64 << 20) - budget.left() <= GROWTH * bytes.len() + ROOM);
            drop(incoming);
            prop_assert_eq!(budget.left(), 64 << 20);
        }
    }
}

/// A string of many bytes.
fn large(len: usize) -> Vec<u8> {
    let head =
        [b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x07\x0b\0\x01", &u32::try_from(len).unwrap().to_be_bytes()[..]].concat();
    [head, vec![7; len], vec![0]].concat()
}

#[test]
fn large_messages_come_in_small_pieces() {
    let sent = [large(700_000), large(3), large(900_000)];
    for transport in [Transport::Framed, Transport::Buffered] {
        let stream = on_stream(transport, &sent);
        for step in [100, 1448, 65_536, usize::MAX / 2] {
            assert!(messages(&mut incoming(transport), &stream, step).unwrap() == sent, "{transport:?} {step}");
        }
    }
}

#[test]
fn an_announced_length_takes_no_memory() {
    for (transport, head) in [
        (Transport::Framed, &b"\0\x0f\xff\xff"[..]),
        (Transport::Buffered, b"\x80\x01\0\x01\0\x0f\xff\xff"),
        (Transport::Buffered, b"\x82\x21\x00\xff\xff\x3f"),
    ] {
        let budget = Budget::new(4 << 10);
        let mut incoming = Incoming::new(transport, LIMITS, budget.clone());
        assert_eq!(messages(&mut incoming, head, 1), Ok(vec![]));
        assert!(budget.left() >= 2 << 10, "{transport:?}");
    }
}

#[test]
fn messages_over_the_limit_are_refused() {
    let limits = Limits::DEFAULT.with_message_bytes_max(1000);
    for transport in [Transport::Framed, Transport::Buffered] {
        let read = |len| {
            let mut incoming = Incoming::new(transport, limits, Budget::new(1 << 20));
            messages(&mut incoming, &on_stream(transport, &[large(len)]), 100)
        };
        assert_eq!(read(900).map(|found| found.len()), Ok(1));
        assert!(read(990).is_err() && read(5000).is_err(), "{transport:?}");
    }
}

#[test]
fn memory_is_bounded_for_all_streams_together() {
    let budget = Budget::new(100_000);
    let sent = on_stream(Transport::Framed, &[large(60_000)]);
    let mut first = Incoming::new(Transport::Framed, LIMITS, budget.clone());
    assert_eq!(messages(&mut first, &sent[..60_000], 1000), Ok(vec![]));
    let mut second = Incoming::new(Transport::Framed, LIMITS, budget.clone());
    assert_eq!(messages(&mut second, &sent, 1000), Err(BadStream::Memory));
    drop((first, second));
    let mut third = Incoming::new(Transport::Framed, LIMITS, budget);
    assert_eq!(messages(&mut third, &sent, 1000).map(|found| found.len()), Ok(1));
}

#[test]
fn what_is_no_message_is_refused() {
    let read = |transport, bytes: &[u8]| messages(&mut incoming(transport), bytes, 100);
    assert_eq!(read(Transport::Framed, &[0; 4]), Err(BadStream::Empty));
    assert_eq!(
        read(Transport::Framed, &[0xff; 4]),
        Err(BadStream::TooLarge { len: u32::MAX as usize, limit: LIMITS.message_bytes_max })
    );
    assert_eq!(read(Transport::Buffered, b"GET / HTTP/1.1"), Err(BadStream::Unknown(b'G')));
    assert!(matches!(
        read(Transport::Buffered, b"\x80\x01\0\x01\0\0\0\0\0\0\0\x07\x63\0\0"),
        Err(BadStream::Malformed(_))
    ));
}
