//! Sets of values that the control plane fills, and by which the parser decides where to go.

use super::limits::SET_VALUES_MAX;
use super::program::SetSpec;
use std::collections::{BTreeSet, HashSet};

/// Why an operation on a set was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// No set has this name.
    #[error("no such set of values")]
    InvalidName = 1,
    /// The value does not have the set's length, or there are too many.
    #[error("the value does not fit the set")]
    Other = 2,
}

impl SetError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }
}

/// The values of one set, and the same as each transition that asks for them has them in its key.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    values: BTreeSet<Vec<u8>>,
    uses: Vec<HashSet<Vec<u8>>>,
}

impl Values {
    pub(crate) fn new(spec: &SetSpec) -> Self {
        Self { values: BTreeSet::new(), uses: vec![HashSet::new(); spec.uses.len()] }
    }

    /// Adds a value, or leaves the one that is there.
    pub(crate) fn add(&mut self, spec: &SetSpec, value: &[u8]) -> Result<(), SetError> {
        let value = fit(spec, value)?;
        let is_new = !self.values.contains(value);
        if is_new && self.values.len() >= SET_VALUES_MAX {
            return Err(SetError::Other);
        }
        self.values.insert(value.to_vec());
        for (values, one) in self.uses.iter_mut().zip(&spec.uses) {
            values.insert(one.key(value));
        }
        Ok(())
    }

    /// Takes a value out, if it is there.
    pub(crate) fn remove(&mut self, spec: &SetSpec, value: &[u8]) -> Result<(), SetError> {
        self.values.remove(fit(spec, value)?);
        // Under a mask another value may be the same.
        for (values, one) in self.uses.iter_mut().zip(&spec.uses) {
            *values = self.values.iter().map(|value| one.key(value)).collect();
        }
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.uses.iter_mut().for_each(HashSet::clear);
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.values.iter()
    }

    /// Whether a transition's key, under its mask, is in the set.
    pub(crate) fn contains(&self, one: usize, key: &[u8]) -> bool {
        self.uses.get(one).is_some_and(|values| values.contains(key))
    }
}

/// A value without what stands in front of it: BMv2's command line puts a zero there.
fn fit<'a>(spec: &SetSpec, value: &'a [u8]) -> Result<&'a [u8], SetError> {
    let more = value.len().checked_sub(spec.bytes()).ok_or(SetError::Other)?;
    let (front, value) = value.split_at(more);
    if front.iter().all(|&byte| byte == 0) { Ok(value) } else { Err(SetError::Other) }
}

/// A value of fields that follow one another without gaps, right-aligned, as each in its own bytes.
pub(crate) fn spread(value: &[u8], widths: &[u32]) -> Vec<u8> {
    let bits: usize = widths.iter().map(|&width| width as usize).sum();
    let mut at = (value.len() * 8).saturating_sub(bits);
    let mut key = Vec::new();
    for &width in widths {
        let bytes = width.div_ceil(8) as usize;
        let start = key.len();
        key.resize(start + bytes, 0u8);
        let first = bytes * 8 - width as usize;
        for bit in first..bytes * 8 {
            let is_set = value.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
            if let Some(byte) = key.get_mut(start + bit / 8).filter(|_| is_set) {
                *byte |= 0x80 >> (bit % 8);
            }
            at += 1;
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::super::program::SetUse;
    use super::*;

    #[test]
    fn a_value_is_spread_over_the_fields_of_the_key() {
        assert_eq!(spread(&[0x0a, 0xbc], &[4, 8]), [0x0a, 0xbc]);
        assert_eq!(spread(&[0x1f, 0xff], &[1, 12]), [1, 0x0f, 0xff]);
        assert_eq!(spread(&[0x08, 0x00], &[16]), [8, 0]);
        assert_eq!(spread(&[0b0000_0101], &[1, 1, 1]), [1, 0, 1]);
    }

    #[test]
    fn values_that_are_the_same_under_a_mask_stay_until_both_are_gone() {
        let whole = SetUse { widths: vec![16], mask: None };
        let masked = SetUse { widths: vec![16], mask: Some(vec![0xff, 0]) };
        let spec = SetSpec { name: "set".into(), bits: 16, uses: vec![whole, masked] };
        let mut values = Values::new(&spec);
        values.add(&spec, &[8, 1]).unwrap();
        values.add(&spec, &[8, 2]).unwrap();
        assert_eq!(values.add(&spec, &[8]), Err(SetError::Other));
        assert_eq!(values.add(&spec, &[1, 8, 1]), Err(SetError::Other));
        values.add(&spec, &[0, 8, 1]).unwrap();
        assert_eq!(values.all().count(), 2, "a zero in front means nothing");
        assert!(values.contains(0, &[8, 1]) && !values.contains(0, &[8, 0]) && values.contains(1, &[8, 0]));
        values.remove(&spec, &[8, 1]).unwrap();
        assert!(!values.contains(0, &[8, 1]) && values.contains(1, &[8, 0]));
        values.remove(&spec, &[8, 2]).unwrap();
        assert!(!values.contains(1, &[8, 0]));
        for i in 0..SET_VALUES_MAX {
            values.add(&spec, &u16::try_from(i).unwrap().to_be_bytes()).unwrap();
        }
        assert_eq!(values.add(&spec, &[0xff, 0xff]), Err(SetError::Other));
        assert_eq!(values.all().count(), SET_VALUES_MAX);
    }
}
