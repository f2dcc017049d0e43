//! Memory is accounted for where it is taken, and given back where it is dropped.

use crate::refusal::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes in use against a capacity. Clones count together.
///
/// The counts are atomic because readers drop the versions they hold on whatever thread sends them.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    capacity: u64,
    used: AtomicU64,
    pinned: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(capacity: u64) -> Self {
        Self(Arc::new(Counts { capacity, used: AtomicU64::new(0), pinned: AtomicU64::new(0) }))
    }

    /// Takes `bytes`, to be given back when the charge is dropped.
    pub(crate) fn charge(&self, bytes: u64) -> Result<Charge, Refusal> {
        if bytes == 0 {
            return Ok(Charge { ledger: None, bytes });
        }
        let used = &self.0.used;
        let take = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= self.0.capacity);
        match used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(Charge { ledger: Some(self.clone()), bytes }),
            Err(now) => Err(Refusal::OutOfMemory { free: self.0.capacity.saturating_sub(now) }),
        }
    }

    /// Takes `bytes` even if they are not there: for what must not fail and is bounded by other means.
    pub(crate) fn charge_anyway(&self, bytes: u64) -> Charge {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        Charge { ledger: Some(self.clone()), bytes }
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes of replaced versions that readers still hold; they are part of those in use.
    pub(crate) fn pinned(&self) -> u64 {
        self.0.pinned.load(Ordering::Relaxed)
    }

    /// The refusal of a system that has no memory, whatever the capacity says.
    pub(crate) fn exhausted(&self) -> Refusal {
        Refusal::OutOfMemory { free: self.0.capacity.saturating_sub(self.used()) }
    }

    /// Room for `len` bytes from the system.
    pub(crate) fn vec(&self, len: usize) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        out.try_reserve_exact(len).map_err(|_| self.exhausted())?;
        Ok(out)
    }
}

/// Bytes taken from a ledger until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    /// None where there are no bytes to give back.
    ledger: Option<Ledger>,
    bytes: u64,
}

impl Charge {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A charge of `bytes` of these, or of all there are.
    pub(crate) fn split(&mut self, bytes: u64) -> Self {
        if bytes >= self.bytes {
            return Self { ledger: self.ledger.take(), bytes: std::mem::take(&mut self.bytes) };
        }
        self.bytes -= bytes;
        Self { ledger: if bytes > 0 { self.ledger.clone() } else { None }, bytes }
    }

    fn counts(&self) -> Option<&Counts> {
        self.ledger.as_ref().map(|ledger| &*ledger.0)
    }

    /// Counts these bytes as held by readers only, until [`Charge::unpin`].
    pub(crate) fn pin(&self) {
        if let Some(counts) = self.counts() {
            counts.pinned.fetch_add(self.bytes, Ordering::Relaxed);
        }
    }

    pub(crate) fn unpin(&self) {
        if let Some(counts) = self.counts() {
            counts.pinned.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(counts) = self.counts() {
            counts.used.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// The buffer without room that nobody accounts for.
pub(crate) fn trimmed(mut data: Vec<u8>) -> Vec<u8> {
    if data.capacity() - data.len() > data.len() / 8 + 64 {
        data.shrink_to_fit();
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let ledger = Ledger::new(100);
        let mut a = ledger.charge(60).unwrap();
        assert_eq!(ledger.charge(41).unwrap_err(), Refusal::OutOfMemory { free: 40 });
        assert_eq!((a.split(0).bytes(), a.bytes(), ledger.used()), (0, 60, 60));
        let b = a.split(20);
        assert_eq!((a.bytes(), b.bytes(), ledger.used()), (40, 20, 60));
        let c = a.split(1000);
        assert_eq!((a.bytes(), c.bytes(), ledger.used()), (0, 40, 60));
        drop(a);
        c.pin();
        assert_eq!((ledger.used(), ledger.pinned()), (60, 40));
        c.unpin();
        drop(c);
        assert_eq!((ledger.used(), ledger.pinned()), (20, 0));
        let over = ledger.charge_anyway(200);
        assert_eq!(ledger.charge(1).unwrap_err(), Refusal::OutOfMemory { free: 0 });
        drop((b, over));
        assert_eq!(ledger.used(), 0);
    }

    #[test]
    fn absurd_lengths_are_refused_and_never_abort() {
        let ledger = Ledger::new(u64::MAX);
        assert!(ledger.vec(usize::MAX).is_err());
        let all = ledger.charge(u64::MAX).unwrap();
        assert!(ledger.charge(1).is_err());
        drop(all);
    }
}
