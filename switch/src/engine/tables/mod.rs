//! What tables hold, and the operations on them, with BMv2's errors.

mod cells;
mod hash;
mod index;
mod key;
mod profile;
mod table;

pub(crate) use key::{KeyStep, build, fill, fit, fit_whole, steps};
pub(crate) use profile::{Profile, Target};
pub(crate) use table::{Chosen, Table};

/// One field of an entry's key. Bytes are big-endian, as many as hold the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchParam<B = Vec<u8>> {
    /// The value.
    Exact(B),
    /// The value and how many of its bits count, from the field's most significant.
    Lpm(B, u32),
    /// The value and the mask.
    Ternary(B, B),
    /// Whether the header is valid.
    Valid(bool),
    /// The lowest and the highest value.
    Range(B, B),
}

impl MatchParam<&[u8]> {
    /// The same, with bytes of its own.
    pub fn to_owned(&self) -> MatchParam {
        match *self {
            Self::Exact(value) => MatchParam::Exact(value.to_vec()),
            Self::Lpm(value, bits) => MatchParam::Lpm(value.to_vec(), bits),
            Self::Ternary(value, mask) => MatchParam::Ternary(value.to_vec(), mask.to_vec()),
            Self::Valid(valid) => MatchParam::Valid(valid),
            Self::Range(low, high) => MatchParam::Range(low.to_vec(), high.to_vec()),
        }
    }
}

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes of these packets as they came in.
    pub bytes: u64,
}

/// What an entry leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryAction {
    /// An action and its data, one value for each parameter.
    Action {
        /// Its name.
        name: String,
        /// Big-endian, as many bytes as hold the parameter.
        data: Vec<Vec<u8>>,
    },
    /// A member of the table's action profile.
    Member(u32),
    /// A group of the table's action profile.
    Group(u32),
}

/// An entry as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is modified and deleted by: a version in the high 8 bits, a place in the others.
    pub handle: u32,
    /// Its key, in the table's order of fields.
    pub key: Vec<MatchParam>,
    /// Where several match, the lowest wins; `None` where the table has none.
    pub priority: Option<i32>,
    /// What it leads to.
    pub action: EntryAction,
}

/// Why a table operation was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The table has as many entries as the program says.
    #[error("the table is full")]
    TableFull = 1,
    /// No entry has this handle.
    #[error("no such entry")]
    InvalidHandle = 2,
    /// The entry of this handle was deleted, and its place taken by another.
    #[error("the entry was deleted")]
    ExpiredHandle = 3,
    /// The table does not count.
    #[error("the table has no counters")]
    CountersDisabled = 4,
    /// The table has no meter.
    #[error("the table has no meter")]
    MetersDisabled = 5,
    /// Entries of the table do not age.
    #[error("entries of the table do not age")]
    AgeingDisabled = 6,
    /// No table has this name.
    #[error("no such table")]
    InvalidTableName = 7,
    /// The table has no action of this name.
    #[error("the table has no such action")]
    InvalidActionName = 8,
    /// Its entries hold actions where members were given, or the other way round.
    #[error("the table holds something else")]
    WrongTableType = 9,
    /// No member has this handle.
    #[error("no such member")]
    InvalidMemberHandle = 10,
    /// Entries or groups refer to the member.
    #[error("the member is in use")]
    MemberStillUsed = 11,
    /// The member is in the group already.
    #[error("the member is in the group already")]
    MemberAlreadyInGroup = 12,
    /// The member is not in the group.
    #[error("the member is not in the group")]
    MemberNotInGroup = 13,
    /// No group has this handle.
    #[error("no such group")]
    InvalidGroupHandle = 14,
    /// Entries refer to the group.
    #[error("the group is in use")]
    GroupStillUsed = 15,
    /// The group has no members.
    #[error("the group is empty")]
    EmptyGroup = 16,
    /// An entry with this key (and priority) exists.
    #[error("such an entry exists")]
    DuplicateEntry = 17,
    /// Wrong number, types or lengths of key fields.
    #[error("the key does not fit the table")]
    BadMatchKey = 18,
    /// The rates do not fit the meter.
    #[error("the rates do not fit the meter")]
    InvalidMeterOperation = 19,
    /// The default entry's action is given by the program.
    #[error("the default action is constant")]
    DefaultActionIsConst = 20,
    /// The default entry is given by the program.
    #[error("the default entry is constant")]
    DefaultEntryIsConst = 21,
    /// There is no default entry.
    #[error("no default entry")]
    NoDefaultEntry = 22,
    /// No action profile has this name.
    #[error("no such action profile")]
    InvalidProfileName = 23,
    /// The action profile has no groups.
    #[error("the action profile has no selector")]
    NoSelection = 24,
    /// The entries are given by the program.
    #[error("the table's entries are constant")]
    ImmutableEntries = 25,
    /// Wrong number of values, or one that is wider than its parameter.
    #[error("the data does not fit the action")]
    BadActionData = 26,
    /// The table has no key, and so no entries.
    #[error("the table has no key")]
    NoTableKey = 27,
    /// Any other reason: too many members or groups, rates that do not fit a meter.
    #[error("the operation was refused")]
    Other = 100,
}

/// Every error, so that a number from the wire finds its own.
const ERRORS: [TableError; 28] = [
    TableError::TableFull,
    TableError::InvalidHandle,
    TableError::ExpiredHandle,
    TableError::CountersDisabled,
    TableError::MetersDisabled,
    TableError::AgeingDisabled,
    TableError::InvalidTableName,
    TableError::InvalidActionName,
    TableError::WrongTableType,
    TableError::InvalidMemberHandle,
    TableError::MemberStillUsed,
    TableError::MemberAlreadyInGroup,
    TableError::MemberNotInGroup,
    TableError::InvalidGroupHandle,
    TableError::GroupStillUsed,
    TableError::EmptyGroup,
    TableError::DuplicateEntry,
    TableError::BadMatchKey,
    TableError::InvalidMeterOperation,
    TableError::DefaultActionIsConst,
    TableError::DefaultEntryIsConst,
    TableError::NoDefaultEntry,
    TableError::InvalidProfileName,
    TableError::NoSelection,
    TableError::ImmutableEntries,
    TableError::BadActionData,
    TableError::NoTableKey,
    TableError::Other,
];

impl TableError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The error of a number; [`TableError::Other`] for one that is not known.
    #[must_use]
    pub fn from_code(code: i32) -> Self {
        ERRORS.into_iter().find(|error| error.code() == code).unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_an_errors_own() {
        let codes: Vec<i32> = ERRORS.iter().map(|error| error.code()).collect();
        assert_eq!(codes, (1..=27).chain([100]).collect::<Vec<_>>());
        assert!(ERRORS.iter().all(|&error| TableError::from_code(error.code()) == error));
        assert_eq!(TableError::from_code(55), TableError::Other);
    }
}
