//! What tables hold, and the operations on them, with BMv2's errors.

mod index;
mod key;
mod profile;
mod records;
mod table;

pub(crate) use key::{build, fill, fit};
pub(crate) use profile::{Profile, Target};
pub(crate) use table::{Chosen, Table};

/// One field of an entry's key. Bytes are big-endian, as many as hold the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchParam {
    /// The value.
    Exact(Vec<u8>),
    /// The value and how many of its bits count, from the field's most significant.
    Lpm(Vec<u8>, u32),
    /// The value and the mask.
    Ternary(Vec<u8>, Vec<u8>),
    /// Whether the header is valid.
    Valid(bool),
    /// The lowest and the highest value.
    Range(Vec<u8>, Vec<u8>),
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
    /// An entry with this key (and priority) exists.
    #[error("such an entry exists")]
    DuplicateEntry = 17,
    /// Wrong number, types or lengths of key fields.
    #[error("the key does not fit the table")]
    BadMatchKey = 18,
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
    /// Wrong number of values.
    #[error("the data does not fit the action")]
    BadActionData = 26,
    /// The table has no key, and so no entries.
    #[error("the table has no key")]
    NoTableKey = 27,
    /// A limit of this engine was reached.
    #[error("too many members or groups")]
    Other = 100,
}

impl TableError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }
}
