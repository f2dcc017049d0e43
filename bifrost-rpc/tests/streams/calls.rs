//! Calls that go well, and all the ways in which a handler fails, over every transport.

use crate::calculator::{CalculatorClient, DivisionByZero, TCalculatorSyncClient};
use crate::{APPLICATION, DEADLINE, PANIC, Place, UNDECLARED, channel, client, processor, serve, server, styles};
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::compat::ApacheService;
use bifrost_rpc::protocol::{Decode, MessageHeader, Reader, ThriftType, Writer};
use bifrost_rpc::service::{Answer, decode_answer, unknown_method};
use bifrost_rpc::{CallResult, Channel, Dispatch, Method, Server, thrift, wait_any};
use thrift::ApplicationErrorKind::{self, InternalError, InvalidTransform, ProtocolError, UnknownMethod};
use thrift::protocol::TType;

/// How a call ends that must fail.
#[derive(Debug, PartialEq)]
enum Failure {
    Declared(i32),
    Application(ApplicationErrorKind, String),
}

fn failure<T: std::fmt::Debug>(result: thrift::Result<T>) -> Failure {
    match result {
        Err(thrift::Error::User(error)) => Failure::Declared(error.downcast::<DivisionByZero>().unwrap().dividend),
        Err(thrift::Error::Application(error)) => Failure::Application(error.kind, error.message),
        other => panic!("{other:?}"),
    }
}

/// What every client of a calculator finds, whatever is between it and the handler.
pub(crate) fn every_kind_of_call(client: &mut impl TCalculatorSyncClient, name: &str) {
    assert_eq!(client.add(19, 23).unwrap(), 42, "{name}");
    let before = client.noted().unwrap();
    client.note(5).unwrap();
    client.note(-2).unwrap();
    assert_eq!(client.noted().unwrap(), before + 3, "{name}: a oneway call runs before the next, and is not answered");
    let data: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    assert!(client.echo(data.clone()).unwrap() == data, "{name}");
    assert_eq!(client.echo(vec![]).unwrap(), []);
    assert_eq!(client.repeat("x".into(), 3).unwrap(), ["x", "x", "x"]);
    assert_eq!(failure(client.divide(7, 0)), Failure::Declared(7), "{name}");
    assert_eq!(failure(client.divide(7, APPLICATION)), Failure::Application(InvalidTransform, "as it is".into()));
    let Failure::Application(kind, message) = failure(client.divide(7, UNDECLARED)) else { panic!("{name}") };
    assert_eq!(kind, InternalError, "{name}");
    assert!(message.contains("of the handler's own"), "{name}: {message}");
    assert_eq!(client.add(1, 2).unwrap(), 3, "{name}: the connection goes on");
}

fn panics_are_answered(client: &mut impl TCalculatorSyncClient, name: &str) {
    assert_eq!(failure(client.divide(7, PANIC)), Failure::Application(InternalError, "the handler panicked".into()));
    assert_eq!(client.add(1, 2).unwrap(), 3, "{name}");
}

/// Every way to a calculator that there is, by name.
fn ways() -> Vec<(String, CalculatorClient, Option<(Server, Place)>)> {
    let mut ways = Vec::new();
    let mut add = |name: String, url: &str, style: &str, place: Place| {
        let separator = if style.is_empty() { "" } else { "?" };
        let server = serve(&format!("{url}{separator}{style}"));
        let client = client(&format!("{}{separator}{style}", server.url().split('?').next().unwrap()));
        ways.push((name, client, Some((server, place))));
    };
    add("udp".into(), "udp://[::1]:0", "", Place::new());
    for style in styles() {
        add(format!("tcp {style}"), "tcp://127.0.0.1:0", &style, Place::new());
        let place = Place::new();
        add(format!("unix {style}"), &place.url(), &style, place);
    }
    ways.push(("in process".into(), CalculatorClient::new(Channel::in_process(processor())), None));
    ways
}

#[test]
fn every_way_brings_what_the_handler_says() {
    for (name, mut client, _serving) in ways() {
        every_kind_of_call(&mut client, &name);
        panics_are_answered(&mut client, &name);
    }
}

#[test]
fn calls_are_started_and_waited_for() {
    for (name, mut client, _serving) in ways() {
        let mut calls: Vec<_> = (0..50).map(|i| client.start_add(i, 1).unwrap()).collect();
        // Waited for in another order than started.
        let last = calls.pop().unwrap();
        assert_eq!(last.wait().unwrap(), 50, "{name}");
        let mut sums = Vec::new();
        while let Some(ended) = wait_any(&calls, DEADLINE).unwrap() {
            sums.push(calls.swap_remove(ended).wait().unwrap());
            if calls.is_empty() {
                break;
            }
        }
        sums.sort_unstable();
        assert_eq!(sums, (1..50).collect::<Vec<_>>(), "{name}");
        // One that is dropped stands in nobody's way.
        drop(client.start_add(1, 1).unwrap());
        assert_eq!(client.add(2, 2).unwrap(), 4, "{name}");
    }
}

/// A service by the calculator's name, without any of its methods. It has one, so that UDP has something to serve.
struct Other;

impl Dispatch for Other {
    const SERVICE: &'static str = "Calculator";
    const METHODS: &'static [Method] =
        &[Method { service: "Calculator", name: "other", oneway: false, short: false, idempotent: false }];

