//! Expressions: a tree from the JSON, an analysis of how many bits give BMv2's result, and code for a stack machine.
//!
//! BMv2's integers have no bound. Most expressions end in a cut to some bits (an assignment, `&` with a constant, `two_comp_mod`), so
//! the high bits of what stands below are not needed: the analysis asks from the root downwards how many low bits *are*, takes the
//! smallest integer type that holds them, and refuses an expression for which the widest is too small.

mod eval;
mod flow;
mod load;
mod simplify;
mod truth;

pub(crate) use eval::{Context, Scratch, Value};
pub(crate) use flow::Flow;
pub(crate) use load::{Element, Names, Place};
pub(crate) use simplify::simplified;

use super::bits::{PAD, Slot};
use super::error::Result;
use super::int::{Int, Num, Wide};
use super::json::Node;
use truth::Truth;

/// An operation of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    ShiftLeft,
    ShiftRight,
    And,
    Or,
    Xor,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Both,
    Either,
}

/// An operation of one operand; widths in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    /// Of a boolean.
    Negate,
    /// Of all bits.
    Invert,
    /// Number to boolean.
    Truth,
    /// `two_comp_mod`.
    Wrap(u32),
    /// `sat_cast`.
    Clamp(u32),
    /// `usat_cast`.
    ClampUnsigned(u32),
}

/// An expression as the JSON has it, its names resolved. Booleans are the numbers 0 and 1.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Constant(Box<Wide>),
    Field(Slot),
    /// An action parameter.
    Local(Slot),
    Valid(usize),
    ElementValid(usize, Box<Tree>),
    /// A field of a stack's element, its slot counted from the element's beginning.
    Element(usize, Slot, Box<Tree>),
    Last(usize, Slot),
    Register(usize, u32, Box<Tree>),
    LastIndex(usize),
    Size(usize),
    SameHeader(usize, usize),
    /// The fields of variable length of two headers, as numbers.
    SameVariable(usize, usize),
    Unary(Unary, Box<Tree>),
    Binary(Binary, Box<Tree>, Box<Tree>),
    Choice(Box<[Tree; 3]>),
}

/// An instruction of the stack machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Small(i64),
    Constant(Slot),
    Field(Slot),
    Local(Slot),
    Valid(usize),
    ElementValid(usize),
    Element(usize, Slot),
    Last(usize, Slot),
    Register(usize),
    LastIndex(usize),
    Size(usize),
    SameHeader(usize, usize),
    /// The fields of variable length of two headers, as numbers.
    SameVariable(usize, usize),
    Unary(Unary),
    Binary(Binary),
    /// Goes to an instruction when what it pops is zero.
    Unless(usize),
    Goto(usize),
}

/// The integer type that an expression needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Word,
    Narrow,
    Middle,
    Wide,
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    /// True or false, as numbers 1 and 0.
    Truth(Truth),
    Code(Box<Code>),
}

/// What the stack machine runs.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    ops: Vec<Op>,
    /// Constants that are no `i64`.
    constants: Vec<u8>,
    lane: Lane,
}

impl Expr {
    /// Compiles for a value of which the low `demand` bits are used, or all. `at` is for the message.
    pub(crate) fn compile(tree: &Tree, demand: Option<u32>, at: &Node<'_>) -> Result<Self> {
        let tree = &simplified(tree);
        match Truth::compile(tree, at)? {
            Some(truth) => Ok(Self::Truth(truth)),
            None => Self::compile_ops(tree, demand, at),
        }
    }

    fn compile_ops(tree: &Tree, demand: Option<u32>, at: &Node<'_>) -> Result<Self> {
        let bits = needed(tree, demand);
        let lane = match bits {
            0..=64 => Lane::Word,
            65..=128 => Lane::Narrow,
            129..=256 => Lane::Middle,
            257..=2048 => Lane::Wide,
            _ => return at.unsupported(format!("an expression whose values can have {bits} bits")),
        };
        let mut code = Code { ops: Vec::new(), constants: Vec::new(), lane };
        code.emit(tree);
        code.constants.resize(code.constants.len() + PAD, 0);
        Ok(Self::Code(Box::new(code)))
    }
}

