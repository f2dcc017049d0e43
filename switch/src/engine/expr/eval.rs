//! The stack machine that computes expressions.

use std::cmp::Ordering;

use super::super::bits::Slot;
use super::super::int::{Num, Wide};
use super::super::layout::{Layout, Phv};
use super::super::registers::Registers;
use super::{Binary, Code, Expr, Lane, Middle, Op, Unary};

/// What an expression can read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) phv: &'a Phv,
    /// The data of the action that runs.
    pub(crate) data: &'a [u8],
    pub(crate) registers: &'a [Registers],
}

/// Stacks, kept for the next expression.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    words: Vec<i64>,
    narrow: Vec<i128>,
    middle: Vec<Middle>,
    wide: Vec<Wide>,
}

/// A result.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack, and only briefly")]
pub(crate) enum Value {
    Narrow(i128),
    Middle(Middle),
    Wide(Wide),
}

impl Value {
    /// An unsigned value in a buffer.
    pub(crate) fn load(slot: Slot, buffer: &[u8]) -> Self {
        if slot.width < 128 { Self::Narrow(Num::load(slot, buffer)) } else { Self::Wide(Num::load(slot, buffer)) }
    }

    /// Writes it, cut to the slot or clamped.
    #[inline]
    pub(crate) fn store(self, slot: Slot, buffer: &mut [u8]) {
        fn put<T: Num>(value: T, slot: Slot, buffer: &mut [u8]) {
            let value = if slot.saturating { value.clamped(slot.width, slot.signed) } else { value };
            value.store(slot, buffer);
        }
        match self {
            Self::Narrow(value) => put(value, slot, buffer),
            Self::Middle(value) => put(value, slot, buffer),
            Self::Wide(value) => put(value, slot, buffer),
        }
    }

    /// Its low 64 bits.
    pub(crate) fn low(self) -> u64 {
        match self {
            Self::Narrow(value) => value.low_u64(),
            Self::Middle(value) => value.low_u64(),
            Self::Wide(value) => value.low_u64(),
        }
    }

    fn is_zero(self) -> bool {
        match self {
            Self::Narrow(value) => value == 0,
            Self::Middle(value) => value.is_zero(),
            Self::Wide(value) => value.is_zero(),
        }
    }
}

impl Expr {
    #[inline]
    pub(crate) fn value(&self, context: Context<'_>, scratch: &mut Scratch) -> Value {
        match self {
            Self::Truth(truth) => Value::Narrow(i128::from(truth.holds(context, scratch))),
            Self::Code(code) => code.value(context, scratch),
        }
    }

    #[inline]
    pub(crate) fn truth(&self, context: Context<'_>, scratch: &mut Scratch) -> bool {
        match self {
            Self::Truth(truth) => truth.holds(context, scratch),
            Self::Code(code) => !code.value(context, scratch).is_zero(),
        }
    }
}

impl Code {
    fn value(&self, context: Context<'_>, scratch: &mut Scratch) -> Value {
        match self.lane {
            Lane::Word => Value::Narrow(self.run(context, &mut scratch.words).into()),
            Lane::Narrow => Value::Narrow(self.run(context, &mut scratch.narrow)),
            Lane::Middle => Value::Middle(self.run(context, &mut scratch.middle)),
            Lane::Wide => Value::Wide(self.run(context, &mut scratch.wide)),
        }
    }

    fn run<T: Num>(&self, context: Context<'_>, stack: &mut Vec<T>) -> T {
        stack.clear();
        let mut at = 0;
        while let Some(&op) = self.ops.get(at) {
            at += 1;
            match op {
                Op::Small(value) => stack.push(T::from_i64(value)),
                Op::Constant(slot) => stack.push(T::load(slot, &self.constants)),
                Op::Field(slot) => stack.push(T::load(slot, &context.phv.bytes)),
                Op::Local(slot) => stack.push(T::load(slot, context.data)),
                Op::Valid(header) => stack.push(flag(context.phv.is_valid(header))),
                Op::Unary(op) => {
                    let operand = pop(stack);
                    stack.push(unary(op, operand));
                }
                Op::Binary(op) => {
                    let (right, left) = (pop(stack), pop(stack));
                    stack.push(binary(op, left, right));
                }
                Op::Unless(target) => {
                    if pop(stack).is_zero() {
                        at = target;
                    }
                }
                Op::Goto(target) => at = target,
                other => rare(other, context, stack),
            }
        }
        pop(stack)
    }
}

