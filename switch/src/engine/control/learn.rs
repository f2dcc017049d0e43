//! Operations on digests.

use super::super::Engine;
use super::super::learn::{LearnError, Notification};

impl Engine {
    /// Begins, or ends, to collect digests for the control plane. Off at first.
    pub fn set_learning(&mut self, is_on: bool) {
        self.state.learner.set_on(is_on);
    }

    /// Takes the next notification. `now`: as for [`Engine::process`].
    pub fn poll_notification(&mut self, now: u64) -> Option<Notification> {
        self.state.learner.poll(now)
    }

    /// When [`Engine::poll_notification`] has one, if no packet comes before.
    pub fn notification_due(&self) -> Option<u64> {
        self.state.learner.due()
    }

    /// Whether [`Engine::notification_due`] may have changed since this was last asked.
    pub(crate) fn take_news(&mut self) -> bool {
        self.state.learner.take_news()
    }

    /// A buffer's digests have arrived, so that equal ones are sent again. `samples`: only those at these places.
    pub fn acknowledge(&mut self, list: u64, buffer: u64, samples: Option<&[usize]>) -> Result<(), LearnError> {
        self.state.learner.acknowledge(list, buffer, samples)
    }

    /// How long a digest waits for others, in microseconds; 0: until the buffer is full.
    pub fn set_learn_wait(&mut self, list: u64, wait_us: u64) -> Result<(), LearnError> {
        self.state.learner.set_wait(list, wait_us)
    }

    /// How many digests make a buffer full.
    pub fn set_learn_samples(&mut self, list: u64, samples: usize) -> Result<(), LearnError> {
        self.state.learner.set_full(list, samples)
    }
}
