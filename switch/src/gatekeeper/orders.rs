//! What an operator may order.

use super::machine::Gatekeeper;
use super::members::{Member, NodeId};
use super::then::Then;
use bifrost_rpc::endpoint::Time;

impl Gatekeeper {
    /// What a node serves takes no new sessions, as soon as the tables say so ([`Gatekeeper::is_in_force`] of the change that is the last one then).
    /// Returns how much that is; `None`: no node of this name lives.
    pub fn drain_node(&mut self, now: Time, name: &str) -> Option<usize> {
        let id = self.find_live(name)?;
        let offers = self.services.of_node(id);
        for key in &offers {
            let changes = self.close(id, key, Vec::new()).unwrap_or_default();
            self.outbox.change(changes, Then::Nothing);
        }
        self.proceed(now);
        Some(offers.len())
    }

    /// The number of the last change of the tables that was decided.
    pub fn last_change(&self) -> u64 {
        self.outbox.last_batch()
    }

    /// Whether the tables say all that was decided up to a change.
    pub fn is_in_force(&self, change: u64) -> bool {
        self.outbox.is_in_force(change)
    }

    /// Declares a node dead; says whether one of this name lived.
    pub fn evict(&mut self, now: Time, name: &str) -> bool {
        let Some(id) = self.find_live(name) else { return false };
        self.end(now, id, true, None);
        self.proceed(now);
        true
    }

    fn find_live(&self, name: &str) -> Option<NodeId> {
        self.members.find(name).filter(|id| self.members.get(*id).is_some_and(Member::is_live))
    }
}
