//! Servers: bounds, time-outs, draining, and clients that send what they should not.

use crate::calculator::{CalculatorSyncProcessor, TCalculatorSyncClient};
use crate::{DEADLINE, Place, client, handler, serve, server};
use bifrost_rpc::protocol::Limits;
use bifrost_rpc::thrift;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// `add(1, 2)` in the binary protocol.
const ADD: &[u8] = b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x07\x08\0\x01\0\0\0\x01\x08\0\x02\0\0\0\x02\0";
/// What it is answered.
const SUM: &[u8] = b"\x80\x01\0\x02\0\0\0\x03add\0\0\0\x07\x08\0\0\0\0\0\x03\0";

fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn connect(server: &bifrost_rpc::Server) -> TcpStream {
    let stream = TcpStream::connect(server.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// All that comes until the server closes.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        // What it did not read makes the system reset the connection.
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => all,
    }
}

#[test]
fn messages_may_come_in_any_pieces() {
    for (style, message, answer) in
        [("?transport=framed", framed(ADD), framed(SUM)), ("?transport=buffered", ADD.to_vec(), SUM.to_vec())]
    {
        let server = serve(&format!("tcp://127.0.0.1:0{style}"));
        let mut stream = connect(&server);
        let mut found = vec![0; 2 * answer.len()];
        for byte in [&message[..], &message].concat() {
            stream.write_all(&[byte]).unwrap();
        }
        stream.read_exact(&mut found).unwrap();
        assert_eq!(found, [&answer[..], &answer].concat());
    }
}

#[test]
fn garbage_closes_the_connection() {
    let cases: [(&str, &[u8]); 6] = [
        ("framed", b"GET / HTTP/1.1\r\n\r\n"),
        ("framed", b"\0\0\0\0"),
        ("framed", b"\0\0\0\x04what"),
        ("buffered", b"GET / HTTP/1.1\r\n\r\n"),
        ("buffered", b"\x80\x01\0\x01\xff\xff\xff\xff"),
        ("buffered", b"\x82\x21\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    ];
    for (transport, garbage) in cases {
        let server = serve(&format!("tcp://127.0.0.1:0?transport={transport}"));
        let mut stream = connect(&server);
        stream.write_all(garbage).unwrap();
        assert_eq!(rest(&mut stream), b"", "{transport} {garbage:?}");
        assert_eq!(client(&server.url()).add(1, 2).unwrap(), 3);
    }
}

#[test]
fn a_message_whose_header_is_good_is_answered_before_the_connection_closes() {
    let bad_field = [&ADD[..15], b"\x63\0\x01\0"].concat();
    let too_long = [&100_000_000_u32.to_be_bytes(), ADD].concat();
    let cases: [(&str, &[u8]); 4] = [
        ("transport=buffered", &bad_field),
        ("transport=framed", &too_long),
        ("transport=framed&protocol=compact", &framed(ADD)),
        // A string that is announced to be longer than messages may be.
        ("transport=buffered", &[&ADD[..15], b"\x0b\0\x01\x7f\0\0\0"].concat()),
    ];
    for (style, message) in cases {
        let server = serve(&format!("tcp://127.0.0.1:0?{style}"));
        let mut stream = connect(&server);
        stream.write_all(message).unwrap();
        let answer = rest(&mut stream);
        let answer = if style.contains("framed") { &answer[4..] } else { &answer };
        assert!(answer.starts_with(b"\x80\x01\0\x03\0\0\0\x03add\0\0\0\x07"), "{style}: {answer:?}");
        // TApplicationException.type = PROTOCOL_ERROR.
        assert!(answer.ends_with(b"\x08\0\x02\0\0\0\x07\0"), "{style}: {answer:?}");
    }
}

#[test]
fn a_bad_call_in_a_frame_is_answered_and_the_connection_goes_on() {
    let server = serve("tcp://127.0.0.1:0");
    let mut stream = connect(&server);
    stream.write_all(&framed(&[&ADD[..15], b"\x63\0\x01\0"].concat())).unwrap();
    stream.write_all(&framed(ADD)).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(rest(&mut stream).ends_with(&framed(SUM)));
}

#[test]
fn a_oneway_call_is_never_answered() {
    let server = serve("tcp://127.0.0.1:0?transport=buffered");
    let mut stream = connect(&server);
    let note = |kind: u8, field: &[u8]| [b"\x80\x01\0", &[kind][..], b"\0\0\0\x04note\0\0\0\x07", field].concat();
    // As it should be; as a CALL; without its argument; a method that there is not.
    stream.write_all(&note(4, b"\x08\0\x01\0\0\0\x05\0")).unwrap();
    stream.write_all(&note(1, b"\x08\0\x01\0\0\0\x05\0")).unwrap();
    stream.write_all(&note(4, b"\0")).unwrap();
    stream.write_all(b"\x80\x01\0\x04\0\0\0\x04nope\0\0\0\x07\x08\0\x01\0\0\0\x05\0").unwrap();
    stream.write_all(ADD).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), SUM);
    assert_eq!(client(&server.url()).noted().unwrap(), 10);
}

