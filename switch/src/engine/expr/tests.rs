use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::layout::{Layout, Phv};
use super::super::registers::Registers;
use super::*;

/// Wide enough for every value that the trees below can have.
type Big = Int<80>;

const BUFFER: usize = 96;

fn leaf() -> impl Strategy<Value = Tree> {
    let slot = (0u32..64 * 8, 1u32..140, any::<bool>()).prop_map(|(at, width, signed)| {
        let bit = u8::try_from(at % 8).unwrap();
        Slot { byte: at / 8, bit, width: width.max(2), signed, saturating: false }
    });
    let constant = (any::<i64>(), 0u32..130).prop_map(|(value, by)| Wide::from_i64(value).left(by));
    prop_oneof![
        4 => slot.clone().prop_map(Tree::Field),
        1 => slot.prop_map(|slot| Tree::Local(Slot { signed: false, ..slot })),
        3 => constant.prop_map(|value| Tree::Constant(Box::new(value))),
        1 => (0..2usize).prop_map(Tree::Valid),
        1 => (0i64..4, 0..9u32).prop_map(|(i, width)| {
            Tree::Register(0, 33, Box::new(Tree::Binary(
                Binary::Add,
                Box::new(Tree::Constant(Box::new(Wide::from_i64(i)))),
                Box::new(Tree::Field(Slot { byte: 0, bit: 0, width: width + 1, signed: false, saturating: false })),
            )))
        }),
    ]
}

/// A distance that is not too far.
fn distance() -> impl Strategy<Value = Tree> {
    prop_oneof![
        (0i64..70).prop_map(|by| Tree::Constant(Box::new(Wide::from_i64(by)))),
        (0u32..100, 1u32..6).prop_map(|(byte, width)| Tree::Field(Slot {
            byte: byte % 60,
            bit: 1,
            width,
            signed: false,
            saturating: false
        })),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let ops = prop::sample::select(vec![
            Binary::Add,
            Binary::Subtract,
            Binary::Multiply,
            Binary::Divide,
            Binary::Modulo,
            Binary::And,
            Binary::Or,
            Binary::Xor,
            Binary::Equal,
            Binary::Unequal,
            Binary::Less,
            Binary::LessOrEqual,
            Binary::Greater,
            Binary::GreaterOrEqual,
            Binary::Both,
            Binary::Either,
        ]);
        let shifts = prop::sample::select(vec![Binary::ShiftLeft, Binary::ShiftRight]);
        let unary = prop_oneof![
            prop::sample::select(vec![Unary::Negate, Unary::Invert, Unary::Truth]),
            (1u32..150).prop_map(Unary::Wrap),
            (2u32..150).prop_map(Unary::Clamp),
            (1u32..150).prop_map(Unary::ClampUnsigned),
        ];
        prop_oneof![
            4 => (ops, two).prop_map(|(op, (a, b))| Tree::Binary(op, Box::new(a), Box::new(b))),
            1 => (shifts, inner.clone(), distance()).prop_map(|(op, a, b)| Tree::Binary(op, Box::new(a), Box::new(b))),
            1 => (unary, inner.clone()).prop_map(|(op, a)| Tree::Unary(op, Box::new(a))),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(c, a, b)| Tree::Choice(Box::new([c, a, b]))),
        ]
    })
}

fn widen(value: Wide) -> Big {
    let mut buffer = vec![0; 300];
    let slot = Slot { byte: 0, bit: 0, width: 2048, signed: true, saturating: false };
    value.store(slot, &mut buffer);
    Big::load(slot, &buffer)
}

