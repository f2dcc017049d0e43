//! Entries of a running switch: read, compared and changed.

use super::action::Action;
use super::change::{EntryChange, diff};
use super::entry::{Entries, FIELDS_MAX, FLOOD_GROUP, Key, MIRROR_SESSION, Match, Origin, Row};
use super::saved::lpm;
use super::table::{Field, Kind, Table};
use crate::engine::{Entry, EntryAction, MatchParam, Mirror, TableError};
use crate::runtime::{Answer, Change, ControlError, SwitchControl};
use bifrost_rpc::endpoint::QuickMap;
use std::collections::BTreeSet;

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
    /// In the order of [`Table::ALL`].
    tables: [QuickMap<Key, Held>; Table::ALL.len()],
    flood: BTreeSet<u16>,
    mirror: Option<u16>,
    /// The nodes of the flood group.
    nodes: Vec<u32>,
}

/// An entry, or a default.
#[derive(Debug, Clone, Copy)]
struct Held {
    action: Action,
    /// By which it is changed; means nothing for a default.
    handle: u32,
}

/// A handle that no switch has.
const NO_HANDLE: u32 = u32::MAX;

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
        live.mirror = match switch.mirror(MIRROR_SESSION) {
            Ok(mirror) => mirror.port.and_then(|port| u16::try_from(port).ok()),
            Err(ControlError::NoSession) => None,
            Err(error) => return Err(failed("mirroring session")(error)),
        };
        for (handle, node) in switch.nodes().map_err(failed("flood group"))? {
            if node.group == Some(FLOOD_GROUP) {
                live.flood.extend(node.ports.iter().filter_map(|port| u16::try_from(*port).ok()));
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
            self.put(Key::default_of(table), Held { action, handle: NO_HANDLE });
            return Ok(());
        }
        for entry in switch.entries(table.name()).map_err(failed)? {
            let key = key_in(table, &entry).ok_or_else(foreign)?;
            let action = action_in(&entry.action).ok_or_else(foreign)?;
            self.put(key, Held { action, handle: entry.handle });
        }
        Ok(())
    }

    fn put(&mut self, key: Key, held: Held) {
        self.tables[key.table as usize].insert(key, held);
    }

    /// What the tables say, put together anew. Nothing is known of where it comes from.
    pub fn entries(&self) -> Entries {
        let row = |(key, held): (&Key, &Held)| (*key, Row { action: held.action, origin: Origin::default() });
        let rows = self.tables.iter().flatten().map(row).collect();
        Entries { rows, flood: self.flood.clone(), mirror: self.mirror }
    }

    /// How many entries a table has.
    pub fn count(&self, table: Table) -> usize {
        self.tables[table as usize].len()
    }

    /// What must change so that the tables say what is wanted, in the order in which it is to be applied.
    pub fn changes(&self, wanted: &Entries, scope: Scope) -> Vec<EntryChange> {
        let mut wanted = wanted.clone();
        wanted.rows.retain(|key, _| scope.has(key.table));
        diff(&self.entries(), &wanted)
    }

    /// Applies a batch to the switch that was read.
    ///
    /// What blocks comes first, then what is new, then what is gone. When some of it is refused, the rest of that step is still done, and what comes
    /// after it is left: nothing is deleted while what replaces it is missing.
    pub fn apply(&mut self, switch: &dyn SwitchControl, batch: &[EntryChange]) -> Installed {
        let mut done = Installed { applied: Vec::with_capacity(batch.len()), ..Installed::default() };
        for step in batch.chunk_by(|one, other| one.turn() == other.turn()) {
            if !done.refused.is_empty() {
                done.left.extend_from_slice(step);
            } else if switch.is_local() {
                step.iter().for_each(|change| {
                    let answer = self.make(switch, change);
                    self.note(change, answer, &mut done);
                });
            } else {
                self.make_all(switch, step, &mut done);
            }
        }
        done
    }

    /// Makes a change.
    fn make(&mut self, switch: &dyn SwitchControl, change: &EntryChange) -> Answer<Option<u32>> {
        match self.with_change(change, |change| switch.change(change)) {
            Some(answer) => answer,
            None => self.set(switch, change).map(|()| None),
        }
    }

    /// Makes changes of one step without waiting for each.
    fn make_all(&mut self, switch: &dyn SwitchControl, step: &[EntryChange], done: &mut Installed) {
        let update = |change| self.with_change(change, |change| change.to_update());
        let updates: Vec<_> = step.iter().filter_map(update).collect();
        // A step is of entries, or of group and session.
        let mut answers = switch.apply(&updates).into_iter();
        for change in step {
            let answer = match change.table() {
                Some(_) => answers.next().unwrap_or(Err(ControlError::BadAnswer("too few answers"))),
                None => self.set(switch, change).map(|()| None),
            };
            self.note(change, answer, done);
        }
    }

    fn note(&mut self, change: &EntryChange, answer: Answer<Option<u32>>, done: &mut Installed) {
        match answer {
            Ok(handle) => {
                self.take(change, handle);
                done.applied.push(change.clone());
            }
            Err(error) => done.refused.push((change.clone(), error)),
        }
    }

    /// Notes what a switch has done.
    fn take(&mut self, change: &EntryChange, handle: Option<u32>) {
        match change {
            EntryChange::Add(key, action) => {
                self.put(*key, Held { action: *action, handle: handle.unwrap_or(NO_HANDLE) });
            }
            EntryChange::Modify(key, action) => match self.tables[key.table as usize].get_mut(key) {
                Some(held) => held.action = *action,
                None => self.put(*key, Held { action: *action, handle: NO_HANDLE }),
            },
            EntryChange::Delete(key) => _ = self.tables[key.table as usize].remove(key),
            EntryChange::Flood(ports) => self.flood.clone_from(ports),
            EntryChange::Mirror(port) => self.mirror = Some(*port),
        }
    }

    /// Does something with a change of an entry as a switch takes it; `None`: it is of none.
    fn with_change<R>(&self, change: &EntryChange, act: impl FnOnce(Change<'_>) -> R) -> Option<R> {
        let (EntryChange::Add(key, _) | EntryChange::Modify(key, _) | EntryChange::Delete(key)) = change else {
            return None;
        };
        let table = key.table.name();
        let held = || self.tables[key.table as usize].get(key);
        let handle = || held().map_or(NO_HANDLE, |held| held.handle);
        Some(match change {
            EntryChange::Add(key, action) => {
                let (action, data) = (action.name(), &data_of(action)[..]);
                with_key(key, |key| act(Change::Add { table, key, action, data }))
            }
            EntryChange::Modify(key, action) => {
                let (action, data) = (action.name(), &data_of(action)[..]);
                act(match key.is_default() {
                    true => Change::SetDefault { table, action, data },
                    false => Change::Modify { table, handle: handle(), action, data },
                })
            }
            _ => act(Change::Delete { table, handle: handle() }),
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

/// Does something with a key as a switch takes it.
fn with_key<R>(key: &Key, act: impl FnOnce(&[MatchParam<&[u8]>]) -> R) -> R {
    let mut params = [const { MatchParam::Valid(false) }; FIELDS_MAX];
    let mut count = 0;
    for (param, (field, value, bits)) in params.iter_mut().zip(key.parts()) {
        *param = match field.kind {
            Kind::Exact => MatchParam::Exact(value),
            Kind::Lpm => MatchParam::Lpm(value, bits.into()),
        };
        count += 1;
    }
    act(params.get(..count).unwrap_or_default())
}

/// An action's data as a switch takes them: each value in as many bytes as hold the parameter.
fn data_of(action: &Action) -> Vec<Vec<u8>> {
    let values = action.parameters().iter().zip(action.data());
    let bytes =
        |(field, value): (&Field, u128)| value.to_be_bytes().get(16 - field.bytes()..).unwrap_or_default().to_vec();
    values.map(bytes).collect()
}

fn number(bytes: &[u8]) -> Option<u128> {
    (bytes.len() <= 16).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)))
}

fn key_in(table: Table, entry: &Entry) -> Option<Key> {
    let value = |(field, param): (&Field, &MatchParam)| match param {
        MatchParam::Exact(value) => Some(Match::Exact(number(value)?)),
        MatchParam::Lpm(value, bits) => lpm(field, number(value)?, u8::try_from(*bits).ok()?),
        _ => None,
    };
    let fields: Vec<Match> = table.key().iter().zip(&entry.key).map(value).collect::<Option<_>>()?;
    if entry.key.len() == table.key().len() { Key::of(table, fields) } else { None }
}

fn action_in(action: &EntryAction) -> Option<Action> {
    let EntryAction::Action { name, data } = action else { return None };
    let data: Vec<u128> = data.iter().map(|value| number(value)).collect::<Option<_>>()?;
    Action::of(name, &data)
}
