//! The entries of a table in one block of memory, each in one piece, so that a hit touches few cache lines.

use super::super::bits::PAD;
use super::Count;

/// Records of equal size: key, counters, target, action data.
#[derive(Clone, Debug)]
pub(super) struct Records {
    bytes: Vec<u8>,
    key_bytes: usize,
    stride: usize,
}

/// Packets, bytes, target.
const COUNTERS: usize = 16;
const TARGET: usize = 4;

impl Records {
    /// For keys and data of these lengths; what is read of the data may go [`PAD`] beyond it.
    pub(super) fn new(key_bytes: usize, data_bytes: usize) -> Self {
        let stride = (key_bytes + COUNTERS + TARGET + data_bytes).next_multiple_of(8);
        Self { bytes: vec![0; PAD], key_bytes, stride }
    }

    /// Makes room for a record at this place.
    pub(super) fn reserve(&mut self, record: u32) {
        let end = (record as usize + 1) * self.stride + PAD;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
    }

    fn at(&self, record: u32, offset: usize) -> usize {
        record as usize * self.stride + offset
    }

    #[inline]
    pub(super) fn key(&self, record: u32) -> &[u8] {
        let at = self.at(record, 0);
        self.bytes.get(at..at + self.key_bytes).unwrap_or_default()
    }

    /// The target, and the data as a buffer that begins with it.
    #[inline]
    pub(super) fn target(&self, record: u32) -> (u32, &[u8]) {
        let at = self.at(record, self.key_bytes + COUNTERS);
        let rest = self.bytes.get(at..).unwrap_or_default();
        let target = rest.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        (target, rest.get(TARGET..).unwrap_or_default())
    }

    pub(super) fn count(&self, record: u32) -> Count {
        let at = self.at(record, self.key_bytes);
        let read = |at: usize| {
            self.bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        Count { packets: read(at), bytes: read(at + 8) }
    }

    pub(super) fn set_count(&mut self, record: u32, count: Count) {
        let at = self.at(record, self.key_bytes);
        if let Some(bytes) = self.bytes.get_mut(at..at + COUNTERS) {
            bytes[..8].copy_from_slice(&count.packets.to_le_bytes());
            bytes[8..].copy_from_slice(&count.bytes.to_le_bytes());
        }
    }

    pub(super) fn set_key(&mut self, record: u32, key: &[u8]) {
        let at = self.at(record, 0);
        if let Some(bytes) = self.bytes.get_mut(at..at + key.len()) {
            bytes.copy_from_slice(key);
        }
    }

    /// `data` is not longer than the table's longest.
    pub(super) fn set_target(&mut self, record: u32, target: u32, data: &[u8]) {
        let at = self.at(record, self.key_bytes + COUNTERS);
        if let Some(bytes) = self.bytes.get_mut(at..at + TARGET + data.len()) {
            bytes[..TARGET].copy_from_slice(&target.to_le_bytes());
            bytes[TARGET..].copy_from_slice(data);
        }
    }
}
