//! Blocks of memory that versions of objects and their readers share.

use crate::ledger::Charge;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug)]
struct Block {
    data: Vec<u8>,
    charge: Charge,
    /// [`Held`]s, that is versions of objects and snapshots; other references are readers.
    owners: AtomicUsize,
    /// No version has it any more, only readers do.
    pinned: AtomicBool,
}

impl Drop for Block {
    fn drop(&mut self) {
        if *self.pinned.get_mut() {
            self.charge.unpin();
        }
    }
}

/// A block as a version of an object has it.
#[derive(Debug)]
pub(crate) struct Held(Arc<Block>);

impl Held {
    /// A block of `data`, whose memory `charge` accounts for.
    pub(crate) fn new(data: Vec<u8>, charge: Charge) -> Self {
        let (owners, pinned) = (AtomicUsize::new(1), AtomicBool::new(false));
        Self(Arc::new(Block { data, charge, owners, pinned }))
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.0.data
    }

    /// Its bytes for writing, if nobody else has the block: no reader, no snapshot.
    pub(crate) fn data_mut(&mut self) -> Option<&mut [u8]> {
        Arc::get_mut(&mut self.0).map(|block| block.data.as_mut_slice())
    }

    /// The buffer, if nobody else has the block; from now on nothing accounts for it.
    pub(crate) fn into_data(mut self) -> Option<Vec<u8>> {
        Arc::get_mut(&mut self.0).map(|block| std::mem::take(&mut block.data))
    }

    /// Whether somebody else has the block.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Bytes that would be held by readers only if this version let go of the block.
    pub(crate) fn would_pin(&self) -> u64 {
        let owners = self.0.owners.load(Ordering::Acquire);
        if owners == 1 && self.is_shared() { self.0.charge.bytes() } else { 0 }
    }

    /// Shares a range with a reader. The block lives until it, too, is done.
    pub(crate) fn pin(&self, range: Range<usize>) -> Bytes {
        Bytes::from_owner(Pin(Arc::clone(&self.0))).slice(range)
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        self.0.owners.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Nobody else has it, and only who has it can share it.
        if !self.is_shared() {
            return;
        }
        // Only versions make versions, so after the last there is no further one. If the last reader goes just now, the
        // block is dropped with `self.0`, and sees the flag.
        if self.0.owners.fetch_sub(1, Ordering::AcqRel) == 1 && self.is_shared() {
            self.0.charge.pin();
            self.0.pinned.store(true, Ordering::Release);
        }
    }
}

/// A reader's reference.
struct Pin(Arc<Block>);

impl AsRef<[u8]> for Pin {
    fn as_ref(&self) -> &[u8] {
        &self.0.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    #[test]
    fn a_block_is_written_in_place_only_while_nobody_else_has_it() {
        let ledger = Ledger::new(100);
        let mut block = Held::new(vec![1; 10], ledger.charge(10).unwrap());
        block.data_mut().unwrap()[0] = 2;
        let reader = block.pin(0..4);
        assert!(block.data_mut().is_none() && block.is_shared());
        assert_eq!(&reader[..], [2, 1, 1, 1]);
        drop(reader);
        let snapshot = block.clone();
        assert!(block.data_mut().is_none());
        drop(snapshot);
        assert!(block.data_mut().is_some());
    }

    #[test]
    fn memory_that_only_readers_hold_is_counted_until_they_are_done() {
        let ledger = Ledger::new(100);
        let block = Held::new(vec![1; 10], ledger.charge(10).unwrap());
        let (reader, other) = (block.pin(0..4), block.pin(4..10));
        assert_eq!((ledger.pinned(), block.would_pin()), (0, 10));
        let snapshot = block.clone();
        assert_eq!(block.would_pin(), 0, "the snapshot has it too");
        drop((block, snapshot));
        assert_eq!((ledger.pinned(), ledger.used()), (10, 10));
        drop(reader.clone());
        drop(reader);
        assert_eq!((ledger.pinned(), ledger.used()), (10, 10));
        drop(other);
        assert_eq!((ledger.pinned(), ledger.used()), (0, 0));
    }

    #[test]
    fn readers_on_other_threads_give_everything_back() {
        let ledger = Ledger::new(1 << 20);
        for _ in 0..200 {
            let block = Held::new(vec![1; 64], ledger.charge(64).unwrap());
            let readers: Vec<Bytes> = (0..3).map(|_| block.pin(0..64)).collect();
            std::thread::scope(|scope| {
                readers.into_iter().for_each(|reader| drop(scope.spawn(move || drop(reader))));
                drop(block);
            });
        }
        assert_eq!((ledger.pinned(), ledger.used()), (0, 0));
    }
}
