//! Expressions that are true or false, as comparisons that each say which one comes next: what is decided is not computed further.

use std::cmp::Ordering;

use super::super::bits::{Slot, eight};
use super::super::error::Result;
use super::super::int::{Num, Wide};
use super::super::json::Node;
use super::eval::{Context, Scratch};
use super::{Binary, Expr, Tree, Unary};

/// Where a test leads that is the last.
pub(super) const YES: u32 = u32::MAX;
pub(super) const NO: u32 = u32::MAX - 1;

/// Comparisons. The last is the first that is made; each leads to an earlier one, so it ends.
#[derive(Clone, Debug)]
pub(crate) struct Truth(Box<[Step]>);

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) test: Test,
    pub(super) then: u32,
    pub(super) otherwise: u32,
}

/// Kept small: of what most programs ask, two steps share a cache line.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Valid(u32),
    /// Whether masked bits of the eight bytes from here on are a number.
    Is(u32, u64, u64),
    /// Whether they are less.
    Below(u32, u64, u64),
    Rare(Box<Rare>),
}

/// What is asked seldom.
#[derive(Clone, Debug)]
pub(super) enum Rare {
    /// Masked bits of a short, unsigned field, and a number.
    Number(Binary, Slot, u128, u128),
    /// Two short, unsigned fields.
    Fields(Binary, Slot, Slot),
    /// Anything else, which is true if it is not zero.
    Other(Expr),
}

impl Truth {
    /// `None` for a number.
    pub(super) fn compile(tree: &Tree, at: &Node<'_>) -> Result<Option<Self>> {
        if !is_truth(tree) || test(tree).is_none() && !is_composed(tree) {
            return Ok(None);
        }
        let mut steps = Vec::new();
        emit(tree, YES, NO, &mut steps, at)?;
        Ok(Some(Self(steps.into())))
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    #[inline]
    pub(super) fn holds(&self, context: Context<'_>, scratch: &mut Scratch) -> bool {
        // As many as a JSON of bounded size has.
        let mut at = u32::try_from(self.0.len().wrapping_sub(1)).unwrap_or(NO);
        while let Some(step) = self.0.get(at as usize) {
            at = if step.test.holds(context, scratch) { step.then } else { step.otherwise };
        }
        at == YES
    }
}

impl Test {
    /// Of an expression that is true if it is not zero.
    pub(super) fn other(expr: Expr) -> Self {
        Self::Rare(Box::new(Rare::Other(expr)))
    }

    #[inline]
    pub(super) fn holds(&self, context: Context<'_>, scratch: &mut Scratch) -> bool {
        let bytes = &context.phv.bytes;
        match self {
            &Self::Is(byte, mask, number) => eight(bytes, byte) & mask == number,
            &Self::Below(byte, mask, number) => eight(bytes, byte) & mask < number,
            &Self::Valid(header) => context.phv.is_valid(header as usize),
            Self::Rare(rare) => rare.holds(context, scratch),
        }
    }
}

impl Rare {
    #[inline(never)]
    fn holds(&self, context: Context<'_>, scratch: &mut Scratch) -> bool {
        let bytes = &context.phv.bytes;
        match self {
            &Self::Number(relation, slot, mask, number) => compare(relation, slot.load(bytes) & mask, number),
            &Self::Fields(relation, left, right) => compare(relation, left.load(bytes), right.load(bytes)),
            Self::Other(expr) => expr.truth(context, scratch),
        }
    }
}

fn compare(relation: Binary, left: u128, right: u128) -> bool {
    match relation {
        Binary::Equal => left == right,
        Binary::Unequal => left != right,
        Binary::Less => left < right,
        Binary::LessOrEqual => left <= right,
        Binary::Greater => left > right,
        _ => left.cmp(&right) != Ordering::Less,
    }
}

/// Whether the value is 0 or 1 by its operation.
fn is_truth(tree: &Tree) -> bool {
    match tree {
        Tree::Valid(_) | Tree::Unary(Unary::Negate | Unary::Truth, _) => true,
        Tree::Binary(op, ..) => is_relation(*op) || matches!(op, Binary::Both | Binary::Either),
        _ => false,
    }
}

fn is_relation(op: Binary) -> bool {
    use Binary::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Unequal};
    matches!(op, Equal | Unequal | Less | LessOrEqual | Greater | GreaterOrEqual)
}

fn is_composed(tree: &Tree) -> bool {
    matches!(tree, Tree::Unary(Unary::Negate | Unary::Truth, _) | Tree::Binary(Binary::Both | Binary::Either, ..))
}

