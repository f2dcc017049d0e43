//! Signed integers of a fixed number of bits that wrap: `i64`, `i128`, and wider ones.
//!
//! BMv2 computes with integers without bound. An expression's analysis ([`super::expr`]) says how many bits are enough for the same
//! result, and picks one of these.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic on the low bits is the point")]

use std::cmp::Ordering;

use super::bits::Slot;

/// What expressions compute with.
pub(crate) trait Num: Copy {
    /// Bits, the sign's included.
    const BITS: u32;
    fn zero() -> Self;
    fn from_i64(value: i64) -> Self;
    /// A value from a buffer, with its sign.
    fn load(slot: Slot, buffer: &[u8]) -> Self;
    /// Writes the low bits.
    fn store(self, slot: Slot, buffer: &mut [u8]);
    fn low_u64(self) -> u64;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// Quotient and remainder of two positive values; zeros where one is not.
    fn divide(self, other: Self) -> (Self, Self);
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn not(self) -> Self;
    fn left(self, by: u32) -> Self;
    /// Towards minus infinity.
    fn right(self, by: u32) -> Self;
    fn compare(self, other: Self) -> Ordering;
    fn is_zero(self) -> bool;

    /// The distance of a shift: none for a negative one.
    fn distance(self) -> u32 {
        if self.compare(Self::zero()).is_lt() {
            return 0;
        }
        if self.compare(Self::from_i64(i64::from(u32::MAX))).is_gt() { u32::MAX } else { self.low_u64() as u32 }
    }

    /// The low `width` bits, read as two's complement.
    fn wrapped(self, width: u32) -> Self {
        let unused = Self::BITS.saturating_sub(width);
        self.left(unused).right(unused)
    }

    /// The nearest value of `width` bits.
    fn clamped(self, width: u32, signed: bool) -> Self {
        let magnitude = if signed { width.saturating_sub(1) } else { width };
        let max = Self::from_i64(-1).left(magnitude).not();
        let min = if signed { max.not() } else { Self::zero() };
        if self.compare(max).is_gt() {
            max
        } else if self.compare(min).is_lt() {
            min
        } else {
            self
        }
    }
}

/// What the machine's own integers have in common.
macro_rules! machine_arithmetic {
    () => {
        const BITS: u32 = Self::BITS;

        fn zero() -> Self {
            0
        }
        fn from_i64(value: i64) -> Self {
            value.into()
        }
        fn low_u64(self) -> u64 {
            self as u64
        }
        fn plus(self, other: Self) -> Self {
            self.wrapping_add(other)
        }
        fn minus(self, other: Self) -> Self {
            self.wrapping_sub(other)
        }
        fn times(self, other: Self) -> Self {
            self.wrapping_mul(other)
        }
        fn divide(self, other: Self) -> (Self, Self) {
            if self < 0 || other <= 0 { (0, 0) } else { (self / other, self % other) }
        }
        fn and(self, other: Self) -> Self {
            self & other
        }
        fn or(self, other: Self) -> Self {
            self | other
        }
        fn xor(self, other: Self) -> Self {
            self ^ other
        }
        fn not(self) -> Self {
            !self
        }
        fn left(self, by: u32) -> Self {
            self.checked_shl(by).unwrap_or(0)
        }
        fn right(self, by: u32) -> Self {
            self >> by.min(Self::BITS - 1)
        }
        fn compare(self, other: Self) -> Ordering {
            self.cmp(&other)
        }
        fn is_zero(self) -> bool {
            self == 0
        }
    };
}

impl Num for i64 {
    machine_arithmetic!();

    #[inline]
    fn load(slot: Slot, buffer: &[u8]) -> Self {
        let value = match slot.word() {
            Some(word) => word.load(buffer),
            None => slot.limb(0).map_or(0, |part| part.load(buffer) as u64),
        } as Self;
        if slot.signed { value.wrapped(slot.width) } else { value }
    }
    #[inline]
    fn store(self, slot: Slot, buffer: &mut [u8]) {
        i128::from(self).store(slot, buffer);
    }
}

impl Num for i128 {
    machine_arithmetic!();

