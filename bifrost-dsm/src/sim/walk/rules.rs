//! The access rules of `docs/memory.md`, for one object, as plainly as they can be written.

use super::Action;
use std::collections::BTreeMap;

/// A machine and its incarnation.
pub(super) type Holder = (u8, u8);
/// A call, by its number.
pub(super) type Call = u8;

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Rules {
    /// Its memory is in use.
    pub(super) exists: bool,
    /// Freed by its controller, and there for its lessees only.
    pub(super) is_freed: bool,
    pub(super) control: Option<Holder>,
    pub(super) leases: BTreeMap<Call, Holder>,
    /// The highest ended incarnation of each machine, 0 for none.
    pub(super) ended: [u8; 2],
}

impl Rules {
    /// The object as `holder` has just made it.
    pub(super) fn made_by(holder: Holder) -> Self {
        Self { exists: true, is_freed: false, control: Some(holder), leases: BTreeMap::new(), ended: [0; 2] }
    }

    fn has_ended(&self, (machine, incarnation): Holder) -> bool {
        incarnation <= self.ended[usize::from(machine)]
    }

    fn leases_to(&self, holder: Holder) -> bool {
        self.leases.values().any(|callee| *callee == holder)
    }

    fn controls(&self, holder: Holder) -> bool {
        self.exists && !self.is_freed && self.control == Some(holder)
    }

    /// Whether the rules allow it; if so, it is done.
    pub(super) fn apply(&mut self, action: Action) -> bool {
        let allowed = self.allows(action);
        if allowed && self.exists {
            self.change(action);
        } else if allowed && let Action::End(holder) | Action::Cleanup(holder) = action {
            self.end(holder);
        }
        if self.is_freed && self.leases.is_empty() {
            (self.exists, self.is_freed, self.control) = (false, false, None);
        }
        allowed
    }

    fn allows(&self, action: Action) -> bool {
        match action {
            Action::Read(holder) => {
                self.exists && !self.has_ended(holder) && (self.controls(holder) || self.leases_to(holder))
            }
            Action::Write(holder) => !self.has_ended(holder) && self.controls(holder) && self.leases.is_empty(),
            Action::Free(holder) => !self.has_ended(holder) && self.controls(holder),
            Action::Grant(to) => self.exists && !self.is_freed && (self.control.is_none() || self.control == Some(to)),
            Action::Lease(call, caller, callee) => {
                let again = self.leases.get(&call) == Some(&callee);
                self.exists && (self.controls(caller) || self.leases_to(caller) || again)
            }
            // What is so already is left as it is.
            Action::Revoke(_) | Action::Reclaim(_) | Action::Release(_) | Action::Reply(..) => true,
            Action::Succeed(..) | Action::End(_) | Action::Cleanup(_) => true,
        }
    }

    fn change(&mut self, action: Action) {
        match action {
            Action::Read(_) | Action::Write(_) => {}
            Action::Free(_) => self.is_freed = true,
            Action::Grant(to) => self.control = Some(to),
            Action::Revoke(from) => self.control = self.control.filter(|control| *control != from),
            Action::Reclaim(from) => self.is_freed |= self.control == Some(from),
            Action::Lease(call, _, callee) => _ = self.leases.entry(call).or_insert(callee),
            Action::Release(call) => _ = self.leases.remove(&call),
            Action::Reply(call, from, to) => {
                self.leases.remove(&call);
                self.pass(from, to);
            }
            Action::Succeed(from, to) => {
                self.pass(from, to);
                self.leases.values_mut().filter(|callee| **callee == from).for_each(|callee| *callee = to);
            }
            Action::End(holder) => self.end(holder),
            Action::Cleanup(holder) => {
                self.end(holder);
                let is_his = |other: Holder| other.0 == holder.0 && other.1 <= holder.1;
                self.leases.retain(|_, callee| !is_his(*callee));
                if self.control.is_some_and(is_his) {
                    (self.control, self.is_freed) = (None, true);
                }
            }
        }
    }

    fn pass(&mut self, from: Holder, to: Holder) {
        if self.control == Some(from) {
            self.control = Some(to);
        }
    }

    fn end(&mut self, (machine, incarnation): Holder) {
        let ended = &mut self.ended[usize::from(machine)];
        *ended = incarnation.max(*ended);
    }
}
