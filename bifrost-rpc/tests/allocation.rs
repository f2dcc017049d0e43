//! Messages that announce more than they hold: memory follows the bytes that are there, on every path.

#![allow(clippy::unwrap_used, reason = "helpers of tests are no tests to the lint")]

#[rustfmt::skip]
#[path = "../examples/generated/calculator.rs"]
mod calculator;

use allocation_counter::measure;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::compat::{ApacheReader, ApacheService, CheckedReadTransport, configuration};
use bifrost_rpc::protocol::{Binary, Codec, Compact, Decode, Limits, Reader};
use bifrost_rpc::service::{CallContext, decode_answer, decode_answer_shared};
use bifrost_rpc::{CallResult, Channel, Method, Service, thrift};
use bytes::Bytes;
use calculator::{CalculatorSyncHandler, CalculatorSyncProcessor};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use thrift::protocol::{TBinaryInputProtocol, TCompactInputProtocol, TInputProtocol, TType};
use uuid::Uuid;

/// What a small message may make its reader allocate, all allocations added up.
const SMALL_BYTES: u64 = 4 << 10;
/// What a byte of a message may make its reader allocate.
const FACTOR: u64 = 100;

#[derive(Debug, Clone, Copy)]
struct Handler;

impl CalculatorSyncHandler for Handler {
    fn handle_add(&self, left: i32, _: i32) -> thrift::Result<i32> {
        Ok(left)
    }
    fn handle_divide(&self, dividend: i32, _: i32) -> thrift::Result<i32> {
        Ok(dividend)
    }
    fn handle_repeat(&self, text: String, _: i32) -> thrift::Result<Vec<String>> {
        Ok(vec![text])
    }
    fn handle_echo(&self, data: Vec<u8>) -> thrift::Result<Vec<u8>> {
        Ok(data)
    }
    fn handle_note(&self, _: i32) -> thrift::Result<()> {
        Ok(())
    }
    fn handle_noted(&self) -> thrift::Result<i32> {
        Ok(0)
    }
}

const fn method(name: &'static str) -> Method {
    Method { service: "Calculator", name, oneway: false, short: false, idempotent: false }
}

/// A result that is whatever its type is.
#[derive(Debug)]
struct AnyResult<T>(Option<T>);

impl<T> bifrost_rpc::protocol::ThriftType for AnyResult<T> {
    const TYPE: TType = TType::Struct;
}

impl<T: Decode> Decode for AnyResult<T> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let mut value = None;
        r.struct_begin()?;
        loop {
            match r.field_begin()? {
                (TType::Stop, _) => break,
                (found, _) if found == T::TYPE => value = Some(T::decode(r)?),
                (other, _) => r.skip(other)?,
            }
            r.field_end()?;
        }
        r.struct_end()?;
        Ok(Self(value))
    }
}

impl<T: Decode> CallResult for AnyResult<T> {
    type Value = Option<T>;
    fn into_value(self) -> thrift::Result<Option<T>> {
        Ok(self.0)
    }
}

/// A way to read a message, by name. It is given the body and the whole message.
type Path = (&'static str, Box<dyn Fn(&[u8], &[u8])>);

/// The readers of this crate, for values of one type.
fn values<T: Decode + 'static>() -> [Path; 2] {
    [
        ("binary", Box::new(|body, _| drop(AnyResult::<T>::decode(&mut Binary::reader(body))))),
        ("compact", Box::new(|body, _| drop(AnyResult::<T>::decode(&mut Compact::reader(body))))),
    ]
}

/// Apache's protocols, the way that is safe.
fn apache_protocols() -> [Path; 4] {
    fn read(input: &mut dyn TInputProtocol) {
        let mut reader = ApacheReader::with_limits(input, Limits::DEFAULT);
        if reader.message_begin().is_ok() {
            drop(AnyResult::<Vec<String>>::decode(&mut reader));
        }
    }
    fn framed(message: &[u8]) -> CheckedReadTransport<impl Read> {
        let head = u32::try_from(message.len()).unwrap().to_be_bytes();
        CheckedReadTransport::framed(std::io::Cursor::new(head).chain(message), Limits::DEFAULT)
    }
    fn buffered(message: &[u8]) -> CheckedReadTransport<&[u8]> {
        CheckedReadTransport::buffered(message, Limits::DEFAULT)
    }
    let config = || configuration(&Limits::DEFAULT);
    [
        (
            "framed binary",
            Box::new(move |_, m| read(&mut TBinaryInputProtocol::with_config(framed(m), false, config()))),
        ),
        ("framed compact", Box::new(move |_, m| read(&mut TCompactInputProtocol::with_config(framed(m), config())))),
        (
            "bare binary",
            Box::new(move |_, m| read(&mut TBinaryInputProtocol::with_config(buffered(m), false, config()))),
        ),
        ("bare compact", Box::new(move |_, m| read(&mut TCompactInputProtocol::with_config(buffered(m), config())))),
    ]
}

fn serve(service: &dyn Service, request: &[u8]) {
    let mut reply = MessageBuffer::new();
    drop(service.call(request, &CallContext::default(), &mut reply));
}

fn call_in_process(channel: &Channel, request: &[u8]) {
    let mut message = MessageBuffer::new();
    message.put_slice(request);
    drop(channel.call_message(&method("echo"), message));
}

