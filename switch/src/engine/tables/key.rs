//! Keys: from a packet's headers, from an entry's parameters, and back.

use super::super::bits::{Slot, Word};
use super::super::int::{Num, Wide};
use super::super::layout::Phv;
use super::super::program::{KeyField, MatchKind, TableSpec};
use super::{MatchParam, TableError};

/// How a field comes into a lookup key.
#[derive(Debug)]
pub(crate) struct KeyStep {
    header: usize,
    at: usize,
    bytes: usize,
    part: Part,
    mask: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Part {
    /// Whether the header is valid.
    Validity,
    /// Up to eight bytes, which are written as eight: what they overwrite is written later. With how far they are shifted.
    Word(Word, u32),
    Long(Slot),
}

/// How a key is made: its fields in the order in which they stand in it.
pub(crate) fn steps(fields: &[KeyField]) -> Vec<KeyStep> {
    let step = |field: &KeyField| {
        let shift = u32::try_from(field.bytes).ok().and_then(|bytes| 64u32.checked_sub(bytes * 8));
        let part = match (field.slot, shift) {
            (None, _) => Part::Validity,
            (Some(slot), Some(shift)) => slot.word().map_or(Part::Long(slot), |word| Part::Word(word, shift)),
            (Some(slot), None) => Part::Long(slot),
        };
        KeyStep { header: field.header, at: field.at, bytes: field.bytes, part, mask: field.mask.clone() }
    };
    let mut steps: Vec<KeyStep> = fields.iter().map(step).collect();
    steps.sort_by_key(|step| step.at);
    steps
}

/// The lookup key of a packet. Fields of invalid headers count as zero.
#[inline]
pub(crate) fn build<'a>(spec: &TableSpec, phv: &Phv, key: &'a mut Vec<u8>) -> &'a [u8] {
    if key.len() < spec.key_bytes + 8 {
        key.resize(spec.key_bytes + 8, 0);
    }
    for step in &spec.steps {
        let valid = phv.is_valid(step.header);
        match step.part {
            Part::Word(word, shift) => {
                let value = if valid { word.load(&phv.bytes) << shift } else { 0 };
                if let Some(eight) = key.get_mut(step.at..step.at + 8) {
                    eight.copy_from_slice(&value.to_be_bytes());
                }
            }
            Part::Validity => key.get_mut(step.at).into_iter().for_each(|byte| *byte = valid.into()),
            Part::Long(slot) => match key.get_mut(step.at..step.at + step.bytes) {
                Some(part) if valid => fill(slot, &phv.bytes, part),
                part => part.into_iter().for_each(|part| part.fill(0)),
            },
        }
        if let Some(mask) = &step.mask {
            key.iter_mut().skip(step.at).zip(mask).for_each(|(byte, mask)| *byte &= mask);
        }
    }
    key.get(..spec.key_bytes).unwrap_or_default()
}

