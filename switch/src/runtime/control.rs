//! What a control plane asks of a switch, whichever switch it is.

use super::idl::bmv2_simple_pre_lag::InvalidMcOperation;
use super::idl::bmv2_simple_switch::InvalidMirroringOperation;
use super::idl::bmv2_standard as idl;
use crate::engine::{ArrayError, Count, Entry, EntryAction, MatchParam, Mirror, MulticastError, Node, TableError};
use std::collections::BTreeSet;
use std::fmt;

/// Why a switch did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// A table or action profile refused. Nothing has changed.
    #[error("the switch refused: {0}")]
    Table(#[from] TableError),
    /// A register or counter array refused. Nothing has changed.
    #[error("the switch refused: {0}")]
    Array(#[from] ArrayError),
    /// The replication engine refused. Nothing has changed.
    #[error("the switch refused: {0}")]
    Multicast(#[from] MulticastError),
    /// No mirroring session has this number.
    #[error("no such mirroring session")]
    NoSession,
    /// A program is waiting to be swapped in, or none is.
    #[error("the switch refused to change its program (code {0})")]
    Swap(i32),
    /// Something that a switch of this kind cannot say or do.
    #[error("the switch answered what makes no sense here: {0}")]
    BadAnswer(&'static str),
    /// The switch refused for a reason that the API has no error for: a program that it does not run, a context that there is not.
    #[error("the switch refused: {0}")]
    Refused(String),
    /// The call failed; [`CallError::of`](bifrost_rpc::CallError::of) says whether it may have run.
    #[error(transparent)]
    Call(thrift::Error),
}

impl From<thrift::Error> for ControlError {
    fn from(error: thrift::Error) -> Self {
        let user = match &error {
            thrift::Error::Application(refused) => return Self::Refused(refused.message.clone()),
            thrift::Error::User(user) => user,
            _ => return Self::Call(error),
        };
        if let Some(refused) = user.downcast_ref::<idl::InvalidTableOperation>() {
            TableError::from_code(refused.code.0).into()
        } else if let Some(refused) = user.downcast_ref::<idl::InvalidCounterOperation>() {
            ArrayError::from_code(refused.code.0).into()
        } else if let Some(refused) = user.downcast_ref::<idl::InvalidRegisterOperation>() {
            ArrayError::from_code(refused.code.0).into()
        } else if let Some(refused) = user.downcast_ref::<InvalidMcOperation>() {
            MulticastError::from_code(refused.code.0).into()
        } else if user.is::<InvalidMirroringOperation>() {
            Self::NoSession
        } else if let Some(refused) = user.downcast_ref::<idl::InvalidSwapOperation>() {
            Self::Swap(refused.code.0)
        } else {
            Self::Call(error)
        }
    }
}

/// What a switch answers.
pub type Answer<T> = Result<T, ControlError>;

/// One change of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Adds an entry; its answer is the handle.
    Add {
        /// The table.
        table: String,
        /// The key.
        key: Vec<MatchParam>,
        /// In ternary and range tables the lowest wins; elsewhere it means nothing.
        priority: i32,
        /// What the entry leads to.
        action: EntryAction,
    },
    /// Gives an entry another action.
    Modify {
        /// The table.
        table: String,
        /// The entry.
        handle: u32,
        /// What the entry leads to from now on.
        action: EntryAction,
    },
    /// Deletes an entry of a table that holds actions.
    Delete {
        /// The table.
        table: String,
        /// The entry.
        handle: u32,
    },
    /// Deletes an entry of a table that holds members.
    DeleteIndirect {
        /// The table.
        table: String,
        /// The entry.
        handle: u32,
    },
    /// Sets what a miss does.
    SetDefault {
        /// The table.
        table: String,
        /// What a miss leads to.
        action: EntryAction,
    },
    /// Gives a table that holds actions the default entry of the program again.
    ResetDefault {
        /// The table.
        table: String,
    },
    /// Gives a table that holds members the default entry of the program again.
    ResetDefaultIndirect {
        /// The table.
        table: String,
    },
}

/// One change of a table that holds actions, none of which is copied; see [`Update`].
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "they are those of Update")]
pub enum Change<'a> {
    Add { table: &'a str, key: &'a [MatchParam<&'a [u8]>], action: &'a str, data: &'a [Vec<u8>] },
    Modify { table: &'a str, handle: u32, action: &'a str, data: &'a [Vec<u8>] },
    Delete { table: &'a str, handle: u32 },
    SetDefault { table: &'a str, action: &'a str, data: &'a [Vec<u8>] },
}

impl Change<'_> {
    /// The same, on its own.
    pub fn to_update(self) -> Update {
        let to_action =
            |name: &str, data: &[Vec<u8>]| EntryAction::Action { name: name.to_owned(), data: data.to_vec() };
        match self {
            Self::Add { table, key, action, data } => Update::Add {
                table: table.to_owned(),
                key: key.iter().map(MatchParam::to_owned).collect(),
                priority: 0,
                action: to_action(action, data),
            },
            Self::Modify { table, handle, action, data } => {
                Update::Modify { table: table.to_owned(), handle, action: to_action(action, data) }
            }
            Self::Delete { table, handle } => Update::Delete { table: table.to_owned(), handle },
            Self::SetDefault { table, action, data } => {
                Update::SetDefault { table: table.to_owned(), action: to_action(action, data) }
            }
        }
    }
}

/// A switch as a control plane drives it: the embedded one in this process, or any that has BMv2's runtime API.
///
/// Handles are the switch's own. What was refused has changed nothing.
pub trait SwitchControl: fmt::Debug + Send + Sync {
    /// Makes these changes, in order, each whether or not those before it were made. The answer to each: the handle of what was
    /// added, `None` for other changes.
    fn apply(&self, updates: &[Update]) -> Vec<Answer<Option<u32>>>;

    /// Whether it is in this process, and answers at once; else whoever calls may have to wait for long.
    fn is_local(&self) -> bool {
        false
    }

    /// Adds an entry; its handle.
    fn add(&self, table: &str, key: &[MatchParam], priority: i32, action: &EntryAction) -> Answer<u32> {
        let (table, key, action) = (table.to_owned(), key.to_vec(), action.clone());
        self.apply_one(Update::Add { table, key, priority, action })?.ok_or(ControlError::BadAnswer("no handle"))
    }

    /// Makes one change.
    fn apply_one(&self, update: Update) -> Answer<Option<u32>> {
        self.apply(&[update]).pop().unwrap_or(Err(ControlError::BadAnswer("nothing")))
    }

    /// Makes one change, without copies of what it is where the switch is in this process.
    fn change(&self, change: Change<'_>) -> Answer<Option<u32>> {
        self.apply_one(change.to_update())
    }

    /// All entries of a table.
    fn entries(&self, table: &str) -> Answer<Vec<Entry>>;
    /// What a miss does; `None` where nothing does.
    fn default_action(&self, table: &str) -> Answer<Option<EntryAction>>;
    /// How many entries a table has.
    fn entry_count(&self, table: &str) -> Answer<u64>;
    /// Deletes all entries of a table.
    fn clear(&self, table: &str) -> Answer<()>;
    /// What an entry has counted.
    fn count(&self, table: &str, handle: u32) -> Answer<Count>;

    /// Adds a member to an action profile; its handle.
    fn add_member(&self, profile: &str, action: &str, data: &[Vec<u8>]) -> Answer<u32>;
    /// Deletes a member that nothing refers to.
    fn delete_member(&self, profile: &str, member: u32) -> Answer<()>;
    /// Makes an empty group of members; its handle.
    fn create_member_group(&self, profile: &str) -> Answer<u32>;
    /// Deletes a group that no entry refers to.
    fn delete_member_group(&self, profile: &str, group: u32) -> Answer<()>;
    /// Puts a member into a group.
    fn join(&self, profile: &str, member: u32, group: u32) -> Answer<()>;
    /// Takes a member out of a group.
    fn leave(&self, profile: &str, member: u32, group: u32) -> Answer<()>;

    /// An indirect counter.
    fn counter(&self, array: &str, index: u32) -> Answer<Count>;
    /// The low 64 bits of a register.
    fn register(&self, array: &str, index: u32) -> Answer<i64>;
    /// Sets a register.
    fn set_register(&self, array: &str, index: u32, value: i64) -> Answer<()>;

    /// Sets all registers of an array to zero. A switch that cannot says so.
    fn reset_registers(&self, array: &str) -> Answer<()> {
        Err(ControlError::Refused(format!("this switch does not reset the registers of {array}")))
    }

    /// Sets all counters of an array to zero. A switch that cannot says so.
    fn reset_counters(&self, array: &str) -> Answer<()> {
        Err(ControlError::Refused(format!("this switch does not reset the counters of {array}")))
    }

    /// Makes or changes a mirroring session.
    fn set_mirror(&self, session: u16, to: Mirror) -> Answer<()>;
    /// Ends a mirroring session.
    fn delete_mirror(&self, session: u16) -> Answer<()>;
    /// Where a mirroring session's copies go.
    fn mirror(&self, session: u16) -> Answer<Mirror>;

    /// Makes a multicast group, or leaves the one there is.
    fn create_group(&self, group: u16) -> Answer<()>;
    /// Ends a multicast group; its nodes stay.
    fn destroy_group(&self, group: u16) -> Answer<()>;
    /// Makes a node for these ports; its handle.
    fn create_node(&self, rid: u16, ports: &BTreeSet<u32>) -> Answer<u32>;
    /// Gives a node other ports.
    fn update_node(&self, node: u32, ports: &BTreeSet<u32>) -> Answer<()>;
    /// Ends a node.
    fn destroy_node(&self, node: u32) -> Answer<()>;
    /// Puts a node into a group.
    fn associate(&self, group: u16, node: u32) -> Answer<()>;
    /// All nodes by handle, each with its group.
    fn nodes(&self) -> Answer<Vec<(u32, Node)>>;

    /// The program's JSON.
    fn program(&self) -> Answer<String>;
    /// The 16 bytes of its MD5.
    fn program_md5(&self) -> Answer<Vec<u8>>;
    /// Loads a program that is to run next; table operations are for it from now on.
    fn load_program(&self, json: &str) -> Answer<()>;
    /// Runs the program that was loaded.
    fn swap_programs(&self) -> Answer<()>;
    /// Forgets what the control plane has set.
    fn reset(&self) -> Answer<()>;
    /// Packets that each queue in front of a port holds; means nothing where there are none.
    fn set_queue_depths(&self, packets: u32) -> Answer<()>;
    /// Microseconds since the switch began.
    fn elapsed_us(&self) -> Answer<u64>;
}
