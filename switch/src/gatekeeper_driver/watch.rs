//! Notices that a switch has lost its tables.

use super::tables::Tables;
use crate::runtime::SwitchControl;
use bifrost_rpc::endpoint::Time;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// Looks at tables that are small and never empty in a rack that works.
#[derive(Debug)]
pub(super) struct Watch {
    switch: Arc<dyn SwitchControl>,
    due: Time,
}

impl Watch {
    pub(super) fn new(switch: Arc<dyn SwitchControl>) -> Self {
        Self { switch, due: Time::ZERO }
    }

    /// When it is looked next.
    pub(super) fn due(&self) -> Time {
        self.due
    }

    /// Whether the tables have other numbers of entries than they were given. Looks now and then; what does not answer has lost nothing.
    pub(super) fn has_lost(&mut self, now: Time, tables: &Tables) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now.plus(PERIOD);
        let has_lost =
            |(table, expected): (&str, u64)| self.switch.entry_count(table).is_ok_and(|found| found != expected);
        tables.small_tables().into_iter().any(has_lost)
    }
}
