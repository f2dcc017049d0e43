//! Datagrams on their way to a socket: a batch for one peer that one system call can send.

use super::seal::TAG_BYTES;
use crate::buffer::Message;
use crate::wire::{HEADER_BYTES, Pointer};
use bytes::Bytes;
use std::io::IoSlice;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::Range;

/// Bodies of more bytes than this are referred to in a batch, not copied: to gather a page takes longer than to copy it.
const COPIED_BYTES_MAX: usize = 4096;

/// What [`super::Endpoint::poll_transmit`] put into [`Datagrams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Where all of them go.
    pub to: SocketAddr,
    /// The address that all of them come from; `None` where the system may choose it.
    pub from: Option<Ipv6Addr>,
    /// Bytes of each datagram but the last, which may be shorter.
    pub segment_bytes: usize,
    /// How many they are.
    pub segments: usize,
}

/// A batch of datagrams: bytes of its own with shared blocks in between. Reusable.
#[derive(Debug, Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    /// Shared blocks, each with the position in `bytes` before which it stands.
    blocks: Vec<(usize, Bytes)>,
    len: usize,
    segments: usize,
    segment_bytes: usize,
    /// The pointer whose address all go to or come from, on links that route by it.
    route: Option<Pointer>,
}

impl Datagrams {
    /// An empty batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), blocks: Vec::new(), len: 0, segments: 0, segment_bytes: 0, route: None }
    }

    /// Bytes of all datagrams together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All bytes, where no block is shared: the case of all small datagrams.
    #[must_use]
    pub fn contiguous(&self) -> Option<&[u8]> {
        self.blocks.is_empty().then_some(&self.bytes)
    }

    /// The bytes in order, as slices to be gathered.
    pub fn gather<'a>(&'a self, out: &mut Vec<IoSlice<'a>>) {
        let mut from = 0;
        for (at, block) in &self.blocks {
            if *at > from {
                out.push(IoSlice::new(&self.bytes[from..*at]));
            }
            out.push(IoSlice::new(block));
            from = *at;
        }
        if from < self.bytes.len() {
            out.push(IoSlice::new(&self.bytes[from..]));
        }
    }

    /// All bytes in one vector, shared blocks copied.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut slices = Vec::new();
        self.gather(&mut slices);
        slices.iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.blocks.clear();
        (self.len, self.segments, self.segment_bytes, self.route) = (0, 0, 0, None);
    }

    /// Lets go of the blocks: once they are sent, nobody shall find that they are still shared.
    pub(crate) fn let_go(&mut self) {
        self.blocks.clear();
    }

    pub(super) fn transmit(&self, to: SocketAddr) -> Transmit {
        Transmit { to, from: None, segment_bytes: self.segment_bytes, segments: self.segments }
    }

    pub(super) fn route(&self) -> Option<Pointer> {
        self.route
    }

    /// Whether a datagram of `bytes` that goes to the address of `route` can join the batch: all but the last have one
    /// size, all one address, and the limits of a system call are kept. The first one decides.
    pub(super) fn takes(
        &mut self,
        bytes: usize,
        route: Option<Pointer>,
        (segments_max, bytes_max): (usize, usize),
    ) -> bool {
        if self.segments == 0 {
            self.route = route;
            return true;
        }
        self.route == route
            && (bytes <= self.segment_bytes
                && self.len == self.segments * self.segment_bytes
                && self.segments < segments_max
                && self.len + bytes <= bytes_max)
    }

    /// Starts a datagram with its header.
    pub(super) fn begin(&mut self, header: &[u8; HEADER_BYTES], body_len: usize) {
        let bytes = HEADER_BYTES + body_len;
        if self.segments == 0 {
            self.segment_bytes = bytes;
        }
        self.segments += 1;
        self.len += bytes;
        self.bytes.extend_from_slice(header);
    }

    pub(super) fn put(&mut self, body: &[u8]) {
        self.bytes.extend_from_slice(body);
    }

    /// Appends a range of a message, by reference where that pays.
    pub(super) fn put_message(&mut self, message: &Message, range: Range<u32>, copy: bool) {
        let (offset, len) = (range.start as usize, range.len());
        if copy || len <= COPIED_BYTES_MAX {
            message.pieces(offset, len, |piece| self.bytes.extend_from_slice(piece));
            return;
        }
        let (bytes, blocks) = (&mut self.bytes, &mut self.blocks);
        message.shared_pieces(offset, len, |piece| match piece {
            Ok(block) if block.len() > COPIED_BYTES_MAX => blocks.push((bytes.len(), block)),
            Ok(block) => bytes.extend_from_slice(&block),
            Err(piece) => bytes.extend_from_slice(piece),
        });
    }

    /// Seals the last `body` bytes in place, with the `head` bytes before them as associated data.
    pub(super) fn seal_tail(
        &mut self,
        head: usize,
        body: usize,
        seal: impl FnOnce(&[u8], &mut [u8]) -> Option<[u8; TAG_BYTES]>,
    ) {
        let start = self.bytes.len() - body;
        let (before, body) = self.bytes.split_at_mut(start);
        // An AEAD fails only beyond 256 GiB; a zero tag is refused by the receiver.
        let tag = seal(&before[before.len() - head..], body).unwrap_or_default();
        self.bytes.extend_from_slice(&tag);
    }
}
