//! Entries: keys, what they lead to, and where they come from.

use super::action::Action;
use super::source::Place;
use super::table::{Field, Form, Kind, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
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

/// Which entry: a table and a value for each field of its key. Without fields it is the table's default.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// As many as the table has.
    pub fields: Vec<Match>,
}

impl Key {
    /// The default of a table.
    pub const fn default_of(table: Table) -> Self {
        Self { table, fields: Vec::new() }
    }

    /// An entry whose fields are all exact, but for a last one of which the first `bits` count where the table says so.
    pub(super) fn new(table: Table, values: &[u128], bits: u8) -> Self {
        let fields = table.key().iter().zip(values).map(|(field, value)| match field.kind {
            Kind::Exact => Match::Exact(*value),
            Kind::Lpm => Match::Lpm(*value, bits),
        });
        Self { table, fields: fields.collect() }
    }

    /// Whether it is a table's default and not one of its entries.
    pub fn is_default(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields as they are written, with their names.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.table.key().iter().zip(&self.fields).map(|(field, value)| match value {
            Match::Exact(value) => (field.name, text_of(field, *value)),
            Match::Lpm(value, bits) => (field.name, format!("{}/{bits}", text_of(field, *value))),
        })
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
    (u32::from(field.bits) >= u128::BITS - value.leading_zeros()).then_some(value)
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
        fn any_text_is_read_or_refused(field in field(), text in "\\PC{0,40}") {
            let fits = |value: u128| value.checked_shr(field.bits.into()).unwrap_or(0) == 0;
            prop_assert!(value_of(&field, &text).is_none_or(fits));
        }
    }
}
