//! The messages of a run: every byte of them follows from the call, so that a wrong one is noticed.

use super::rng::mix;
use crate::buffer::{Message, MessageBuffer};
use crate::wire::{POINTERS_MAX, Pointer};

/// Bytes of the shortest message.
pub(super) const PAYLOAD_BYTES_MIN: usize = 16;

/// The request of call `key`.
pub(super) fn request(key: u64, len: usize) -> Vec<u8> {
    filled(key, len, 0)
}

/// The answer to call `key`.
pub(super) fn answer(key: u64, len: usize) -> Vec<u8> {
    filled(key, len, 0x5555_5555_5555_5555)
}

/// The call that a message claims to belong to.
pub(super) fn key_of(message: &[u8]) -> Option<u64> {
    message.first_chunk().copied().map(u64::from_be_bytes)
}

fn filled(key: u64, len: usize, salt: u64) -> Vec<u8> {
    let len = len.max(PAYLOAD_BYTES_MIN);
    let mut out = Vec::with_capacity(len + 8);
    out.extend_from_slice(&key.to_be_bytes());
    let mut state = mix(key ^ salt);
    while out.len() < len {
        out.extend_from_slice(&state.to_be_bytes());
        state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23) ^ salt;
    }
    out.truncate(len);
    out
}

/// The pointers of call `key`: usually none, otherwise one, several, or as many as there may be.
pub(super) fn request_pointers(key: u64) -> Vec<Pointer> {
    pointers(mix(key))
}

/// The pointers of the answer to call `key`, if its caller [takes](takes_references) them.
pub(super) fn answer_pointers(key: u64) -> Vec<Pointer> {
    if takes_references(key) { pointers(mix(!key)) } else { Vec::new() }
}

/// Whether the caller of call `key` understands references in the answer.
pub(super) fn takes_references(key: u64) -> bool {
    !mix(key ^ 0xFF).is_multiple_of(4)
}

fn pointers(from: u64) -> Vec<Pointer> {
    let many = match from % 8 {
        0 => 1,
        1 => 2 + from / 8 % 6,
        2 => POINTERS_MAX as u64,
        _ => 0,
    };
    (0..many).map(|object| Pointer::new(0xFD, 1, mix(from.wrapping_add(object)))).collect()
}

/// `bytes` as a message to send; long ones in blocks, as generated code makes them.
pub(super) fn message(bytes: Vec<u8>, pointers: Vec<Pointer>) -> Message {
    let mut buffer = MessageBuffer::new();
    buffer.put_owned(bytes);
    buffer.finish().with_pointers(pointers)
}
