//! The bytes of one object, in a form that shares, swaps and changes cheaply.
//!
//! A version is one *base* block as long as the object, or none (all zero), with *patches*, one block for each chunk that
//! was changed while the base could not be. So:
//!
//! * an object of zeros takes no memory of the system's until it is written, though all of it is accounted for;
//! * a write of the whole object makes the buffer it came in the new base: nothing is copied, whatever the length;
//! * a partial write goes straight into a block that nobody reads, and otherwise copies the chunks it touches, once;
//! * readers and snapshots share blocks, so that taking a version costs a reference for each block.
//!
//! Patches go back into the base, a few with each write, once nobody reads it.

use crate::block::Held;
use crate::ledger::{Charge, Ledger};
use crate::pieces::Pieces;
use crate::refusal::Refusal;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of a chunk.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;
/// Patches that one write takes back into the base at most.
const FOLD_MAX: usize = 4;
/// What readers of untouched memory get.
static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// A version of an object.
#[derive(Debug)]
pub(crate) struct Content {
    len: usize,
    chunk: usize,
    base: Option<Held>,
    /// Blocks that lie over the base, by chunk.
    patches: BTreeMap<usize, Held>,
    /// Accounts for what no block backs yet.
    reserve: Charge,
}

/// A chunk as a write will make it.
struct Patch {
    chunk: usize,
    data: Vec<u8>,
    /// None where the object's reserve pays.
    charge: Option<Charge>,
}

impl Content {
    /// `len` zeros, accounted for by `reserve`.
    pub(crate) fn zeros(len: usize, chunk: usize, reserve: Charge) -> Self {
        Self { len, chunk: chunk.clamp(1, CHUNK_BYTES), base: None, patches: BTreeMap::new(), reserve }
    }

    /// The bytes of a buffer.
    pub(crate) fn whole(data: Vec<u8>, chunk: usize, mut charge: Charge) -> Self {
        let mut content = Self::zeros(data.len(), chunk, charge.split(0));
        content.base = Some(Held::new(data, charge));
        content
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The same version once more, for a snapshot; it shares all blocks and pays for nothing.
    pub(crate) fn share(&mut self) -> Self {
        let reserve = self.reserve.split(0);
        let (base, patches) = (self.base.clone(), self.patches.clone());
        Self { len: self.len, chunk: self.chunk, base, patches, reserve }
    }

    /// The version that an object gets back from a snapshot. What no block backs is charged, whatever the capacity, so
    /// that restoring never fails.
    pub(crate) fn restored(&mut self, ledger: &Ledger) -> Self {
        let mut content = self.share();
        let holes = if self.base.is_some() {
            0
        } else {
            self.len - self.patches.keys().map(|c| self.span(*c).len()).sum::<usize>()
        };
        content.reserve = ledger.charge_anyway(holes as u64);
        content
    }

    fn span(&self, chunk: usize) -> Range<usize> {
        let start = chunk * self.chunk;
        start..(start + self.chunk).min(self.len)
    }

    /// The bytes of a range, shared with this version, or copied if there are `copied_max` at most. The caller has checked
    /// that the object has it.
    pub(crate) fn read(&self, range: Range<usize>, copied_max: usize) -> Pieces {
        match (self.in_one(&range), &self.base) {
            (Some(bytes), _) if range.len() <= copied_max => Pieces::One(Bytes::from(bytes.to_vec())),
            (Some(_), Some(base)) => Pieces::One(base.pin(range)),
            _ => Pieces::Several(self.pieces(range)),
        }
    }

    /// The bytes of a range, where they lie in one block.
    pub(crate) fn in_one(&self, range: &Range<usize>) -> Option<&[u8]> {
        let base = self.base.as_ref().filter(|_| self.patches.is_empty())?;
        base.data().get(range.clone())
    }

    fn pieces(&self, range: Range<usize>) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(1);
        let mut at = range.start;
        while at < range.end {
            let next = self.patches.range(at / self.chunk..).next().map(|(chunk, patch)| (self.span(*chunk), patch));
            let piece = match next {
                Some((span, patch)) if span.start <= at => {
                    let end = span.end.min(range.end);
                    patch.pin(at - span.start..end - span.start)
                }
                next => self.unpatched(at..next.map_or(range.end, |(span, _)| span.start.min(range.end))),
            };
            at += piece.len();
            pieces.push(piece);
        }
        pieces
    }

