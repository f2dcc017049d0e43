//! Each limit and each mistake is a clear error of its own at the client, and counted at the server.

use crate::support::probe::{ABSENT, ADD, ELSEWHERE, One};
use crate::support::{Client, KEY, Probe, Watchdog, application_error, call_error};
use bifrost_rpc::service::encode_call;
use bifrost_rpc::thrift::ApplicationErrorKind;
use bifrost_rpc::thrift::protocol::TMessageType;
use bifrost_rpc::wire::Refusal;
use bifrost_rpc::{CallError, Channel, Key, Server, ServerBuilder};

fn builder() -> ServerBuilder {
    Server::builder().listen("udp://[::1]:0").service(Probe::default())
}

#[test]
fn requests_over_the_clients_limit_are_not_sent() {
    let _watchdog = Watchdog::of("client limit", 60);
    let server = builder().start().unwrap();
    let client = Client(Channel::builder().message_bytes_max(10_000).connect(&server.url()).unwrap());
    let error = call_error(&client.echo(vec![0; 10_000]));
    assert!(matches!(error, CallError::TooLarge { limit: 10_000, .. }), "{error}");
    assert!(!error.may_have_run());
    assert_eq!(client.echo(vec![0; 9_000]).unwrap().len(), 9_000);
}

#[test]
fn requests_over_the_servers_limit_are_not_sent() {
    let _watchdog = Watchdog::of("server limit", 60);
    let server = builder().message_bytes_max(10_000).start().unwrap();
    let client = Client::connect(&server.url());
    let error = call_error(&client.echo(vec![0; 10_000]));
    assert!(matches!(error, CallError::TooLarge { limit: 10_000, .. }), "{error}");
    assert!(!error.may_have_run());
    assert_eq!(client.echo(vec![0; 9_000]).unwrap().len(), 9_000);
}

#[test]
fn answers_over_the_clients_limit_are_refused_and_known_to_have_run() {
    let _watchdog = Watchdog::of("answer limit", 60);
    let server = builder().start().unwrap();
    let client = Client(Channel::builder().message_bytes_max(10_000).connect(&server.url()).unwrap());
    for len in [10_000, 1_000_000] {
        let error = call_error(&client.fill(len));
        assert!(matches!(error, CallError::AnswerTooLarge { limit: 10_000, .. }), "{error}");
        assert!(error.may_have_run());
    }
    assert_eq!(client.fill(9_000).unwrap().len(), 9_000);
}

#[test]
fn answers_over_the_servers_limit_become_an_exception() {
    let _watchdog = Watchdog::of("server's answer limit", 60);
    let server = builder().message_bytes_max(10_000).start().unwrap();
    let client = Client::connect(&server.url());
    assert_eq!(application_error(&client.fill(20_000)), ApplicationErrorKind::InternalError);
    assert_eq!(client.fill(9_000).unwrap().len(), 9_000);
}

#[test]
fn clients_beyond_the_limit_are_refused_until_others_leave() {
    let _watchdog = Watchdog::of("too many clients", 60);
    let server = builder().sessions_max(3).start().unwrap();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&server.url())).collect();
    clients.iter().for_each(|client| assert!(client.add(1).is_ok()));
    let late = Client::connect(&server.url());
    let error = call_error(&late.add(1));
    assert_eq!(error, CallError::Refused(Refusal::TooManySessions));
    assert!(!error.may_have_run());
    assert_eq!((server.usage().callee_sessions, server.stats().refusals), (3, 1));
    clients.pop();
    // Once its farewell has arrived there is room.
    while server.usage().callee_sessions == 3 {
        std::thread::yield_now();
    }
    assert_eq!(late.add(1).unwrap(), 4);
    assert_eq!(clients[0].add(1).unwrap(), 5, "the others notice nothing");
}

#[test]
fn methods_and_services_that_are_not_there() {
    let _watchdog = Watchdog::of("unknown", 60);
    let server = builder().start().unwrap();
    // First in the session, then in one that is open.
    for _ in 0..2 {
        let client = Client::connect(&server.url());
        assert_eq!(application_error(&client.number(&ABSENT, 1)), ApplicationErrorKind::UnknownMethod);
        assert_eq!(application_error(&client.number(&ELSEWHERE, 1)), ApplicationErrorKind::UnknownMethod);
        assert!(client.add(1).is_ok());
        assert_eq!(application_error(&client.number(&ABSENT, 1)), ApplicationErrorKind::UnknownMethod);
    }
    assert_eq!(server.stats().refusals, 6);
}

#[test]
fn arguments_of_another_type_are_answered_with_an_exception() {
    let _watchdog = Watchdog::of("wrong types", 60);
    let server = builder().start().unwrap();
    let client = Client::connect(&server.url());
    let result = client.0.call::<_, One<i64, 0>>(&ADD, One::<String, 1>(Some("no number".into())));
    assert_eq!(application_error(&result), ApplicationErrorKind::ProtocolError);
    // A result of another type than expected is no result.
    let result = client.0.call::<_, One<String, 0>>(&ADD, One::<i64, 1>(Some(1)));
    assert_eq!(application_error(&result), ApplicationErrorKind::MissingResult);
}

#[test]
fn messages_that_are_no_thrift_are_answered_with_an_exception() {
    let _watchdog = Watchdog::of("no thrift", 60);
    let server = builder().start().unwrap();
    let client = Client::connect(&server.url());
    let cut = |len| {
        let mut message = bifrost_rpc::buffer::MessageBuffer::new();
        encode_call(&ADD, 1, One::<i64, 1>(Some(1)), &mut message).unwrap();
        message.tail_mut().truncate(len);
        message
    };
    for len in 0..27 {
        let answer = client.0.call_message(&ADD, cut(len)).unwrap().unwrap();
        let header = bifrost_rpc::protocol::WireProtocol::header(&answer).unwrap();
        assert_eq!(header.kind, TMessageType::Exception, "cut to {len} bytes");
    }
    assert_eq!(client.total(), 0, "nothing was added");
}

#[test]
fn keys_that_differ_or_are_missing() {
    let _watchdog = Watchdog::of("keys", 60);
    let (right, wrong) = (Key::from_bytes(KEY), Key::from_bytes([1; 32]));
    let sealed = builder().key(right.clone()).start().unwrap();
    let plain = builder().start().unwrap();
    let connect = |key: Option<&Key>, server: &Server| {
        let builder = Channel::builder();
        let builder = if let Some(key) = key { builder.key(key.clone()) } else { builder };
        Client(builder.connect(&server.url()).unwrap())
    };
    for (key, server) in [(Some(&wrong), &sealed), (None, &sealed), (Some(&right), &plain)] {
        let error = call_error(&connect(key, server).add(1));
        assert_eq!(error, CallError::Refused(Refusal::WrongKey));
        assert!(!error.may_have_run());
        assert!(server.stats().unauthentic > 0 && server.stats().refusals > 0, "{:?}", server.stats());
    }
    assert_eq!(connect(Some(&right), &sealed).add(1).unwrap(), 1);
    assert_eq!(connect(None, &plain).add(1).unwrap(), 1);
}
