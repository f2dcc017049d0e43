//! Values of any width at any bit of a buffer, most significant bit first.

#![expect(clippy::cast_possible_truncation, reason = "values are cut to their width on purpose")]

/// Bytes that follow the last value in every buffer, so that 16 can be read wherever a value begins.
pub(crate) const PAD: usize = 16;

/// Where a value stands in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The byte in which it begins.
    pub(crate) byte: u32,
    /// The bit of that byte at which it begins; 0 is the most significant.
    pub(crate) bit: u8,
    /// Bits, at least 1.
    pub(crate) width: u32,
    /// Two's complement.
    pub(crate) signed: bool,
    /// What does not fit becomes the nearest value that does.
    pub(crate) saturating: bool,
}

impl Slot {
    /// The slot of an unsigned value right-aligned in whole bytes, as keys and action data have them.
    pub(crate) fn padded(byte: u32, width: u32) -> Self {
        let bit = (width.next_multiple_of(8) - width) as u8;
        Self { byte, bit, width, signed: false, saturating: false }
    }

    /// The same value `bytes` further on.
    pub(crate) fn shifted(self, bytes: u32) -> Self {
        Self { byte: self.byte + bytes, ..self }
    }

    /// Bytes of the value when it begins at a byte.
    pub(crate) fn bytes(self) -> usize {
        self.width.div_ceil(8) as usize
    }

    /// Whether [`Slot::load`] and [`Slot::store`] can be used.
    pub(crate) fn is_short(self) -> bool {
        u32::from(self.bit) + self.width <= 128
    }

    /// Whether it is made of whole bytes.
    pub(crate) fn is_whole(self) -> bool {
        self.bit == 0 && self.width.is_multiple_of(8)
    }

    /// The same place, if it lies in eight bytes.
    pub(crate) fn word(self) -> Option<Word> {
        let end = u32::from(self.bit) + self.width;
        let shift = 64u32.checked_sub(end)?;
        Some(Word { byte: self.byte, shift, mask: u64::MAX >> (64 - self.width) })
    }

    /// Its bits, of a short slot.
    #[inline]
    pub(crate) fn load(self, buffer: &[u8]) -> u128 {
        if u32::from(self.bit) + self.width <= 64 {
            let word = eight(buffer, self.byte);
            return u128::from((word << self.bit) >> (64 - self.width));
        }
        let word = chunk(buffer, self.byte).map_or(0, |bytes| u128::from_be_bytes(*bytes));
        (word << self.bit) >> (128 - self.width)
    }

    /// Writes the low bits of `value` to a short slot.
    #[inline]
    pub(crate) fn store(self, buffer: &mut [u8], value: u128) {
        let end = u32::from(self.bit) + self.width;
        if end <= 64 {
            let Some(chunk) = chunk_mut::<8>(buffer, self.byte) else { return };
            let mask = (u64::MAX >> (64 - self.width)) << (64 - end);
            let word = u64::from_be_bytes(*chunk) & !mask | (value as u64) << (64 - end) & mask;
            *chunk = word.to_be_bytes();
            return;
        }
        let Some(chunk) = chunk_mut::<16>(buffer, self.byte) else { return };
        let mask = (u128::MAX >> (128 - self.width)) << (128 - end);
        let word = u128::from_be_bytes(*chunk) & !mask | value << (128 - end) & mask;
        *chunk = word.to_be_bytes();
    }

    /// The part of the value that is bits `low` to `low + 64` of it, counted from the least significant; `None` past its end.
    pub(crate) fn limb(self, low: u32) -> Option<Self> {
        let start = self.byte * 8 + u32::from(self.bit);
        let high = (start + self.width).checked_sub(low).filter(|&high| high > start)?;
        let first = start.max(high.saturating_sub(64));
        let (byte, bit) = (first / 8, (first % 8) as u8);
        Some(Self { byte, bit, width: high - first, signed: false, saturating: false })
    }

