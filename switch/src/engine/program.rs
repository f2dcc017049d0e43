//! A program as it runs: every name resolved to an index or a slot.

use std::collections::HashMap;

use bifrost_rpc::endpoint::QuickMap;

use super::bits::{Slot, Word};
use super::expr::{Expr, Flow, Place};
use super::hash::Algorithm;
use super::layout::Layout;
use super::meters::MeterKind;
use super::sets::spread;
use super::tables::KeyStep;

/// The next state or node; `None` is the end.
pub(crate) type Next = Option<usize>;

/// A loaded program. It does not change; what does is in `State`.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) layout: Layout,
    pub(crate) sets: Vec<SetSpec>,
    pub(crate) states: Vec<ParserState>,
    pub(crate) start: Next,
    pub(crate) calculations: Vec<Calculation>,
    pub(crate) checksums: Vec<Checksum>,
    /// Headers in the order in which they are sent.
    pub(crate) deparser: Vec<usize>,
    pub(crate) actions: Vec<Action>,
    pub(crate) nodes: Vec<Node>,
    /// The conditions among the nodes.
    pub(crate) flow: Flow,
    pub(crate) ingress: Next,
    pub(crate) egress: Next,
    pub(crate) tables: Vec<TableSpec>,
    pub(crate) table_names: QuickMap<String, usize>,
    pub(crate) profiles: Vec<ProfileSpec>,
    pub(crate) registers: Vec<ArraySpec>,
    pub(crate) counters: Vec<ArraySpec>,
    pub(crate) meters: Vec<MeterSpec>,
    pub(crate) field_lists: HashMap<u64, Vec<Slot>>,
    pub(crate) learn_lists: Vec<LearnList>,
    pub(crate) errors: Errors,
    pub(crate) intrinsic: Intrinsic,
}

/// A set of values that the control plane fills.
#[derive(Debug)]
pub(crate) struct SetSpec {
    pub(crate) name: String,
    pub(crate) bits: u32,
    /// The transitions that ask for it.
    pub(crate) uses: Vec<SetUse>,
}

impl SetSpec {
    /// Bytes of a value.
    pub(crate) fn bytes(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }
}

/// How a transition's key is made of a value.
#[derive(Debug)]
pub(crate) struct SetUse {
    pub(crate) widths: Vec<u32>,
    pub(crate) mask: Option<Vec<u8>>,
}

impl SetUse {
    /// The key that belongs to a value.
    pub(crate) fn key(&self, value: &[u8]) -> Vec<u8> {
        let mut key = spread(value, &self.widths);
        for (byte, mask) in key.iter_mut().zip(self.mask.iter().flatten()) {
            *byte &= mask;
        }
        key
    }
}

/// A transition of a state that asks sets.
#[derive(Debug)]
pub(crate) enum SetCase {
    /// Value, mask and next state.
    Value(Vec<u8>, Vec<u8>, Next),
    /// Set, which of its uses, and next state.
    Set(usize, usize, Next),
}

/// A state of the parser.
#[derive(Debug)]
pub(crate) struct ParserState {
    pub(crate) name: String,
    pub(crate) ops: Vec<ParserOp>,
    pub(crate) key: Vec<KeyPart>,
    pub(crate) cases: Cases,
    pub(crate) otherwise: Next,
}

/// What a parser state does.
#[derive(Debug)]
pub(crate) enum ParserOp {
    Extract(usize),
    ExtractNext(usize),
    /// With the bits of the field of variable length.
    ExtractVariable(usize, Expr),
    ExtractNextVariable(usize, Expr),
    Set(Place, Expr),
    /// A field from bits that were not yet extracted.
    Peek(Slot, Ahead),
    Verify(Expr, Expr),
    /// By a number of bits.
    Advance(Expr),
    Primitive(Primitive),
}

/// Bits ahead of what was parsed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    pub(crate) offset: usize,
    pub(crate) width: u32,
}

