//! Keys: from a packet's headers, from an entry's parameters, and back.

use super::super::bits::Slot;
use super::super::int::{Num, Wide};
use super::super::layout::Phv;
use super::super::program::{KeyField, MatchKind, TableSpec};
use super::{MatchParam, TableError};

/// The lookup key of a packet. Fields of invalid headers count as zero.
#[inline]
pub(crate) fn build(spec: &TableSpec, phv: &Phv, key: &mut Vec<u8>) {
    key.clear();
    key.resize(spec.key_bytes, 0);
    for field in &spec.key {
        let Some(part) = key.get_mut(field.at..field.at + field.bytes) else { continue };
        let valid = phv.is_valid(field.header);
        match field.slot {
            None => part[0] = u8::from(valid),
            Some(slot) if valid => fill(slot, &phv.bytes, part),
            Some(_) => {}
        }
        if let Some(mask) = &field.mask {
            part.iter_mut().zip(mask).for_each(|(byte, mask)| *byte &= mask);
        }
    }
}

/// A field right-aligned in whole bytes.
#[inline]
pub(crate) fn fill(slot: Slot, buffer: &[u8], part: &mut [u8]) {
    if slot.is_whole() {
        let at = slot.byte as usize;
        if let Some(bytes) = buffer.get(at..at + part.len()) {
            part.copy_from_slice(bytes);
        }
    } else if slot.is_short() {
        let bytes = slot.load(buffer).to_be_bytes();
        let len = part.len();
        part.copy_from_slice(&bytes[16 - len..]);
    } else {
        let value = Wide::load(Slot { signed: false, ..slot }, buffer);
        for (i, byte) in part.iter_mut().rev().enumerate() {
            let shift = u32::try_from(i * 8).unwrap_or(u32::MAX);
            *byte = value.right(shift).low_u64().to_be_bytes()[7];
        }
    }
}

/// The low bits of a big-endian value in as many bytes as hold them.
pub(crate) fn fit(value: &[u8], width: u32) -> Vec<u8> {
    let bytes = width.div_ceil(8) as usize;
    let mut fitted = vec![0; bytes.saturating_sub(value.len())];
    fitted.extend_from_slice(&value[value.len().saturating_sub(bytes)..]);
    if let Some(first) = fitted.first_mut() {
        *first &= first_mask(width);
    }
    fitted
}

/// The same, if all bits that are cut are zero.
pub(crate) fn fit_whole(value: &[u8], width: u32) -> Option<Vec<u8>> {
    let bytes = width.div_ceil(8) as usize;
    let (front, rest) = value.split_at(value.len().saturating_sub(bytes));
    let beyond = if rest.len() == bytes { !first_mask(width) & rest.first()? } else { 0 };
    (beyond == 0 && front.iter().all(|&byte| byte == 0)).then(|| fit(rest, width))
}

/// The bits of a field's first byte.
fn first_mask(width: u32) -> u8 {
    0xff >> (width.next_multiple_of(8) - width)
}

/// An entry's key as the table keeps it: value and mask, or, for ranges, lowest and highest.
pub(super) struct Packed {
    pub(super) value: Vec<u8>,
    pub(super) other: Vec<u8>,
    /// Of the longest-prefix field.
    pub(super) prefix: u32,
}

/// Checks and packs an entry's key. Bits of a mask beyond the field's width mean nothing; those of a value are an error.
pub(super) fn pack(spec: &TableSpec, params: &[MatchParam]) -> Result<Packed, TableError> {
    if params.len() != spec.key.len() {
        return Err(TableError::BadMatchKey);
    }
    let mut packed = Packed { value: vec![0; spec.key_bytes], other: vec![0xff; spec.key_bytes], prefix: 0 };
    for (field, param) in spec.key.iter().zip(params) {
        pack_field(field, param, &mut packed).ok_or(TableError::BadMatchKey)?;
    }
    Ok(packed)
}

fn pack_field(field: &KeyField, param: &MatchParam, packed: &mut Packed) -> Option<()> {
    let part = field.at..field.at + field.bytes;
    let (value, other) = (packed.value.get_mut(part.clone())?, packed.other.get_mut(part)?);
    match (field.kind, param) {
        (MatchKind::Exact, MatchParam::Exact(bytes)) => put_whole(value, bytes, field.width)?,
        (MatchKind::Valid, &MatchParam::Valid(valid)) => value.fill(valid.into()),
        (MatchKind::Lpm, MatchParam::Lpm(bytes, length)) if *length <= field.width => {
            packed.prefix = *length;
            put_whole(value, bytes, field.width)?;
            put_prefix_mask(other, field.width, *length);
        }
        (MatchKind::Ternary, MatchParam::Ternary(bytes, mask)) => {
            put_whole(value, bytes, field.width)?;
            put(other, mask, field.width)?;
        }
        (MatchKind::Range, MatchParam::Range(low, high)) if low <= high => {
            put_whole(value, low, field.width)?;
            put_whole(other, high, field.width)?;
        }
        _ => return None,
    }
    if let Some(mask) = &field.mask {
        cut(value, mask);
    }
    if field.kind != MatchKind::Range {
        cut(value, other);
    }
    Some(())
}

/// The low bits of a value that has as many bytes as its field.
fn put(into: &mut [u8], value: &[u8], width: u32) -> Option<()> {
    if into.len() != value.len() {
        return None;
    }
    into.copy_from_slice(value);
    if let Some(first) = into.first_mut() {
        *first &= first_mask(width);
    }
    Some(())
}

/// The same, if all bits that are cut are zero.
fn put_whole(into: &mut [u8], value: &[u8], width: u32) -> Option<()> {
    put(into, value, width)?;
    (into.first() == value.first()).then_some(())
}

fn cut(value: &mut [u8], mask: &[u8]) {
    value.iter_mut().zip(mask).for_each(|(byte, mask)| *byte &= mask);
}

fn put_prefix_mask(into: &mut [u8], width: u32, length: u32) {
    let mut ones = (width.next_multiple_of(8) - width + length) as usize;
    for byte in into {
        *byte = match ones {
            0 => 0,
            bits @ 1..8 => !(0xff >> bits),
            _ => 0xff,
        };
        ones = ones.saturating_sub(8);
    }
}

/// An entry's parameters from what the table keeps.
pub(super) fn unpack(spec: &TableSpec, value: &[u8], other: &[u8], prefix: u32) -> Vec<MatchParam> {
    let part =
        |field: &KeyField, bytes: &[u8]| bytes.get(field.at..field.at + field.bytes).unwrap_or_default().to_vec();
    let param = |field: &KeyField| {
        let bytes = part(field, value);
        match field.kind {
            MatchKind::Exact => MatchParam::Exact(bytes),
            MatchKind::Valid => MatchParam::Valid(bytes == [1]),
            MatchKind::Lpm => MatchParam::Lpm(bytes, prefix),
            MatchKind::Ternary => MatchParam::Ternary(bytes, part(field, other)),
            MatchKind::Range => MatchParam::Range(bytes, part(field, other)),
        }
    };
    spec.key.iter().map(param).collect()
}
