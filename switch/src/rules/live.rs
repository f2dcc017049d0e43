//! Entries of a running switch: read, compared and changed.

use super::action::Action;
use super::change::{EntryChange, diff};
use super::entry::{Entries, FLOOD_GROUP, Key, MIRROR_SESSION, Match, Origin, Row};
use super::saved::lpm;
use super::table::{Field, Table};
use crate::engine::{Entry, EntryAction, MatchParam, Mirror, TableError};
use crate::runtime::{Answer, ControlError, SwitchControl, Update};
use std::collections::{BTreeMap, BTreeSet};

/// Why a switch's tables could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The switch refused, or did not answer.
    #[error("the table `{table}` could not be read: {error}")]
    Switch {
        /// The table, or what else was read.
        table: &'static str,
        /// Why.
        error: ControlError,
    },
    /// The switch runs another program than a rack's.
    #[error("the switch runs another program: it has no table `{0}`")]
    NoTable(&'static str),
    /// An entry that no rules of this program's can be.
    #[error("the table `{0}` has an entry that is none of a rack's")]
    Foreign(&'static str),
}

/// What a switch's tables say, and the handles by which they are changed.
#[derive(Debug, Default)]
pub struct Live {
    entries: Entries,
    handles: BTreeMap<Key, u32>,
    /// The nodes of the flood group.
    nodes: Vec<u32>,
}

/// Which tables count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those that manifests and rack description say something of. What the control plane alone fills stays as it is.
    #[default]
    Described,
    /// All.
    All,
}

impl Scope {
    fn has(self, table: Table) -> bool {
        self == Self::All || !table.is_control_planes()
    }
}

/// What became of an installation.
#[derive(Debug, Default)]
pub struct Installed {
    /// The changes that were made, in order.
    pub applied: Vec<EntryChange>,
    /// Those that the switch refused, and why.
    pub refused: Vec<(EntryChange, ControlError)>,
    /// Those that were not tried, because they rest on refused ones.
    pub left: Vec<EntryChange>,
}

impl Live {
    /// Reads a switch's tables.
    ///
    /// # Errors
    ///
    /// It does not answer, or has tables or entries that a rack has not.
    pub fn read(switch: &dyn SwitchControl, scope: Scope) -> Result<Self, LiveError> {
        let mut live = Self::default();
        for table in Table::ALL.into_iter().filter(|table| scope.has(*table)) {
            live.read_table(switch, table)?;
        }
        let failed = |table| move |error| LiveError::Switch { table, error };
        live.entries.mirror = match switch.mirror(MIRROR_SESSION) {
            Ok(mirror) => mirror.port.and_then(|port| u16::try_from(port).ok()),
            Err(ControlError::NoSession) => None,
            Err(error) => return Err(failed("mirroring session")(error)),
        };
        for (handle, node) in switch.nodes().map_err(failed("flood group"))? {
            if node.group == Some(FLOOD_GROUP) {
                live.entries.flood.extend(node.ports.iter().filter_map(|port| u16::try_from(*port).ok()));
                live.nodes.push(handle);
            }
        }
        Ok(live)
    }

    fn read_table(&mut self, switch: &dyn SwitchControl, table: Table) -> Result<(), LiveError> {
        let failed = |error| match error {
            ControlError::Table(TableError::InvalidTableName) => LiveError::NoTable(table.name()),
            error => LiveError::Switch { table: table.name(), error },
        };
        let foreign = || LiveError::Foreign(table.name());
        if table.key().is_empty() {
            let action = switch.default_action(table.name()).map_err(failed)?;
            let action = action.as_ref().and_then(action_in).ok_or_else(foreign)?;
            self.entries.rows.insert(Key::default_of(table), Row { action, origin: Origin::default() });
            return Ok(());
        }
        for entry in switch.entries(table.name()).map_err(failed)? {
            let key = key_in(table, &entry).ok_or_else(foreign)?;
            let action = action_in(&entry.action).ok_or_else(foreign)?;
            self.handles.insert(key.clone(), entry.handle);
            self.entries.rows.insert(key, Row { action, origin: Origin::default() });
        }
        Ok(())
    }

    /// What the tables say. Nothing is known of where it comes from.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// What must change so that the tables say what is wanted, in the order in which it is to be applied.
    pub fn changes(&self, wanted: &Entries, scope: Scope) -> Vec<EntryChange> {
        let mut wanted = wanted.clone();
        wanted.rows.retain(|key, _| scope.has(key.table));
        diff(&self.entries, &wanted)
    }