impl Code {
    fn emit(&mut self, tree: &Tree) {
        match tree {
            Tree::Constant(value) => self.constant(**value),
            &Tree::Field(slot) => self.ops.push(Op::Field(slot)),
            &Tree::Local(slot) => self.ops.push(Op::Local(slot)),
            &Tree::Valid(header) => self.ops.push(Op::Valid(header)),
            Tree::ElementValid(stack, index) => self.after(index, Op::ElementValid(*stack)),
            Tree::Element(stack, slot, index) => self.after(index, Op::Element(*stack, *slot)),
            &Tree::Last(stack, slot) => self.ops.push(Op::Last(stack, slot)),
            Tree::Register(array, _, index) => self.after(index, Op::Register(*array)),
            &Tree::LastIndex(stack) => self.ops.push(Op::LastIndex(stack)),
            &Tree::Size(stack) => self.ops.push(Op::Size(stack)),
            &Tree::SameHeader(a, b) => self.ops.push(Op::SameHeader(a, b)),
            &Tree::SameVariable(a, b) => self.ops.push(Op::SameVariable(a, b)),
            Tree::Unary(op, operand) => self.after(operand, Op::Unary(*op)),
            Tree::Binary(op, left, right) => {
                self.emit(left);
                self.after(right, Op::Binary(*op));
            }
            Tree::Choice(parts) => self.choice(parts),
        }
    }

    fn after(&mut self, operand: &Tree, op: Op) {
        self.emit(operand);
        self.ops.push(op);
    }

    fn constant(&mut self, value: Wide) {
        if let Some(small) = value.small() {
            return self.ops.push(Op::Small(small));
        }
        let width = value.signed_bits().next_multiple_of(8);
        // At most 2,048 bits for each constant of a JSON of bounded size.
        let byte = u32::try_from(self.constants.len()).unwrap_or(u32::MAX);
        let slot = Slot { signed: true, ..Slot::padded(byte, width) };
        self.constants.resize(self.constants.len() + slot.bytes() + PAD, 0);
        value.store(slot, &mut self.constants);
        self.ops.push(Op::Constant(slot));
    }

    fn choice(&mut self, [condition, then, otherwise]: &[Tree; 3]) {
        self.emit(condition);
        let branch = self.ops.len();
        self.ops.push(Op::Unless(0));
        self.emit(then);
        let end = self.ops.len();
        self.ops.push(Op::Goto(0));
        self.ops[branch] = Op::Unless(self.ops.len());
        self.emit(otherwise);
        self.ops[end] = Op::Goto(self.ops.len());
    }
}

/// Bits that hold every value of `tree` in two's complement.
fn signed_bits(tree: &Tree) -> u64 {
    match tree {
        Tree::Constant(value) => u64::from(value.signed_bits()),
        Tree::Field(slot) | Tree::Local(slot) | Tree::Element(_, slot, _) | Tree::Last(_, slot) => {
            u64::from(slot.width) + u64::from(!slot.signed)
        }
        Tree::Register(_, width, _) => u64::from(*width) + 1,
        Tree::Valid(_) | Tree::ElementValid(..) | Tree::SameHeader(..) | Tree::SameVariable(..) => 2,
        Tree::LastIndex(_) | Tree::Size(_) => 33,
        Tree::Unary(op, operand) => match *op {
            Unary::Negate | Unary::Truth => 2,
            Unary::Invert => signed_bits(operand),
            Unary::Wrap(width) | Unary::Clamp(width) => u64::from(width),
            Unary::ClampUnsigned(width) => u64::from(width) + 1,
        },
        Tree::Binary(op, left, right) => binary_bits(*op, left, right),
        Tree::Choice(parts) => signed_bits(&parts[1]).max(signed_bits(&parts[2])),
    }
}

fn binary_bits(op: Binary, left: &Tree, right: &Tree) -> u64 {
    let (a, b) = (signed_bits(left), signed_bits(right));
    match op {
        Binary::Add | Binary::Subtract => a.max(b).saturating_add(1),
        Binary::Multiply => a.saturating_add(b),
        Binary::Divide | Binary::Modulo => a.max(b),
        Binary::ShiftLeft => a.saturating_add(shift_max(right)),
        Binary::ShiftRight => a,
        Binary::And => match (is_natural(left), is_natural(right)) {
            (true, true) => a.min(b),
            (true, false) => a,
            (false, true) => b,
            (false, false) => a.max(b),
        },
        Binary::Or | Binary::Xor => a.max(b),
        _ => 2,
    }
}

