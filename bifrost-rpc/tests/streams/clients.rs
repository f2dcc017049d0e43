//! Clients whose servers are gone, slow, or talk nonsense.

use crate::calculator::{CalculatorClient, TCalculatorSyncClient};
use crate::{DEADLINE, Place, client, handler, processor, serve, server};
use bifrost_rpc::{CallError, Channel, thrift};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

fn call_error<T: std::fmt::Debug>(result: thrift::Result<T>) -> CallError {
    let error = result.expect_err("the call must fail");
    CallError::of(&error).unwrap_or_else(|| panic!("{error:?}")).clone()
}

/// A server that reads one message and does something with the connection.
fn once(act: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        stream.read_exact(&mut message).unwrap();
        act(stream);
    });
    format!("tcp://{address}")
}

#[test]
fn an_absent_server_did_not_run_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::new();
    for url in [url, place.url()] {
        let error = call_error(client(&url).add(1, 2));
        assert!(matches!(&error, CallError::Socket { .. }) && !error.may_have_run(), "{error}");
        assert!(error.to_string().contains("cannot connect"), "{error}");
    }
}

#[test]
fn a_connection_that_ends_before_the_answer_leaves_the_outcome_unknown() {
    let error = call_error(client(&once(drop)).add(1, 2));
    assert!(matches!(error, CallError::OutcomeUnknown(_)), "{error}");
    assert!(error.may_have_run());
}

#[test]
fn calls_go_on_over_a_new_connection_when_a_server_has_restarted() {
    let place = Place::new();
    let first = serve(&place.url());
    let mut client = client(&place.url());
    assert_eq!(client.add(1, 2).unwrap(), 3);
    drop(first);
    assert!(!call_error(client.add(1, 2)).may_have_run(), "the connection was seen to have ended");
    let _second = serve(&place.url());
    for i in 0..10 {
        assert_eq!(client.add(i, 2).unwrap(), i + 2);
    }
}

#[test]
fn a_connection_that_the_server_closed_while_idle_costs_no_call() {
    let server = server("tcp://127.0.0.1:0").service(processor()).idle_timeout(Duration::from_millis(50));
    let server = server.start().unwrap();
    let mut client = client(&server.url());
    for i in 0..4 {
        assert_eq!(client.add(i, 2).unwrap(), i + 2);
        let is_closed = std::iter::repeat_with(|| {
            std::thread::park_timeout(Duration::from_millis(20));
            server.connections() == 0
        });
        assert!(is_closed.take(500).any(|closed| closed));
    }
}

#[test]
fn a_missed_deadline_costs_its_connection_and_no_later_answer_is_mistaken() {
    let handler = handler();
    let processor = crate::calculator::CalculatorSyncProcessor::new(handler);
    let server = server("tcp://127.0.0.1:0").service(processor).start().unwrap();
    let mut client = client(&server.url());
    let mut hurried = client.clone().with_deadline(Duration::from_millis(100));
    // Another call on the same connection still gets its answer.
    let waiting = client.start_repeat(String::new(), 1).unwrap();
    let error = call_error(hurried.repeat(String::new(), 2));
    assert!(matches!(error, CallError::Deadline { may_have_run: true, .. }), "{error}");
    assert_eq!(client.add(1, 2).unwrap(), 3, "over a connection of its own");
    assert_eq!(server.connections(), 2);
    handler.open_gate();
    assert_eq!(waiting.wait().unwrap(), [""]);
    assert_eq!(client.add(3, 4).unwrap(), 7);
}

#[test]
fn deadlines_bound_connecting_and_writing() {
    // Nobody accepts, and nobody reads.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let hurried = || CalculatorClient::new(Channel::connect(&url).unwrap()).with_deadline(Duration::from_millis(100));
    let error = call_error(hurried().add(1, 2));
    assert!(matches!(error, CallError::Deadline { may_have_run: true, .. }), "{error}");
    let error = call_error(hurried().echo(vec![0; 60 << 20]));
    assert!(matches!(error, CallError::Deadline { may_have_run: false, .. }), "{error}");
}

/// A call of `add` in its frame.
const ADD_BYTES: usize = 34;

/// A REPLY to `add` with this sequence number.
fn sum(sequence: i32, sum: i32) -> Vec<u8> {
    let head = [b"\x80\x01\0\x02\0\0\0\x03add".as_slice(), &sequence.to_be_bytes()].concat();
    let message = [&head, b"\x08\0\0".as_slice(), &sum.to_be_bytes(), b"\0"].concat();
    [&u32::try_from(message.len()).unwrap().to_be_bytes(), &message[..]].concat()
}

#[test]
fn answers_are_matched_by_their_numbers_in_any_order() {
    let url = once(|mut stream| {
        let mut rest = [0; ADD_BYTES];
        stream.read_exact(&mut rest).unwrap();
        stream.write_all(&[sum(1, 11), sum(0, 10)].concat()).unwrap();
        // Until the client closes.
        let _ = stream.read(&mut rest);
    });
    let mut client = client(&url);
    let (first, second) = (client.start_add(1, 1).unwrap(), client.start_add(2, 2).unwrap());
    assert_eq!(first.wait().unwrap(), 10);
    assert_eq!(second.wait().unwrap(), 11);
}

#[test]
fn a_wrong_number_is_an_error_of_its_call() {
    let url = once(|mut stream| stream.write_all(&sum(77, 1)).unwrap());
    match client(&url).add(1, 2) {
        Err(thrift::Error::Application(error)) => {
            assert_eq!(error.kind, thrift::ApplicationErrorKind::BadSequenceId);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn garbage_and_overlong_answers_are_errors_of_their_calls() {
    let cases: [(&[u8], fn(&CallError) -> bool); 4] = [
        (b"\0\0\0\x04HTTP", |error| matches!(error, CallError::BadAnswer { .. })),
        (b"\0\0\0\0", |error| matches!(error, CallError::BadAnswer { .. })),
        (b"\x7f\xff\xff\xff", |error| matches!(error, CallError::AnswerTooLarge { .. })),
        // Half an answer.
        (b"\0\0\0\x40\x80\x01", |error| matches!(error, CallError::OutcomeUnknown(_))),
    ];
    for (answer, is_expected) in cases {
        let url = once(move |mut stream| stream.write_all(answer).unwrap());
        let error = call_error(client(&url).add(1, 2));
        assert!(is_expected(&error) && error.may_have_run(), "{answer:?}: {error}");
    }
    let url = once(|mut stream| stream.write_all(b"\x80\x01\0\x02\0\0\0\x03add\0\0\0\0\x63\0\0").unwrap());
    let channel = Channel::builder().deadline(DEADLINE).connect(&format!("{url}?transport=framed")).unwrap();
    assert!(call_error(CalculatorClient::new(channel).add(1, 2)).may_have_run());
}

#[test]
fn other_calls_in_flight_end_with_their_connection() {
    let url = once(|mut stream| {
        let mut rest = [0; 2 * ADD_BYTES];
        stream.read_exact(&mut rest).unwrap();
        stream.write_all(&sum(0, 5)).unwrap();
    });
    let mut client = client(&url);
    let calls: Vec<_> = (0..3).map(|i| client.start_add(i, 1).unwrap()).collect();
    let ends: Vec<_> = calls.into_iter().map(bifrost_rpc::Pending::wait).collect();
    assert_eq!(*ends[0].as_ref().unwrap(), 5);
    for end in ends.into_iter().skip(1) {
        assert!(matches!(call_error(end), CallError::OutcomeUnknown(_)));
    }
}