/// The value with no regard for time or width.
fn model(tree: &Tree, context: Context<'_>) -> Big {
    let flag = |set: bool| Big::from_i64(i64::from(set));
    match tree {
        Tree::Constant(value) => widen(**value),
        &Tree::Field(slot) => Big::load(slot, &context.phv.bytes),
        &Tree::Local(slot) => Big::load(slot, context.data),
        &Tree::Valid(header) => flag(context.phv.valid[header]),
        Tree::Register(array, _, index) => {
            let found = context.registers[*array].cell(model(index, context).low_u64());
            found.map_or(Big::zero(), |(slot, buffer)| Big::load(slot, buffer))
        }
        Tree::Unary(op, operand) => {
            let value = model(operand, context);
            match *op {
                Unary::Negate => flag(value.is_zero()),
                Unary::Truth => flag(!value.is_zero()),
                Unary::Invert => Big::from_i64(-1).minus(value),
                Unary::Wrap(width) => {
                    let modulus = Big::from_i64(1).left(width);
                    let low = value.minus(value.right(width).times(modulus));
                    if low.compare(modulus.right(1)).is_ge() { low.minus(modulus) } else { low }
                }
                Unary::Clamp(width) => {
                    let half = Big::from_i64(1).left(width - 1);
                    bounded(value, Big::zero().minus(half), half.minus(Big::from_i64(1)))
                }
                Unary::ClampUnsigned(width) => {
                    bounded(value, Big::zero(), Big::from_i64(1).left(width).minus(Big::from_i64(1)))
                }
            }
        }
        Tree::Binary(op, a, b) => {
            let (a, b) = (model(a, context), model(b, context));
            match op {
                Binary::Add => a.plus(b),
                Binary::Subtract => a.minus(b),
                Binary::Multiply => a.times(b),
                Binary::Divide => a.divide(b).0,
                Binary::Modulo => a.divide(b).1,
                Binary::ShiftLeft => a.times(Big::from_i64(1).left(b.distance())),
                Binary::ShiftRight => a.right(b.distance()),
                Binary::And => a.and(b),
                Binary::Or => a.or(b),
                Binary::Xor => a.xor(b),
                Binary::Equal => flag(a == b),
                Binary::Unequal => flag(a != b),
                Binary::Less => flag(a.compare(b).is_lt()),
                Binary::LessOrEqual => flag(a.compare(b).is_le()),
                Binary::Greater => flag(a.compare(b).is_gt()),
                Binary::GreaterOrEqual => flag(a.compare(b).is_ge()),
                Binary::Both => flag(!a.is_zero() && !b.is_zero()),
                Binary::Either => flag(!a.is_zero() || !b.is_zero()),
            }
        }
        Tree::Choice(parts) => model(&parts[if model(&parts[0], context).is_zero() { 2 } else { 1 }], context),
        _ => Big::zero(),
    }
}

fn bounded(value: Big, min: Big, max: Big) -> Big {
    if value.compare(min).is_lt() {
        min
    } else if value.compare(max).is_gt() {
        max
    } else {
        value
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever integer type the analysis picks, the bits that are asked for are those of unbounded integers.
    #[test]
    fn expressions_compute_as_unbounded_integers_do(
        tree in tree(),
        bytes in prop::collection::vec(any::<u8>(), BUFFER),
        data in prop::collection::vec(any::<u8>(), BUFFER),
        valid in any::<[bool; 2]>(),
        demand in prop::option::of(1u32..300),
    ) {
        let layout = Layout::default();
        let mut registers = Registers::new(33, 8);
        for i in 0..8u8 {
            let (slot, buffer) = registers.cell_mut(u64::from(i)).unwrap();
            slot.store(buffer, u128::from(data[usize::from(i)]) << 25 | u128::from(i));
        }
        let phv = Phv { bytes, valid: valid.to_vec(), ..Phv::default() };
        let context = Context { layout: &layout, phv: &phv, data: &data, registers: &[registers] };
        let json = Json::Null;
        let Ok(expr) = Expr::compile(&tree, demand, &Node::root(&json)) else { return Ok(()) };
        let expected = model(&tree, context);
        let width = demand.unwrap_or(2048);
        let slot = Slot { byte: 0, bit: 0, width, signed: false, saturating: false };
        let (mut found, mut wanted) = (vec![0; 300], vec![0; 300]);
        expr.value(context, &mut Scratch::default()).store(slot, &mut found);
        expected.store(slot, &mut wanted);
        prop_assert_eq!(found, wanted, "{:?} in {:?}", tree, lane(&expr));
    }
}

fn lane(expr: &Expr) -> Option<Lane> {
    match expr {
        Expr::Truth(_) => None,
        Expr::Code(code) => Some(code.lane),
    }
}

#[test]
fn a_mask_keeps_an_unbounded_shift_narrow() {
    let field = |width| Tree::Field(Slot { byte: 0, bit: 0, width, signed: false, saturating: false });
    let shift = Tree::Binary(Binary::ShiftLeft, Box::new(field(32)), Box::new(field(32)));
    let json = Json::Null;
    let at = Node::root(&json);
    assert!(Expr::compile(&shift, None, &at).is_err(), "its value can have 2^32 bits");
    let mask = Tree::Constant(Box::new(Wide::from_i64(0xffff_ffff)));
    let masked = Tree::Binary(Binary::And, Box::new(shift), Box::new(mask));
    assert_eq!(lane(&Expr::compile(&masked, None, &at).unwrap()), Some(Lane::Word));
}

#[test]
fn addresses_are_compared_without_the_stack_machine_and_cut_in_its_narrow_lane() {
    let field = Tree::Field(Slot { byte: 0, bit: 0, width: 128, signed: false, saturating: false });
    let one = Tree::Constant(Box::new(Wide::from_i64(1)));
    let json = Json::Null;
    let at = Node::root(&json);
    let same = Tree::Binary(Binary::Equal, Box::new(field.clone()), Box::new(one.clone()));
    assert_eq!(lane(&Expr::compile(&same, None, &at).unwrap()), None);
    let low = Tree::Binary(Binary::Add, Box::new(field), Box::new(one));
    assert_eq!(lane(&Expr::compile(&low, Some(128), &at).unwrap()), Some(Lane::Narrow));
}
