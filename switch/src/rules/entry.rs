//! Entries: keys, what they lead to, and where they come from.

use super::action::Action;
use super::source::Place;
use super::table::{Field, Form, Kind, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The port of the control plane.
pub const CONTROL_PORT: u16 = 510;
/// The mirroring session that leads to it.
pub const MIRROR_SESSION: u16 = 1;
/// The multicast group of all other ports.
pub const FLOOD_GROUP: u16 = 1;

/// What one field of a key must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// This value.
    Exact(u128),
    /// The first bits of this value; the others are zero.
    Lpm(u128, u8),
}

/// Fields of the key that has most.
pub(super) const FIELDS_MAX: usize = 4;
/// Bytes of the longest key.
const KEY_BYTES_MAX: usize = 26;

/// Which entry: a table and a value for each field of its key; of a table without fields, its default.
///
/// It is small and in one piece, since there is one for each right. It is ordered by table, then by the fields' values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// The fields one behind the other, each in as many bytes as hold it; behind a prefix how many bits count. Then zeros.
    bytes: [u8; KEY_BYTES_MAX],
}

impl Key {
    /// The default of a table that has no fields; of others, a key before all of theirs.
    pub const fn default_of(table: Table) -> Self {
        Self { table, bytes: [0; KEY_BYTES_MAX] }
    }

    /// An entry whose fields are all exact, but for a last one of which the first `bits` count where the table says so.
    pub(super) fn new(table: Table, values: &[u128], bits: u8) -> Self {
        let (mut key, mut at) = (Self::default_of(table), 0);
        for (field, value) in table.key().iter().zip(values) {
            key.put(at, field, *value, bits);
            at += room(field);
        }
        key
    }

    /// The entry of `memory_access` for an operation on an object.
    pub(super) fn of_right(server: u8, object: u64, operation: u8, source: u128) -> Self {
        let mut key = Self::default_of(Table::MemoryAccess);
        key.bytes[0] = server;
        key.bytes[1..9].copy_from_slice(&object.to_be_bytes());
        key.bytes[9] = operation;
        key.bytes[10..].copy_from_slice(&source.to_be_bytes());
        key
    }

    /// An entry, if these are what the table has for fields, and all fit.
    pub fn of(table: Table, fields: impl IntoIterator<Item = Match>) -> Option<Self> {
        let (mut key, mut at, mut fields) = (Self::default_of(table), 0, fields.into_iter());
        for field in table.key() {
            let (value, bits) = match (field.kind, fields.next()?) {
                (Kind::Exact, Match::Exact(value)) => (value, 0),
                (Kind::Lpm, Match::Lpm(value, bits)) if bits <= field.bits => (value, bits),
                _ => return None,
            };
            if !field.holds(value) {
                return None;
            }
            key.put(at, field, value, bits);
            at += room(field);
        }
        fields.next().is_none().then_some(key)
    }

    fn put(&mut self, at: usize, field: &Field, value: u128, bits: u8) {
        let (bytes, value) = (field.bytes(), value.to_be_bytes());
        if let (Some(to), Some(from)) = (self.bytes.get_mut(at..at + bytes), value.get(value.len() - bytes..)) {
            to.copy_from_slice(from);
        }
        if let (Kind::Lpm, Some(to)) = (field.kind, self.bytes.get_mut(at + bytes)) {
            *to = bits;
        }
    }

    /// Whether it is a table's default and not one of its entries.
    pub fn is_default(&self) -> bool {
        self.table.key().is_empty()
    }

    /// Each field with the bytes of its value, and how many of its bits count.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&'static Field, &[u8], u8)> {
        let mut at = 0;
        self.table.key().iter().map(move |field| {
            let (value, rest) = self.bytes.get(at..).unwrap_or_default().split_at(field.bytes());
            at += room(field);
            (field, value, if field.kind == Kind::Lpm { rest.first().copied().unwrap_or(0) } else { field.bits })
        })
    }

    /// What each field must be, in the table's order.
    pub fn fields(&self) -> impl Iterator<Item = Match> {
        self.parts().map(|(field, value, bits)| {
            let value = value.iter().fold(0, |value, byte| value << 8 | u128::from(*byte));
            match field.kind {
                Kind::Exact => Match::Exact(value),
                Kind::Lpm => Match::Lpm(value, bits),
            }
        })
    }

    /// The fields as they are written, with their names.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.table.key().iter().zip(self.fields()).map(|(field, value)| match value {
            Match::Exact(value) => (field.name, text_of(field, value)),
            Match::Lpm(value, bits) => (field.name, format!("{}/{bits}", text_of(field, value))),
        })
    }
}

/// Bytes of a field in a key.
const fn room(field: &Field) -> usize {
    field.bytes() + if matches!(field.kind, Kind::Lpm) { 1 } else { 0 }
}

const _: () = {
    let mut table = 0;
    while table < Table::ALL.len() {
        let (key, mut at, mut bytes) = (Table::ALL[table].key(), 0, 0);
        while at < key.len() {
            bytes += room(&key[at]);
            at += 1;
        }
        assert!(bytes <= KEY_BYTES_MAX && key.len() <= FIELDS_MAX);
        table += 1;
    }
};

/// Of the fields alone: maps are of one table.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.bytes);
    }
}

