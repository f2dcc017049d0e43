//! Operations on tables.

use super::super::Engine;
use super::super::program::{Holds, MatchKind, TableSpec};
use super::super::state::{pad, program_default, unpack};
use super::super::tables::{Chosen, Count, Entry, EntryAction, MatchParam, Table, TableError, Target, fit_whole};

/// What a table is, for those who list them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its strongest kind of match.
    pub kind: MatchKind,
    /// Name, kind and width in bits of each field of its key.
    pub key: Vec<(String, MatchKind, u32)>,
    /// The names of its actions.
    pub actions: Vec<String>,
    /// Entries that it can hold.
    pub size: usize,
    /// The action profile that its entries refer to.
    pub profile: Option<String>,
    /// Its entries count.
    pub with_counters: bool,
}

impl Engine {
    /// All tables, in the program's order.
    pub fn tables(&self) -> Vec<TableInfo> {
        self.program.tables.iter().map(|spec| self.info(spec)).collect()
    }

    /// The width in bits of each parameter of an action; of the first, where several have the name.
    pub fn action_parameters(&self, action: &str) -> Option<Vec<u32>> {
        let found = self.program.actions.iter().find(|found| found.name == action)?;
        Some(found.parameters.iter().map(|slot| slot.width).collect())
    }

    fn info(&self, spec: &TableSpec) -> TableInfo {
        let action = |&action: &usize| self.program.actions.get(action).map(|action| action.name.clone());
        let profile = match spec.holds {
            Holds::Actions => None,
            Holds::Profile(profile, _) => self.program.profiles.get(profile).map(|profile| profile.name.clone()),
        };
        TableInfo {
            name: spec.name.clone(),
            kind: spec.kind,
            key: spec.key.iter().map(|field| (field.name.clone(), field.kind, field.width)).collect(),
            actions: spec.actions.iter().filter_map(action).collect(),
            size: spec.size,
            profile,
            with_counters: spec.with_counters,
        }
    }

    fn table_index(&self, name: &str) -> Result<usize, TableError> {
        self.program.table_names.get(name).copied().ok_or(TableError::InvalidTableName)
    }

    pub(super) fn table(&self, name: &str) -> Result<(&TableSpec, &Table), TableError> {
        let index = self.table_index(name)?;
        self.program.tables.get(index).zip(self.state.tables.get(index)).ok_or(TableError::InvalidTableName)
    }

    pub(super) fn table_mut(&mut self, name: &str) -> Result<(&TableSpec, &mut Table), TableError> {
        let index = self.table_index(name)?;
        self.table_at_mut(index)
    }

    fn table_at_mut(&mut self, index: usize) -> Result<(&TableSpec, &mut Table), TableError> {
        self.program.tables.get(index).zip(self.state.tables.get_mut(index)).ok_or(TableError::InvalidTableName)
    }

    /// Checks an action and its data for a table; the target and data of an entry.
    fn direct(&self, spec: &TableSpec, action: &str, data: &[Vec<u8>]) -> Result<(u32, Vec<u8>), TableError> {
        if spec.holds != Holds::Actions {
            return Err(TableError::WrongTableType);
        }
        let is_named = |index: &usize| self.program.actions.get(*index).is_some_and(|found| found.name == action);
        let place = spec.actions.iter().position(is_named).ok_or(TableError::InvalidActionName)?;
        let index = spec.actions.get(place).copied().unwrap_or(usize::MAX);
        let target = u32::try_from(place).map_err(|_| TableError::InvalidActionName)?;
        Ok((target, self.data(index, data)?))
    }

    /// An action's data in one piece, if it is as many values as the action has parameters and each fits.
    pub(super) fn data(&self, action: usize, data: &[Vec<u8>]) -> Result<Vec<u8>, TableError> {
        let action = self.program.actions.get(action).filter(|action| action.parameters.len() == data.len());
        let action = action.ok_or(TableError::BadActionData)?;
        if data.is_empty() {
            return Ok(Vec::new());
        }
        let values = action.parameters.iter().zip(data).map(|(slot, value)| fit_whole(value, slot.width));
        let values: Option<Vec<_>> = values.collect();
        values.map(|values| values.concat()).ok_or(TableError::BadActionData)
    }

    /// Adds an entry; its handle. `priority` counts in ternary and range tables: the lowest wins.
    pub fn table_add<B: AsRef<[u8]>>(
        &mut self,
        table: &str,
        key: &[MatchParam<B>],
        action: &str,
        data: &[Vec<u8>],
        priority: i32,
    ) -> Result<u32, TableError> {
        let index = self.table_index(table)?;
        let spec = self.program.tables.get(index).ok_or(TableError::InvalidTableName)?;
        let (target, data) = match self.direct(spec, action, data) {
            Err(TableError::BadActionData) if spec.immutable => return Err(TableError::ImmutableEntries),
            found => found?,
        };
        let (spec, table) = self.table_at_mut(index)?;
        if spec.immutable {
            return Err(TableError::ImmutableEntries);
        }
        table.add(spec, key, priority, target, &data)
    }