    fn dispatch<R: Reader, W: Writer>(
        &self,
        header: &MessageHeader,
        args: &mut R,
        out: &mut W,
    ) -> thrift::Result<Answer> {
        unknown_method(header, args, out)
    }
}

#[test]
fn unknown_methods_are_answered_and_the_connection_goes_on() {
    for url in ["udp://[::1]:0", "tcp://[::1]:0", "tcp://[::1]:0?transport=buffered"] {
        let server = server(url).service(Other).start().unwrap();
        let mut client = client(&server.url());
        for _ in 0..3 {
            let Failure::Application(kind, _) = failure(client.add(1, 2)) else { panic!("{url}") };
            assert_eq!(kind, UnknownMethod, "{url}");
        }
        client.note(1).unwrap();
        let Failure::Application(kind, _) = failure(client.echo(vec![0; 100_000])) else { panic!("{url}") };
        assert_eq!(kind, UnknownMethod, "{url}");
        if !url.starts_with("udp") {
            assert_eq!(server.connections(), 1);
        }
    }
    let mut in_process = CalculatorClient::new(Channel::in_process(Other));
    assert!(matches!(failure(in_process.add(1, 2)), Failure::Application(UnknownMethod, _)));
}

/// `divide` without its arguments, which are required.
const DIVIDE_NOTHING: &[u8] = b"\x80\x01\0\x01\0\0\0\x06divide\0\0\0\x07\0";

#[test]
fn missing_arguments_are_protocol_errors() {
    const DIVIDE: Method =
        Method { service: "Calculator", name: "divide", oneway: false, short: false, idempotent: false };
    for (name, channel) in [
        ("udp", channel().connect(&serve_leaked("udp://[::1]:0")).unwrap()),
        ("framed", channel().connect(&serve_leaked("tcp://[::1]:0")).unwrap()),
        ("buffered", channel().connect(&serve_leaked("tcp://[::1]:0?transport=buffered")).unwrap()),
        ("in process", Channel::in_process(processor())),
    ] {
        for _ in 0..2 {
            let mut message = MessageBuffer::new();
            message.put_slice(DIVIDE_NOTHING);
            let answer = channel.call_message(&DIVIDE, message).unwrap().unwrap();
            let error = decode_answer::<Never>(&DIVIDE, 7, &answer).unwrap_err();
            let Failure::Application(kind, _) = failure::<()>(Err(error)) else { panic!("{name}") };
            assert_eq!(kind, ProtocolError, "{name}");
        }
    }
}

/// Serves until the test program ends.
fn serve_leaked(url: &str) -> String {
    let server = serve(url);
    let url = server.url();
    std::mem::forget(server);
    url
}

/// The result of a call that never has one.
#[derive(Debug)]
struct Never;

impl ThriftType for Never {
    const TYPE: TType = TType::Struct;
}

impl Decode for Never {
    fn decode<R: Reader>(_: &mut R) -> thrift::Result<Self> {
        Ok(Self)
    }
}

impl CallResult for Never {
    type Value = ();
    fn into_value(self) -> thrift::Result<()> {
        Ok(())
    }
}

#[test]
fn threads_share_a_channel() {
    for url in ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0?transport=buffered&protocol=compact"] {
        let server = serve(url);
        let shared = client(&server.url());
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let mut client = shared.clone();
                scope.spawn(move || {
                    for i in 0..300 {
                        assert_eq!(client.add(i, thread).unwrap(), i + thread);
                    }
                    let data = vec![u8::try_from(thread).unwrap(); 200_000];
                    assert!(client.echo(data.clone()).unwrap() == data);
                });
            }
        });
        assert_eq!(server.connections(), 1);
    }
}

/// The server takes no more calls while nobody takes its answers; so answers must be taken while calls are written.
#[test]
fn many_large_calls_in_flight_do_not_block_one_another() {
    for style in ["transport=framed", "transport=buffered"] {
        let server = serve(&format!("tcp://127.0.0.1:0?{style}"));
        let mut client = client(&server.url());
        let data = vec![3; 2 << 20];
        let calls: Vec<_> = (0..16).map(|_| client.start_echo(data.clone()).unwrap()).collect();
        for call in calls {
            assert!(call.wait().unwrap() == data);
        }
    }
}

#[test]
fn several_services_share_an_address() {
    let second = || ApacheService::new("Second", processor(), &["noted"]);
    let build = |url: &str| server(url).service(processor()).service(second());
    let plain = |server: &Server| client(server.url().split('?').next().unwrap());

    let server = build("tcp://127.0.0.1:0").start().unwrap();
    assert!(server.url().ends_with("&multiplexed=true"), "{}", server.url());
    let mut multiplexed = client(&server.url());
    assert_eq!(multiplexed.add(1, 2).unwrap(), 3);
    multiplexed.note(5).unwrap();
    assert_eq!(multiplexed.noted().unwrap(), 5);
    assert_eq!(plain(&server).add(1, 2).unwrap(), 3, "only one of the services has it");
    let Failure::Application(kind, message) = failure(plain(&server).noted()) else { panic!() };
    assert_eq!(kind, UnknownMethod);
    assert!(message.contains("Service:noted"), "{message}");

    let default = build("tcp://127.0.0.1:0").default_service("Calculator").start().unwrap();
    assert_eq!(plain(&default).noted().unwrap(), 0);
    let strict = build("tcp://127.0.0.1:0?multiplexed=true").start().unwrap();
    assert!(matches!(failure(plain(&strict).add(1, 2)), Failure::Application(UnknownMethod, _)));
}