/// A part of a state's transition key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyPart {
    Field(Slot),
    Valid(usize),
    Last(usize, Slot),
    Ahead(Ahead),
}

impl KeyPart {
    pub(crate) fn width(&self) -> u32 {
        match self {
            Self::Field(slot) | Self::Last(_, slot) => slot.width,
            Self::Valid(_) => 1,
            Self::Ahead(ahead) => ahead.width,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Field(slot) | Self::Last(_, slot) => slot.bytes(),
            Self::Valid(_) => 1,
            Self::Ahead(ahead) => ahead.width.div_ceil(8) as usize,
        }
    }
}

/// The transitions of a state, in order.
#[derive(Debug)]
pub(crate) enum Cases {
    /// Value, mask and next state, for keys of short fields that have up to 8 bytes.
    Word(WordKey, Vec<(u64, u64, Next)>),
    /// Value, mask and next state, for keys up to 16 bytes.
    Short(Vec<(u128, u128, Next)>),
    Long(Vec<(Vec<u8>, Vec<u8>, Next)>),
    /// Where sets are asked for.
    Sets(Vec<SetCase>),
}

/// A transition key of fields that lie in eight bytes each: where they stand, and how many bits of the key each has.
#[derive(Debug)]
pub(crate) struct WordKey(pub(crate) Vec<(Word, u32)>);

impl WordKey {
    /// The key, the last field lowest.
    #[inline]
    pub(crate) fn of(&self, buffer: &[u8]) -> u64 {
        self.0.iter().fold(0, |key: u64, &(word, bits)| key.unbounded_shl(bits) | word.load(buffer))
    }
}

/// A calculation over fields, headers and payload.
#[derive(Debug)]
pub(crate) struct Calculation {
    pub(crate) name: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) input: Vec<Input>,
    pub(crate) with_payload: bool,
}

/// A part of a calculation's input. What belongs to an invalid header is left out.
#[derive(Debug)]
pub(crate) enum Input {
    Field(usize, Slot),
    Valid(usize),
    Header(usize),
    /// A header's field of variable length.
    Variable(usize),
    /// A constant in a buffer of its own.
    Constant(Slot, Vec<u8>),
}

/// A checksum that is verified after parsing or updated before sending.
#[derive(Debug)]
pub(crate) struct Checksum {
    pub(crate) name: String,
    pub(crate) header: usize,
    pub(crate) target: Slot,
    pub(crate) condition: Option<Expr>,
    pub(crate) calculation: usize,
    pub(crate) verify: bool,
    pub(crate) update: bool,
}

/// An action.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: String,
    /// Where its parameters stand in its data.
    pub(crate) parameters: Vec<Slot>,
    /// Bytes of its data.
    pub(crate) data_bytes: usize,
    pub(crate) code: Vec<Primitive>,
}

/// A header that is named or computed.
#[derive(Debug)]
pub(crate) enum HeaderRef {
    Header(usize),
    Of(usize, Expr),
}

/// A primitive of an action.
#[derive(Debug)]
pub(crate) enum Primitive {
    /// Number to field.
    Set(Slot, u128),
    SetWord(Word, u64),
    /// Field to field.
    Move(Slot, Slot),
    MoveWord(Word, Word),
    /// Action parameter to field.
    MoveData(Slot, Slot),
    MoveDataWord(Word, Word),
    Assign(Place, Expr),
    /// The fields for the output port and for the multicast group.
    Drop(Slot, Option<Slot>),
    AddHeader(HeaderRef),
    RemoveHeader(HeaderRef),
    /// Destination and source.
    AssignHeader(HeaderRef, HeaderRef),
    AssignStack(usize, usize),
    AssignUnion(usize, usize),
    /// The fields of variable length of two headers.
    AssignVariable(usize, usize),
    Push(usize, Expr),
    Pop(usize, Expr),
    RegisterRead(Place, usize, Expr),
    RegisterWrite(usize, Expr, Expr),
    Count(usize, Expr),
    /// Array, index, where the color goes.
    Meter(usize, Expr, Place),
    /// Session and field list.
    Clone(Expr, Expr),
    Resubmit(Expr),
    Recirculate(Expr),
    Digest(Expr),
    /// Destination, base, calculation, size.
    Hash(Place, Expr, usize, Expr),
    /// Destination, lowest, highest.
    Random(Place, Expr, Expr),
    /// To this many bytes of the packet as it is sent.
    Truncate(Expr),
    Exit,
    Jump(usize),
    JumpIfZero(Expr, usize),
}

