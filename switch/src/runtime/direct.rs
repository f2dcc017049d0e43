//! The embedded switch, driven in its own process.

use super::config::md5;
use super::control::{Answer, Change, ControlError, SwitchControl, Update};
use super::convert;
use super::handler::Runtime;
use crate::engine::{Count, Engine, Entry, EntryAction, Mirror, Node, TableError};
use std::collections::BTreeSet;

fn apply(engine: &mut Engine, update: &Update) -> Result<Option<u32>, TableError> {
    match update {
        Update::Add { table, key, priority, action: EntryAction::Action { name, data } } => {
            engine.table_add(table, key, name, data, *priority).map(Some)
        }
        Update::Add { table, key, priority, action } => {
            engine.table_add_indirect(table, key, action, *priority).map(Some)
        }
        Update::Modify { table, handle, action: EntryAction::Action { name, data } } => {
            engine.table_modify(table, *handle, name, data).map(|()| None)
        }
        Update::Modify { table, handle, action } => engine.table_modify_indirect(table, *handle, action).map(|()| None),
        Update::Delete { table, handle } | Update::DeleteIndirect { table, handle } => {
            engine.table_delete(table, *handle).map(|()| None)
        }
        Update::SetDefault { table, action: EntryAction::Action { name, data } } => {
            engine.table_set_default(table, name, data).map(|()| None)
        }
        Update::SetDefault { table, action } => engine.table_set_default_indirect(table, action).map(|()| None),
        Update::ResetDefault { table } | Update::ResetDefaultIndirect { table } => {
            engine.table_reset_default(table).map(|()| None)
        }
    }
}

fn change(engine: &mut Engine, change: Change<'_>) -> Result<Option<u32>, TableError> {
    match change {
        Change::Add { table, key, action, data } => engine.table_add(table, key, action, data, 0).map(Some),
        Change::Modify { table, handle, action, data } => {
            engine.table_modify(table, handle, action, data).map(|()| None)
        }
        Change::Delete { table, handle } => engine.table_delete(table, handle).map(|()| None),
        Change::SetDefault { table, action, data } => engine.table_set_default(table, action, data).map(|()| None),
    }
}

impl SwitchControl for Runtime {
    fn is_local(&self) -> bool {
        true
    }

    fn apply(&self, updates: &[Update]) -> Vec<Answer<Option<u32>>> {
        // Each by itself, so that packets do not wait for all of them.
        updates.iter().map(|update| Ok(self.with(|engine| apply(engine, update))?)).collect()
    }

    fn change(&self, of: Change<'_>) -> Answer<Option<u32>> {
        Ok(self.with(|engine| change(engine, of))?)
    }

    fn entries(&self, table: &str) -> Answer<Vec<Entry>> {
        Ok(self.with(|engine| engine.table_entries(table))?)
    }

    fn default_action(&self, table: &str) -> Answer<Option<EntryAction>> {
        match self.with(|engine| engine.table_default(table)) {
            Err(TableError::NoDefaultEntry) => Ok(None),
            found => Ok(Some(found?)),
        }
    }

    fn entry_count(&self, table: &str) -> Answer<u64> {
        Ok(self.with(|engine| engine.table_len(table))? as u64)
    }

    fn clear(&self, table: &str) -> Answer<()> {
        Ok(self.with(|engine| engine.table_clear(table, false))?)
    }

    fn count(&self, table: &str, handle: u32) -> Answer<Count> {
        Ok(self.with(|engine| engine.table_count(table, handle))?)
    }

    fn add_member(&self, profile: &str, action: &str, data: &[Vec<u8>]) -> Answer<u32> {
        Ok(self.with(|engine| engine.profile_add_member(profile, action, data))?)
    }

    fn delete_member(&self, profile: &str, member: u32) -> Answer<()> {
        Ok(self.with(|engine| engine.profile_delete_member(profile, member))?)
    }

    fn create_member_group(&self, profile: &str) -> Answer<u32> {
        Ok(self.with(|engine| engine.profile_create_group(profile))?)
    }

