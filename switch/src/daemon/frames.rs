//! Frames in one block of memory, which is used again.

use std::ops::Range;

/// Bytes left free before each frame, for what a port puts there.
pub(crate) const HEADROOM_BYTES: usize = 8;

/// Frames one after another. Whoever fills it bounds it.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where each frame ends. It begins, after its headroom, where the one before it ends.
    ends: Vec<usize>,
}

impl Frames {
    /// No frames.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new() }
    }

    /// Forgets the frames, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes that they take together, with what stands before each.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a frame.
    pub fn push(&mut self, frame: &[u8]) {
        self.push_parts(&[frame]);
    }

    /// Appends a frame that is in parts.
    pub(crate) fn push_parts(&mut self, parts: &[&[u8]]) {
        self.bytes.extend_from_slice(&[0; HEADROOM_BYTES]);
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.ends.push(self.bytes.len());
    }

    /// The frame at a place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        self.bytes.get(self.begin(index) + HEADROOM_BYTES..end)
    }

    /// The frames in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// Where the headroom of a frame begins; of the frame after the last, where that one ends.
    fn begin(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }

    /// Writes what stands before each frame; `headroom` makes it of the frame's length.
    pub(crate) fn fill_headroom(&mut self, headroom: impl Fn(usize) -> [u8; HEADROOM_BYTES]) {
        let mut begin = 0;
        for &end in &self.ends {
            if let Some((room, frame)) = self.bytes.get_mut(begin..end).and_then(|all| all.split_first_chunk_mut()) {
                *room = headroom(frame.len());
            }
            begin = end;
        }
    }

    /// The frames as stretches of one length, of which the last frame may be shorter, each with its headroom.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let size = |index: usize| self.begin(index + 1) - self.begin(index);
        let mut first = 0;
        std::iter::from_fn(move || {
            if first >= self.len() {
                return None;
            }
            let (begin, datagram_bytes) = (first, size(first));
            let mut end = first + 1;
            while end < self.len() && size(end) == datagram_bytes {
                end += 1;
            }
            if end < self.len() && size(end) < datagram_bytes {
                end += 1;
            }
            first = end;
            let bytes = self.bytes.get(self.begin(begin)..self.begin(end)).unwrap_or_default();
            Some(Run { frames: begin..end, bytes, datagram_bytes })
        })
    }

    /// Appends the first frames of others, at most so many and so many bytes; says how many.
    pub(crate) fn append(&mut self, from: &Self, frames_max: usize, bytes_max: usize) -> usize {
        let fits = from.ends.partition_point(|&end| end <= bytes_max).min(frames_max);
        let base = self.bytes.len();
        self.bytes.extend_from_slice(from.bytes.get(..from.begin(fits)).unwrap_or_default());
        self.ends.extend(from.ends.iter().take(fits).map(|end| base + end));
        fits
    }
}

/// Frames of one length that follow one another, and perhaps a shorter one, each with its headroom.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// Their places.
    pub(crate) frames: Range<usize>,
    /// They, with headroom.
    pub(crate) bytes: &'a [u8],
    /// Bytes of each but the last, with headroom.
    pub(crate) datagram_bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(of: &[Vec<u8>]) -> Frames {
        let mut frames = Frames::new();
        of.iter().for_each(|frame| frames.push(frame));
        frames
    }

    proptest! {
        #[test]
        fn runs_hold_all_frames_in_order(lengths in prop::collection::vec(prop_oneof![Just(3), Just(3), 0usize..6], 0..12)) {
            let all: Vec<Vec<u8>> = (1u8..).zip(&lengths).map(|(i, &length)| vec![i; length]).collect();
            let mut frames = frames(&all);
            frames.fill_headroom(|bytes| [u8::try_from(bytes).unwrap(); HEADROOM_BYTES]);
            let mut found = Vec::new();
            for run in frames.runs() {
                let pieces: Vec<_> = run.bytes.chunks(run.datagram_bytes).collect();
                prop_assert_eq!(pieces.len(), run.frames.len());
                for (piece, index) in pieces.iter().zip(run.frames) {
                    let (room, frame) = piece.split_at(HEADROOM_BYTES);
                    prop_assert!(room.iter().all(|&byte| usize::from(byte) == frame.len()));
                    prop_assert_eq!(frame, &all[index]);
                    found.push(index);
                }
            }
            prop_assert_eq!(found, (0..all.len()).collect::<Vec<_>>());
        }

        #[test]
        fn frames_come_out_as_they_went_in(
            first in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            second in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            frames_max in 0usize..10,
            bytes_max in 0usize..400,
        ) {
            let (mut into, from) = (frames(&first), frames(&second));
            let taken = into.append(&from, frames_max, bytes_max);
            let all: Vec<_> = first.iter().chain(&second[..taken]).map(Vec::as_slice).collect();
            prop_assert_eq!(into.iter().collect::<Vec<_>>(), all);
            let bytes = |count: usize| second[..count].iter().map(|frame| frame.len() + HEADROOM_BYTES).sum::<usize>();
            prop_assert!(taken <= frames_max && bytes(taken) <= bytes_max);
            prop_assert!(taken == frames_max.min(second.len()) || bytes(taken + 1) > bytes_max);
        }
    }
}
