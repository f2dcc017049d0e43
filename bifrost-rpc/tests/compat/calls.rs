//! Calls that go well, in every stack, against generated processors and against Apache's.

use crate::apache::{ByHandClient, ByHandProcessor};
use crate::calculator::{DivisionByZero, TCalculatorSyncClient};
use crate::{METHODS, Stack, apache_service, channel, connect, processor, serve, server};
use bifrost_rpc::compat::{ApacheService, UdpChannel};
use bifrost_rpc::thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol,
    TMultiplexedOutputProtocol,
};
use bifrost_rpc::thrift::server::TMultiplexedProcessor;
use bifrost_rpc::thrift::transport::{TBufferedReadTransport, TBufferedWriteTransport, TIoChannel};
use bifrost_rpc::{Channel, Key, Server, thrift};
use std::sync::Arc;

const MIB: usize = 1 << 20;

fn every_kind_of_call(server: &Server) {
    let mut noted = 0;
    for stack in Stack::ALL {
        let mut client = stack.client(connect(server));
        assert_eq!(client.add(19, 23).unwrap(), 42, "{stack:?}");
        match client.divide(5, 0) {
            Err(thrift::Error::User(error)) => {
                assert_eq!(*error.downcast::<DivisionByZero>().unwrap(), DivisionByZero::new(5));
            }
            other => panic!("{stack:?}: {other:?}"),
        }
        match client.repeat("x".into(), -1) {
            Err(thrift::Error::Application(error)) => {
                assert_eq!(error.kind, thrift::ApplicationErrorKind::InternalError);
            }
            other => panic!("{stack:?}: {other:?}"),
        }
        client.note(3).unwrap();
        client.note(4).unwrap();
        noted += 7;
        assert_eq!(client.noted().unwrap(), noted, "{stack:?}: a oneway call runs before the next call");
        assert_eq!(client.echo(vec![]).unwrap(), []);
    }
}

#[test]
fn generated_processors_serve_apache_clients() {
    every_kind_of_call(&serve(processor()));
}

#[test]
fn apache_processors_serve_apache_clients() {
    every_kind_of_call(&serve(apache_service()));
}

fn large_messages(server: &Server) {
    let data: Vec<u8> = (0..=250).cycle().take(2 * MIB).collect();
    let words = i32::try_from(2 * MIB / 16).unwrap();
    for stack in Stack::ALL {
        let mut client = stack.client(connect(server));
        assert!(client.echo(data.clone()).unwrap() == data, "{stack:?}");
        let list = client.repeat("a dozen of it".into(), words).unwrap();
        assert_eq!((list.len(), list.last().unwrap().as_str()), (2 * MIB / 16, "a dozen of it"), "{stack:?}");
        assert_eq!(client.add(1, 2).unwrap(), 3);
    }
}

#[test]
fn large_messages_reach_generated_processors() {
    large_messages(&serve(processor()));
}

#[test]
fn large_messages_reach_apache_processors() {
    large_messages(&serve(apache_service()));
}

#[test]
fn code_as_apache_generates_it_needs_no_change() {
    let theirs = ApacheService::new("Calculator", ByHandProcessor::default(), &["add", "noted"]).oneway("note");
    for server in [serve(theirs), serve(processor())] {
        let (read, write) = connect(&server).split().unwrap();
        let input = TBinaryInputProtocol::new(TBufferedReadTransport::new(read), true);
        let output = TBinaryOutputProtocol::new(TBufferedWriteTransport::new(write), true);
        let mut client = ByHandClient::new(input, output);
        assert_eq!(client.add(40, 2).unwrap(), 42);
        client.note(5).unwrap();
        assert_eq!(client.noted().unwrap(), 5);
    }
}

#[test]
fn many_calls_follow_one_another() {
    let server = serve(apache_service());
    let mut client = Stack::Compact.client(connect(&server));
    for i in 0..2000 {
        assert_eq!(client.add(i, 1).unwrap(), i + 1);
        if i % 10 == 0 {
            client.note(1).unwrap();
        }
    }
    assert_eq!(client.noted().unwrap(), 200);
}

/// A service that inherits from none, called by another name than its own.
fn multiplexed(server: &Server, service: &str) -> i32 {
    let (read, write) = channel().connect(&server.url(), "Unused").unwrap().split().unwrap();
    let input = TCompactInputProtocol::new(TBufferedReadTransport::new(read));
    let output = TCompactOutputProtocol::new(TBufferedWriteTransport::new(write));
    let mut client = ByHandClient::new(input, TMultiplexedOutputProtocol::new(service, output));
    client.note(1).unwrap();
    assert_eq!(client.add(1, 1).unwrap(), 2);
    client.noted().unwrap()
}

#[test]
fn multiplexed_names_are_routed() {
    let mut both = TMultiplexedProcessor::new();
    both.register("Calculator", Box::new(processor()), false).unwrap();
    both.register("Other", Box::new(processor()), false).unwrap();
    let both = Arc::new(both);
    let calculator = ApacheService::multiplexed("Calculator", Arc::clone(&both), &METHODS).oneway("note");
    let other = ApacheService::multiplexed("Other", both, &METHODS).oneway("note");
    let server = server().service(calculator).service(other).start().unwrap();
    assert_eq!(multiplexed(&server, "Calculator"), 1);
    assert_eq!(multiplexed(&server, "Calculator"), 2);
    assert_eq!(multiplexed(&server, "Other"), 1);

    assert_eq!(multiplexed(&serve(processor()), "Calculator"), 1);
}

#[test]
fn keys_seal_what_passes() {
    let key = || Key::from_bytes([7; 32]);
    let server = server().key(key()).service(apache_service()).start().unwrap();
    let channel = channel().key(key()).connect(&server.url(), "Calculator").unwrap();
    assert_eq!(Stack::Binary.client(channel).add(1, 2).unwrap(), 3);
}

#[test]
fn many_channels_share_one_socket() {
    let server = serve(processor());
    let shared = Channel::connect(&server.url()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let channel = UdpChannel::builder().over(shared.clone(), "Calculator");
            scope.spawn(move || {
                let mut client = Stack::Binary.client(channel);
                (0..200).for_each(|i| assert_eq!(client.add(i, i).unwrap(), 2 * i));
            });
        }
    });
    assert_eq!(server.usage().callee_sessions, 1);
}

/// A oneway call has ended for its caller once it has reached the server; it must run all the same.
#[test]
fn oneway_calls_that_wait_for_a_worker_run() {
    let server = Server::builder().listen("udp://[::1]:0").workers(1).service(processor()).start().unwrap();
    let mut client = Stack::Compact.client(connect(&server));
    for i in 0..2000 {
        client.note(1).unwrap();
        assert_eq!(client.add(i, 1).unwrap(), i + 1);
    }
    assert_eq!(client.noted().unwrap(), 2000);
}