/// Appends what leads to `then` if the tree is not zero, else to `otherwise`; says where it begins, which is at its end.
fn emit(tree: &Tree, then: u32, otherwise: u32, steps: &mut Vec<Step>, at: &Node<'_>) -> Result<u32> {
    match tree {
        Tree::Unary(Unary::Negate, operand) => return emit(operand, otherwise, then, steps, at),
        Tree::Unary(Unary::Truth, operand) => return emit(operand, then, otherwise, steps, at),
        Tree::Binary(Binary::Both, left, right) => {
            let right = emit(right, then, otherwise, steps, at)?;
            return emit(left, right, otherwise, steps, at);
        }
        Tree::Binary(Binary::Either, left, right) => {
            let right = emit(right, then, otherwise, steps, at)?;
            return emit(left, then, right, steps, at);
        }
        _ => {}
    }
    let (test, is_turned) = match test(tree) {
        Some(test) => test,
        None => (Test::other(Expr::compile_ops(tree, None, at)?), false),
    };
    let (then, otherwise) = if is_turned { (otherwise, then) } else { (then, otherwise) };
    steps.push(Step { test, then, otherwise });
    Ok(u32::try_from(steps.len() - 1).unwrap_or(NO))
}

/// A comparison that needs no stack machine, and whether its contrary is meant.
fn test(tree: &Tree) -> Option<(Test, bool)> {
    match tree {
        Tree::Valid(header) => Some((Test::Valid(u32::try_from(*header).ok()?), false)),
        Tree::Binary(op, left, right) if is_relation(*op) => {
            relation(*op, left, right).or_else(|| relation(turned(*op), right, left))
        }
        _ => None,
    }
}

fn relation(op: Binary, left: &Tree, right: &Tree) -> Option<(Test, bool)> {
    match (left, right) {
        (Tree::Field(a), Tree::Field(b)) => {
            Some((Test::Rare(Box::new(Rare::Fields(op, plain(*a)?, plain(*b)?))), false))
        }
        (Tree::Field(slot), Tree::Constant(value)) => Some(with_number(op, plain(*slot)?, u128::MAX, natural(value)?)),
        (Tree::Binary(Binary::And, a, b), Tree::Constant(value)) => match (&**a, &**b) {
            (Tree::Field(slot), Tree::Constant(mask)) | (Tree::Constant(mask), Tree::Field(slot)) => {
                Some(with_number(op, plain(*slot)?, natural(mask)?, natural(value)?))
            }
            _ => None,
        },
        _ => None,
    }
}

fn with_number(op: Binary, slot: Slot, mask: u128, number: u128) -> (Test, bool) {
    let rare = || Test::Rare(Box::new(Rare::Number(op, slot, mask, number)));
    in_word(op, slot, mask, number).unwrap_or_else(|| (rare(), false))
}

/// A comparison of bits where they stand: mask and number are moved there instead.
fn in_word(op: Binary, slot: Slot, mask: u128, number: u128) -> Option<(Test, bool)> {
    let word = slot.word()?;
    let mask = word.in_place(u64::try_from(mask & u128::from(word.max())).ok()?)?;
    let number = u64::try_from(number).ok()?;
    // `a <= n` is `a < n + 1`, `a > n` its contrary.
    let by_one = u64::from(matches!(op, Binary::LessOrEqual | Binary::Greater));
    let number = word.in_place(number.checked_add(by_one)?)?;
    Some(match op {
        Binary::Equal => (Test::Is(word.byte(), mask, number), false),
        Binary::Unequal => (Test::Is(word.byte(), mask, number), true),
        Binary::Less | Binary::LessOrEqual => (Test::Below(word.byte(), mask, number), false),
        _ => (Test::Below(word.byte(), mask, number), true),
    })
}

/// The same with its operands exchanged.
fn turned(op: Binary) -> Binary {
    match op {
        Binary::Less => Binary::Greater,
        Binary::LessOrEqual => Binary::GreaterOrEqual,
        Binary::Greater => Binary::Less,
        Binary::GreaterOrEqual => Binary::LessOrEqual,
        same => same,
    }
}

fn plain(slot: Slot) -> Option<Slot> {
    (slot.is_short() && !slot.signed).then_some(slot)
}

/// A number that is not negative and has at most 128 bits.
fn natural(value: &Wide) -> Option<u128> {
    let is_fit = value.compare(Wide::zero()).is_ge() && value.signed_bits() <= 129;
    is_fit.then(|| u128::from(value.right(64).low_u64()) << 64 | u128::from(value.low_u64()))
}