    /// Applies a batch to the switch that was read.
    ///
    /// What blocks comes first, then what is new, then what is gone. When some of it is refused, the rest of that step is still done, and what comes
    /// after it is left: nothing is deleted while what replaces it is missing.
    pub fn apply(&mut self, switch: &dyn SwitchControl, batch: &[EntryChange]) -> Installed {
        let mut done = Installed::default();
        for step in batch.chunk_by(|one, other| one.turn() == other.turn()) {
            if !done.refused.is_empty() {
                done.left.extend_from_slice(step);
                continue;
            }
            let updates: Vec<Update> = step.iter().filter_map(|change| self.update(change)).collect();
            // A step is of entries, or of group and session.
            let mut answers = switch.apply(&updates).into_iter();
            for change in step {
                let answer = match change.table() {
                    Some(_) => answers.next().unwrap_or(Err(ControlError::BadAnswer("too few answers"))),
                    None => self.set(switch, change).map(|()| None),
                };
                self.note(change.clone(), answer, &mut done);
            }
        }
        done
    }

    fn note(&mut self, change: EntryChange, answer: Answer<Option<u32>>, done: &mut Installed) {
        match answer {
            Ok(handle) => {
                self.entries.apply(&change);
                match (&change, handle) {
                    (EntryChange::Add(key, _), Some(handle)) => drop(self.handles.insert(key.clone(), handle)),
                    (EntryChange::Delete(key), _) => drop(self.handles.remove(key)),
                    _ => {}
                }
                done.applied.push(change);
            }
            Err(error) => done.refused.push((change, error)),
        }
    }

    /// A change of an entry as the switch takes it.
    fn update(&self, change: &EntryChange) -> Option<Update> {
        // A handle that is not known is one that no switch has.
        let handle = |key: &Key| self.handles.get(key).copied().unwrap_or(u32::MAX);
        let table = |key: &Key| key.table.name().to_owned();
        Some(match change {
            EntryChange::Add(key, action) => {
                Update::Add { table: table(key), key: key_out(key), priority: 0, action: action_out(action) }
            }
            EntryChange::Modify(key, action) if key.is_default() => {
                Update::SetDefault { table: table(key), action: action_out(action) }
            }
            EntryChange::Modify(key, action) => {
                Update::Modify { table: table(key), handle: handle(key), action: action_out(action) }
            }
            EntryChange::Delete(key) => Update::Delete { table: table(key), handle: handle(key) },
            EntryChange::Flood(_) | EntryChange::Mirror(_) => return None,
        })
    }

    fn set(&mut self, switch: &dyn SwitchControl, change: &EntryChange) -> Answer<()> {
        match change {
            EntryChange::Mirror(port) => {
                switch.set_mirror(MIRROR_SESSION, Mirror { port: Some((*port).into()), group: None })
            }
            EntryChange::Flood(ports) => self.set_flood(switch, &ports.iter().map(|port| u32::from(*port)).collect()),
            _ => Ok(()),
        }
    }

    /// Gives the group one node with these ports.
    fn set_flood(&mut self, switch: &dyn SwitchControl, ports: &BTreeSet<u32>) -> Answer<()> {
        match self.nodes.split_first() {
            Some((first, others)) => {
                switch.update_node(*first, ports)?;
                others.iter().try_for_each(|node| switch.destroy_node(*node))?;
                self.nodes.truncate(1);
            }
            None => {
                switch.create_group(FLOOD_GROUP)?;
                let node = switch.create_node(0, ports)?;
                switch.associate(FLOOD_GROUP, node)?;
                self.nodes.push(node);
            }
        }
        Ok(())
    }
}

/// A value in as many bytes as hold the field.
fn bytes(field: &Field, value: u128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let unused = bytes.len().saturating_sub(usize::from(field.bits.div_ceil(8)));
    bytes.get(unused..).unwrap_or_default().to_vec()
}

fn number(bytes: &[u8]) -> Option<u128> {
    (bytes.len() <= 16).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)))
}

fn key_out(key: &Key) -> Vec<MatchParam> {
    let param = |(field, value): (&Field, &Match)| match value {
        Match::Exact(value) => MatchParam::Exact(bytes(field, *value)),
        Match::Lpm(value, bits) => MatchParam::Lpm(bytes(field, *value), (*bits).into()),
    };
    key.table.key().iter().zip(&key.fields).map(param).collect()
}

fn key_in(table: Table, entry: &Entry) -> Option<Key> {
    let value = |(field, param): (&Field, &MatchParam)| match param {
        MatchParam::Exact(value) => Some(Match::Exact(number(value)?)),
        MatchParam::Lpm(value, bits) => lpm(field, number(value)?, u8::try_from(*bits).ok()?),
        _ => None,
    };
    let fields: Vec<Match> = table.key().iter().zip(&entry.key).map(value).collect::<Option<_>>()?;
    (entry.key.len() == table.key().len()).then_some(Key { table, fields })
}

fn action_out(action: &Action) -> EntryAction {
    let data = action.parameters().iter().zip(action.data()).map(|(field, value)| bytes(field, value)).collect();
    EntryAction::Action { name: action.name().to_owned(), data }
}

fn action_in(action: &EntryAction) -> Option<Action> {
    let EntryAction::Action { name, data } = action else { return None };
    let data: Vec<u128> = data.iter().map(|value| number(value)).collect::<Option<_>>()?;
    Action::of(name, &data)
}
