//! Frames on their way out: a batch of datagrams as frames of one length, one after the other.

use crate::endpoint::Datagrams;
use crate::wire::frame::{FRAME_HEADERS_BYTES, FrameAddresses, Sum};
use std::io::IoSlice;

/// Writes the datagrams of a batch as frames, each behind what `before` makes of its length. All but the last have the same
/// number of bytes, which is returned. What was in `out` is replaced.
pub(super) fn write_frames<const BEFORE: usize>(
    addresses: &FrameAddresses,
    datagrams: &Datagrams,
    segment_bytes: usize,
    before: impl Fn(u16) -> [u8; BEFORE],
    out: &mut Vec<u8>,
) -> usize {
    out.clear();
    match datagrams.contiguous() {
        Some(bytes) => {
            for payload in bytes.chunks(segment_bytes.max(1)) {
                write_frame(addresses, payload.len(), &before, out, |out| out.extend_from_slice(payload));
            }
        }
        None => {
            let mut slices = Vec::new();
            datagrams.gather(&mut slices);
            let mut pieces = Pieces { slices: &slices, at: 0 };
            let mut left = datagrams.len();
            while left > 0 {
                let bytes = left.min(segment_bytes.max(1));
                write_frame(addresses, bytes, &before, out, |out| pieces.take(bytes, out));
                left -= bytes;
            }
        }
    }
    BEFORE + FRAME_HEADERS_BYTES + segment_bytes
}

fn write_frame<const BEFORE: usize>(
    addresses: &FrameAddresses,
    bytes: usize,
    before: &impl Fn(u16) -> [u8; BEFORE],
    out: &mut Vec<u8>,
    payload: impl FnOnce(&mut Vec<u8>),
) {
    let length = u16::try_from(FRAME_HEADERS_BYTES + bytes).unwrap_or(u16::MAX);
    out.extend_from_slice(&before(length));
    let start = out.len();
    out.resize(start + FRAME_HEADERS_BYTES, 0);
    payload(out);
    let mut sum = Sum::default();
    sum.add(&out[start + FRAME_HEADERS_BYTES..]);
    // No link's MTU allows more than a frame can have, and the endpoint keeps to that.
    let headers = addresses.headers(bytes, sum).unwrap_or([0; FRAME_HEADERS_BYTES]);
    out[start..start + FRAME_HEADERS_BYTES].copy_from_slice(&headers);
}

/// Slices that are read one after the other.
struct Pieces<'a> {
    slices: &'a [IoSlice<'a>],
    at: usize,
}

impl Pieces<'_> {
    fn take(&mut self, mut bytes: usize, out: &mut Vec<u8>) {
        while let Some((first, rest)) = self.slices.split_first() {
            let piece = &first[self.at..];
            let taken = piece.len().min(bytes);
            out.extend_from_slice(&piece[..taken]);
            bytes -= taken;
            self.at += taken;
            if taken == piece.len() {
                (self.slices, self.at) = (rest, 0);
            }
            if bytes == 0 {
                return;
            }
        }
    }
}
