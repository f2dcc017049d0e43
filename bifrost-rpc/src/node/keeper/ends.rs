//! The end of a node, and who waits for that or for what comes before.

use super::{Keeper, State};
use crate::node::NodeState;
use crate::node::membership::MembershipState;
use std::sync::PoisonError;
use std::time::Duration;

/// Whoever waits for something looks about this often.
const TICK: Duration = Duration::from_millis(10);

impl Keeper {
    /// Ends if the membership has, or the link.
    pub(super) fn conclude(&self, stands: MembershipState) {
        match stands {
            MembershipState::Fenced => self.end(NodeState::Fenced),
            MembershipState::Left | MembershipState::Refused(_) => self.end(NodeState::Left),
            MembershipState::Announcing(_) | MembershipState::Joined => {
                if let Some(why) = self.link.failure() {
                    self.end(NodeState::Lost(why));
                }
            }
        }
    }

    /// The first end is the one that is told.
    fn end(&self, how: NodeState) {
        let mut state = self.lock();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(how.clone());
        drop(state);
        self.link.close_control();
        self.link.fail_sockets(&how.to_string());
        self.timer.stop();
        self.changed.notify_all();
        // Who never was there has not ended.
        if let Some(call) = self.on_end.0.as_ref().filter(|_| self.incarnation() != 0) {
            call(&how);
        }
    }

    /// Waits until something holds of the node, for so long at most; `None`: it does not.
    pub(in crate::node) fn wait<T>(&self, within: Duration, mut holds: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let until = self.clock.now().plus(within);
        let mut state = self.lock();
        loop {
            let found = holds(&state);
            if found.is_some() || self.clock.now() >= until {
                return found;
            }
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the end of the announcing.
    pub(in crate::node) fn wait_joined(&self, within: Duration) -> MembershipState {
        let is_over = |state: &State| {
            let announces = matches!(state.membership.state(), MembershipState::Announcing(_));
            (!announces || state.ended.is_some()).then_some(())
        };
        self.wait(within, is_over);
        self.lock().membership.state()
    }

    /// Leaves; says whether the control plane has confirmed it.
    pub(in crate::node) fn leave(&self, within: Duration) -> bool {
        self.change(|now, membership| membership.leave(now));
        let has_left = |state: &State| match (state.membership.state(), &state.ended) {
            (MembershipState::Joined, None) => None,
            (stands, _) => Some(stands == MembershipState::Left),
        };
        let is_confirmed = self.wait(within, has_left).unwrap_or(false);
        self.end(NodeState::Left);
        is_confirmed
    }
}
