use super::testing::{
    ABSENT, ADD, APPLICATION, AddResult, Counter, DECLARED, DEEP, Declared, NOTE, Number, PANIC, USER,
};
use super::{
    Answer, CallContext, Method, Service, decode_answer, decode_answer_shared, encode_call_in, read_application_error,
    write_application_error,
};
use crate::buffer::MessageBuffer;
use crate::protocol::tests::Twin;
use crate::protocol::{Binary, Codec, Compact, Encode, Json, Limits, Writer};
use bytes::Bytes;
use std::sync::atomic::Ordering::SeqCst;
use thrift::protocol::TMessageType;
use thrift::{ApplicationError, ApplicationErrorKind, Error};

fn request<C: Codec>(method: &Method, args: impl Encode) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    encode_call_in::<C, _>(method, 5, args, &mut out).unwrap();
    out.finish().to_vec()
}

fn serve(service: &dyn Service, request: &[u8]) -> (Answer, Vec<u8>) {
    let mut out = MessageBuffer::new();
    let answer = service.call(request, &CallContext::default(), &mut out).unwrap();
    (answer, out.finish().to_vec())
}

fn add<C: Codec>(service: &dyn Service, by: i32) -> (Answer, thrift::Result<i32>) {
    let (answer, message) = serve(service, &request::<C>(&ADD, Number::<1>(Some(by))));
    let value = decode_answer::<AddResult>(&ADD, 5, &message);
    let shared = decode_answer_shared::<AddResult>(&ADD, 5, &Bytes::from(message));
    assert_eq!(format!("{value:?}"), format!("{shared:?}"));
    (answer, value)
}

