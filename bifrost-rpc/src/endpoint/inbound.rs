//! A message on its way in: fragments put in place as they come.

use crate::wire::{Header, POINTER_BYTES, Pointer};
use rangemap::RangeSet;

/// Separate ranges beyond the contiguous part at most; a fragment that would make more is dropped.
const RANGES_MAX: usize = 256;

/// What a fragment did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    /// It brought new bytes.
    Progress,
    /// It brought new bytes and left or found a gap.
    Gap,
    /// All its bytes were there.
    Duplicate,
    /// The message is whole.
    Complete,
    /// It does not fit the message.
    Bad,
}

/// A message being reassembled.
#[derive(Debug)]
pub(super) struct Inbound {
    /// Empty while it is lent.
    buffer: Vec<u8>,
    /// The number under which the buffer is lent.
    lent: Option<u64>,
    len: usize,
    /// Bytes from the start without a gap.
    contiguous: u32,
    /// What is there beyond.
    beyond: RangeSet<u32>,
    /// Bytes received since the last acknowledgement.
    pub(super) unacked: usize,
    /// Fragments received while there was a gap.
    pub(super) gap_fragments: u32,
    /// What each fragment says of the message's pointers.
    carries: (u8, [u8; POINTER_BYTES]),
    /// The pointers, once fragment 0 has come.
    pointers: Vec<Pointer>,
}

impl Inbound {
    /// A message of `buffer.len()` bytes, none of which is there; the buffer's content does not matter.
    pub(super) fn new(buffer: Vec<u8>) -> Self {
        Self {
            len: buffer.len(),
            buffer,
            lent: None,
            contiguous: 0,
            beyond: RangeSet::new(),
            unacked: 0,
            gap_fragments: 0,
            carries: Default::default(),
            pointers: Vec::new(),
        }
    }

    /// The same, of the message whose first fragment to come has this header.
    pub(super) fn of(header: &Header, buffer: Vec<u8>) -> Self {
        Self { carries: header.carries(), ..Self::new(buffer) }
    }

    /// Whether a fragment with this header says the same of the message's pointers as those before it.
    pub(super) fn carries_same(&self, header: &Header) -> bool {
        self.carries == header.carries()
    }

