//! The queue of timers: one entry for each session, and some that others took the place of.

use super::time::Time;
use super::{Endpoint, SessionRef};
use std::cmp::Reverse;

/// Timer entries below which nobody looks for those that are superseded.
const TIMERS_MIN: usize = 64;

impl Endpoint {
    /// When [`Endpoint::handle_timeout`] has something to do. It may turn out that there is nothing. What is still to be taken
    /// from [`Endpoint::poll_transmit`] may set an earlier time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.peek().map(|Reverse((time, _))| *time)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        // What is added meanwhile waits for the next time, so that this ends.
        for _ in 0..self.timers.len() {
            let Some(Reverse((time, session))) = self.timers.peek().copied().filter(|Reverse((time, _))| *time <= now)
            else {
                break;
            };
            self.timers.pop();
            match self.link_mut(session) {
                Some(link) if link.armed == Some(time) => link.armed = None,
                // An earlier time took its place, or the session is gone.
                _ => continue,
            }
            match session {
                SessionRef::Caller(index) => self.caller_timeout(now, index),
                SessionRef::Callee(index) => self.callee_timeout(now, index),
            }
        }
    }

    /// Puts a session's next deadline into the timer queue. Where an entry stands for a time that is near anyway,
    /// the search for an earlier one is left to it.
    pub(super) fn arm(&mut self, now: Time, session: SessionRef) {
        let is_near = |armed: Time| armed <= now.plus(self.config.rto_min);
        let due = match session {
            SessionRef::Caller(index) => {
                let Some(caller) = self.callers.get_mut(index) else { return };
                if caller.link.armed.is_some_and(is_near) {
                    return;
                }
                caller.next_deadline(&self.config)
            }
            SessionRef::Callee(index) => {
                let Some(callee) = self.callees.get_mut(index) else { return };
                if callee.link.armed.is_some_and(|armed| !callee.link.has_new_timer || is_near(armed)) {
                    return;
                }
                callee.link.has_new_timer = false;
                callee.next_deadline(&self.config)
            }
        };
        if let Some(due) = due {
            self.arm_at(due, session);
        }
    }

    pub(super) fn arm_at(&mut self, due: Time, session: SessionRef) {
        if let Some(link) = self.link_mut(session)
            && link.armed.is_none_or(|armed| due < armed)
        {
            link.armed = Some(due);
            self.timers.push(Reverse((due, session)));
            self.sweep_timers();
        }
    }

    /// Drops the timer entries that others took the place of, when they are the most.
    pub(super) fn sweep_timers(&mut self) {
        if self.timers.len() <= TIMERS_MIN + 4 * (self.callers.len() + self.callees.len()) {
            return;
        }
        let (callers, callees) = (&self.callers, &self.callees);
        self.timers.retain(|Reverse((time, session))| {
            let link = match session {
                SessionRef::Caller(index) => callers.get(*index).map(|session| &session.link),
                SessionRef::Callee(index) => callees.get(*index).map(|session| &session.link),
            };
            link.is_some_and(|link| link.armed == Some(*time))
        });
    }
}