    #[inline]
    fn load(slot: Slot, buffer: &[u8]) -> Self {
        let value = if slot.is_short() {
            slot.load(buffer)
        } else {
            let limb = |low| slot.limb(low).map_or(0, |part| part.load(buffer));
            limb(0) | limb(64) << 64
        } as Self;
        if slot.signed { value.wrapped(slot.width) } else { value }
    }
    #[inline]
    fn store(self, slot: Slot, buffer: &mut [u8]) {
        if slot.is_short() {
            return slot.store(buffer, self as u128);
        }
        Int::<4>::widened(self).store(slot, buffer);
    }
}

/// `N` × 64 bits, the least significant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Int<const N: usize>([u64; N]);

/// The widest; constants are kept in it.
pub(crate) type Wide = Int<32>;

impl<const N: usize> Default for Int<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Int<N> {
    fn is_negative(self) -> bool {
        self.0[N - 1] >> 63 == 1
    }

    fn widened(value: i128) -> Self {
        let high = if value < 0 { u64::MAX } else { 0 };
        Self(std::array::from_fn(|i| match i {
            0 => value as u64,
            1 => (value >> 64) as u64,
            _ => high,
        }))
    }

    pub(crate) fn negated(self) -> Self {
        Self::zero().minus(self)
    }

    /// Appends a hexadecimal digit.
    pub(crate) fn push_digit(self, digit: u32) -> Self {
        let mut value = self.left(4);
        value.0[0] |= u64::from(digit);
        value
    }

    /// Bits that hold it in two's complement, the sign's included.
    pub(crate) fn signed_bits(self) -> u32 {
        let value = if self.is_negative() { self.not() } else { self };
        (0..N).rev().find(|&i| value.0[i] != 0).map_or(1, |i| i as u32 * 64 + 64 - value.0[i].leading_zeros() + 1)
    }

    /// The value, where it fits.
    pub(crate) fn small(self) -> Option<i64> {
        (self.signed_bits() <= 64).then_some(self.0[0] as i64)
    }

    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }

    fn limb_at(self, i: usize, beyond: u64) -> u64 {
        self.0.get(i).copied().unwrap_or(beyond)
    }
}

impl<const N: usize> Num for Int<N> {
    const BITS: u32 = N as u32 * 64;

