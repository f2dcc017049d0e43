use super::{ApacheReader, ApacheWriter, TJsonInputProtocol, call, oneway, process, read_struct, write_struct};
use crate::protocol::tests::value::{AnyStruct, structs};
use crate::protocol::tests::{Twin, encode};
use crate::protocol::{Binary, Compact, Encode, Json, Reader};
use crate::service::testing::{ABSENT, ADD, AddResult, Args, Counter, DECLARED, Declared, NOTE, Number, USER};

use proptest::prelude::*;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TInputProtocol, TMessageIdentifier,
    TMessageType, TMultiplexedOutputProtocol, TOutputProtocol, TType,
};
use thrift::server::{TMultiplexedProcessor, TProcessor};
use thrift::{ApplicationErrorKind, Error, ProtocolErrorKind, TThriftClient};

fn through_adapters<C: Twin>(
    value: AnyStruct,
    input: impl Fn(Vec<u8>) -> Box<dyn TInputProtocol>,
) -> Result<(), TestCaseError> {
    let mut bytes = Vec::new();
    write_struct(&value, &mut *C::apache(&mut bytes)).unwrap();
    prop_assert_eq!(&bytes, &encode::<C>(&value));

    bytes.push(42);
    let mut protocol = input(bytes.clone());
    ApacheReader::new(&mut *protocol).skip(TType::Struct).unwrap();
    prop_assert_eq!(protocol.read_byte().unwrap(), 42);

    let decoded: AnyStruct = read_struct(&mut *input(bytes)).unwrap();
    let expected = if C::EMPTY_MAP_TYPES { value } else { AnyStruct(value.0.without_empty_map_types()) };
    prop_assert_eq!(decoded, expected);
    Ok(())
}

fn binary_input(bytes: Vec<u8>) -> Box<dyn TInputProtocol> {
    Box::new(TBinaryInputProtocol::new(Cursor::new(bytes), true))
}

fn compact_input(bytes: Vec<u8>) -> Box<dyn TInputProtocol> {
    Box::new(TCompactInputProtocol::new(Cursor::new(bytes)))
}

fn json_input(bytes: Vec<u8>) -> Box<dyn TInputProtocol> {
    Box::new(TJsonInputProtocol::new(Cursor::new(bytes)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn adapters_round_trip(value in structs()) {
        through_adapters::<Binary>(value.clone(), binary_input)?;
        through_adapters::<Compact>(value.clone(), compact_input)?;
        through_adapters::<Json>(value, json_input)?;
    }

    #[test]
    fn hostile_bytes_do_no_harm(
        bytes in prop::collection::vec(prop_oneof![0..17_u8, any::<u8>()], 0..200),
    ) {
        for input in [binary_input, compact_input, json_input] {
            let _ = read_struct::<AnyStruct>(&mut *input(bytes.clone()));
            let _ = read_struct::<Vec<Vec<i64>>>(&mut *input(bytes.clone()));
            let _ = ApacheReader::new(&mut *input(bytes.clone())).skip(TType::Struct);
        }
    }
}

#[test]
fn depth_is_bounded_in_lists_too() {
    let mut bytes = [15, 0, 0, 0, 1].repeat(1000);
    bytes.extend([0; 10]);
    let skipped = ApacheReader::new(&mut *binary_input(bytes)).skip(TType::List);
    match skipped {
        Err(Error::Protocol(error)) => assert_eq!(error.kind, ProtocolErrorKind::DepthLimit),
        other => panic!("{other:?}"),
    }
}

/// A client whose requests a processor answers at once.
struct Loopback {
    processor: Box<dyn TProcessor>,
    sequence: i32,
    output: Box<dyn TOutputProtocol>,
    sent: Pipe,
    input: Box<dyn TInputProtocol>,
    received: Pipe,
}

/// Bytes on their way, in both directions of `std::io`.
#[derive(Clone, Default)]
struct Pipe(Arc<std::sync::Mutex<std::collections::VecDeque<u8>>>);

impl std::io::Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().read(into)
    }
}

impl std::io::Write for Pipe {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(from)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Loopback {
    fn new(
        processor: impl TProcessor + 'static,
        wrap: fn(TBinaryOutputProtocol<Pipe>) -> Box<dyn TOutputProtocol>,
    ) -> Self {
        let (sent, received) = (Pipe::default(), Pipe::default());
        Self {
            processor: Box::new(processor),
            sequence: 0,
            output: wrap(TBinaryOutputProtocol::new(sent.clone(), true)),
            input: Box::new(TBinaryInputProtocol::new(received.clone(), true)),
            sent,
            received,
        }
    }