#[test]
fn a_connection_that_trickles_is_closed_in_time() {
    let server = server("tcp://127.0.0.1:0").service(crate::processor()).idle_timeout(Duration::from_millis(200));
    let server = server.start().unwrap();
    let mut stream = connect(&server);
    let trickle = std::thread::spawn({
        let mut stream = stream.try_clone().unwrap();
        move || {
            let mut bytes = std::iter::once(&0).chain(framed(&[0; 90]).leak().iter()).copied();
            bytes.all(|byte| {
                std::thread::park_timeout(Duration::from_millis(20));
                stream.write_all(&[byte]).is_ok()
            })
        }
    });
    assert_eq!(rest(&mut stream), b"");
    drop(stream);
    assert!(!trickle.join().unwrap());
}

#[test]
fn connections_beyond_the_bound_wait() {
    let server = server("tcp://127.0.0.1:0").service(crate::processor()).connections_max(1).start().unwrap();
    let first = connect(&server);
    let late = [client(&server.url()).start_add(1, 2).unwrap()];
    assert_eq!(bifrost_rpc::wait_any(&late, Duration::from_millis(200)).unwrap(), None);
    assert_eq!(server.connections(), 1);
    drop(first);
    let [late] = late;
    assert_eq!(late.wait().unwrap(), 3);
}

#[test]
fn shutting_down_lets_running_calls_finish() {
    let place = Place::new();
    for url in ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0?transport=buffered", &place.url()] {
        let handler = handler();
        let server = server(url).service(CalculatorSyncProcessor::new(handler)).start().unwrap();
        let mut client = client(&server.url());
        let url = server.url();
        // Its connection is accepted, so that the next call has arrived when it is sent.
        assert_eq!(client.add(1, 1).unwrap(), 2);
        let call = client.start_repeat(String::new(), 2).unwrap();
        // An idle connection and one with half a message keep nobody.
        let mut idle = crate::client(&url);
        assert_eq!(idle.add(1, 1).unwrap(), 2);
        let ending = std::thread::spawn(move || server.shutdown(DEADLINE));
        // From when it drains, nobody is served any more.
        assert!((0..1000).any(|_| {
            std::thread::park_timeout(Duration::from_millis(5));
            idle.add(1, 1).is_err()
        }));
        handler.open_gate();
        assert_eq!(call.wait().unwrap(), ["", ""]);
        assert_eq!(ending.join().unwrap(), 0);
    }
}

#[test]
fn a_call_that_has_arrived_when_the_server_drains_is_answered() {
    for _ in 0..100 {
        let server = server("tcp://127.0.0.1:0").service(crate::processor()).start().unwrap();
        let mut client = client(&server.url());
        // Its connection is accepted, so that the next call has arrived when it is sent.
        assert_eq!(client.add(1, 1).unwrap(), 2);
        let call = client.start_add(1, 2).unwrap();
        assert_eq!(server.shutdown(DEADLINE), 0);
        assert_eq!(call.wait().unwrap(), 3);
    }
}

#[test]
fn calls_that_do_not_finish_are_counted() {
    let handler = handler();
    let server = server("tcp://127.0.0.1:0").service(CalculatorSyncProcessor::new(handler)).start().unwrap();
    let mut client = client(&server.url());
    let call = client.start_repeat(String::new(), 2).unwrap();
    let mut other = client.clone().with_deadline(Duration::from_millis(50));
    assert!(other.add(1, 2).is_err(), "it waits behind the first on the same connection");
    assert_eq!(server.shutdown(Duration::from_millis(50)), 1);
    handler.open_gate();
    drop(call);
}

#[test]
fn an_answer_that_nobody_takes_ends_its_connection() {
    let server = server("tcp://127.0.0.1:0").service(crate::processor()).write_timeout(Duration::from_millis(200));
    let server = server.start().unwrap();
    let mut stream = connect(&server);
    let data = vec![7; 12 << 20];
    let head =
        [b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x07\x0b\0\x01", &u32::try_from(data.len()).unwrap().to_be_bytes()[..]];
    stream.write_all(&framed(&[&head.concat()[..], &data, b"\0"].concat())).unwrap();
    assert!((0..500).any(|_| {
        std::thread::park_timeout(Duration::from_millis(20));
        server.connections() == 0
    }));
}

#[test]
fn memory_is_bounded_for_all_connections_together() {
    let server = server("tcp://127.0.0.1:0").service(crate::processor()).memory_bytes_max(200_000);
    let server = server.limits(Limits::DEFAULT).start().unwrap();
    assert_eq!(client(&server.url()).echo(vec![1; 50_000]).unwrap().len(), 50_000);
    match client(&server.url()).echo(vec![1; 500_000]) {
        Err(thrift::Error::Application(error)) => {
            assert_eq!(error.kind, thrift::ApplicationErrorKind::ProtocolError, "{error:?}");
        }
        // The server may have closed before its refusal was read.
        Err(thrift::Error::User(_)) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(client(&server.url()).echo(vec![1; 50_000]).unwrap().len(), 50_000);
}