/// A field right-aligned in whole bytes.
#[inline]
pub(crate) fn fill(slot: Slot, buffer: &[u8], part: &mut [u8]) {
    if slot.is_whole() {
        let bytes = buffer.get(slot.byte as usize..).unwrap_or_default();
        // An address: a copy of fixed length is no call.
        if let (Ok(part), Some(bytes)) = (<&mut [u8; 16]>::try_from(&mut *part), bytes.first_chunk()) {
            *part = *bytes;
        } else if let Some(bytes) = bytes.get(..part.len()) {
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
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    pub(super) value: Vec<u8>,
    pub(super) other: Vec<u8>,
    /// Of the longest-prefix field.
    pub(super) prefix: u32,
}

/// Checks and packs an entry's key into the memory of another. Bits of a mask beyond the field's width mean nothing; those of a value are an error.
pub(super) fn pack<B: AsRef<[u8]>>(
    spec: &TableSpec,
    params: &[MatchParam<B>],
    packed: &mut Packed,
) -> Result<(), TableError> {
    if params.len() != spec.key.len() {
        return Err(TableError::BadMatchKey);
    }
    packed.value.clear();
    packed.value.resize(spec.key_bytes, 0);
    packed.other.clear();
    packed.other.resize(spec.key_bytes, 0xff);
    packed.prefix = 0;
    let mut fields = spec.key.iter().zip(params);
    fields.try_for_each(|(field, param)| pack_field(field, param, packed)).ok_or(TableError::BadMatchKey)
}

fn pack_field<B: AsRef<[u8]>>(field: &KeyField, param: &MatchParam<B>, packed: &mut Packed) -> Option<()> {
    let part = field.at..field.at + field.bytes;
    let (value, other) = (packed.value.get_mut(part.clone())?, packed.other.get_mut(part)?);
    match (field.kind, param) {
        (MatchKind::Exact, MatchParam::Exact(bytes)) => put_whole(value, bytes.as_ref(), field.width)?,
        (MatchKind::Valid, &MatchParam::Valid(valid)) => value.fill(valid.into()),
        (MatchKind::Lpm, MatchParam::Lpm(bytes, length)) if *length <= field.width => {
            packed.prefix = *length;
            put_whole(value, bytes.as_ref(), field.width)?;
            put_prefix_mask(other, field.width, *length);
        }
        (MatchKind::Ternary, MatchParam::Ternary(bytes, mask)) => {
            put_whole(value, bytes.as_ref(), field.width)?;
            put(other, mask.as_ref(), field.width)?;
        }
        (MatchKind::Range, MatchParam::Range(low, high)) if low.as_ref() <= high.as_ref() => {
            put_whole(value, low.as_ref(), field.width)?;
            put_whole(other, high.as_ref(), field.width)?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::bits::PAD;
    use super::super::super::program::{After, Holds};
    use super::*;

    /// Header, where the field begins in bits, its width (`None` is the header's validity), its mask.
    type Drawn = (usize, u32, Option<u32>, Option<u8>);

    fn field((header, first, width, mask): Drawn) -> KeyField {
        let bit = u8::try_from(first % 8).unwrap();
        let slot = width.map(|width| Slot { byte: first / 8, bit, width, signed: false, saturating: false });
        let width = width.unwrap_or(1);
        let bytes = width.div_ceil(8) as usize;
        let mask = mask.map(|mask| vec![mask; bytes]);
        KeyField { name: String::new(), kind: MatchKind::Exact, header, slot, width, at: 0, bytes, mask }
    }

    /// A table whose fields stand in the key in an order of their own.
    fn spec(fields: &[Drawn], turn: usize) -> TableSpec {
        let mut key: Vec<KeyField> = fields.iter().map(|&drawn| field(drawn)).collect();
        let (count, mut at) = (key.len(), 0);
        for i in 0..count {
            let field = &mut key[(i + turn) % count];
            field.at = at;
            at += field.bytes;
        }
        TableSpec {
            name: String::new(),
            kind: MatchKind::Exact,
            steps: steps(&key),
            key,
            key_bytes: at,
            holds: Holds::Actions,
            size: 1,
            with_counters: false,
            meter: None,
            actions: Vec::new(),
            after: After::Action(Vec::new()),
            after_miss: None,
            default: None,
            const_action: None,
            entries: Vec::new(),
            immutable: false,
            data_bytes: 0,
        }
    }

    fn bit(buffer: &[u8], at: u32) -> u8 {
        buffer[at as usize / 8] >> (7 - at % 8) & 1
    }

    proptest! {
        #[test]
        fn a_key_is_its_fields_one_after_another(
            fields in prop::collection::vec(
                (0usize..2, 0u32..100, prop::option::of(1u32..=140), prop::option::of(any::<u8>())), 1..6,
            ),
            turn in 0usize..6,
            bytes in prop::collection::vec(any::<u8>(), 40 + PAD),
            valid in any::<[bool; 2]>(),
            mut before in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let spec = spec(&fields, turn);
            let phv = Phv { bytes, valid: valid.to_vec(), ..Phv::default() };
            let key = build(&spec, &phv, &mut before).to_vec();
            prop_assert_eq!(key.len(), spec.key_bytes);
            for field in &spec.key {
                let mut expected = vec![0; field.bytes];
                match field.slot {
                    None => expected[0] = u8::from(valid[field.header]),
                    Some(slot) if valid[field.header] => (0..slot.width).for_each(|i| {
                        let low = slot.width - 1 - i;
                        let from = slot.byte * 8 + u32::from(slot.bit) + i;
                        expected[field.bytes - 1 - low as usize / 8] |= bit(&phv.bytes, from) << (low % 8);
                    }),
                    Some(_) => {}
                }
                cut(&mut expected, field.mask.as_deref().unwrap_or(&[0xff; 32]));
                prop_assert_eq!(&key[field.at..field.at + field.bytes], &expected[..]);
            }
        }
    }
}
