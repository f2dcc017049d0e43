use super::{Answer, ApacheService, CallContext, Method, Service};
use crate::buffer::MessageBuffer;
use crate::protocol::tests::Twin;
use crate::protocol::{Binary, Codec, Compact, Json, Reader, WireProtocol, in_protocol};
use crate::service::testing::{ABSENT, ADD, AddResult, Counter, NOTE, Number, PANIC};
use crate::service::{decode_answer, encode_call_in, read_application_error};
use std::sync::Arc;
use thrift::ApplicationErrorKind;
use thrift::protocol::{TInputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol};
use thrift::server::{TMultiplexedProcessor, TProcessor};

/// A generated processor as Apache's server sees it.
#[derive(Debug, Default)]
struct Processor(Counter);

impl TProcessor for Processor {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        crate::compat::process(&self.0, input, output)
    }
}

/// A processor that says what it was called by, answers nothing to anybody else.
struct Echo;

impl TProcessor for Echo {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let header = input.read_message_begin()?;
        match header.name.as_str() {
            "add" => {
                let header = TMessageIdentifier::new("add", TMessageType::Reply, header.sequence_number);
                output.write_message_begin(&header)?;
                crate::compat::write_struct(&Number::<0>(Some(1)), output)
            }
            "note" => Ok(()),
            _ => Err("cannot go on".into()),
        }
    }
}

fn counter() -> ApacheService {
    ApacheService::new("Counter", Processor::default(), &["add"]).oneway("note")
}

fn request<C: Codec>(method: Method, by: i32) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    encode_call_in::<C, _>(&method, 5, Number::<1>(Some(by)), &mut out).unwrap();
    out.finish().to_vec()
}

fn call(service: &ApacheService, request: &[u8]) -> (Answer, Vec<u8>) {
    let mut reply = MessageBuffer::new();
    let answer = service.call(request, &CallContext::default(), &mut reply).unwrap();
    (answer, reply.finish().to_vec())
}

fn failed(service: &ApacheService, request: &[u8]) -> ApplicationErrorKind {
    let (answer, reply) = call(service, request);
    assert_eq!(answer, Answer::Exception);
    assert_eq!(WireProtocol::header(&reply).unwrap().kind, TMessageType::Exception);
    in_protocol!(WireProtocol::detect(&reply).unwrap(), C => exception::<C>(&reply)).kind
}

fn exception<C: Codec>(reply: &[u8]) -> thrift::ApplicationError {
    let mut reader = C::reader(reply);
    reader.message_begin().unwrap();
    read_application_error(&mut reader).unwrap()
}

fn calls_are_answered<C: Twin>() {
    let service = counter();
    let (answer, reply) = call(&service, &request::<C>(ADD, 3));
    assert_eq!(answer, Answer::Reply);
    assert_eq!(decode_answer::<AddResult>(&ADD, 5, &reply).unwrap(), 3);
    let prefixed = Method { name: "Counter:add", ..ADD };
    let (_, reply) = call(&service, &request::<C>(prefixed, 4));
    assert_eq!(decode_answer::<AddResult>(&ADD, 5, &reply).unwrap(), 7);
    assert_eq!(call(&service, &request::<C>(NOTE, 1)), (Answer::Nothing, Vec::new()));
    assert_eq!(failed(&service, &request::<C>(ABSENT, 1)), ApplicationErrorKind::UnknownMethod);
    assert_eq!(failed(&service, &request::<C>(ADD, PANIC)), ApplicationErrorKind::InternalError);
}

#[test]
fn calls_are_answered_in_their_protocol() {
    calls_are_answered::<Binary>();
    calls_are_answered::<Compact>();
    calls_are_answered::<Json>();
}

#[test]
fn headers_of_old_are_read() {
    let mut old = b"\0\0\0\x03add\x01\0\0\0\x05".to_vec();
    old.extend(crate::protocol::tests::encode::<Binary>(&Number::<1>(Some(2))));
    let (_, reply) = call(&counter(), &old);
    assert_eq!(decode_answer::<AddResult>(&ADD, 5, &reply).unwrap(), 2);
}

#[test]
fn processors_that_fail_or_say_nothing_are_answered_for() {
    let service = ApacheService::new("Counter", Echo, &["add", "note", "absent"]);
    assert_eq!(call(&service, &request::<Binary>(ADD, 1)).0, Answer::Reply);
    assert_eq!(failed(&service, &request::<Binary>(ABSENT, 1)), ApplicationErrorKind::Unknown);
    let asked = Method { oneway: false, ..NOTE };
    assert_eq!(failed(&service, &request::<Binary>(asked, 1)), ApplicationErrorKind::MissingResult);
    assert_eq!(call(&service, &request::<Binary>(NOTE, 1)).0, Answer::Nothing);
}

#[test]
fn bad_requests_never_reach_the_processor() {
    let service = counter();
    let announced = b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x05\x0f\0\x01\x0c\x02\0\0\0";
    assert_eq!(failed(&service, announced), ApplicationErrorKind::ProtocolError);

    let context = CallContext { method: Some("note"), ..CallContext::default() };
    let mut reply = MessageBuffer::new();
    let answer = service.call(&request::<Binary>(ADD, 1), &context, &mut reply).unwrap();
    assert_eq!(answer, Answer::Exception);
    assert_eq!(exception::<Binary>(&reply.finish().to_vec()).kind, ApplicationErrorKind::WrongMethodName);

    assert!(service.call(b"[1]", &CallContext::default(), &mut MessageBuffer::new()).is_err());
}

#[test]
fn one_multiplexed_processor_is_several_services() {
    let mut processor = TMultiplexedProcessor::new();
    processor.register("Counter", Box::new(Processor::default()), false).unwrap();
    processor.register("Other", Box::new(Processor::default()), false).unwrap();
    let processor = Arc::new(processor);
    for name in ["Counter", "Other"] {
        let service = ApacheService::multiplexed(name, Arc::clone(&processor), &["add"]);
        let (_, reply) = call(&service, &request::<Compact>(ADD, 3));
        assert_eq!(decode_answer::<AddResult>(&ADD, 5, &reply).unwrap(), 3, "{name} counts by itself");
        let (_, reply) = call(&service, &request::<Json>(ADD, 3));
        assert_eq!(decode_answer::<AddResult>(&ADD, 5, &reply).unwrap(), 6, "{name} counts by itself");
    }
}

#[test]
fn methods_are_listed_once() {
    let service = counter().short("add");
    let listed: Vec<_> = service.methods().iter().map(|method| (method.name, method.oneway, method.short)).collect();
    assert_eq!(listed, [("note", true, false), ("add", false, true)]);
}
