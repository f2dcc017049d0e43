//! Where entries stand in memory, each in one piece: place, target, counters, key, action data. A small one is one cache line.

use super::super::bits::PAD;
use super::Count;

/// Bytes of a cache line. Small cells never lie across two.
const LINE: usize = 64;

/// Where in a cell what stands: the entry's place and one, 0 in an empty cell; its target; packets and bytes.
const TARGET: usize = 4;
const COUNTERS: usize = 8;
const KEY: usize = 24;

/// Cells of equal size.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    bytes: Vec<u8>,
    /// Where the first cell begins: at a cache line.
    first: usize,
    key_bytes: usize,
    stride: usize,
    len: usize,
}

impl Cells {
    /// So many empty ones. What is read of the data may go [`PAD`] beyond it.
    pub(super) fn new(key_bytes: usize, data_bytes: usize, len: usize) -> Self {
        let bytes = KEY + key_bytes + data_bytes;
        let stride = if bytes > LINE { bytes.next_multiple_of(8) } else { bytes.next_power_of_two() };
        Self { bytes: Vec::new(), first: 0, key_bytes, stride, len: 0 }.of_len(len)
    }

    /// So many empty ones of the same size.
    pub(super) fn of_len(&self, len: usize) -> Self {
        let bytes = vec![0; LINE + len * self.stride + PAD];
        let first = bytes.as_ptr().align_offset(LINE).min(LINE);
        Self { bytes, first, len, ..*self }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn part(&self, cell: usize, offset: usize) -> &[u8] {
        self.bytes.get(self.first + cell * self.stride + offset..).unwrap_or_default()
    }

    #[inline]
    fn part_mut(&mut self, cell: usize, offset: usize, bytes: usize) -> &mut [u8] {
        let at = self.first + cell * self.stride + offset;
        self.bytes.get_mut(at..at + bytes).unwrap_or_default()
    }

    /// The place of the entry in a cell.
    #[inline]
    pub(super) fn place(&self, cell: usize) -> Option<u32> {
        self.part(cell, 0).first_chunk().and_then(|bytes| u32::from_le_bytes(*bytes).checked_sub(1))
    }

    #[inline]
    pub(super) fn key(&self, cell: usize) -> &[u8] {
        self.part(cell, KEY).get(..self.key_bytes).unwrap_or_default()
    }

    /// The target, and the data as a buffer that begins with it.
    #[inline]
    pub(super) fn target(&self, cell: usize) -> (u32, &[u8]) {
        let target = self.part(cell, TARGET).first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        (target, self.part(cell, KEY + self.key_bytes))
    }

    #[inline]
    pub(super) fn count(&self, cell: usize) -> Count {
        let read = |at| self.part(cell, at).first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Count { packets: read(COUNTERS), bytes: read(COUNTERS + 8) }
    }

    #[inline]
    pub(super) fn set_count(&mut self, cell: usize, count: Count) {
        let counters = self.part_mut(cell, COUNTERS, KEY - COUNTERS);
        if let Some((packets, bytes)) = counters.split_at_mut_checked(8) {
            packets.copy_from_slice(&count.packets.to_le_bytes());
            bytes.copy_from_slice(&count.bytes.to_le_bytes());
        }
    }

    /// `data` is not longer than the table's longest.
    pub(super) fn set_target(&mut self, cell: usize, target: u32, data: &[u8]) {
        self.part_mut(cell, TARGET, 4).copy_from_slice(&target.to_le_bytes());
        self.part_mut(cell, KEY + self.key_bytes, data.len()).copy_from_slice(data);
    }

    /// Makes it the cell of an entry that has counted nothing.
    pub(super) fn set(&mut self, cell: usize, place: u32, key: &[u8], target: u32, data: &[u8]) {
        self.clear(cell);
        self.part_mut(cell, 0, 4).copy_from_slice(&(place + 1).to_le_bytes());
        self.part_mut(cell, KEY, key.len()).copy_from_slice(key);
        self.set_target(cell, target, data);
    }

    pub(super) fn clear(&mut self, cell: usize) {
        let stride = self.stride;
        self.part_mut(cell, 0, stride).fill(0);
    }

    /// Exchanges two.
    pub(super) fn swap(&mut self, a: usize, b: usize) {
        let (low, high) = (a.min(b), a.max(b));
        let at = |cell: usize| self.first + cell * self.stride;
        let (low_at, high_at, stride) = (at(low), at(high), self.stride);
        if low < high
            && let Some((before, after)) = self.bytes.split_at_mut_checked(high_at)
        {
            before[low_at..low_at + stride].swap_with_slice(&mut after[..stride]);
        }
    }

    /// Copies one of other cells, of the same size.
    pub(super) fn take(&mut self, cell: usize, from: &Self, other: usize) {
        let stride = self.stride;
        if let Some(source) = from.part(other, 0).get(..stride) {
            self.part_mut(cell, 0, stride).copy_from_slice(source);
        }
    }
}
