//! What a channel's timer thread does: it takes in what comes where nobody waits, does what is due, and ends receives that are in vain.

use super::{Core, TICK};
use crate::client::scratch::Scratch;
use crate::endpoint::Time;
use std::time::Duration;

/// Receives in a row that the timer thread makes where no thread waits.
const DRAIN_ROUNDS: usize = 64;
/// Time in which a thread that receives in vain finds that by itself, where something comes.
const GRACE: Duration = Duration::from_millis(1);
/// Tries to end its receive, within a second, before that is ended in a way that always helps: the thread may only wait for a processor.
const WAKES_MAX: u32 = 100;

impl Core {
    /// Takes in what has arrived where no thread does, and does what is due.
    pub(super) fn take_in(&self, scratch: &mut Scratch) -> Option<Time> {
        let mut waiters = self.waiters();
        let leads = !waiters.has_leader;
        waiters.has_leader = true;
        drop(waiters);
        if leads {
            let drained = self.port.drain(&self.port.socket, scratch.buffer(), DRAIN_ROUNDS);
            let mut waiters = self.waiters();
            waiters.has_leader = false;
            if let Err(error) = drained {
                self.fail(&error);
            }
            if waiters.followers > 0 {
                self.changed.notify_one();
            }
        }
        let now = self.port.clock.now();
        let mut endpoint = self.port.endpoint();
        if endpoint.poll_timeout().is_some_and(|due| due <= now) {
            endpoint.handle_timeout(now);
        }
        self.deliver(&mut endpoint, None);
        self.begin_put_off(now, &mut endpoint);
        // What was begun just now has to be looked after as well.
        self.port.flush_wanted(now, endpoint, &mut scratch.batch, &self.port.socket)
    }

    /// The timer thread.
    pub(super) fn keep_time(&self) {
        let mut scratch = Scratch::new();
        let mut times = 0;
        self.timer.run(|| {
            let due = self.take_in(&mut scratch);
            if !self.waiters().is_led_in_vain() {
                times = 0;
                return due;
            }
            let again = self.port.clock.now().plus(self.end_vain_receive(times));
            times += 1;
            Some(due.map_or(again, |due| due.min(again)))
        });
    }

    /// Ends the receive of the thread that receives in vain, after so many earlier times; says when to see whether it has ended.
    fn end_vain_receive(&self, times: u32) -> Duration {
        match times {
            0 => return GRACE,
            1..=WAKES_MAX => self.port.socket.wake(),
            _ => self.port.socket.wake_for_good(),
        }
        TICK
    }
}
