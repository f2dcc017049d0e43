//! Datagrams that came through a switch: it has looked at the first packet of each, so that each must be one.

use crate::wire::{HEADER_BYTES, IDENTIFIER, VERSION};

/// Where the length of the body stands in a header.
const BODY_LEN_AT: usize = 102;

/// Whether a datagram is one packet, and nothing but that, or of a version that is not spoken here. Behind a packet, or in pieces that are put
/// together with others where datagrams are joined, one could come that the switch has not seen.
pub(super) fn is_one_packet(payload: &[u8]) -> bool {
    const IDENTIFIER_BYTES: [u8; 2] = IDENTIFIER.to_be_bytes();
    let Some(rest) = payload.strip_prefix(&IDENTIFIER_BYTES) else { return false };
    let body =
        payload.get(BODY_LEN_AT..BODY_LEN_AT + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes);
    match rest.first() {
        Some(&VERSION) => body.is_some_and(|body| payload.len() == HEADER_BYTES + usize::from(body)),
        other => other.is_some(),
    }
}

/// Of datagrams that stand one after the other, each of `segment_bytes` but the last, keeps those that are one packet each, at
/// the beginning of the buffer. Returns their bytes, and how many were not kept.
pub(super) fn keep_single(buffer: &mut [u8], segment_bytes: usize) -> (usize, u64) {
    let (mut kept, mut odd) = (0, 0);
    if buffer.is_empty() {
        return (0, 1);
    }
    for start in (0..buffer.len()).step_by(segment_bytes.max(1)) {
        let end = buffer.len().min(start + segment_bytes.max(1));
        if !is_one_packet(&buffer[start..end]) {
            odd += 1;
            continue;
        }
        if kept != start {
            buffer.copy_within(start..end, kept);
        }
        kept += end - start;
    }
    (kept, odd)
}

#[cfg(test)]
mod tests;