    fn zero() -> Self {
        Self([0; N])
    }
    fn from_i64(value: i64) -> Self {
        Self::widened(i128::from(value))
    }
    fn load(slot: Slot, buffer: &[u8]) -> Self {
        let limb = |i: usize| slot.limb(i as u32 * 64).map_or(0, |part| part.load(buffer) as u64);
        let value = Self(std::array::from_fn(limb));
        if slot.signed { value.wrapped(slot.width) } else { value }
    }
    fn store(self, slot: Slot, buffer: &mut [u8]) {
        let sign = if self.is_negative() { u64::MAX } else { 0 };
        for i in 0..slot.width.div_ceil(64) {
            if let Some(part) = slot.limb(i * 64) {
                part.store(buffer, u128::from(self.limb_at(i as usize, sign)));
            }
        }
    }
    fn low_u64(self) -> u64 {
        self.0[0]
    }
    fn plus(self, other: Self) -> Self {
        let mut carry = false;
        Self(std::array::from_fn(|i| {
            let (sum, first) = self.0[i].overflowing_add(other.0[i]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first | second;
            sum
        }))
    }
    fn minus(self, other: Self) -> Self {
        let mut borrow = false;
        Self(std::array::from_fn(|i| {
            let (rest, first) = self.0[i].overflowing_sub(other.0[i]);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            borrow = first | second;
            rest
        }))
    }
    fn times(self, other: Self) -> Self {
        let mut product = [0u64; N];
        for i in 0..N {
            let mut carry = 0u128;
            for j in 0..N - i {
                let term = u128::from(self.0[i]) * u128::from(other.0[j]) + u128::from(product[i + j]) + carry;
                product[i + j] = term as u64;
                carry = term >> 64;
            }
        }
        Self(product)
    }
    fn divide(self, other: Self) -> (Self, Self) {
        if self.is_negative() || other.is_negative() || other.is_zero() {
            return (Self::zero(), Self::zero());
        }
        let (mut quotient, mut rest) = (Self::zero(), Self::zero());
        for bit in (0..self.signed_bits()).rev() {
            rest = rest.left(1);
            rest.0[0] |= self.0[bit as usize / 64] >> (bit % 64) & 1;
            if rest.compare(other).is_ge() {
                rest = rest.minus(other);
                quotient.0[bit as usize / 64] |= 1 << (bit % 64);
            }
        }
        (quotient, rest)
    }
    fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }
    fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }
    fn xor(self, other: Self) -> Self {
        self.zip(other, |a, b| a ^ b)
    }
    fn not(self) -> Self {
        self.zip(self, |a, _| !a)
    }
    fn left(self, by: u32) -> Self {
        let (limbs, bits) = (by as usize / 64, by % 64);
        let at = |i: usize| i.checked_sub(limbs).map_or(0, |i| self.0[i]);
        Self(std::array::from_fn(|i| {
            let below = if bits == 0 || i == 0 { 0 } else { at(i - 1) >> (64 - bits) };
            at(i) << bits | below
        }))
    }
    fn right(self, by: u32) -> Self {
        let (limbs, bits) = (by as usize / 64, by % 64);
        let sign = if self.is_negative() { u64::MAX } else { 0 };
        Self(std::array::from_fn(|i| {
            let above = if bits == 0 { 0 } else { self.limb_at(i + limbs + 1, sign) << (64 - bits) };
            self.limb_at(i + limbs, sign) >> bits | above
        }))
    }
    fn compare(self, other: Self) -> Ordering {
        let flipped = |value: Self| value.0[N - 1] ^ 1 << 63;
        let rest = || self.0[..N - 1].iter().rev().cmp(other.0[..N - 1].iter().rev());
        flipped(self).cmp(&flipped(other)).then_with(rest)
    }
    fn is_zero(self) -> bool {
        self.0.iter().all(|&limb| limb == 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small(value: Int<4>) -> i128 {
        i128::from(value.0[1] as i64) << 64 | i128::from(value.0[0])
    }

    proptest! {
        /// The wide integers agree with `i128` wherever that is wide enough, and at the edges of their own limbs.
        #[test]
        fn wide_integers_agree_with_native_ones(a in any::<i64>(), b in any::<i64>(), by in 0u32..300, width in 1u32..100) {
            let (x, y) = (i128::from(a), i128::from(b));
            let (u, v) = (Int::<4>::from_i64(a), Int::<4>::from_i64(b));
            prop_assert_eq!(small(u.plus(v)), x + y);
            prop_assert_eq!(small(u.minus(v)), x - y);
            prop_assert_eq!(small(u.times(v)), x * y);
            prop_assert_eq!(small(u.and(v)), x & y);
            prop_assert_eq!(small(u.or(v)), x | y);
            prop_assert_eq!(small(u.xor(v)), x ^ y);
            prop_assert_eq!(small(u.not()), !x);
            prop_assert_eq!(small(u.right(by)), x >> by.min(127));
            prop_assert_eq!(u.left(by).right(by.min(191)), if by < 192 { u } else { u.left(by).right(191) });
            prop_assert_eq!(u.compare(v), x.cmp(&y));
            prop_assert_eq!(small(u.divide(v).0), x.divide(y).0);
            prop_assert_eq!(small(u.divide(v).1), x.divide(y).1);
            prop_assert_eq!(small(u.wrapped(width)), x.wrapped(width));
            prop_assert_eq!(small(u.clamped(width, true)), x.clamped(width, true));
            prop_assert_eq!(small(u.clamped(width, false)), x.clamped(width, false));
            prop_assert_eq!(u.negated().negated(), u);
            // a · 2^k · b / b, through all limbs.
            let (shifted, divisor) = (u.times(v).and(Int::from_i64(i64::MAX)).left(120), v.clamped(62, false));
            if !divisor.is_zero() {
                let (quotient, rest) = shifted.divide(divisor);
                prop_assert_eq!(quotient.times(divisor).plus(rest), shifted);
                prop_assert!(rest.compare(divisor).is_lt());
            }
        }

        /// Also where it does not begin at a byte and just does not fit into a machine's word.
        #[test]
        fn a_stored_value_is_loaded_again(a in any::<i64>(), b in any::<i64>(), at in 0u32..70, width in 1u32..250) {
            let value = Int::<4>::from_i64(a).times(Int::from_i64(b)).left(width / 2);
            let slot = Slot { byte: at / 8, bit: (at % 8) as u8, width, signed: true, saturating: false };
            let mut buffer = [0x5a; 64];
            value.store(slot, &mut buffer);
            prop_assert_eq!(Int::<4>::load(slot, &buffer), value.wrapped(width));
            prop_assert_eq!(i128::load(slot, &buffer), small(value.wrapped(width)));
        }
    }
}