    /// Gives an entry another action.
    pub fn table_modify(&mut self, table: &str, handle: u32, action: &str, data: &[Vec<u8>]) -> Result<(), TableError> {
        let (spec, _) = self.table(table)?;
        let (target, data) = self.direct(spec, action, data)?;
        let (spec, table) = self.table_mut(table)?;
        if spec.immutable {
            return Err(TableError::ImmutableEntries);
        }
        let place = table.place(handle)?;
        table.modify(place, target, &data);
        Ok(())
    }

    /// Deletes an entry, of an indirect table too.
    pub fn table_delete(&mut self, table: &str, handle: u32) -> Result<(), TableError> {
        let (spec, table) = self.table_mut(table)?;
        if spec.immutable {
            return Err(TableError::ImmutableEntries);
        }
        let place = table.place(handle)?;
        let target = table.target(table.spot(place)).0;
        table.delete(place);
        if let Holds::Profile(profile, _) = spec.holds {
            self.refer(profile, Target::unpacked(target), false)?;
        }
        Ok(())
    }

    /// Deletes all entries, and with `reset_default` gives the table its first default entry again.
    pub fn table_clear(&mut self, table: &str, reset_default: bool) -> Result<(), TableError> {
        let name = table;
        let (spec, table) = self.table_mut(name)?;
        if spec.immutable {
            return Err(TableError::ImmutableEntries);
        }
        let targets: Vec<u32> = table.places().map(|place| table.target(table.spot(place)).0).collect();
        table.clear(spec);
        if let Holds::Profile(profile, _) = spec.holds {
            for target in targets {
                self.refer(profile, Target::unpacked(target), false)?;
            }
        }
        if reset_default { self.table_reset_default(name) } else { Ok(()) }
    }

    /// Sets what a miss does.
    pub fn table_set_default(&mut self, table: &str, action: &str, data: &[Vec<u8>]) -> Result<(), TableError> {
        let (spec, _) = self.table(table)?;
        if spec.default.as_ref().is_some_and(|default| default.is_const) {
            return Err(TableError::DefaultEntryIsConst);
        }
        let (target, data) = self.direct(spec, action, data)?;
        let index = spec.actions.get(target as usize).copied();
        if spec.const_action.is_some() && spec.const_action != index {
            return Err(TableError::DefaultActionIsConst);
        }
        self.table_mut(table)?.1.default = Some(Chosen { target, data: pad(data) });
        Ok(())
    }

    /// Gives the table the default entry of the program again.
    pub fn table_reset_default(&mut self, table: &str) -> Result<(), TableError> {
        let (spec, _) = self.table(table)?;
        let (holds, first) = (spec.holds, program_default(&self.program, spec));
        let (_, table) = self.table_mut(table)?;
        let before = std::mem::replace(&mut table.default, first);
        let was_member = std::mem::replace(&mut table.default_is_member, false);
        match (holds, before) {
            (Holds::Profile(profile, _), Some(before)) if was_member => {
                self.refer(profile, Target::unpacked(before.target), false)
            }
            _ => Ok(()),
        }
    }

    /// What a miss does.
    pub fn table_default(&self, table: &str) -> Result<EntryAction, TableError> {
        let (spec, table) = self.table(table)?;
        let default = table.default.as_ref().ok_or(TableError::NoDefaultEntry)?;
        if spec.holds != Holds::Actions && !table.default_is_member {
            return Err(TableError::NoDefaultEntry);
        }
        Ok(self.entry_action(spec, default.target, &default.data))
    }

    /// How many entries a table has.
    pub fn table_len(&self, table: &str) -> Result<usize, TableError> {
        Ok(self.table(table)?.1.len())
    }

    /// All entries, by their place.
    pub fn table_entries(&self, table: &str) -> Result<Vec<Entry>, TableError> {
        let (spec, table) = self.table(table)?;
        Ok(table.places().map(|place| self.entry(spec, table, place)).collect())
    }

    /// One entry.
    pub fn table_entry(&self, table: &str, handle: u32) -> Result<Entry, TableError> {
        let (spec, table) = self.table(table)?;
        Ok(self.entry(spec, table, table.place(handle)?))
    }

    /// The entry with this key (and priority).
    pub fn table_find(&self, table: &str, key: &[MatchParam], priority: i32) -> Result<Entry, TableError> {
        let (spec, table) = self.table(table)?;
        let place = table.find(spec, key, priority)?.ok_or(TableError::BadMatchKey)?;
        Ok(self.entry(spec, table, place))
    }