    fn direct(service: Arc<Counter>) -> Self {
        Self::new(Processor(service), |output| Box::new(output))
    }

    fn serve(&mut self) {
        let mut input = TBinaryInputProtocol::new(self.sent.clone(), true);
        let mut output = TBinaryOutputProtocol::new(self.received.clone(), true);
        self.processor.process(&mut input, &mut output).unwrap();
        assert!(self.sent.0.lock().unwrap().is_empty());
    }
}

/// Serves what was sent as soon as an answer is asked for.
impl TThriftClient for Loopback {
    fn i_prot_mut(&mut self) -> &mut dyn TInputProtocol {
        self.serve();
        &mut *self.input
    }
    fn o_prot_mut(&mut self) -> &mut dyn TOutputProtocol {
        &mut *self.output
    }
    fn sequence_number(&self) -> i32 {
        self.sequence
    }
    fn increment_sequence_number(&mut self) -> i32 {
        self.sequence += 1;
        self.sequence
    }
}

struct Processor(Arc<Counter>);

impl TProcessor for Processor {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        process(&*self.0, input, output)
    }
}

fn add(client: &mut Loopback, by: i32) -> thrift::Result<i32> {
    call::<Args, AddResult, _>(client, &ADD, Number(Some(by)))
}

fn application_kind<T: std::fmt::Debug>(result: thrift::Result<T>) -> ApplicationErrorKind {
    match result {
        Err(Error::Application(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_over_apache_protocols() {
    let service = Arc::new(Counter::default());
    let mut client = Loopback::direct(Arc::clone(&service));
    assert_eq!(add(&mut client, 2).unwrap(), 2);
    assert_eq!(add(&mut client, 3).unwrap(), 5);
    match add(&mut client, DECLARED) {
        Err(Error::User(error)) => assert_eq!(*error.downcast::<Declared>().unwrap(), Declared(7)),
        other => panic!("{other:?}"),
    }
    let failed = add(&mut client, USER);
    assert_eq!(application_kind(failed), ApplicationErrorKind::InternalError);
    let absent = call::<Args, AddResult, _>(&mut client, &ABSENT, Number(Some(1)));
    assert_eq!(application_kind(absent), ApplicationErrorKind::UnknownMethod);
    assert_eq!(client.sequence, 5);

    // The connection is in step still; a oneway call leaves nothing on it.
    oneway(&mut client, &NOTE, Number::<1>(Some(10))).unwrap();
    client.serve();
    assert!(client.received.0.lock().unwrap().is_empty());
    assert_eq!(service.count.load(SeqCst), 15);
    assert_eq!(add(&mut client, 1).unwrap(), 16);
}

#[test]
fn calls_through_apache_multiplexing() {
    let mut processor = TMultiplexedProcessor::new();
    let service = Arc::new(Counter::default());
    processor.register("any name", Box::new(Processor(Arc::clone(&service))), false).unwrap();
    let mut client = Loopback::new(processor, |output| Box::new(TMultiplexedOutputProtocol::new("any name", output)));
    assert_eq!(add(&mut client, 2).unwrap(), 2);
    oneway(&mut client, &NOTE, Number::<1>(Some(10))).unwrap();
    client.serve();
    assert_eq!(add(&mut client, 2).unwrap(), 14);
}

/// Answers with the message it was made with.
struct Fixed(TMessageIdentifier);

impl TProcessor for Fixed {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        input.read_message_begin()?;
        input.skip(TType::Struct)?;
        output.write_message_begin(&self.0)?;
        Number::<0>(Some(1)).encode(&mut ApacheWriter::new(output))
    }
}

#[test]
fn answers_are_verified_as_apache_does() {
    use TMessageType::{Call, Reply};
    let cases = [
        ("add", Reply, 2, ApplicationErrorKind::BadSequenceId),
        ("sub", Reply, 1, ApplicationErrorKind::WrongMethodName),
        ("add", Call, 1, ApplicationErrorKind::InvalidMessageType),
    ];
    for (name, kind, sequence, expected) in cases {
        let fixed = Fixed(TMessageIdentifier::new(name, kind, sequence));
        let mut client = Loopback::new(fixed, |output| Box::new(output));
        assert_eq!(application_kind(add(&mut client, 1)), expected);
    }
}