    /// The first bytes of a range that no patch touches.
    fn unpatched(&self, range: Range<usize>) -> Bytes {
        match &self.base {
            Some(base) => base.pin(range),
            None => Bytes::from_static(&ZEROS[..range.len().min(CHUNK_BYTES)]),
        }
    }

    /// The buffer of a version that is one block which nobody else has.
    pub(crate) fn into_buffer(self) -> Option<Vec<u8>> {
        self.base.filter(|_| self.patches.is_empty()).and_then(Held::into_data)
    }

    /// Whether the whole can be written in place: one block that nobody else has.
    pub(crate) fn is_free(&self) -> bool {
        self.patches.is_empty() && self.base.as_ref().is_some_and(|base| !base.is_shared())
    }

    /// Bytes that replacing this version altogether would leave to readers only.
    pub(crate) fn would_pin(&self) -> u64 {
        self.base.iter().chain(self.patches.values()).map(Held::would_pin).sum()
    }

    /// Writes part of the object; all of it at once, or nothing of it.
    ///
    /// `pinnable` is how many bytes more readers may be left with.
    pub(crate) fn write(&mut self, at: usize, data: &[u8], pinnable: u64, ledger: &Ledger) -> Result<(), Refusal> {
        if self.patches.is_empty()
            && let Some(base) = self.base.as_mut().and_then(Held::data_mut)
        {
            base[at..at + data.len()].copy_from_slice(data);
            return Ok(());
        }
        let patches = self.prepare(at, data, pinnable, ledger)?;
        let mut fresh = patches.into_iter().peekable();
        for chunk in at / self.chunk..=(at + data.len() - 1) / self.chunk {
            match fresh.next_if(|patch| patch.chunk == chunk) {
                Some(patch) => self.put(patch),
                None => self.write_in_place(chunk, at, data),
            }
        }
        self.fold();
        Ok(())
    }

    /// Makes new blocks for the chunks that cannot be written in place. Here alone a write fails.
    fn prepare(&mut self, at: usize, data: &[u8], pinnable: u64, ledger: &Ledger) -> Result<Vec<Patch>, Refusal> {
        let (mut patches, mut pinned) = (Vec::new(), 0);
        let base_is_free = self.base.as_mut().is_some_and(|base| base.data_mut().is_some());
        for chunk in at / self.chunk..=(at + data.len() - 1) / self.chunk {
            let span = self.span(chunk);
            let charge = match (self.patches.get(&chunk), &self.base) {
                (Some(patch), _) if !patch.is_shared() => continue,
                (Some(patch), _) => {
                    pinned += patch.would_pin();
                    Some(ledger.charge(span.len() as u64)?)
                }
                (None, Some(_)) if base_is_free => continue,
                (None, Some(_)) => Some(ledger.charge(span.len() as u64)?),
                (None, None) => None,
            };
            patches.push(Patch { chunk, data: self.changed(span, at, data, ledger)?, charge });
        }
        if pinned > pinnable { Err(Refusal::TooManyPinned { limit: pinnable }) } else { Ok(patches) }
    }

    /// A chunk's bytes with those of a write in place.
    fn changed(&self, span: Range<usize>, at: usize, data: &[u8], ledger: &Ledger) -> Result<Vec<u8>, Refusal> {
        let mut out = ledger.vec(span.len())?;
        let (start, end) = (at.max(span.start), (at + data.len()).min(span.end));
        self.append(&mut out, span.start..start);
        out.extend_from_slice(&data[start - at..end - at]);
        self.append(&mut out, end..span.end);
        Ok(out)
    }