/// A node of the control flow.
#[derive(Debug)]
pub(crate) enum Node {
    Table(usize),
    /// A table without key whose default entry nobody can change: always the same action, and what follows it.
    Fixed {
        table: usize,
        action: usize,
        next: Next,
    },
    If {
        name: String,
        condition: Expr,
        then: Next,
        otherwise: Next,
    },
    Call {
        action: usize,
        next: Next,
    },
}

/// How one field of a key is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchKind {
    /// Equal.
    Exact,
    /// Whether a header is valid.
    Valid,
    /// The longest prefix.
    Lpm,
    /// Equal under a mask.
    Ternary,
    /// Between two values.
    Range,
}

/// A field of a table's key.
#[derive(Debug)]
pub(crate) struct KeyField {
    pub(crate) name: String,
    pub(crate) kind: MatchKind,
    /// The header that it belongs to: where that is invalid, the field counts as zero.
    pub(crate) header: usize,
    /// `None` for the header's validity.
    pub(crate) slot: Option<Slot>,
    pub(crate) width: u32,
    /// Its first byte in the lookup key; longest-prefix fields stand last.
    pub(crate) at: usize,
    pub(crate) bytes: usize,
    pub(crate) mask: Option<Vec<u8>>,
}

/// What a table's entries hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Actions,
    /// Members of a profile; with the flag also groups.
    Profile(usize, bool),
}

/// Where the control flow goes after a table.
#[derive(Debug)]
pub(crate) enum After {
    /// By the place of the action in [`TableSpec::actions`].
    Action(Vec<Next>),
    Outcome {
        hit: Next,
        miss: Next,
    },
}

/// A table's declaration.
#[derive(Debug)]
pub(crate) struct TableSpec {
    pub(crate) name: String,
    /// The strongest kind of match in its key.
    pub(crate) kind: MatchKind,
    pub(crate) key: Vec<KeyField>,
    /// How a packet's key is made.
    pub(crate) steps: Vec<KeyStep>,
    pub(crate) key_bytes: usize,
    pub(crate) holds: Holds,
    pub(crate) size: usize,
    pub(crate) with_counters: bool,
    /// The kind of its entries' meters, and where a packet's color goes.
    pub(crate) meter: Option<(MeterKind, Slot)>,
    pub(crate) actions: Vec<usize>,
    pub(crate) after: After,
    /// Where the flow goes on a miss without default entry.
    pub(crate) after_miss: Next,
    pub(crate) default: Option<DefaultEntry>,
    /// The only action that the default entry may have.
    pub(crate) const_action: Option<usize>,
    pub(crate) entries: Vec<ConstEntry>,
    /// It has entries of its own, which nobody may change.
    pub(crate) immutable: bool,
    /// Bytes of the largest data of its actions.
    pub(crate) data_bytes: usize,
}

impl TableSpec {
    /// The place of an action in the table's list.
    pub(crate) fn place_of(&self, action: usize) -> Option<usize> {
        self.actions.iter().position(|&found| found == action)
    }
}

/// The default entry that the program gives.
#[derive(Clone, Debug)]
pub(crate) struct DefaultEntry {
    pub(crate) action: usize,
    pub(crate) data: Vec<Vec<u8>>,
    pub(crate) is_const: bool,
}