/// As it is written.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The table's name, then the fields, as BMv2's command line takes them.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table.name())?;
        self.texts().try_for_each(|(_, text)| write!(f, " {text}"))
    }
}

/// A value as it is written.
pub fn text_of(field: &Field, value: u128) -> String {
    match field.form {
        Form::Number => value.to_string(),
        Form::Hex => format!("{value:#0width$x}", width = 2 + usize::from(field.bits.div_ceil(4))),
        Form::Mac => super::rack::Mac::from_bits(u64::try_from(value).unwrap_or(u64::MAX)).to_string(),
        Form::Ipv4 => Ipv4Addr::from_bits(u32::try_from(value).unwrap_or(u32::MAX)).to_string(),
        Form::Ipv6 => Ipv6Addr::from_bits(value).to_string(),
    }
}

/// The value of a text, if it is one and fits the field.
pub fn value_of(field: &Field, text: &str) -> Option<u128> {
    let value = match field.form {
        Form::Mac => text.parse::<super::rack::Mac>().ok()?.to_bits().into(),
        Form::Ipv4 => text.parse::<Ipv4Addr>().ok()?.to_bits().into(),
        Form::Ipv6 => text.parse::<Ipv6Addr>().ok()?.to_bits(),
        Form::Number | Form::Hex => match text.strip_prefix("0x") {
            Some(digits) => u128::from_str_radix(digits, 16).ok()?,
            None => text.parse().ok()?,
        },
    };
    field.holds(value).then_some(value)
}

/// What an entry does, and why it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it does.
    pub action: Action,
    /// Why it is there.
    pub origin: Origin,
}

/// Why an entry is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// What it is for, as in `method Store:get`.
    pub what: String,
    /// The lines that ask for it. Empty for decisions of the control plane.
    pub places: Vec<Place>,
}

/// What the tables are to say: entries by table and key, and with them the flood group and the mirroring session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// Entries and defaults.
    pub rows: BTreeMap<Key, Row>,
    /// The ports of [`FLOOD_GROUP`].
    pub flood: BTreeSet<u16>,
    /// The port of [`MIRROR_SESSION`].
    pub mirror: Option<u16>,
}

impl Entries {
    /// How many entries each table has, those without any left out. Defaults do not count.
    pub fn counts(&self) -> BTreeMap<Table, usize> {
        let mut counts = BTreeMap::new();
        for key in self.rows.keys().filter(|key| !key.is_default()) {
            *counts.entry(key.table).or_default() += 1;
        }
        counts
    }

    pub(super) fn put(&mut self, key: Key, action: Action, what: &str, places: &[Place]) {
        let origin = Origin { what: what.to_owned(), places: places.to_vec() };
        self.rows.insert(key, Row { action, origin });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_written_as_the_command_line_takes_them() {
        let key = Key::new(Table::PortSecurity, &[1, 0x0200_0000_0001, 0xfd << 120], 8);
        assert_eq!(key.to_string(), "port_security 1 02:00:00:00:00:01 fd00::/8");
        assert_eq!(Key::new(Table::RpcPlace, &[7, 0x8000], 1).to_string(), "rpc_place 7 0x8000/1");
        assert_eq!(Key::default_of(Table::Rack).to_string(), "rack");
    }

    fn field() -> impl Strategy<Value = Field> {
        let fields: Vec<Field> = Table::ALL.iter().flat_map(|table| table.key()).copied().collect();
        prop::sample::select(fields)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(field in field(), value: u128) {
            let value = value >> (128 - u32::from(field.bits));
            prop_assert_eq!(value_of(&field, &text_of(&field, value)), Some(value));
        }

        #[test]
        fn keys_hold_and_order_their_fields(table in prop::sample::select(&Table::ALL[..]), one: [u128; 4], other: [u128; 4]) {
            let fields = |values: [u128; 4]| -> Vec<Match> {
                let cut = |field: &Field, value: u128| value >> (128 - u32::from(field.bits));
                let field = |(field, value): (&Field, u128)| match field.kind {
                    Kind::Exact => Match::Exact(cut(field, value)),
                    Kind::Lpm => Match::Lpm(cut(field, value), field.bits / 2),
                };
                table.key().iter().zip(values).map(field).collect()
            };
            let (one, other) = (fields(one), fields(other));
            let key = |fields: &[Match]| Key::of(table, fields.iter().copied());
            let found: Vec<Match> = key(&one).unwrap().fields().collect();
            prop_assert_eq!(&found, &one);
            prop_assert_eq!(key(&one).cmp(&key(&other)), one.cmp(&other));
            prop_assert_eq!(key(&[&one[..], &[Match::Exact(0)]].concat()), None);
        }

        #[test]
        fn the_entry_of_a_right_has_its_fields(server: u8, object: u64, operation: u8, source: u128) {
            let values = [server.into(), object.into(), operation.into(), source];
            prop_assert_eq!(Key::of_right(server, object, operation, source), Key::new(Table::MemoryAccess, &values, 0));
        }

        #[test]
        fn any_text_is_read_or_refused(field in field(), text in "\\PC{0,40}") {
            let fits = |value: u128| value.checked_shr(field.bits.into()).unwrap_or(0) == 0;
            prop_assert!(value_of(&field, &text).is_none_or(fits));
        }
    }
}
