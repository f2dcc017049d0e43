//! The test vectors of `docs/protocol.md` are what this endpoint sends.

use super::*;
use crate::control::{NodeKey, SessionControlSeal};
use crate::wire::{Pointer, RefusedBody};

/// The hexadecimal blocks of section 13, in order.
fn vectors() -> Vec<Vec<u8>> {
    let text = include_str!("../../../../docs/protocol.md");
    let section = text.split("## 13. Test vectors").nth(1).unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    blocks.map(|block| block.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()).collect()
}

/// Everything that crosses in a session with one ping, in order.
fn session(key: Option<Key>, pointers: Vec<Pointer>) -> Vec<Vec<u8>> {
    let references = !pointers.is_empty();
    let config = |instance| Config { instance, key: key.clone(), references, ..Config::default() };
    let mut client = Endpoint::new(config(1), [1; 32]);
    let mut server = Endpoint::new(config(0xAABB_CCDD), [2; 32]);
    let ping = MethodField::new("Ping", "ping");
    server.serve(ping, 0).unwrap();
    let mut now = Time::from_nanos(1_000_000_000);
    let request = Request {
        method: ping,
        service: service_hash("Ping"),
        oneway: false,
        idempotent: false,
        deadline: Some(Duration::from_secs(1)),
        references,
        message: message(b"\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x00\x00").with_pointers(pointers),
    };
    client.call(now, SERVER.parse().unwrap(), request).unwrap();
    let mut crossed = Vec::new();
    let mut out = Datagrams::new();
    for _ in 0..8 {
        while client.poll_transmit(now, 1, &mut out).is_some() {
            crossed.push(out.to_vec());
            server.handle(now, CLIENT.parse().unwrap(), &mut out.to_vec());
        }
        while let Some(event) = server.poll_event() {
            if let Event::Call { call, .. } = event {
                let answer = message(b"\x80\x01\x00\x02\x00\x00\x00\x04ping\x00\x00\x00\x00\x00");
                server.reply(now, call, AnswerKind::Reply, ping, answer).unwrap();
            }
        }
        while server.poll_transmit(now, 1, &mut out).is_some() {
            crossed.push(out.to_vec());
            client.handle(now, SERVER.parse().unwrap(), &mut out.to_vec());
        }
    }
    now = now.plus(Duration::from_millis(20));
    client.handle_timeout(now);
    while client.poll_transmit(now, 1, &mut out).is_some() {
        crossed.push(out.to_vec());
    }
    crossed
}

#[test]
fn the_sessions_of_the_protocol_text_are_what_crosses() {
    let vectors = vectors();
    let plain = session(None, Vec::new());
    // OPEN with a token, OPENED, CALL, REPLY, ACK: the second to the sixth block of the section.
    for (which, vector) in vectors.iter().enumerate().skip(1).take(5) {
        assert!(plain.contains(vector), "vector {which} is not sent:\n{vector:02x?}\namong\n{plain:02x?}");
    }
    let key: Vec<u8> = (0..32).collect();
    let sealed = session(Some(Key::from_bytes(key.try_into().unwrap())), Vec::new());
    let calls: Vec<&Vec<u8>> = vectors.iter().filter(|vector| vector.len() == 161 && vector[3] == 1).collect();
    assert!(!calls.is_empty(), "the section has a sealed CALL");
    calls.into_iter().for_each(|call| assert!(sealed.contains(call), "not sent: {call:02x?}"));
    let pointers = (1..=3).map(|object| Pointer::new(0xFD, 3, (0x6720_0000 << 32) + object)).collect();
    let leasing = vectors.iter().find(|vector| vector[3] == 1 && vector.get(7) == Some(&3)).unwrap();
    let sent = session(None, pointers);
    assert!(sent.contains(leasing), "not sent: {leasing:02x?}\namong\n{sent:02x?}");
}

#[test]
fn what_a_control_plane_says_is_sealed_as_the_protocol_text_has_it() {
    let rack = Key::from_bytes(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    let address = "fd00:b1f0:0:1::c1".parse().unwrap();
    let seal = SessionControlSeal::new(&NodeKey::new(&rack, "c1").in_sessions(address, 1));
    let vectors = vectors();
    let call = vectors.iter().find(|vector| vector.len() == 145 && vector[3] == 1).unwrap();
    let of = Header::parse(call).unwrap();
    let about = |kind| Header {
        client: of.client,
        rpc: of.rpc,
        instance: of.instance,
        session: of.session,
        ..Header::new(kind)
    };
    let nonce = |first: u8| std::array::from_fn(|at| first + u8::try_from(at).unwrap());
    let held = seal.to_datagram(about(PacketType::Held), &[], 2 << 32 | 1, nonce(0)).unwrap();
    assert!(vectors.contains(&held), "{held:02x?}");
    let header = Header { flags: Flags::LEASED, method: of.method, ..about(PacketType::Refused) };
    let body = RefusedBody { refusal: Refusal::NoRight, packet: 0 }.to_bytes();
    let refused = seal.to_datagram(header, &body, 2 << 32 | 2, nonce(1)).unwrap();
    assert!(vectors.contains(&refused), "{refused:02x?}");
}
