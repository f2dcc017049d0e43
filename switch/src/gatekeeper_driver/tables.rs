//! The switch's tables: what is decided is put into them, and after a restart they are made to say it.

use crate::rules::{Entries, EntryChange, Installed, Live, LiveError, Scope, Table};
use crate::runtime::{ControlError, SwitchControl};
use std::sync::Arc;

/// A running switch, and what its tables say.
#[derive(Debug)]
pub(super) struct Tables {
    switch: Arc<dyn SwitchControl>,
    /// `None`: they have not been read, or what they say is not known any more.
    live: Option<Live>,
    /// What was refused last, for people.
    pub(super) fault: Option<String>,
    pub(super) changes: u64,
    pub(super) refused: u64,
}

impl Tables {
    pub(super) fn new(switch: Arc<dyn SwitchControl>) -> Self {
        Self { switch, live: None, fault: None, changes: 0, refused: 0 }
    }

    /// Applies batches in order, all together if the switch takes them; says of each by its number whether all of it was done.
    pub(super) fn apply(&mut self, batches: &[(u64, Vec<EntryChange>)]) -> Vec<(u64, bool)> {
        if let [(number, batch)] = batches {
            return vec![(*number, self.is_installed(batch) && self.live.is_some())];
        }
        let all: Vec<EntryChange> = batches.iter().flat_map(|(_, batch)| batch).cloned().collect();
        let installed = self.install(&all);
        if self.live.is_none() {
            return batches.iter().map(|(number, _)| (*number, false)).collect();
        }
        let (mut applied, mut refused) = (installed.applied.iter().peekable(), installed.refused.iter().peekable());
        let mut done = Vec::with_capacity(batches.len());
        for (number, batch) in batches {
            let mut rest = batch.as_slice();
            let mut is_done = true;
            while let Some((change, others)) = rest.split_first() {
                let is_applied = applied.next_if(|found| *found == change).is_some();
                if !is_applied && refused.next_if(|(found, _)| found == change).is_none() {
                    break;
                }
                (rest, is_done) = (others, is_done && is_applied);
            }
            // What was left because of another batch's refused change is tried by itself.
            done.push((*number, is_done && (rest.is_empty() || self.is_installed(rest))));
        }
        done
    }

    fn is_installed(&mut self, batch: &[EntryChange]) -> bool {
        let installed = self.install(batch);
        installed.refused.is_empty() && installed.left.is_empty()
    }

    /// Tables of machines, and how many entries each was given; none while that is not known.
    pub(super) fn small_tables(&self) -> Vec<(&'static str, u64)> {
        let Some(live) = &self.live else { return Vec::new() };
        [Table::PortSecurity, Table::Node, Table::MemoryServer]
            .map(|table| (table.name(), live.count(table) as u64))
            .to_vec()
    }

    fn install(&mut self, batch: &[EntryChange]) -> Installed {
        let Some(live) = &mut self.live else {
            return Installed { left: batch.to_vec(), ..Installed::default() };
        };
        let installed = live.apply(self.switch.as_ref(), batch);
        self.changes += installed.applied.len() as u64;
        self.refused += installed.refused.len() as u64;
        if let Some((change, error)) = installed.refused.first() {
            self.fault = Some(format!("{change}: {error}"));
        }
        if installed.refused.iter().any(|(_, error)| matches!(error, ControlError::Call(_))) {
            // Whether it was done is not known.
            self.live = None;
        }
        installed
    }

    /// Makes these tables say exactly this; says whether they do.
    pub(super) fn reconcile(&mut self, wanted: &Entries, scope: Scope) -> bool {
        match self.try_reconcile(wanted, scope) {
            Ok(is_done) => is_done,
            Err(error) => {
                (self.live, self.fault) = (None, Some(error.to_string()));
                false
            }
        }
    }

    fn try_reconcile(&mut self, wanted: &Entries, scope: Scope) -> Result<bool, LiveError> {
        let live = Live::read(self.switch.as_ref(), scope)?;
        let batch = live.changes(wanted, scope);
        self.live = Some(live);
        Ok(self.is_installed(&batch))
    }
}
