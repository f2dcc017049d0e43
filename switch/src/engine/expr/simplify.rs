//! Slices of fields as fields of their own: `(f >> 8) & 0xff` is eight bits of `f`, which are read without the others.

use super::super::bits::Slot;
use super::super::int::{Num, Wide};
use super::{Binary, Tree};

/// The same value, with as few operations as are seen at once.
pub(crate) fn simplified(tree: &Tree) -> Tree {
    match tree {
        Tree::Binary(op, left, right) => binary(*op, simplified(left), simplified(right)),
        Tree::Unary(op, operand) => Tree::Unary(*op, Box::new(simplified(operand))),
        Tree::Choice(parts) => Tree::Choice(Box::new(parts.each_ref().map(simplified))),
        Tree::ElementValid(stack, index) => Tree::ElementValid(*stack, Box::new(simplified(index))),
        Tree::Element(stack, slot, index) => Tree::Element(*stack, *slot, Box::new(simplified(index))),
        Tree::Register(array, width, index) => Tree::Register(*array, *width, Box::new(simplified(index))),
        other => other.clone(),
    }
}

fn binary(op: Binary, left: Tree, right: Tree) -> Tree {
    let slice = match (op, &left, &right) {
        (Binary::And, Tree::Field(slot), Tree::Constant(mask))
        | (Binary::And, Tree::Constant(mask), Tree::Field(slot)) => ones(mask).map(|width| low_bits(*slot, width)),
        (Binary::ShiftRight, Tree::Field(slot), Tree::Constant(by)) => high_bits(*slot, **by),
        _ => None,
    };
    let is_unsigned = |tree: &Tree| !matches!(tree, Tree::Field(slot) if slot.signed);
    match slice {
        Some(slice) if is_unsigned(&left) && is_unsigned(&right) => Tree::Field(slice),
        _ => Tree::Binary(op, Box::new(left), Box::new(right)),
    }
}

/// How many bits a mask of the lowest bits has.
fn ones(mask: &Wide) -> Option<u32> {
    let width = mask.signed_bits().checked_sub(1).filter(|&width| width > 0)?;
    let expected = Wide::from_i64(1).left(width).minus(Wide::from_i64(1));
    mask.compare(expected).is_eq().then_some(width)
}

fn low_bits(slot: Slot, width: u32) -> Slot {
    let width = width.min(slot.width);
    let first = slot.byte * 8 + u32::from(slot.bit) + (slot.width - width);
    // Below 8.
    let bit = u8::try_from(first % 8).unwrap_or(0);
    Slot { byte: first / 8, bit, width, signed: false, saturating: false }
}

/// What a shift leaves, if it leaves anything.
fn high_bits(slot: Slot, by: Wide) -> Option<Slot> {
    let by = u32::try_from(by.small()?).ok()?;
    let width = slot.width.checked_sub(by).filter(|&width| width > 0)?;
    Some(Slot { width, signed: false, saturating: false, ..slot })
}