    /// Appends bytes of one chunk.
    fn append(&self, out: &mut Vec<u8>, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let chunk = range.start / self.chunk;
        let start = self.span(chunk).start;
        match (self.patches.get(&chunk), &self.base) {
            (Some(patch), _) => out.extend_from_slice(&patch.data()[range.start - start..range.end - start]),
            (None, Some(base)) => out.extend_from_slice(&base.data()[range]),
            (None, None) => out.resize(out.len() + range.len(), 0),
        }
    }

    fn put(&mut self, patch: Patch) {
        let len = self.span(patch.chunk).len() as u64;
        let charge = patch.charge.unwrap_or_else(|| self.reserve.split(len));
        self.patches.insert(patch.chunk, Held::new(patch.data, charge));
    }

    fn write_in_place(&mut self, chunk: usize, at: usize, data: &[u8]) {
        let span = self.span(chunk);
        let (start, end) = (at.max(span.start), (at + data.len()).min(span.end));
        let (block, origin) = match self.patches.get_mut(&chunk) {
            Some(patch) => (patch.data_mut(), span.start),
            None => (self.base.as_mut().and_then(Held::data_mut), 0),
        };
        // Nobody can have begun to read since `prepare` looked: readers come through this object.
        if let Some(block) = block {
            block[start - origin..end - origin].copy_from_slice(&data[start - at..end - at]);
        }
    }

    /// Takes a few patches back into the base, if nobody else has either.
    fn fold(&mut self) {
        let Some(base) = self.base.as_mut().and_then(Held::data_mut) else { return };
        let free = self.patches.iter().filter(|(_, patch)| !patch.is_shared()).map(|(chunk, _)| *chunk);
        for chunk in free.take(FOLD_MAX).collect::<Vec<_>>() {
            if let Some(patch) = self.patches.remove(&chunk) {
                let start = chunk * self.chunk;
                base[start..start + patch.data().len()].copy_from_slice(patch.data());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(content: &Content) -> Vec<u8> {
        content.read(0..content.len(), 0).concat()
    }

    fn zeros(ledger: &Ledger, len: usize, chunk: usize) -> Content {
        Content::zeros(len, chunk, ledger.charge(len as u64).unwrap())
    }

    #[test]
    fn a_large_object_of_zeros_takes_memory_only_where_it_is_written() {
        let ledger = Ledger::new(1 << 40);
        let mut content = zeros(&ledger, 1 << 38, CHUNK_BYTES);
        content.write(1 << 37, b"x", 0, &ledger).unwrap();
        assert_eq!(ledger.used(), 1 << 38, "the reserve paid for the chunk");
        assert_eq!(content.read((1 << 37) - 1..(1 << 37) + 2, 0).concat(), b"\0x\0");
    }

    #[test]
    fn a_read_of_an_unbroken_base_is_one_piece_and_no_copy() {
        let ledger = Ledger::new(1 << 20);
        let data = vec![7; 1000];
        let address = data.as_ptr();
        let content = Content::whole(data, 64, ledger.charge(1000).unwrap());
        let pieces = content.read(0..1000, 0);
        assert_eq!((pieces.len(), pieces[0].as_ptr()), (1, address));
    }

    #[test]
    fn a_small_write_to_a_version_being_read_copies_its_chunk_alone_and_later_goes_back() {
        let ledger = Ledger::new(1 << 20);
        let mut content = Content::whole(vec![1; 1000], 100, ledger.charge(1000).unwrap());
        let reader = content.read(0..1000, 0);
        content.write(150, &[2; 10], 0, &ledger).unwrap();
        assert_eq!(ledger.used(), 1100);
        assert_eq!(reader.concat(), [1; 1000]);
        assert_eq!(content.read(149..161, 0).concat(), [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1]);
        drop(reader);
        content.write(0, &[3], 0, &ledger).unwrap();
        assert_eq!((ledger.used(), content.patches.len()), (1000, 0));
        assert_eq!(content.read(149..152, 0).concat(), [1, 2, 2]);
    }

    #[test]
    fn a_write_that_does_not_fit_changes_nothing() {
        let ledger = Ledger::new(1150);
        let mut content = Content::whole(vec![1; 1000], 100, ledger.charge(1000).unwrap());
        let reader = content.read(0..1, 0);
        assert_eq!(content.write(50, &[2; 100], 0, &ledger), Err(Refusal::OutOfMemory { free: 50 }));
        assert_eq!((bytes(&content), ledger.used()), (vec![1; 1000], 1000));
        drop(reader);
    }

    #[test]
    fn replaced_patches_that_readers_hold_are_bounded() {
        let ledger = Ledger::new(1000);
        let mut content = zeros(&ledger, 100, 10);
        content.write(5, &[1; 10], 0, &ledger).unwrap();
        let reader = content.read(0..20, 0);
        assert!(matches!(content.write(0, &[2; 20], 19, &ledger), Err(Refusal::TooManyPinned { .. })));
        content.write(0, &[2; 20], 20, &ledger).unwrap();
        assert_eq!((ledger.pinned(), ledger.used()), (20, 120));
        drop(reader);
        assert_eq!((ledger.pinned(), ledger.used()), (0, 100));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Write(usize, Vec<u8>),
        Whole(u8),
        Pin(usize, usize),
        Unpin,
        Share,
        Restore,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0usize..40, prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, data)| Act::Write(at, data)),
            1 => any::<u8>().prop_map(Act::Whole),
            2 => (0usize..40, 0usize..40).prop_map(|(a, b)| Act::Pin(a, b)),
            2 => Just(Act::Unpin),
            1 => Just(Act::Share),
            1 => Just(Act::Restore),
        ]
    }