/// What few programs use.
#[inline(never)]
fn rare<T: Num>(op: Op, context: Context<'_>, stack: &mut Vec<T>) {
    let Context { layout, phv, registers, .. } = context;
    let field = |slot: Option<Slot>| slot.map_or(T::zero(), |slot| T::load(slot, &phv.bytes));
    let value = match op {
        Op::ElementValid(array) => {
            let header = layout.element_header(array, pop(stack).low_u64());
            flag(header.is_some_and(|header| phv.is_valid(header)))
        }
        Op::Element(array, slot) => field(layout.element(array, pop(stack).low_u64(), slot)),
        Op::Last(array, slot) => field(phv.last(array).and_then(|last| layout.element(array, last, slot))),
        Op::Register(array) => {
            let index = pop(stack).low_u64();
            let cell = registers.get(array).and_then(|array| array.cell(index));
            cell.map_or(T::zero(), |(slot, buffer)| T::load(slot, buffer))
        }
        Op::LastIndex(array) => count::<T>(phv, array).minus(T::from_i64(1)),
        Op::Size(array) => count(phv, array),
        Op::SameHeader(a, b) => flag(same_header(layout, phv, a, b)),
        Op::SameVariable(a, b) => flag(variable(layout, phv, a) == variable(layout, phv, b)),
        _ => return,
    };
    stack.push(value);
}

fn count<T: Num>(phv: &Phv, stack: usize) -> T {
    let next = phv.next.get(stack).copied().unwrap_or(0);
    T::from_i64(i64::try_from(next).unwrap_or(i64::MAX))
}

fn same_header(layout: &Layout, phv: &Phv, a: usize, b: usize) -> bool {
    let bytes = |header: usize| phv.bytes.get(layout.headers.get(header)?.range());
    // What is not used of a field of variable length is zero.
    let is_as_long = phv.variable_bytes(a) == phv.variable_bytes(b);
    phv.is_valid(a) && phv.is_valid(b) && is_as_long && bytes(a) == bytes(b)
}

/// The significant bytes of a header's field of variable length.
fn variable<'a>(layout: &Layout, phv: &'a Phv, header: usize) -> &'a [u8] {
    let room = layout.headers.get(header).and_then(|header| phv.bytes.get(header.room()));
    let used = room.and_then(|room| room.get(..phv.variable_bytes(header))).unwrap_or_default();
    let zeros = used.iter().take_while(|&&byte| byte == 0).count();
    used.get(zeros..).unwrap_or_default()
}

/// The compiler never pops more than it pushed.
#[inline]
fn pop<T: Num>(stack: &mut Vec<T>) -> T {
    stack.pop().unwrap_or_else(T::zero)
}

#[inline]
fn flag<T: Num>(set: bool) -> T {
    T::from_i64(i64::from(set))
}

#[inline]
fn unary<T: Num>(op: Unary, operand: T) -> T {
    match op {
        Unary::Negate => flag(operand.is_zero()),
        Unary::Invert => operand.not(),
        Unary::Truth => flag(!operand.is_zero()),
        Unary::Wrap(width) => operand.wrapped(width),
        Unary::Clamp(width) => operand.clamped(width, true),
        Unary::ClampUnsigned(width) => operand.clamped(width, false),
    }
}

#[inline]
fn binary<T: Num>(op: Binary, left: T, right: T) -> T {
    match op {
        Binary::Add => left.plus(right),
        Binary::Subtract => left.minus(right),
        Binary::Multiply => left.times(right),
        Binary::Divide => left.divide(right).0,
        Binary::Modulo => left.divide(right).1,
        Binary::ShiftLeft => left.left(right.distance()),
        Binary::ShiftRight => left.right(right.distance()),
        Binary::And => left.and(right),
        Binary::Or => left.or(right),
        Binary::Xor => left.xor(right),
        Binary::Equal => flag(left.compare(right).is_eq()),
        Binary::Unequal => flag(left.compare(right).is_ne()),
        Binary::Less => flag(left.compare(right) == Ordering::Less),
        Binary::LessOrEqual => flag(left.compare(right).is_le()),
        Binary::Greater => flag(left.compare(right) == Ordering::Greater),
        Binary::GreaterOrEqual => flag(left.compare(right).is_ge()),
        Binary::Both => flag(!left.is_zero() && !right.is_zero()),
        Binary::Either => flag(!left.is_zero() || !right.is_zero()),
    }
}