/// An entry that the program gives.
#[derive(Clone, Debug)]
pub(crate) struct ConstEntry {
    pub(crate) key: Vec<super::tables::MatchParam>,
    pub(crate) action: usize,
    pub(crate) data: Vec<Vec<u8>>,
    pub(crate) priority: i32,
}

/// An action profile's declaration.
#[derive(Debug)]
pub(crate) struct ProfileSpec {
    pub(crate) name: String,
    /// How a group's member is chosen.
    pub(crate) selector: Option<usize>,
    /// Actions of the tables that use it.
    pub(crate) actions: Vec<usize>,
}

/// An array of registers or counters.
#[derive(Debug)]
pub(crate) struct ArraySpec {
    pub(crate) name: String,
    pub(crate) size: usize,
    /// Bits of a register.
    pub(crate) width: u32,
}

/// An array of meters that belong to no table.
#[derive(Debug)]
pub(crate) struct MeterSpec {
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) kind: MeterKind,
}

/// Fields that a digest carries.
#[derive(Debug)]
pub(crate) struct LearnList {
    pub(crate) name: String,
    pub(crate) id: u64,
    pub(crate) fields: Vec<Slot>,
}

/// The numbers of the parser's errors.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    pub(crate) names: Vec<(String, u64)>,
    pub(crate) none: u64,
    pub(crate) packet_too_short: u64,
    pub(crate) stack_out_of_bounds: u64,
    pub(crate) invalid_argument: u64,
    pub(crate) header_too_short: u64,
    pub(crate) timeout: u64,
}

impl Errors {
    pub(crate) fn name(&self, code: u64) -> String {
        let found = self.names.iter().find(|&&(_, found)| found == code);
        found.map_or_else(|| code.to_string(), |(name, _)| name.clone())
    }
}

/// The metadata that the switch itself reads and writes.
#[derive(Debug)]
pub(crate) struct Intrinsic {
    pub(crate) ingress_port: Slot,
    pub(crate) packet_length: Slot,
    pub(crate) instance_type: Slot,
    pub(crate) egress_spec: Slot,
    pub(crate) egress_port: Slot,
    pub(crate) parser_error: Option<Slot>,
    pub(crate) checksum_error: Option<Slot>,
    pub(crate) ingress_time: Option<Slot>,
    pub(crate) egress_time: Option<Slot>,
    pub(crate) multicast_group: Option<Slot>,
    pub(crate) egress_rid: Option<Slot>,
    pub(crate) enqueued_time: Option<Slot>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A key of short fields is each field in whole bytes, one behind the other.
        #[test]
        fn a_key_of_short_fields_has_each_in_whole_bytes(
            bytes in prop::collection::vec(any::<u8>(), 40),
            fields in prop::collection::vec((0u32..24, 0u8..8, 1u32..=57), 1..5),
        ) {
            let slot = |(byte, bit, width)| Slot { byte, bit, width, signed: false, saturating: false };
            let slots: Vec<Slot> = fields.into_iter().map(slot).collect();
            prop_assume!(slots.iter().map(|slot| slot.bytes()).sum::<usize>() <= 8);
            let part = |slot: &Slot| (slot.word().unwrap(), 8 * u32::try_from(slot.bytes()).unwrap());
            let key = WordKey(slots.iter().map(part).collect());
            let whole = slots.iter().fold(0u128, |key, slot| key << (8 * slot.bytes()) | slot.load(&bytes));
            prop_assert_eq!(u128::from(key.of(&bytes)), whole);
        }
    }

    #[test]
    fn a_key_of_one_field_of_eight_bytes_is_that_field() {
        let slot = Slot { byte: 0, bit: 0, width: 64, signed: false, saturating: false };
        let key = WordKey(vec![(slot.word().unwrap(), 64)]);
        assert_eq!(key.of(&[0xff; 16]), u64::MAX);
    }
}
