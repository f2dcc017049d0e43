//! Tables: their entries, defaults, direct counters and meters.

use super::super::convert as to;
use super::super::handler::Runtime;
use super::idl::{
    BmActionEntry, BmAddEntryOptions, BmCounterValue, BmEntryHandle, BmMatchParams, BmMeterRateConfig, BmMtEntry,
};
use crate::engine::{EntryAction, TableError};
use thrift::Result;

impl Runtime {
    pub(super) fn entry_count(&self, context: i32, table: &str) -> Result<i64> {
        let entries = self.table(context, |engine| engine.table_len(table))?;
        Ok(i64::try_from(entries).unwrap_or(i64::MAX))
    }

    pub(super) fn add_entry(
        &self,
        context: i32,
        table: &str,
        key: BmMatchParams,
        to: &EntryAction,
        options: &BmAddEntryOptions,
    ) -> Result<BmEntryHandle> {
        let (key, priority) = (to::key(key), to::priority(options));
        let added = self.table(context, |engine| match to {
            EntryAction::Action { name, data } => engine.table_add(table, &key?, name, data, priority),
            indirect => engine.table_add_indirect(table, &key?, indirect, priority),
        });
        Ok(added?.cast_signed())
    }

    pub(super) fn modify_entry(&self, context: i32, table: &str, entry: BmEntryHandle, to: &EntryAction) -> Result<()> {
        let handle = entry.cast_unsigned();
        self.table(context, |engine| match to {
            EntryAction::Action { name, data } => engine.table_modify(table, handle, name, data),
            indirect => engine.table_modify_indirect(table, handle, indirect),
        })
    }

    pub(super) fn delete_entry(&self, context: i32, table: &str, entry: BmEntryHandle) -> Result<()> {
        self.table(context, |engine| engine.table_delete(table, entry.cast_unsigned()))
    }

    pub(super) fn set_default(&self, context: i32, table: &str, to: &EntryAction) -> Result<()> {
        self.table(context, |engine| match to {
            EntryAction::Action { name, data } => engine.table_set_default(table, name, data),
            indirect => engine.table_set_default_indirect(table, indirect),
        })
    }

    pub(super) fn reset_default(&self, context: i32, table: &str) -> Result<()> {
        self.table(context, |engine| engine.table_reset_default(table))
    }

    /// Entries do not age here, which a table that there is says.
    pub(super) fn set_ttl(&self, context: i32, table: &str) -> Result<()> {
        self.table(context, |engine| engine.table_len(table).and(Err(TableError::AgeingDisabled)))
    }

    pub(super) fn list_entries(&self, context: i32, table: &str) -> Result<Vec<BmMtEntry>> {
        let entries = self.table(context, |engine| engine.table_entries(table))?;
        Ok(entries.into_iter().map(to::entry).collect())
    }

    pub(super) fn entry(&self, context: i32, table: &str, entry: BmEntryHandle) -> Result<BmMtEntry> {
        self.table(context, |engine| engine.table_entry(table, entry.cast_unsigned())).map(to::entry)
    }

    pub(super) fn default_entry(&self, context: i32, table: &str) -> Result<BmActionEntry> {
        self.table(context, |engine| to::default_action(engine.table_default(table)))
    }

    /// The entry with a key; without one, the default entry.
    pub(super) fn entry_of(
        &self,
        context: i32,
        table: &str,
        key: BmMatchParams,
        options: &BmAddEntryOptions,
    ) -> Result<BmMtEntry> {
        if key.is_empty() {
            return self.default_entry(context, table).map(to::default_entry);
        }
        let (key, priority) = (to::key(key), to::priority(options));
        self.table(context, |engine| engine.table_find(table, &key?, priority)).map(to::entry)
    }

    pub(super) fn entry_counter(&self, context: i32, table: &str, entry: BmEntryHandle) -> Result<BmCounterValue> {
        self.table(context, |engine| engine.table_count(table, entry.cast_unsigned())).map(to::count_out)
    }

    pub(super) fn set_entry_counter(
        &self,
        context: i32,
        table: &str,
        entry: BmEntryHandle,
        value: &BmCounterValue,
    ) -> Result<()> {
        self.table(context, |engine| engine.table_set_count(table, entry.cast_unsigned(), to::count(value)))
    }

    pub(super) fn entry_meter(
        &self,
        context: i32,
        table: &str,
        entry: BmEntryHandle,
    ) -> Result<Vec<BmMeterRateConfig>> {
        self.table(context, |engine| engine.table_meter(table, entry.cast_unsigned())).map(to::rates_out)
    }

    pub(super) fn set_entry_meter(
        &self,
        context: i32,
        table: &str,
        entry: BmEntryHandle,
        rates: &[BmMeterRateConfig],
    ) -> Result<()> {
        let rates = to::rates(rates).map_err(|_| TableError::Other);
        self.table(context, |engine| engine.table_set_meter(table, entry.cast_unsigned(), &rates?))
    }
}