fn application<T: std::fmt::Debug>(result: thrift::Result<T>) -> ApplicationError {
    match result {
        Err(Error::Application(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn calls_are_answered<C: Codec>() {
    let counter = Counter::default();
    assert_eq!(add::<C>(&counter, 2).1.unwrap(), 2);
    let (answer, value) = add::<C>(&counter, 3);
    assert_eq!((answer, value.unwrap()), (Answer::Reply, 5));

    let (answer, value) = add::<C>(&counter, DECLARED);
    assert_eq!(answer, Answer::Reply);
    match value {
        Err(Error::User(error)) => assert_eq!(*error.downcast::<Declared>().unwrap(), Declared(7)),
        other => panic!("{other:?}"),
    }
}

fn failures_are_answered<C: Codec>() {
    use ApplicationErrorKind::{InternalError, InvalidTransform};
    let cases = [
        (APPLICATION, InvalidTransform, "as it is"),
        (USER, InternalError, "of the handler's own"),
        (PANIC, InternalError, "the handler panicked"),
        (DEEP, InternalError, "values are nested deeper than 64 levels"),
    ];
    for (by, kind, message) in cases {
        let (answer, value) = add::<C>(&Counter::default(), by);
        assert_eq!(answer, Answer::Exception);
        assert_eq!(application(value), ApplicationError::new(kind, message));
    }
}

fn bad_requests_are_answered<C: Codec>() {
    let counter = Counter::default();
    let (answer, message) = serve(&counter, &request::<C>(&ADD, Number::<1>(None)));
    assert_eq!(answer, Answer::Exception);
    let error = application(decode_answer::<AddResult>(&ADD, 5, &message));
    assert_eq!(error.kind, ApplicationErrorKind::ProtocolError);

    let mut cut = request::<C>(&ADD, Number::<1>(Some(1)));
    cut.pop();
    let (_, message) = serve(&counter, &cut);
    let error = application(decode_answer::<AddResult>(&ADD, 5, &message));
    assert_eq!(error.kind, ApplicationErrorKind::ProtocolError);

    let (_, message) = serve(&counter, &request::<C>(&ABSENT, Number::<1>(Some(1))));
    let error = application(decode_answer::<AddResult>(&ABSENT, 5, &message));
    assert_eq!(error.kind, ApplicationErrorKind::UnknownMethod);

    let mut out = MessageBuffer::new();
    let mut writer = C::writer(&mut out);
    writer.message_begin("add", TMessageType::Reply, 5).unwrap();
    AddResult::Missing.encode(&mut writer).unwrap();
    writer.message_end().unwrap();
    drop(writer);
    let (_, message) = serve(&counter, &out.finish().to_vec());
    let error = application(decode_answer::<AddResult>(&ADD, 5, &message));
    assert_eq!(error.kind, ApplicationErrorKind::InvalidMessageType);
}

fn oneway_calls_are_not_answered<C: Codec>() {
    let counter = Counter::default();
    for by in [4, PANIC] {
        let answer = serve(&counter, &request::<C>(&NOTE, Number::<1>(Some(by))));
        assert_eq!(answer, (Answer::Nothing, Vec::new()));
    }
    assert_eq!(counter.count.load(SeqCst), 4);
    let oneway = |method| Method { oneway: true, ..method };
    for method in [ABSENT, ADD] {
        let request = request::<C>(&oneway(method), Number::<1>(Some(1)));
        assert_eq!(serve(&counter, &request), (Answer::Nothing, Vec::new()));
    }
}

fn answers_are_verified<C: Codec>() {
    let counter = Counter::default();
    let (_, message) = serve(&counter, &request::<C>(&ADD, Number::<1>(Some(1))));
    let kind = |result| application(result).kind;
    assert_eq!(kind(decode_answer::<AddResult>(&ADD, 6, &message)), ApplicationErrorKind::BadSequenceId);
    assert_eq!(kind(decode_answer::<AddResult>(&ABSENT, 5, &message)), ApplicationErrorKind::WrongMethodName);
    let call = request::<C>(&ADD, Number::<1>(Some(1)));
    assert_eq!(kind(decode_answer::<AddResult>(&ADD, 5, &call)), ApplicationErrorKind::InvalidMessageType);
    let mut out = MessageBuffer::new();
    let mut writer = C::writer(&mut out);
    writer.message_begin("add", TMessageType::Reply, 5).unwrap();
    AddResult::Missing.encode(&mut writer).unwrap();
    writer.message_end().unwrap();
    drop(writer);
    assert_eq!(kind(decode_answer::<AddResult>(&ADD, 5, &out.finish().to_vec())), ApplicationErrorKind::MissingResult);
}

/// Each test, in each protocol.
macro_rules! in_each_protocol {
    ($($test:ident),*) => {$(
        mod $test {
            #[test]
            fn in_binary() {
                super::$test::<super::Binary>();
            }
            #[test]
            fn in_compact() {
                super::$test::<super::Compact>();
            }
            #[test]
            fn in_json() {
                super::$test::<super::Json>();
            }
        }
    )*};
}

in_each_protocol!(
    calls_are_answered,
    failures_are_answered,
    bad_requests_are_answered,
    oneway_calls_are_not_answered,
    answers_are_verified,
    application_errors_equal_apache
);

#[test]
fn multiplexed_names_lose_their_prefix() {
    let named = |name| Method { name, ..ADD };
    let request = request::<Binary>(&named("Counter:add"), Number::<1>(Some(2)));
    let (answer, message) = serve(&Counter::default(), &request);
    assert_eq!(answer, Answer::Reply);
    assert_eq!(decode_answer::<AddResult>(&ADD, 5, &message).unwrap(), 2);
}

#[test]
fn answers_over_the_limit_are_replaced() {
    // The handler's own exception is longer than its request.
    let request = request::<Binary>(&ADD, Number::<1>(Some(APPLICATION)));
    let limits = Limits { message_bytes_max: request.len(), ..Limits::DEFAULT };
    let mut out = MessageBuffer::new();
    let answer = super::serve(&Counter::default(), &request, &CallContext::default(), limits, &mut out).unwrap();
    assert_eq!(answer, Answer::Exception);
    let answer = decode_answer::<AddResult>(&ADD, 5, &out.finish().to_vec());
    assert_eq!(application(answer).kind, ApplicationErrorKind::InternalError);
}

#[test]
fn what_is_no_message_is_an_error() {
    let counter = Counter::default();
    for request in [&b""[..], b"[1]", &[0x80, 1, 0, 1, 0, 0, 0, 9, b'a']] {
        let mut out = MessageBuffer::new();
        let answer = counter.call(request, &CallContext::default(), &mut out);
        assert!(answer.is_err());
        assert!(out.is_empty());
    }
}

fn application_errors_equal_apache<C: Twin>() {
    let error = ApplicationError::new(ApplicationErrorKind::BadSequenceId, "what happened");
    let mut ours = MessageBuffer::new();
    write_application_error(&error, &mut C::writer(&mut ours)).unwrap();
    let ours = ours.finish().to_vec();
    let mut theirs = Vec::new();
    Error::write_application_error_to_out_protocol(&error, &mut *C::apache(&mut theirs)).unwrap();
    assert_eq!(ours, theirs);
    let read = read_application_error(&mut C::reader(&theirs)).unwrap();
    assert_eq!(read, error);

    // Fields of other types or other ids are passed over.
    let odd = crate::protocol::tests::encode::<C>(&Number::<1>(Some(3)));
    let read = read_application_error(&mut C::reader(&odd)).unwrap();
    assert_eq!(read.kind, ApplicationErrorKind::Unknown);
}