    fn delete_member_group(&self, profile: &str, group: u32) -> Answer<()> {
        Ok(self.with(|engine| engine.profile_delete_group(profile, group))?)
    }

    fn join(&self, profile: &str, member: u32, group: u32) -> Answer<()> {
        Ok(self.with(|engine| engine.profile_join(profile, member, group))?)
    }

    fn leave(&self, profile: &str, member: u32, group: u32) -> Answer<()> {
        Ok(self.with(|engine| engine.profile_leave(profile, member, group))?)
    }

    fn counter(&self, array: &str, index: u32) -> Answer<Count> {
        Ok(self.with(|engine| engine.counter(array, index as usize))?)
    }

    fn register(&self, array: &str, index: u32) -> Answer<i64> {
        Ok(convert::register(&self.with(|engine| engine.register(array, index.into()))?))
    }

    fn set_register(&self, array: &str, index: u32, value: i64) -> Answer<()> {
        Ok(self.with(|engine| engine.set_register(array, index.into(), value))?)
    }

    fn reset_registers(&self, array: &str) -> Answer<()> {
        Ok(self.with(|engine| engine.clear_registers(array))?)
    }

    fn reset_counters(&self, array: &str) -> Answer<()> {
        Ok(self.with(|engine| engine.clear_counters(array))?)
    }

    fn set_mirror(&self, session: u16, to: Mirror) -> Answer<()> {
        if self.engine().with(|engine| engine.set_mirror(session, to)) { Ok(()) } else { Err(ControlError::NoSession) }
    }

    fn delete_mirror(&self, session: u16) -> Answer<()> {
        if self.engine().with(|engine| engine.delete_mirror(session)) { Ok(()) } else { Err(ControlError::NoSession) }
    }

    fn mirror(&self, session: u16) -> Answer<Mirror> {
        self.engine().with(|engine| engine.mirror(session)).ok_or(ControlError::NoSession)
    }

    fn create_group(&self, group: u16) -> Answer<()> {
        Ok(self.engine().with(|engine| engine.multicast().create_group(group))?)
    }

    fn destroy_group(&self, group: u16) -> Answer<()> {
        Ok(self.engine().with(|engine| engine.multicast().destroy_group(group))?)
    }

    fn create_node(&self, rid: u16, ports: &BTreeSet<u32>) -> Answer<u32> {
        Ok(self.engine().with(|engine| engine.multicast().create_node(rid, ports.clone(), BTreeSet::new()))?)
    }

    fn update_node(&self, node: u32, ports: &BTreeSet<u32>) -> Answer<()> {
        Ok(self.engine().with(|engine| engine.multicast().update_node(node, ports.clone(), BTreeSet::new()))?)
    }

    fn destroy_node(&self, node: u32) -> Answer<()> {
        Ok(self.engine().with(|engine| engine.multicast().destroy_node(node))?)
    }

    fn associate(&self, group: u16, node: u32) -> Answer<()> {
        Ok(self.engine().with(|engine| engine.multicast().associate(group, node))?)
    }

    fn nodes(&self) -> Answer<Vec<(u32, Node)>> {
        let nodes =
            |engine: &mut Engine| engine.multicast().nodes().map(|(handle, node)| (handle, node.clone())).collect();
        Ok(self.engine().with(nodes))
    }

    fn program(&self) -> Answer<String> {
        Ok(self.configs().current().json().to_string())
    }

    fn program_md5(&self) -> Answer<Vec<u8>> {
        let json = self.configs().current().json();
        Ok(md5(&json))
    }

    fn load_program(&self, json: &str) -> Answer<()> {
        Ok(self.load(json)?)
    }

    fn swap_programs(&self) -> Answer<()> {
        Ok(self.swap()?)
    }

    fn reset(&self) -> Answer<()> {
        self.reset_state();
        Ok(())
    }

    fn set_queue_depths(&self, _packets: u32) -> Answer<()> {
        Ok(())
    }

    fn elapsed_us(&self) -> Answer<u64> {
        Ok(self.engine().now())
    }
}
