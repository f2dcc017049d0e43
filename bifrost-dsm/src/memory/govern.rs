//! What the control plane's messages do.

use super::Memory;
use crate::access::{CallKey, Lend};
use crate::checks::Check;
use crate::control::{CONTROL_OBJECTS_MAX, Control, Controlled, Stamp, Turn};
use crate::identity::Holder;
use crate::refusal::Refusal;
use bifrost_rpc::memory::ObjectId;

impl Memory {
    /// Takes a message of the control plane. Whether the sender may send it is the caller's to check.
    ///
    /// # Errors
    ///
    /// [`Refusal::OldTerm`] and [`Refusal::OutOfSequence`] leave everything as it was. Any other refusal is the outcome of
    /// the message, which counts as applied and has changed nothing.
    pub fn control(&mut self, stamp: Stamp, control: &Control) -> Result<Controlled, Refusal> {
        match self.order.turn(stamp) {
            Ok(Turn::Apply) => {}
            Ok(Turn::Before(outcome)) => return outcome,
            Err(refusal) => {
                self.counters.refused(&refusal);
                return Err(refusal);
            }
        }
        let outcome = self.apply(control).map(|changed| Controlled { changed });
        self.order.applied(stamp, outcome);
        self.counters.controls += 1;
        outcome.inspect_err(|refusal| self.counters.refused(refusal))
    }

    /// The last control message that was applied.
    #[must_use]
    pub fn last_control(&self) -> Stamp {
        self.order.last()
    }

    fn apply(&mut self, control: &Control) -> Result<u64, Refusal> {
        match control {
            Control::Grant { object, to } => self.access.grant(self.locate(*object)?, *to),
            Control::Revoke { object, from } => Ok(self.access.revoke(*object, *from)),
            Control::Lease { call, caller, callee, objects } => self.lease(*call, *caller, *callee, objects),
            Control::Release { call } => Ok(self.release_call(*call)),
            Control::Reply { call, from, to, returned } => {
                if returned.len() > CONTROL_OBJECTS_MAX {
                    return Err(Refusal::TooLarge { limit: CONTROL_OBJECTS_MAX as u64 });
                }
                let moved = self.access.transfer(returned, *from, *to);
                Ok(moved + self.release_call(*call))
            }
            Control::Succeed { from, to } => Ok(self.access.succeed(*from, *to)),
            Control::EndIncarnation { holder } => self.end_incarnation(*holder),
            Control::Cleanup { holder } => self.cleanup(*holder),
            Control::Snapshot { id, objects } => self.snapshot(*id, objects),
            Control::Restore { id } => self.restore(*id),
            Control::DropSnapshot { id } => Ok(self.drop_snapshot(*id)),
        }
    }

    fn lease(&mut self, call: CallKey, caller: Holder, callee: Holder, objects: &[ObjectId]) -> Result<u64, Refusal> {
        if objects.len() > CONTROL_OBJECTS_MAX {
            return Err(Refusal::TooLarge { limit: CONTROL_OBJECTS_MAX as u64 });
        }
        for object in objects {
            self.locate(*object)?;
        }
        self.access.lend(&Lend { call, caller, callee, objects })
    }

    /// Ends the leases of a call, and frees what was waiting for that.
    fn release_call(&mut self, call: CallKey) -> u64 {
        let released = self.access.release(call);
        released.iter().for_each(|object| self.settle(*object));
        released.len() as u64
    }

    /// Ends an incarnation and those before it, and drops what their clients have unfinished.
    fn end_incarnation(&mut self, holder: Holder) -> Result<u64, Refusal> {
        let changed = self.access.end(holder)?;
        if self.config.checks.makes(Check::Incarnation) {
            self.clients.until(holder).into_iter().for_each(|client| self.close(client));
        }
        Ok(changed)
    }

    /// Ends incarnations and frees all they control.
    fn cleanup(&mut self, holder: Holder) -> Result<u64, Refusal> {
        let mut changed = self.end_incarnation(holder)?;
        for gone in self.access.holders_until(holder) {
            let released = self.access.release_callee(gone);
            let freed = self.access.controlled_by(gone);
            changed += (released.len() + freed.len()) as u64;
            released.iter().for_each(|object| self.settle(*object));
            for object in freed {
                self.access.revoke(object, gone);
                self.give_up(object);
            }
        }
        Ok(changed)
    }
}