    fn entry(&self, spec: &TableSpec, table: &Table, place: u32) -> Entry {
        let (key, priority) = table.key(spec, place);
        let (target, data) = table.target(table.spot(place));
        Entry { handle: table.handle(place), key, priority, action: self.entry_action(spec, target, data) }
    }

    fn entry_action(&self, spec: &TableSpec, target: u32, data: &[u8]) -> EntryAction {
        if spec.holds != Holds::Actions {
            return match Target::unpacked(target) {
                Target::Member(handle) => EntryAction::Member(handle),
                Target::Group(handle) => EntryAction::Group(handle),
            };
        }
        let index = spec.actions.get(target as usize).copied().unwrap_or(usize::MAX);
        let name = self.program.actions.get(index).map_or_else(String::new, |action| action.name.clone());
        EntryAction::Action { name, data: unpack(&self.program, index, data) }
    }

    /// What an entry has counted.
    pub fn table_count(&self, table: &str, handle: u32) -> Result<Count, TableError> {
        let (spec, table) = self.table(table)?;
        if !spec.with_counters {
            return Err(TableError::CountersDisabled);
        }
        Ok(table.count(table.spot(table.place(handle)?)))
    }

    /// Sets what an entry has counted.
    pub fn table_set_count(&mut self, table: &str, handle: u32, count: Count) -> Result<(), TableError> {
        let (spec, table) = self.table_mut(table)?;
        if !spec.with_counters {
            return Err(TableError::CountersDisabled);
        }
        let place = table.place(handle)?;
        table.set_count(table.spot(place), count);
        Ok(())
    }

    /// Sets what all entries have counted to zero.
    pub fn table_reset_counts(&mut self, table: &str) -> Result<(), TableError> {
        let (spec, table) = self.table_mut(table)?;
        if !spec.with_counters {
            return Err(TableError::CountersDisabled);
        }
        let places: Vec<u32> = table.places().collect();
        places.into_iter().for_each(|place| table.set_count(table.spot(place), Count::default()));
        Ok(())
    }

    /// The profile of an indirect table; `groups` says whether its entries must be able to hold groups.
    fn indirect(&self, table: &str, groups: bool) -> Result<usize, TableError> {
        match self.table(table)?.0.holds {
            Holds::Profile(profile, with_groups) if with_groups || !groups => Ok(profile),
            _ => Err(TableError::WrongTableType),
        }
    }

    /// Counts an entry that refers to a member or group, or does no longer.
    fn refer(&mut self, profile: usize, target: Target, more: bool) -> Result<(), TableError> {
        let profile = self.state.profiles.get_mut(profile).ok_or(TableError::InvalidProfileName)?;
        profile.refer(target, more)
    }

    fn target(&self, table: &str, action: &EntryAction) -> Result<(usize, Target), TableError> {
        match *action {
            EntryAction::Member(handle) => Ok((self.indirect(table, false)?, Target::Member(handle))),
            EntryAction::Group(handle) => Ok((self.indirect(table, true)?, Target::Group(handle))),
            EntryAction::Action { .. } => Err(TableError::WrongTableType),
        }
    }

    /// Adds an entry of an indirect table, for a member or group.
    pub fn table_add_indirect(
        &mut self,
        table: &str,
        key: &[MatchParam],
        action: &EntryAction,
        priority: i32,
    ) -> Result<u32, TableError> {
        let (profile, target) = self.target(table, action)?;
        self.refer(profile, target, true)?;
        let (spec, entries) = self.table_mut(table)?;
        let added = entries.add(spec, key, priority, target.packed(), &[]);
        if added.is_err() {
            self.refer(profile, target, false)?;
        }
        added
    }

    /// Gives an entry of an indirect table another member or group.
    pub fn table_modify_indirect(&mut self, table: &str, handle: u32, action: &EntryAction) -> Result<(), TableError> {
        let (profile, target) = self.target(table, action)?;
        let (_, entries) = self.table_mut(table)?;
        let place = entries.place(handle)?;
        let before = entries.target(entries.spot(place)).0;
        self.refer(profile, target, true)?;
        self.table_mut(table)?.1.modify(place, target.packed(), &[]);
        self.refer(profile, Target::unpacked(before), false)
    }

    /// Sets what a miss of an indirect table does.
    pub fn table_set_default_indirect(&mut self, table: &str, action: &EntryAction) -> Result<(), TableError> {
        let (profile, target) = self.target(table, action)?;
        if self.table(table)?.0.default.as_ref().is_some_and(|default| default.is_const) {
            return Err(TableError::DefaultEntryIsConst);
        }
        self.refer(profile, target, true)?;
        let (_, entries) = self.table_mut(table)?;
        let before = entries.default.replace(Chosen { target: target.packed(), data: Vec::new() });
        let was_member = std::mem::replace(&mut entries.default_is_member, true);
        match before {
            Some(before) if was_member => self.refer(profile, Target::unpacked(before.target), false),
            _ => Ok(()),
        }
    }
}