    proptest! {
        #[test]
        fn content_is_what_a_plain_array_would_be(
            acts in prop::collection::vec(act(), 0..40), len in 1usize..40, chunk in 1usize..12, from_buffer: bool,
        ) {
            let ledger = Ledger::new(1 << 20);
            let mut plain = vec![0; len];
            let mut content = if from_buffer {
                Content::whole(plain.clone(), chunk, ledger.charge(len as u64).unwrap())
            } else {
                zeros(&ledger, len, chunk)
            };
            let (mut readers, mut snapshot) = (Vec::new(), None);
            for act in acts {
                match act {
                    Act::Write(at, data) => {
                        let at = at % len;
                        let data = &data[..data.len().min(len - at)];
                        content.write(at, data, u64::MAX, &ledger).unwrap();
                        plain[at..at + data.len()].copy_from_slice(data);
                    }
                    Act::Whole(byte) => {
                        plain = vec![byte; len];
                        content = Content::whole(plain.clone(), chunk, ledger.charge(len as u64).unwrap());
                    }
                    Act::Pin(a, b) => {
                        let range = (a % len).min(b % len)..(a % len).max(b % len);
                        readers.push((content.read(range.clone(), 0), plain[range].to_vec()));
                    }
                    Act::Unpin => drop(readers.pop()),
                    Act::Share => snapshot = Some((content.share(), plain.clone())),
                    Act::Restore => if let Some((shared, then)) = &mut snapshot {
                        content = shared.restored(&ledger);
                        plain.clone_from(then);
                    },
                }
                prop_assert_eq!(&bytes(&content), &plain);
                for (pieces, expected) in &readers {
                    prop_assert_eq!(&pieces.concat(), expected);
                }
                if readers.is_empty() && snapshot.is_none() {
                    prop_assert_eq!(ledger.pinned(), 0);
                }
            }
            drop((readers, snapshot));
            prop_assert!(ledger.used() >= len as u64 && ledger.used() <= 2 * len as u64);
            drop(content);
            prop_assert_eq!((ledger.used(), ledger.pinned()), (0, 0));
        }
    }
}
