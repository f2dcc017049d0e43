//! Register arrays.

use super::bits::{PAD, Slot};

/// Cells of one width, zero at first.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    cell: Slot,
    cells: usize,
    bytes: Vec<u8>,
}

impl Registers {
    pub(crate) fn new(width: u32, cells: usize) -> Self {
        let cell = Slot::padded(0, width);
        Self { cell, cells, bytes: vec![0; cells * cell.bytes() + PAD] }
    }

    pub(crate) fn len(&self) -> usize {
        self.cells
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.fill(0);
    }

    /// A cell and the buffer in which it stands.
    #[inline]
    pub(crate) fn cell(&self, index: u64) -> Option<(Slot, &[u8])> {
        Some((self.slot(index)?, &self.bytes))
    }

    #[inline]
    pub(crate) fn cell_mut(&mut self, index: u64) -> Option<(Slot, &mut [u8])> {
        Some((self.slot(index)?, &mut self.bytes))
    }

    fn slot(&self, index: u64) -> Option<Slot> {
        let index = usize::try_from(index).ok().filter(|&index| index < self.cells)?;
        // `limits::REGISTERS_BYTES_MAX` is below 4 GiB.
        Some(self.cell.shifted(u32::try_from(index * self.cell.bytes()).ok()?))
    }
}
