//! What the control plane's messages do.

use super::Memory;
use crate::access::{CallKey, Lend};
use crate::checks::Check;
use crate::control::{CONTROL_OBJECTS_MAX, Control, Controlled, Stamp, Turn};
use crate::identity::Holder;
use crate::refusal::Refusal;
use crate::retired::Retired;
use bifrost_rpc::memory::ObjectId;

impl Memory {
    /// Takes a message of the control plane. Whether the sender may send it is the caller's to check.
    ///
    /// # Errors
    ///
    /// [`Refusal::OldTerm`] and [`Refusal::OutOfSequence`] leave everything as it was. Any other refusal is the outcome of
    /// the message, which counts as applied and has changed nothing.
    pub fn control(&mut self, stamp: Stamp, control: &Control) -> Result<Controlled, Refusal> {
        // A step without a limit is the only one.
        self.control_step(stamp, control, usize::MAX).unwrap_or(Ok(Controlled { changed: 0 }))
    }

    /// As [`Memory::control`], in steps: each changes about `max` objects and leases. [`Control::Lease`],
    /// [`Control::Reclaim`], [`Control::Snapshot`] and [`Control::Restore`] are one step, whatever their objects, and so is what a
    /// [`Control::Reply`] returns. `None` says that there is more to do: the same message comes next, but anything else than
    /// control messages may come between.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn control_step(&mut self, stamp: Stamp, control: &Control, max: usize) -> Option<Result<Controlled, Refusal>> {
        match self.order.turn(stamp) {
            Ok(Turn::Apply) => {}
            Ok(Turn::Before(outcome)) => return Some(outcome),
            Err(refusal) => {
                self.counters.refused(&refusal);
                return Some(Err(refusal));
            }
        }
        let begun = self.unfinished.take().filter(|(of, _)| *of == stamp).map(|(_, changed)| changed);
        let outcome = match self.apply(control, begun.is_none(), max.max(1)).map(|step| step.and(begun.unwrap_or(0))) {
            Ok(Step::More(changed)) => {
                self.unfinished = Some((stamp, changed));
                return None;
            }
            Ok(Step::Last(changed)) => Ok(Controlled { changed }),
            Err(refusal) => Err(refusal),
        };
        self.order.applied(stamp, outcome);
        self.counters.controls += 1;
        Some(outcome.inspect_err(|refusal| self.counters.refused(refusal)))
    }

    /// As [`Memory::control_step`]; memory that the message lets go of is returned, as by [`Memory::submit_keeping`].
    pub fn control_step_keeping(
        &mut self,
        stamp: Stamp,
        control: &Control,
        max: usize,
    ) -> (Option<Result<Controlled, Refusal>>, Retired) {
        let mut retired = Retired::default();
        (self.keeping(&mut retired, |memory| memory.control_step(stamp, control, max)), retired)
    }

    /// The last control message that was applied.
    #[must_use]
    pub fn last_control(&self) -> Stamp {
        self.order.last()
    }

    /// Does a step of a message.
    fn apply(&mut self, control: &Control, is_first: bool, max: usize) -> Result<Step, Refusal> {
        let changed = match control {
            Control::Grant { object, to } => self.access.grant(self.locate(*object)?, *to),
            Control::Revoke { object, from } => Ok(self.access.revoke(*object, *from)),
            Control::Reclaim { objects, from } => self.reclaim(objects, *from),
            Control::Lease { call, caller, callee, objects } => self.lease(*call, *caller, *callee, objects),
            Control::Release { call } => return Ok(self.release_call(*call, max)),
            Control::Reply { call, from, to, returned } => {
                if returned.len() > CONTROL_OBJECTS_MAX {
                    return Err(Refusal::TooLarge { limit: CONTROL_OBJECTS_MAX as u64 });
                }
                let moved = if is_first { self.access.transfer(*call, returned, *from, *to) } else { 0 };
                return Ok(self.release_call(*call, max).and(moved));
            }
            Control::Succeed { from, to } => return Ok(Step::of(self.access.succeed(*from, *to, max), max)),
            Control::EndIncarnation { holder } => self.end_incarnation(*holder),
            Control::Cleanup { holder } => return self.cleanup(*holder, max),
            Control::Snapshot { id, objects } => self.snapshot(*id, objects),
            Control::Restore { id } => self.restore(*id),
            Control::DropSnapshot { id } => return Ok(Step::of(self.drop_snapshot(*id, max), max)),
        };
        changed.map(Step::Last)
    }

    /// Frees those objects that a holder controls.
    fn reclaim(&mut self, objects: &[ObjectId], from: Holder) -> Result<u64, Refusal> {
        if objects.len() > CONTROL_OBJECTS_MAX {
            return Err(Refusal::TooLarge { limit: CONTROL_OBJECTS_MAX as u64 });
        }
        let mut freed = 0;
        for object in objects {
            if self.access.controls(from, *object) && self.access.is_freed(*object) == Some(false) {
                self.give_up(*object);
                freed += 1;
            }
        }
        Ok(freed)
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

    /// Ends leases of a call, and frees what was waiting for that.
    fn release_call(&mut self, call: CallKey, max: usize) -> Step {
        let released = self.access.release(call, max);
        released.iter().for_each(|object| self.settle(*object));
        Step::of(released.len() as u64, max)
    }

    /// Ends an incarnation and those before it, and drops what their clients have unfinished.
    fn end_incarnation(&mut self, holder: Holder) -> Result<u64, Refusal> {
        let changed = self.access.end(holder)?;
        if self.config.checks.makes(Check::Incarnation) {
            self.clients.until(holder).into_iter().for_each(|client| self.close(client));
        }
        Ok(changed)
    }

    /// Ends incarnations and frees what they control, in steps.
    fn cleanup(&mut self, holder: Holder, max: usize) -> Result<Step, Refusal> {
        let ended = self.end_incarnation(holder)?;
        let mut left = max;
        for gone in self.access.holders_until(holder) {
            let released = self.access.release_callee(gone, left);
            left -= released.len();
            let freed = self.access.controlled_by(gone, left);
            left -= freed.len();
            released.iter().for_each(|object| self.settle(*object));
            for object in freed {
                self.access.revoke(object, gone);
                self.give_up(object);
            }
        }
        let changed = (max - left) as u64;
        Ok(if left == 0 { Step::More(ended + changed) } else { Step::Last(ended + changed) })
    }
}

/// What a step of a control message changed, and whether it was the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More(u64),
    Last(u64),
}

impl Step {
    /// One that could have changed `max`: if it did, there may be more.
    fn of(changed: u64, max: usize) -> Self {
        if changed < max as u64 { Self::Last(changed) } else { Self::More(changed) }
    }

    /// One that has changed so many more.
    fn and(self, more: u64) -> Self {
        match self {
            Self::More(changed) => Self::More(changed + more),
            Self::Last(changed) => Self::Last(changed + more),
        }
    }
}