    /// Copies the value to another slot, cut or extended by zeros.
    #[inline]
    pub(crate) fn copy_to(self, from: &[u8], to: Self, buffer: &mut [u8]) {
        if self.is_short() && to.is_short() {
            return to.store(buffer, self.load(from));
        }
        for low in (0..to.width).step_by(64) {
            let value = self.limb(low).map_or(0, |part| part.load(from));
            if let Some(part) = to.limb(low) {
                part.store(buffer, value);
            }
        }
    }
}

/// Where up to 64 bits stand that lie in eight bytes of a buffer: a [`Slot`] that is read and written with less computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    byte: u32,
    /// Bits of the eight bytes that follow the value.
    shift: u32,
    /// As many ones as the value has bits.
    mask: u64,
}

impl Word {
    /// The byte in which it begins.
    pub(crate) fn byte(self) -> u32 {
        self.byte
    }

    /// A number of its bits as it stands in the eight bytes; `None` for one that has more.
    pub(crate) fn in_place(self, number: u64) -> Option<u64> {
        (number <= self.mask).then(|| number << self.shift)
    }

    /// Its largest number.
    pub(crate) fn max(self) -> u64 {
        self.mask
    }

    /// Its bits.
    #[inline]
    pub(crate) fn load(self, buffer: &[u8]) -> u64 {
        eight(buffer, self.byte) >> self.shift & self.mask
    }

    /// Writes the low bits of `value`.
    #[inline]
    pub(crate) fn store(self, buffer: &mut [u8], value: u64) {
        let Some(chunk) = chunk_mut(buffer, self.byte) else { return };
        let word = u64::from_be_bytes(*chunk) & !(self.mask << self.shift) | (value & self.mask) << self.shift;
        *chunk = word.to_be_bytes();
    }
}

/// Eight bytes of a buffer as a number.
#[inline]
pub(crate) fn eight(buffer: &[u8], byte: u32) -> u64 {
    chunk(buffer, byte).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Bytes of a buffer from one on, if they are there: one comparison, which two ends of a range would not be.
#[inline]
fn chunk<const N: usize>(buffer: &[u8], byte: u32) -> Option<&[u8; N]> {
    let at = byte as usize;
    buffer.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The same, to be written.
#[inline]
fn chunk_mut<const N: usize>(buffer: &mut [u8], byte: u32) -> Option<&mut [u8; N]> {
    let at = byte as usize;
    buffer.get_mut(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bit(buffer: &[u8], at: u32) -> bool {
        buffer[at as usize / 8] >> (7 - at % 8) & 1 == 1
    }

    proptest! {
        /// A word reads and writes what its slot does.
        #[test]
        fn a_word_is_its_slot(
            bytes in prop::collection::vec(any::<u8>(), 32), value in any::<u64>(), at in 0u32..64, width in 1u32..=64,
        ) {
            let slot = Slot { byte: at / 8, bit: (at % 8) as u8, width, signed: false, saturating: false };
            let Some(word) = slot.word() else {
                prop_assert!(at % 8 + width > 64);
                return Ok(());
            };
            prop_assert_eq!(u128::from(word.load(&bytes)), slot.load(&bytes));
            let (mut one, mut other) = (bytes.clone(), bytes);
            word.store(&mut one, value);
            slot.store(&mut other, value.into());
            prop_assert_eq!(one, other);
        }

        /// A value that is copied into a buffer changes exactly its bits, however wide and wherever.
        #[test]
        fn a_copy_changes_exactly_its_bits(
            from in prop::collection::vec(any::<u8>(), 64),
            to in prop::collection::vec(any::<u8>(), 64),
            a in 0u32..80, b in 0u32..80, width in 1u32..200, other in 1u32..200,
        ) {
            let slot = |at: u32, width| Slot { byte: at / 8, bit: (at % 8) as u8, width, signed: false, saturating: false };
            let mut after = to.clone();
            slot(a, width).copy_to(&from, slot(b, other), &mut after);
            for at in 0..64 * 8 {
                let expected = if at < b || at >= b + other {
                    bit(&to, at)
                } else {
                    let low = b + other - 1 - at;
                    low < width && bit(&from, a + width - 1 - low)
                };
                prop_assert_eq!(bit(&after, at), expected, "bit {}", at);
            }
        }
    }
}