    /// Takes the pointers that came with a fragment: all of them with fragment 0, none with others.
    pub(super) fn take_pointers(&mut self, pointers: Vec<Pointer>) {
        if self.pointers.is_empty() {
            self.pointers = pointers;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_complete(&self) -> bool {
        self.contiguous as usize == self.len
    }

    /// Takes a fragment.
    pub(super) fn insert(&mut self, offset: u32, data: &[u8]) -> Inserted {
        let start = offset as usize;
        let Some(place) = start.checked_add(data.len()).and_then(|end| self.buffer.get_mut(start..end)) else {
            return Inserted::Bad;
        };
        if data.is_empty() {
            return Inserted::Bad;
        }
        #[expect(clippy::cast_possible_truncation, reason = "within the buffer, whose length is a u32")]
        let end = (start + data.len()) as u32;
        if end <= self.contiguous || self.beyond.gaps(&(offset..end)).next().is_none() {
            return Inserted::Duplicate;
        }
        if offset > self.contiguous && self.beyond.iter().take(RANGES_MAX).count() == RANGES_MAX {
            return Inserted::Duplicate;
        }
        place.copy_from_slice(data);
        self.arrived(offset, end)
    }

    /// Where the next bytes in order belong, when nothing lies beyond the contiguous part.
    pub(super) fn landing_start(&self) -> Option<usize> {
        (self.beyond.is_empty() && !self.is_complete() && !self.is_lent()).then_some(self.contiguous as usize)
    }

    /// Lends the buffer to a receive that puts the next bytes in place. Fragments inserted meanwhile are refused.
    pub(super) fn lend(&mut self, serial: u64) -> Vec<u8> {
        self.lent = Some(serial);
        std::mem::take(&mut self.buffer)
    }

    fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// Whether the buffer is lent under this number.
    pub(super) fn has_lent(&self, serial: u64) -> bool {
        self.lent == Some(serial)
    }

    /// Takes the buffer back.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
        self.lent = None;
    }

    /// `len` bytes were put behind the contiguous part.
    pub(super) fn landed(&mut self, len: usize) -> Inserted {
        let end = (self.contiguous as usize + len).min(self.len);
        #[expect(clippy::cast_possible_truncation, reason = "within the buffer, whose length is a u32")]
        let end = end as u32;
        self.arrived(self.contiguous, end)
    }

    /// Bytes from the start without a gap.
    pub(super) fn contiguous(&self) -> u32 {
        self.contiguous
    }

    fn arrived(&mut self, start: u32, end: u32) -> Inserted {
        self.unacked += (end - start) as usize;
        if start > self.contiguous {
            self.beyond.insert(start..end);
            self.gap_fragments += 1;
            return Inserted::Gap;
        }
        self.contiguous = end;
        while let Some(first) = self.beyond.first().filter(|first| first.start <= self.contiguous).cloned() {
            self.contiguous = self.contiguous.max(first.end);
            self.beyond.remove(first);
        }
        if self.is_complete() {
            Inserted::Complete
        } else if self.beyond.is_empty() {
            Inserted::Progress
        } else {
            self.gap_fragments += 1;
            Inserted::Gap
        }
    }

    /// The received ranges, for an acknowledgement.
    pub(super) fn ranges(&self, max: usize) -> Vec<(u32, u32)> {
        let head = (self.contiguous > 0).then_some((0, self.contiguous));
        head.into_iter().chain(self.beyond.iter().map(|range| (range.start, range.end))).take(max).collect()
    }

    /// The buffer, whole when the message is complete.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// The buffer and the pointers, whole when the message is complete.
    pub(super) fn into_parts(self) -> (Vec<u8>, Vec<Pointer>) {
        (self.buffer, self.pointers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn in_order_fragments_complete_the_message() {
        let mut inbound = Inbound::new(vec![0; 5]);
        assert_eq!(inbound.insert(0, b"ab"), Inserted::Progress);
        assert_eq!(inbound.insert(0, b"ab"), Inserted::Duplicate);
        assert_eq!(inbound.insert(3, b"de"), Inserted::Gap);
        assert_eq!(inbound.insert(2, b"c"), Inserted::Complete);
        assert_eq!(inbound.into_buffer(), b"abcde");
    }

    #[test]
    fn fragments_past_the_end_are_bad() {
        let mut inbound = Inbound::new(vec![0; 5]);
        assert_eq!(inbound.insert(4, b"ef"), Inserted::Bad);
        assert_eq!(inbound.insert(u32::MAX, b"ef"), Inserted::Bad);
        assert_eq!(inbound.insert(0, b""), Inserted::Bad);
    }

    #[test]
    fn bytes_can_land_in_place() {
        let mut inbound = Inbound::new(vec![0; 4]);
        assert_eq!(inbound.landing_start(), Some(0));
        let mut buffer = inbound.lend(7);
        assert!(inbound.has_lent(7) && !inbound.has_lent(8));
        assert_eq!(inbound.insert(0, b"ab"), Inserted::Bad, "the buffer is lent");
        assert_eq!(inbound.landing_start(), None);
        buffer[..2].copy_from_slice(b"ab");
        inbound.give_back(buffer);
        assert_eq!(inbound.landed(2), Inserted::Progress);
        assert_eq!(inbound.insert(3, b"d"), Inserted::Gap);
        assert_eq!(inbound.landing_start(), None, "something lies beyond");
        assert_eq!(inbound.insert(2, b"c"), Inserted::Complete);
        assert_eq!(inbound.into_buffer(), b"abcd");
    }

    proptest! {
        #[test]
        fn any_order_overlap_and_duplication_gives_the_message(
            message in prop::collection::vec(any::<u8>(), 1..400),
            cuts in prop::collection::vec((0usize..400, 1usize..90), 0..60),
        ) {
            let mut inbound = Inbound::new(vec![0xEE; message.len()]);
            let mut have = vec![false; message.len()];
            let all = cuts.into_iter().chain((0..message.len()).step_by(7).map(|at| (at, 7)));
            for (start, len) in all {
                let start = start % message.len();
                let end = (start + len).min(message.len());
                let before = have.iter().filter(|h| **h).count();
                have[start..end].fill(true);
                let after = have.iter().filter(|h| **h).count();
                let inserted = inbound.insert(u32::try_from(start).unwrap(), &message[start..end]);
                match inserted {
                    Inserted::Duplicate => prop_assert_eq!(before, after),
                    Inserted::Complete => prop_assert_eq!(after, message.len()),
                    Inserted::Progress | Inserted::Gap => prop_assert!(after > before && after < message.len()),
                    Inserted::Bad => prop_assert!(false, "refused a fragment that fits"),
                }
                let ranges: usize = inbound.ranges(1000).iter().map(|(s, e)| (e - s) as usize).sum();
                prop_assert_eq!(ranges, after);
                if inserted == Inserted::Complete { break; }
            }
            prop_assert!(inbound.is_complete());
            prop_assert_eq!(inbound.into_buffer(), message);
        }
    }
}
