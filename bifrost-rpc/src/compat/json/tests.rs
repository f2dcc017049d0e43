use super::{TJsonInputProtocol, TJsonInputProtocolFactory, TJsonOutputProtocol, TJsonOutputProtocolFactory};
use crate::compat::{process, read_struct, write_struct};
use crate::protocol::tests::encode;
use crate::protocol::tests::value::{AnyStruct, structs};
use crate::protocol::{Json, Limits};
use crate::service::testing::{Counter, Number};
use proptest::prelude::*;
use std::io::{self, Cursor, Read, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use thrift::protocol::{
    TInputProtocol, TInputProtocolFactory, TListIdentifier, TMessageIdentifier, TMessageType,
    TMultiplexedOutputProtocol, TOutputProtocol, TOutputProtocolFactory, TStoredInputProtocol, TType,
};
use thrift::server::{TMultiplexedProcessor, TProcessor, handle_process_result};
use thrift::transport::TFramedWriteTransport;
use thrift::{ApplicationErrorKind, Error, ProtocolErrorKind, TransportErrorKind};

fn input(text: &str) -> TJsonInputProtocol<Cursor<Vec<u8>>> {
    TJsonInputProtocol::new(Cursor::new(text.as_bytes().to_vec()))
}

/// Fails when it is asked for more than there is: a stream whose peer waits for an answer.
struct NoMore<'a>(&'a [u8]);

impl Read for NoMore<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        assert!(into.len() <= self.0.len(), "read beyond the end of the message");
        self.0.read(into)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_byte_after_a_message_is_read(first in structs(), second in structs()) {
        let mut bytes = Vec::new();
        let mut output = TJsonOutputProtocol::new(&mut bytes);
        for value in [&first, &second] {
            output.write_message_begin(&TMessageIdentifier::new("a", TMessageType::Call, 1)).unwrap();
            write_struct(value, &mut output).unwrap();
            output.write_message_end().unwrap();
        }
        drop(output);
        let middle = "[1,\"a\",1,1,]".len() + encode::<Json>(&first).len();
        for (part, value) in [(&bytes[..middle], first), (&bytes[middle..], second)] {
            let mut input = TJsonInputProtocol::new(NoMore(part));
            prop_assert_eq!(input.read_message_begin().unwrap().name, "a");
            prop_assert_eq!(read_struct::<AnyStruct>(&mut input).unwrap(), value);
            // Processors that Apache's compiler generates do not read the end of the message; clients do.
            input.read_message_end().unwrap();
        }
    }
}

