//! What an operator may order.

use super::machine::Gatekeeper;
use super::members::{Member, NodeId};
use super::then::Then;
use bifrost_rpc::endpoint::Time;

impl Gatekeeper {
    /// What a node serves takes no new sessions from now on. Returns how much that is; `None`: no node of this name lives.
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