/// Every way to read a message.
fn paths() -> Vec<Path> {
    let generated = CalculatorSyncProcessor::new(Handler);
    let apache = ApacheService::new("Calculator", CalculatorSyncProcessor::new(Handler), &["echo", "repeat"]);
    let channel = Channel::in_process(CalculatorSyncProcessor::new(Handler));
    let mut paths: Vec<Path> = vec![
        ("skipping", Box::new(|body, _| drop(Compact::reader(body).skip(TType::Struct)))),
        ("a service", Box::new(move |_, message| serve(&generated, message))),
        ("an Apache processor", Box::new(move |_, message| serve(&apache, message))),
        ("in process", Box::new(move |_, message| call_in_process(&channel, message))),
        (
            "an answer",
            Box::new(|_, message| drop(decode_answer::<AnyResult<Vec<String>>>(&method("echo"), 7, message))),
        ),
        (
            "a shared answer",
            Box::new(|_, message| {
                let message = Bytes::copy_from_slice(message);
                drop(decode_answer_shared::<AnyResult<Bytes>>(&method("echo"), 7, &message));
            }),
        ),
    ];
    paths.extend(apache_protocols());
    paths.extend(
        [values::<String>(), values::<Vec<u8>>(), values::<Vec<i64>>(), values::<Vec<String>>()].into_iter().flatten(),
    );
    paths.extend([values::<Vec<Vec<Uuid>>>(), values::<BTreeSet<i32>>(), values::<Bytes>()].into_iter().flatten());
    paths.extend(values::<BTreeMap<String, Vec<i16>>>());
    paths
}

/// Headers of CALL and REPLY of `echo`, sequence number 7, in both protocols.
const BINARY: [&[u8]; 3] =
    [b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07", b"\0\0\0\x04echo\x01\0\0\0\x07", b"\0\0\0\x04echo\x02\0\0\0\x07"];
const COMPACT: [&[u8]; 2] = [b"\x82\x21\x07\x04echo", b"\x82\x41\x07\x04echo"];

/// Bodies that announce something huge, each for one protocol.
fn bodies(is_compact: bool) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for id in [0, 1] {
        for len in [0x03ff_ffff_u32, 0x7fff_ffff, 0xffff_ffff, 1000, 70_000] {
            if is_compact {
                let varint: Vec<u8> =
                    (0..5).map(|i| u8::try_from((len >> (7 * i)) & 0x7f).unwrap() | (0x80 * u8::from(i < 4))).collect();
                for kinds in [&[0x18][..], &[0x19, 0xf5], &[0x19, 0xf8], &[0x19, 0xfc], &[0x1a, 0xf3], &[0x1b]] {
                    let types: &[u8] = if kinds == [0x1b] { &[0x88] } else { &[] };
                    let (head, more) = kinds.split_at(1);
                    bodies.push([&[head[0] & 0x0f, id * 2][..], more, &varint, types].concat());
                }
            } else {
                for kinds in [&[11][..], &[15, 11], &[15, 12], &[15, 10], &[14, 8], &[13, 11, 11], &[15, 16], &[15, 3]]
                {
                    let (head, more) = kinds.split_at(1);
                    bodies.push([head, &[0, id], more, &len.to_be_bytes()].concat());
                }
            }
        }
    }
    bodies
}

fn allocated(read: impl FnOnce()) -> u64 {
    measure(read).bytes_total
}

#[test]
fn what_is_merely_announced_costs_nothing() {
    let mut seen = 0;
    for (headers, is_compact) in [(&BINARY[..], false), (&COMPACT[..], true)] {
        for (header, body) in
            headers.iter().flat_map(|header| bodies(is_compact).into_iter().map(move |body| (header, body)))
        {
            let message = [*header, &body].concat();
            assert!(message.len() < 30);
            for (path, read) in paths() {
                let bytes = allocated(|| read(&body, &message));
                assert!(bytes <= SMALL_BYTES, "{path}: {bytes} bytes for {message:02x?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 1000);
}

#[test]
fn the_length_of_a_frame_costs_nothing() {
    for len in [64 << 20, (64 << 20) - 1, 1 << 20, u32::MAX] {
        let head = [&len.to_be_bytes()[..], BINARY[0]].concat();
        let bytes = allocated(|| {
            let mut transport = CheckedReadTransport::framed(&head[..], Limits::DEFAULT);
            assert!(transport.read(&mut [0; 8]).is_err());
        });
        assert!(bytes <= SMALL_BYTES, "{bytes} bytes for a frame of {len}");
    }
}

/// Apache's own transports and protocols, which have to be configured, allocate what they are told.
#[test]
fn configuration_bounds_what_apache_allocates() {
    let limits = Limits::DEFAULT.with_message_bytes_max(10_000).with_string_bytes_max(1000).with_depth_max(3);
    let config = configuration(&limits);
    assert_eq!(config.max_string_size(), Some(1000));
    assert_eq!((config.max_frame_size(), config.max_message_size()), (Some(10_000), Some(10_000)));
    assert_eq!((config.max_recursion_depth(), config.max_container_size()), (Some(3), Some(64 << 20)));
    let message = b"\x03\xff\xff\xff";
    let bytes = allocated(|| {
        let mut input = TBinaryInputProtocol::with_config(&message[..], true, config);
        assert!(input.read_bytes().is_err());
    });
    assert!(bytes <= SMALL_BYTES, "{bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn memory_follows_what_is_there(
        body in prop::collection::vec(prop_oneof![0..17_u8, any::<u8>()], 0..600),
        header in 0..5_usize,
    ) {
        let header = BINARY.iter().chain(&COMPACT).nth(header).unwrap();
        let message = [*header, &body].concat();
        for (path, read) in paths() {
            let bytes = allocated(|| read(&body, &message));
            let len = u64::try_from(message.len()).unwrap();
            prop_assert!(bytes <= FACTOR * len + SMALL_BYTES, "{path}: {bytes} bytes for {len}");
        }
    }
}
