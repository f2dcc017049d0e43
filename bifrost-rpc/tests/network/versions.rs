//! Peers that speak another version of the protocol.

use crate::support::{Client, Probe, Watchdog, call_error};
use bifrost_rpc::wire::{Flags, Header, MethodField, OpenBody, PacketType, Refusal, RefusedBody, VERSION};
use bifrost_rpc::{CallError, Server};
use std::net::UdpSocket;
use std::time::Duration;

/// A client of the next version gets to know which version the server speaks.
#[test]
fn a_server_tells_clients_of_another_version() {
    let _watchdog = Watchdog::of("other client", 60);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap();
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    socket.connect(server.addresses()[0]).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body =
        OpenBody { previous: 0, random: [1; 32], datagram_bytes: 1232, message_bytes_max: 1 << 20, token: Vec::new() };
    let body = body.to_bytes();
    let mut header = Header::new(PacketType::Open);
    header.flags = Flags::FIRST.with(Flags::TO_CALLEE);
    header.method = MethodField::new("Probe", "add");
    (header.client, header.rpc) = (1, 77);
    header.body_len = u16::try_from(body.len()).unwrap();
    let mut datagram = [&header.to_bytes()[..], &body].concat();
    datagram[2] = VERSION + 1;
    socket.send(&datagram).unwrap();
    let mut buffer = [0; 2048];
    let len = socket.recv(&mut buffer).unwrap();
    let answer = Header::parse(&buffer[..len]).unwrap();
    assert_eq!((answer.kind, answer.rpc), (PacketType::Refused, 77));
    assert!(len <= datagram.len(), "an answer to a stranger is no longer than the question");
    let refused = RefusedBody::parse(&buffer[128..len]).unwrap();
    assert_eq!(refused.refusal, Refusal::WrongVersion { speaks: VERSION });
    assert_eq!((server.stats().malformed, server.stats().refusals), (1, 1));
}

/// A server of the next version is named as such, not as absent.
#[test]
fn a_client_tells_of_a_server_of_another_version() {
    let _watchdog = Watchdog::of("other server", 60);
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let url = format!("udp://{}", socket.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            buffer[2] = VERSION + 1;
            buffer[3] = PacketType::Refused as u8;
            socket.send_to(&buffer[..len], from).unwrap();
        }
    });
    let error = call_error(&Client::connect(&url).add(1));
    assert_eq!(error, CallError::Refused(Refusal::WrongVersion { speaks: VERSION + 1 }));
    assert!(!error.may_have_run());
    server.join().unwrap();
}
