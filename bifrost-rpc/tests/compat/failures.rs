//! Calls that fail, and what is no call.

use crate::calculator::TCalculatorSyncClient;
use crate::{Stack, channel, connect, processor, serve};
use bifrost_rpc::compat::{ApacheService, UdpChannel};
use bifrost_rpc::{CallError, Server, thrift};
use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::time::Duration;
use thrift::transport::TIoChannel;
use thrift::{ApplicationErrorKind, TransportErrorKind};

/// `add(1, 2)` in the binary protocol.
const ADD: &[u8] = b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x07\x08\0\x01\0\0\0\x01\x08\0\x02\0\0\0\x02\0";
/// What `add(1, 2)` is answered.
const SUM: &[u8] = b"\x80\x01\0\x02\0\0\0\x03add\0\0\0\x07\x08\0\0\0\0\0\x03\0";

fn transport_kind<T: std::fmt::Debug>(result: thrift::Result<T>) -> TransportErrorKind {
    match result {
        Err(thrift::Error::Transport(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

fn read_all(channel: &mut UdpChannel, len: usize) -> Vec<u8> {
    let mut read = vec![0; len];
    channel.read_exact(&mut read).unwrap();
    read
}

#[test]
fn an_absent_server_is_a_deadline_and_the_channel_goes_on() {
    // Bound and never read: packets vanish.
    let silent = UdpSocket::bind("[::1]:0").unwrap();
    let url = format!("udp://{}", silent.local_addr().unwrap());
    let channel = UdpChannel::builder().deadline(Duration::from_millis(100)).connect(&url, "Calculator").unwrap();
    let mut client = Stack::Binary.client(channel);
    for _ in 0..2 {
        assert_eq!(transport_kind(client.add(1, 2)), TransportErrorKind::TimedOut);
    }
}

#[test]
fn a_server_that_never_answers_is_not_open() {
    let silent = UdpSocket::bind("[::1]:0").unwrap();
    let url = format!("udp://{}", silent.local_addr().unwrap());
    let builder = UdpChannel::builder().peer_timeout(Duration::from_millis(200));
    let mut channel = builder.connect(&url, "Calculator").unwrap();
    channel.write_all(ADD).unwrap();
    channel.flush().unwrap();
    let error = channel.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    let source = error.get_ref().and_then(|source| source.downcast_ref::<CallError>());
    assert!(matches!(source, Some(CallError::Unreachable { .. })), "{error}");
}

/// Apache's buffered transport writes again what it holds when a flush fails; a call must not be made again so.
#[test]
fn a_call_that_failed_is_not_written_again() {
    let silent = UdpSocket::bind("[::1]:0").unwrap();
    let url = format!("udp://{}", silent.local_addr().unwrap());
    let shared = bifrost_rpc::Channel::connect(&url).unwrap();
    let impatient = UdpChannel::builder().deadline(Duration::from_millis(100)).over(shared, "Calculator");
    let mut client = Stack::Binary.client(impatient);
    assert_eq!(transport_kind(client.add(1, 2)), TransportErrorKind::TimedOut);
    drop(silent);
    let _server = Server::builder().listen(&url).service(processor()).start().unwrap();
    // The answer to the first call, were it made again, would come first.
    let sum = (0..50).find_map(|_| match client.add(3, 4) {
        Err(thrift::Error::Transport(error)) if error.kind == TransportErrorKind::TimedOut => None,
        other => Some(other.unwrap()),
    });
    assert_eq!(sum, Some(7));
}

#[test]
fn an_unknown_method_is_answered_as_over_tcp() {
    let server = serve(ApacheService::new("Calculator", processor(), &["noted"]));
    for stack in Stack::ALL {
        let mut client = stack.client(connect(&server));
        match client.add(1, 2) {
            Err(thrift::Error::Application(error)) => assert_eq!(error.kind, ApplicationErrorKind::UnknownMethod),
            other => panic!("{stack:?}: {other:?}"),
        }
        assert_eq!(client.noted().unwrap(), 0, "{stack:?}");
    }
}

#[test]
fn garbage_breaks_the_channel_off() {
    let server = serve(processor());
    let cases: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\n",
        b"[2,\"add\",1,0,{}]",
        b"{\"add\":1}",
        b"\xff\xff\xff\xff\xff",
        // A frame that is longer than what is in it, and one that is shorter.
        &[b"\0\0\0\x30", ADD, &[0; 18]].concat(),
        &[b"\0\0\0\x08", ADD].concat(),
        b"\0\0\0\0\0\0\0\0",
        // A field of no type; an answer instead of a call.
        b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x07\x63\0\x01\0",
        SUM,
    ];
    for garbage in cases {
        let mut channel = connect(&server);
        channel.write_all(garbage).unwrap();
        let error = channel.flush().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput), "{error}");
        assert_eq!(channel.write(ADD).unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(channel.flush().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(channel.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn answers_before_the_garbage_are_read() {
    let server = serve(processor());
    let mut channel = connect(&server);
    channel.write_all(&[ADD, b"garbage"].concat()).unwrap();
    assert_eq!(channel.flush().unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(read_all(&mut channel, SUM.len()), SUM);
    assert_eq!(channel.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn half_a_message_waits_for_its_rest() {
    let server = serve(processor());
    let mut channel = connect(&server);
    for end in 1..ADD.len() {
        channel.write_all(&ADD[end - 1..end]).unwrap();
        channel.flush().unwrap();
    }
    assert_eq!(channel.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(server.stats().packets_in, 0);
    channel.write_all(&ADD[ADD.len() - 1..]).unwrap();
    channel.flush().unwrap();
    assert_eq!(read_all(&mut channel, SUM.len()), SUM);
}

#[test]
fn what_is_written_is_bounded() {
    let server = serve(processor());
    let mut channel = channel().message_bytes_max(1000).connect(&server.url(), "Calculator").unwrap();
    channel.write_all(ADD).unwrap();
    channel.flush().unwrap();
    assert_eq!(channel.write(&[0; 2000]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(channel.flush().unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(read_all(&mut channel, SUM.len()), SUM);
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let server = serve(processor());
    let mut channel = channel().message_bytes_max(1000).connect(&server.url(), "Calculator").unwrap();
    let sent = (0..1000).take_while(|_| channel.write_all(ADD).and_then(|()| channel.flush()).is_ok()).count();
    assert!((5..100).contains(&sent), "{sent}");
    for _ in 0..sent {
        assert_eq!(read_all(&mut channel, SUM.len()), SUM);
    }
}

#[test]
fn an_answer_over_the_limit_is_an_error_of_its_call() {
    let server = serve(processor());
    let channel = channel().message_bytes_max(10_000).connect(&server.url(), "Calculator").unwrap();
    let mut client = Stack::Binary.client(channel);
    assert_eq!(transport_kind(client.repeat("ten bytes.".into(), 5000)), TransportErrorKind::Unknown);
    assert_eq!(client.add(1, 2).unwrap(), 3);
}

#[test]
fn a_read_before_a_call_ends() {
    let server = serve(processor());
    assert_eq!(connect(&server).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(connect(&server).read(&mut []).unwrap(), 0);

    let builder = UdpChannel::builder().deadline(Duration::from_millis(50));
    let (mut read, write) = builder.connect(&server.url(), "Calculator").unwrap().split().unwrap();
    assert_eq!(read.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    drop(write);
    assert_eq!(read.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}
