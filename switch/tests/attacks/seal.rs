//! Sealing by hand, as `docs/protocol.md`, section 11, and `docs/memory.md`, section 14, write it down.

use bifrost_rpc::wire::{Flags, Header};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use sha2::Sha256;
use std::net::Ipv6Addr;

pub(crate) type Secret = [u8; 32];

fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Secret {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut out).unwrap();
    out
}

/// The key of one life of a node at memory servers.
pub(crate) fn of_life(rack: &Secret, node: Ipv6Addr, incarnation: u32) -> Secret {
    let root = derive(rack, b"", b"bifrost v1 memory");
    derive(&root, b"", &[b"bifrost v1 life ", &node.octets()[..], &incarnation.to_be_bytes()].concat())
}

/// The key of one life's calls.
pub(crate) fn of_calls(rack: &Secret, node: Ipv6Addr, incarnation: u32) -> Secret {
    let root = derive(rack, b"", b"bifrost v1 calls");
    derive(&root, b"", &[b"bifrost v1 life ", &node.octets()[..], &incarnation.to_be_bytes()].concat())
}

/// The key of what Gatekeeper says in the sessions of one life of a node.
pub(crate) fn from_control(rack: &Secret, name: &str, node: Ipv6Addr, incarnation: u32) -> Secret {
    let own = derive(rack, b"", &[b"bifrost v1 node ", name.as_bytes()].concat());
    let life = [b"bifrost v1 sessions ", &node.octets()[..], &incarnation.to_be_bytes()].concat();
    derive(&derive(&own, b"", &life), b"", b"bifrost v1 from control")
}

/// A packet as Gatekeeper says it in a session.
pub(crate) fn say(key: &Secret, header: Header, body: &[u8]) -> Vec<u8> {
    let header = Header { flags: header.flags.with(Flags::FROM_CONTROL), ..header };
    let head = sealed_header(header, 24 + body.len() + 16).to_bytes();
    let nonce = [header.packet.to_be_bytes()[7]; 24];
    let sealed = XChaCha20Poly1305::new(&(*key).into()).encrypt(&nonce.into(), Payload { msg: body, aad: &head });
    [&head[..], &nonce, &sealed.unwrap()].concat()
}

/// The keys of a session: to the callee, to the caller.
pub(crate) fn of_session(secret: &Secret, caller: &[u8; 32], callee: &[u8; 32]) -> [Secret; 2] {
    let salt = [&caller[..], callee].concat();
    [&b"bifrost v1 to callee"[..], b"bifrost v1 to caller"].map(|info| derive(secret, &salt, info))
}

fn sealed_header(header: Header, body_len: usize) -> Header {
    Header { flags: header.flags.with(Flags::SEALED), body_len: u16::try_from(body_len).unwrap(), ..header }
}

/// An OPEN.
pub(crate) fn seal_open(secret: &Secret, nonce: [u8; 24], header: Header, body: &[u8]) -> Vec<u8> {
    let head = sealed_header(header, 24 + body.len() + 16).to_bytes();
    let cipher = XChaCha20Poly1305::new(&derive(secret, b"", b"bifrost v1 open").into());
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: body, aad: &head }).unwrap();
    [&head[..], &nonce, &sealed].concat()
}

/// What the body of an OPEN or OPENED says.
pub(crate) fn open_opened(secret: &Secret, header: &Header, body: &[u8]) -> Vec<u8> {
    let (nonce, sealed) = body.split_first_chunk::<24>().unwrap();
    let cipher = XChaCha20Poly1305::new(&derive(secret, b"", b"bifrost v1 open").into());
    cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &header.to_bytes() }).unwrap()
}

fn packet_nonce(packet: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&packet.to_be_bytes());
    nonce
}

/// A packet of a session.
pub(crate) fn seal(key: &Secret, header: Header, body: &[u8]) -> Vec<u8> {
    let head = sealed_header(header, body.len() + 16).to_bytes();
    let cipher = ChaCha20Poly1305::new(&(*key).into());
    let sealed = cipher.encrypt(&packet_nonce(header.packet).into(), Payload { msg: body, aad: &head }).unwrap();
    [&head[..], &sealed].concat()
}

/// The body of one.
pub(crate) fn open(key: &Secret, header: &Header, body: &[u8]) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(&(*key).into());
    cipher.decrypt(&packet_nonce(header.packet).into(), Payload { msg: body, aad: &header.to_bytes() }).unwrap()
}