#[test]
fn messages_follow_each_other_however_they_end() {
    let stream = "[1,\"a\",1,1,{\"1\":{\"i8\":5}}]\r\n \t[1,\"b\",1,2,{\"1\":{\"i8\":6}}][1,\"c\",1,3,{}]\n";
    let mut input = input(stream);
    // Not read at all, as a generated processor does with a method that it does not have.
    assert_eq!(input.read_message_begin().unwrap().name, "a");
    assert_eq!(input.read_message_begin().unwrap().name, "b");
    input.read_struct_begin().unwrap();
    assert_eq!(input.read_field_begin().unwrap().id, Some(1));
    assert_eq!(input.read_message_begin().unwrap().name, "c");
    input.skip(TType::Struct).unwrap();
    input.read_message_end().unwrap();
    match input.read_message_begin() {
        Err(Error::Transport(error)) => assert_eq!(error.kind, TransportErrorKind::EndOfFile),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_outside_messages_are_read() {
    let mut input = input("5 -7[\"i8\",1,3]\"a]\\\"b\"{}1.5");
    assert_eq!(input.read_i32().unwrap(), 5);
    assert_eq!(input.read_i64().unwrap(), -7);
    assert_eq!(input.read_list_begin().unwrap(), TListIdentifier::new(TType::I08, 1));
    assert_eq!(input.read_i8().unwrap(), 3);
    input.read_list_end().unwrap();
    assert_eq!(input.read_string().unwrap(), "a]\"b");
    input.skip(TType::Struct).unwrap();
    assert_eq!(input.read_double().unwrap().to_bits(), 1.5_f64.to_bits());
    assert!(input.read_double().is_err());
}

fn kind<T: std::fmt::Debug>(result: thrift::Result<T>) -> ProtocolErrorKind {
    match result {
        Err(Error::Protocol(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_hold_in_both_directions() {
    let limits = Limits { message_bytes_max: 20, depth_max: 2, ..Limits::DEFAULT };
    let read = |text: &str| {
        TJsonInputProtocol::with_limits(Cursor::new(text.as_bytes().to_vec()), limits).read_message_begin()
    };
    assert!(read("[1,\"a\",1,1,{}     ]").is_ok());
    for text in ["[1,\"a\",1,1,{}          ]", "                    [1,\"a\",1,1,{}]"] {
        assert_eq!(kind(read(text)), ProtocolErrorKind::SizeLimit);
    }
    // Without an end, of a length that would show.
    let mut endless = TJsonInputProtocol::with_limits(io::repeat(b'['), limits);
    assert_eq!(kind(endless.read_message_begin()), ProtocolErrorKind::SizeLimit);
    let mut endless = TJsonInputProtocol::with_limits(io::repeat(b' '), limits);
    assert_eq!(kind(endless.read_message_begin()), ProtocolErrorKind::SizeLimit);

    let factory = (TJsonInputProtocolFactory::with_limits(limits), TJsonOutputProtocolFactory::with_limits(limits));
    let mut input = factory.0.create(Box::new(&b"[\"i8\",9,1]"[..]));
    assert_eq!(kind(input.read_list_begin()), ProtocolErrorKind::SizeLimit);
    let mut output = factory.1.create(Box::new(io::sink()));
    assert_eq!(kind(output.write_string("a string of twenty-one")), ProtocolErrorKind::SizeLimit);
    let mut output = TJsonOutputProtocolFactory::new().create(Box::new(io::sink()));
    let list = TListIdentifier::new(TType::List, -1);
    assert_eq!(kind(output.write_list_begin(&list)), ProtocolErrorKind::NegativeSize);
    let mut input = TJsonInputProtocolFactory::new().create(Box::new(&b"7"[..]));
    assert_eq!(input.read_i8().unwrap(), 7);
}

#[test]
fn a_message_given_up_leaves_nothing_behind() {
    let mut bytes = Vec::new();
    let mut output = TJsonOutputProtocol::new(&mut bytes);
    let header = TMessageIdentifier::new("a", TMessageType::Reply, 1);
    output.write_message_begin(&header).unwrap();
    output.write_list_begin(&TListIdentifier::new(TType::I08, 2)).unwrap();
    output.write_message_begin(&header).unwrap();
    write_struct(&Number::<0>(Some(1)), &mut output).unwrap();
    output.write_message_end().unwrap();
    drop(output);
    assert!(bytes.ends_with(br#"[1,"a",2,1,{"0":{"i32":1}}]"#));
}

/// A stream into a vector that can be looked at.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<u8>>>);

impl Write for Sent {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(from)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Application exceptions are flushed before they end; other implementations expect each message in one frame.
#[test]
fn an_exception_is_one_frame() {
    let sent = Sent::default();
    let mut output = TJsonOutputProtocol::new(TFramedWriteTransport::new(sent.clone()));
    let header = TMessageIdentifier::new("a", TMessageType::Call, 1);
    let failed = Err(thrift::new_application_error(ApplicationErrorKind::Unknown, "as it is"));
    handle_process_result(&header, failed, &mut output).unwrap();
    let bytes = sent.0.lock().unwrap().clone();
    let (length, frame) = bytes.split_first_chunk().unwrap();
    assert_eq!(usize::try_from(u32::from_be_bytes(*length)).unwrap(), frame.len());
    assert!(frame.ends_with(b"}]"));
}

struct Processor(Arc<Counter>);

impl TProcessor for Processor {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        process(&*self.0, input, output)
    }
}

/// Passes over the arguments as generated code does with fields that it does not know.
struct Skipping;

impl TProcessor for Skipping {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let header = input.read_message_begin()?;
        input.skip(TType::Struct)?;
        output.write_message_begin(&TMessageIdentifier::new(
            header.name,
            TMessageType::Reply,
            header.sequence_number,
        ))?;
        write_struct(&Number::<0>(Some(1)), output)?;
        output.write_message_end()
    }
}

#[test]
fn apache_multiplexing_and_stored_protocols_work() {
    let sent = Sent::default();
    let mut output = TMultiplexedOutputProtocol::new("Counter", TJsonOutputProtocol::new(sent.clone()));
    for sequence in [1, 2] {
        output.write_message_begin(&TMessageIdentifier::new("add", TMessageType::Call, sequence)).unwrap();
        write_struct(&Number::<1>(Some(5)), &mut output).unwrap();
        output.write_message_end().unwrap();
    }
    let requests = sent.0.lock().unwrap().clone();
    let mut processor = TMultiplexedProcessor::new();
    let counter = Arc::new(Counter::default());
    processor.register("Counter", Box::new(Processor(Arc::clone(&counter))), false).unwrap();
    let mut input = TJsonInputProtocol::new(Cursor::new(requests));
    let answers = Sent::default();
    let mut output = TJsonOutputProtocol::new(answers.clone());
    processor.process(&mut input, &mut output).unwrap();
    processor.process(&mut input, &mut output).unwrap();
    let expected = r#"[1,"add",2,1,{"0":{"i32":5}}][1,"add",2,2,{"0":{"i32":10}}]"#;
    assert_eq!(String::from_utf8(answers.0.lock().unwrap().clone()).unwrap(), expected);
    assert_eq!(counter.count.load(SeqCst), 10);
}

#[test]
fn skipping_through_a_stored_protocol_needs_no_ends_of_fields() {
    let args =
        r#"{"1":{"rec":{"1":{"str":"no base64!"},"2":{"map":["str","rec",1,{"k":{"1":{"tf":1}}}]}}},"2":{"i8":1}}"#;
    let mut input = input(&format!("[1,\"a\",1,1,{args}][1,\"b\",1,2,{{}}]"));
    for name in ["a", "b"] {
        let header = input.read_message_begin().unwrap();
        assert_eq!(header.name, name);
        let answers = Sent::default();
        let mut output = TJsonOutputProtocol::new(answers.clone());
        Skipping.process(&mut TStoredInputProtocol::new(&mut input, header), &mut output).unwrap();
        assert!(answers.0.lock().unwrap().ends_with(br#"{"0":{"i32":1}}]"#));
    }
}
