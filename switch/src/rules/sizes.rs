//! How many entries tables hold.

use super::entry::Entries;
use super::problem::Problem;
use super::table::Table;
use crate::engine::TableInfo;
use std::collections::BTreeMap;

/// How many entries each table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sizes(BTreeMap<Table, usize>);

impl Sizes {
    /// Those of a loaded program, which may differ from the ones that come with this crate.
    pub fn of(tables: &[TableInfo]) -> Self {
        Self(tables.iter().filter_map(|info| Some((Table::named(&info.name)?, info.size))).collect())
    }

    /// The same but for one table.
    #[must_use]
    pub fn with(mut self, table: Table, size: usize) -> Self {
        self.0.insert(table, size);
        self
    }

    /// How many entries a table holds.
    pub fn room(&self, table: Table) -> usize {
        self.0.get(&table).copied().unwrap_or(table.size())
    }

    /// The tables that so many entries do not fit.
    pub(super) fn check(&self, counts: &BTreeMap<Table, usize>) -> Vec<Problem> {
        let full = |(table, need): (&Table, &usize)| {
            let room = self.room(*table);
            (*need > room).then_some(Problem::Full { table: *table, need: *need, room })
        };
        counts.iter().filter_map(full).collect()
    }

    /// The tables that entries do not fit.
    pub fn problems(&self, entries: &Entries) -> Vec<Problem> {
        self.check(&entries.counts())
    }
}