/// The largest distance of a shift.
fn shift_max(distance: &Tree) -> u64 {
    match distance {
        Tree::Constant(value) => u64::try_from(value.small().unwrap_or(i64::MAX)).unwrap_or(0),
        other => 1u64.checked_shl(u32::try_from(signed_bits(other) - 1).unwrap_or(64)).unwrap_or(u64::MAX),
    }
}

/// Whether no value of `tree` is negative.
fn is_natural(tree: &Tree) -> bool {
    match tree {
        Tree::Constant(value) => value.compare(Wide::zero()).is_ge(),
        Tree::Field(slot) | Tree::Local(slot) | Tree::Element(_, slot, _) | Tree::Last(_, slot) => !slot.signed,
        Tree::Register(..)
        | Tree::Valid(_)
        | Tree::ElementValid(..)
        | Tree::SameHeader(..)
        | Tree::SameVariable(..)
        | Tree::Size(_) => true,
        Tree::LastIndex(_) => false,
        Tree::Unary(op, _) => matches!(op, Unary::Negate | Unary::Truth | Unary::ClampUnsigned(_)),
        Tree::Choice(parts) => is_natural(&parts[1]) && is_natural(&parts[2]),
        Tree::Binary(op, left, right) => match op {
            Binary::Subtract => false,
            Binary::And => is_natural(left) || is_natural(right),
            Binary::ShiftLeft | Binary::ShiftRight => is_natural(left),
            Binary::Add | Binary::Multiply | Binary::Or | Binary::Xor => is_natural(left) && is_natural(right),
            _ => true,
        },
    }
}

/// Bits that the integer type must have for the low `demand` bits of `tree` (or all) to be right.
fn needed(tree: &Tree, demand: Option<u32>) -> u64 {
    let own = signed_bits(tree);
    let own = demand.map_or(own, |bits| own.min(u64::from(bits)));
    own.max(operands_needed(tree, demand))
}

fn operands_needed(tree: &Tree, demand: Option<u32>) -> u64 {
    match tree {
        Tree::ElementValid(_, index) | Tree::Element(_, _, index) | Tree::Register(_, _, index) => needed(index, None),
        Tree::Unary(Unary::Invert, operand) => needed(operand, demand),
        Tree::Unary(Unary::Wrap(width), operand) => {
            needed(operand, Some(demand.map_or(*width, |bits| bits.min(*width))))
        }
        // A cast's bounds must fit too.
        Tree::Unary(Unary::Clamp(width) | Unary::ClampUnsigned(width), operand) => {
            needed(operand, None).max(u64::from(*width) + 1)
        }
        Tree::Unary(_, operand) => needed(operand, None),
        Tree::Binary(op, left, right) => match op {
            Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Or | Binary::Xor => {
                needed(left, demand).max(needed(right, demand))
            }
            Binary::And => and_needed(left, right, demand),
            Binary::ShiftLeft => needed(left, demand).max(needed(right, None)),
            _ => needed(left, None).max(needed(right, None)),
        },
        Tree::Choice(parts) => needed(&parts[0], None).max(needed(&parts[1], demand)).max(needed(&parts[2], demand)),
        _ => 0,
    }
}

/// A natural operand of `k` bits makes the other's higher bits irrelevant.
fn and_needed(left: &Tree, right: &Tree, demand: Option<u32>) -> u64 {
    let mask_first = match (is_natural(left), is_natural(right)) {
        (true, true) => signed_bits(left) <= signed_bits(right),
        (true, false) => true,
        (false, true) => false,
        (false, false) => return needed(left, demand).max(needed(right, demand)),
    };
    let (mask, other) = if mask_first { (left, right) } else { (right, left) };
    let bits = u32::try_from(signed_bits(mask) - 1).unwrap_or(u32::MAX);
    needed(mask, demand).max(needed(other, Some(demand.map_or(bits, |demand| demand.min(bits)))))
}

/// The values of the middle lane.
type Middle = Int<4>;

#[cfg(test)]
mod tests;
