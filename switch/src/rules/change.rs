//! What must change so that tables say something else, and in which order.

use super::action::Action;
use super::entry::{Entries, Key, MIRROR_SESSION, Origin, Row};
use super::table::Table;
use std::collections::BTreeSet;
use std::fmt;

/// A change of one entry, of the flood group or of the mirroring session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryChange {
    /// An entry that was not there.
    Add(Key, Action),
    /// An entry or a default that does something else from now on.
    Modify(Key, Action),
    /// An entry that is there no longer.
    Delete(Key),
    /// The ports of the flood group from now on.
    Flood(BTreeSet<u16>),
    /// The port of the mirroring session from now on.
    Mirror(u16),
}

impl EntryChange {
    /// The table; none for what is no entry.
    pub fn table(&self) -> Option<Table> {
        match self {
            Self::Add(key, _) | Self::Modify(key, _) | Self::Delete(key) => Some(key.table),
            Self::Flood(_) | Self::Mirror(_) => None,
        }
    }

    /// When it is its turn in a batch: what blocks first, rights taken away, group and session, then what is new from the machines to what leads to them,
    /// then what is gone in the reverse order, and unblocking last. So nothing leads to an entry that is not there.
    pub(super) fn turn(&self) -> (u8, u8) {
        let is_block = matches!(self.table(), Some(Table::BlockedSource | Table::BlockedDestination));
        let layer = self.table().map_or(0, layer);
        match self {
            Self::Add(..) | Self::Modify(..) if is_block => (0, 0),
            Self::Delete(key) if key.table == Table::MemoryAccess => (1, 0),
            Self::Flood(_) | Self::Mirror(_) => (1, 1),
            Self::Add(..) | Self::Modify(..) => (2, layer),
            Self::Delete(_) if is_block => (4, 0),
            Self::Delete(_) => (3, u8::MAX - layer),
        }
    }
}

/// How far a table is from the machines: each leads to those below it.
fn layer(table: Table) -> u8 {
    match table {
        Table::Rack | Table::L2 | Table::Ipv4Route | Table::Ipv6Route => 0,
        Table::PortSecurity | Table::BlockedSource | Table::BlockedDestination => 1,
        Table::MemoryServer | Table::Node | Table::ServiceSource => 2,
        Table::RpcInstance => 3,
        Table::RpcPlace => 4,
        Table::RpcService => 5,
        Table::MemoryAccess => 6,
    }
}

/// `+`, `~` or `-`, then the entry.
impl fmt::Display for EntryChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(key, action) => write!(f, "+ {key} => {action}"),
            Self::Modify(key, action) => write!(f, "~ {key} => {action}"),
            Self::Delete(key) => write!(f, "- {key}"),
            Self::Flood(ports) => {
                f.write_str("~ flood group:")?;
                ports.iter().try_for_each(|port| write!(f, " {port}"))
            }
            Self::Mirror(port) => write!(f, "~ mirroring session {MIRROR_SESSION}: {port}"),
        }
    }
}

/// The smallest batch that makes `new` of `old`, in the order in which it is to be applied.
pub fn diff(old: &Entries, new: &Entries) -> Vec<EntryChange> {
    let mut batch = Vec::new();
    let (mut before, mut after) = (old.rows.iter().peekable(), new.rows.iter().peekable());
    loop {
        match (before.peek(), after.peek()) {
            (None, None) => break,
            (Some((key, row)), Some((other, now))) if key == other => {
                if row.action != now.action {
                    batch.push(EntryChange::Modify(**key, now.action));
                }
                before.next();
                after.next();
            }
            (Some((key, _)), other) if other.is_none_or(|(other, _)| key < other) => {
                // A default cannot be taken away.
                if !key.is_default() {
                    batch.push(EntryChange::Delete(**key));
                }
                before.next();
            }
            (_, Some((key, now))) => {
                batch.push(added(key, now.action));
                after.next();
            }
            (Some(_), None) => break,
        }
    }
    if old.flood != new.flood {
        batch.push(EntryChange::Flood(new.flood.clone()));
    }
    if let Some(port) = new.mirror.filter(|port| old.mirror != Some(*port)) {
        batch.push(EntryChange::Mirror(port));
    }
    sort(&mut batch);
    batch
}

/// A default is always there, so what is new about it is another action.
fn added(key: &Key, action: Action) -> EntryChange {
    if key.is_default() { EntryChange::Modify(*key, action) } else { EntryChange::Add(*key, action) }
}

/// Puts a batch into the order in which it is to be applied.
pub(super) fn sort(batch: &mut [EntryChange]) {
    batch.sort_by_key(EntryChange::turn);
}

impl Entries {
    /// Applies a change, whether or not a switch would take it.
    pub fn apply(&mut self, change: &EntryChange) {
        match change {
            EntryChange::Add(key, action) | EntryChange::Modify(key, action) => {
                let origin = self.rows.get(key).map_or_else(Origin::default, |row| row.origin.clone());
                self.rows.insert(*key, Row { action: *action, origin });
            }
            EntryChange::Delete(key) => drop(self.rows.remove(key)),
            EntryChange::Flood(ports) => self.flood.clone_from(ports),
            EntryChange::Mirror(port) => self.mirror = Some(*port),
        }
    }
}
