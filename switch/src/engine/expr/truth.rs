//! Expressions that are true or false, as comparisons that each say which one comes next: what is decided is not computed further.

use std::cmp::Ordering;

use super::super::bits::Slot;
use super::super::error::Result;
use super::super::int::{Num, Wide};
use super::super::json::Node;
use super::eval::{Context, Scratch};
use super::{Binary, Expr, Tree, Unary};

/// Where a test leads that is the last.
const YES: usize = usize::MAX;
const NO: usize = usize::MAX - 1;

/// Comparisons. The last is the first that is made; each leads to an earlier one, so it ends.
#[derive(Clone, Debug)]
pub(super) struct Truth(Vec<Step>);

#[derive(Clone, Debug)]
struct Step {
    test: Test,
    then: usize,
    otherwise: usize,
}

#[derive(Clone, Debug)]
enum Test {
    Valid(usize),
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
        Ok(Some(Self(steps)))
    }

    #[inline]
    pub(super) fn holds(&self, context: Context<'_>, scratch: &mut Scratch) -> bool {
        let mut at = self.0.len().wrapping_sub(1);
        while let Some(step) = self.0.get(at) {
            at = if step.test.holds(context, scratch) { step.then } else { step.otherwise };
        }
        at == YES
    }
}

impl Test {
    #[inline]
    fn holds(&self, context: Context<'_>, scratch: &mut Scratch) -> bool {
        let load = |slot: Slot| slot.load(&context.phv.bytes);
        match self {
            Self::Valid(header) => context.phv.is_valid(*header),
            &Self::Number(relation, slot, mask, number) => compare(relation, load(slot) & mask, number),
            &Self::Fields(relation, left, right) => compare(relation, load(left), load(right)),
            Self::Other(expr) => expr.truth(context, scratch),
        }
    }
}

#[inline]
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
fn emit(tree: &Tree, then: usize, otherwise: usize, steps: &mut Vec<Step>, at: &Node<'_>) -> Result<usize> {
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
    let test = match test(tree) {
        Some(test) => test,
        None => Test::Other(Expr::compile_ops(tree, None, at)?),
    };
    steps.push(Step { test, then, otherwise });
    Ok(steps.len() - 1)
}

/// A comparison that needs no stack machine.
fn test(tree: &Tree) -> Option<Test> {
    match tree {
        Tree::Valid(header) => Some(Test::Valid(*header)),
        Tree::Binary(op, left, right) if is_relation(*op) => {
            relation(*op, left, right).or_else(|| relation(turned(*op), right, left))
        }
        _ => None,
    }
}

fn relation(op: Binary, left: &Tree, right: &Tree) -> Option<Test> {
    match (left, right) {
        (Tree::Field(a), Tree::Field(b)) => Some(Test::Fields(op, plain(*a)?, plain(*b)?)),
        (Tree::Field(slot), Tree::Constant(value)) => Some(Test::Number(op, plain(*slot)?, u128::MAX, natural(value)?)),
        (Tree::Binary(Binary::And, a, b), Tree::Constant(value)) => match (&**a, &**b) {
            (Tree::Field(slot), Tree::Constant(mask)) | (Tree::Constant(mask), Tree::Field(slot)) => {
                Some(Test::Number(op, plain(*slot)?, natural(mask)?, natural(value)?))
            }
            _ => None,
        },
        _ => None,
    }
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
