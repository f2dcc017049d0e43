//! Reads and writes of memory of which nothing is heard though their server is: a rack's switch drops, without a word, what nobody has a right to.

use super::caller::CallerSession;
use super::config::Config;
use super::time::Time;
use crate::wire::{Flags, MemoryOp, PacketType};
use std::time::Duration;

/// How often a server is asked at most whether it is there, for whatever operations.
const SERVER_ASKED_EVERY: Duration = Duration::from_millis(50);

/// For how long an operation was asked for in vain, of a server that answered what was asked at the same time. Other time does not count:
/// a server that is silent, or that nothing reaches, is the session's to judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unheard {
    /// The callee was asked how far the operation has come.
    probed: Time,
    /// When the server was asked, and from when on the time counts if it answers that.
    asked: Option<(Time, Time)>,
    time: Duration,
}

impl Unheard {
    pub(super) fn probe(&mut self, now: Time) {
        self.probed = now;
    }

    /// Something was heard of the operation.
    pub(super) fn end(&mut self) {
        (self.asked, self.time) = (None, Duration::ZERO);
    }

    /// The operation is asked for; the server was lately, at this time.
    fn ask(&mut self, now: Time, server_asked: Time) {
        self.asked = Some((server_asked, now));
    }

    /// Nothing was heard of the operation, which was `sent` last then. The server has answered what it was asked at `answered`.
    fn count(&mut self, now: Time, sent: Time, answered: Time) {
        if let Some((asked, from)) = self.asked.take()
            && asked <= answered
            && asked <= sent.max(self.probed)
        {
            self.time = self.time.saturating_add(now.since(from));
        }
    }
}

impl CallerSession {
    /// The timer of an operation ended: nothing was heard of it. Says whether it is to be given up. Others than reads and writes are not: a
    /// control plane decides on them, which answers, and which may be away for a while.
    pub(super) fn is_unheard(&mut self, now: Time, rpc: u64, config: &Config) -> bool {
        let Some(call) = self.calls.get_mut(rpc).filter(|call| call.out.transmitted) else {
            return false;
        };
        let op = call.memory.and_then(|memory| memory.operation());
        // The server is asked early enough for the session not to be taken for dead.
        let patience = config.operation_timeout.min(config.peer_timeout) / 2;
        if !matches!(op, Some(MemoryOp::Read | MemoryOp::Write)) || now.since(call.started) < patience {
            return false;
        }
        call.unheard.count(now, call.out.sent_at, self.server_answered);
        if now.since(self.server_asked) >= SERVER_ASKED_EVERY {
            self.server_asked = now;
            let echo = now.as_nanos().to_be_bytes();
            self.link.note(PacketType::Ping, 0, Flags::default(), echo.to_vec());
        }
        call.unheard.ask(now, self.server_asked);
        call.unheard.time >= config.operation_timeout.saturating_sub(patience)
    }

    /// A PONG came that repeats this.
    pub(super) fn server_answers(&mut self, echo: &[u8]) {
        let asked = echo.try_into().map_or(Time::ZERO, |echo| Time::from_nanos(u64::from_be_bytes(echo)));
        if asked <= self.server_asked {
            self.server_answered = self.server_answered.max(asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What counts is time between two time-outs, of a server that answered what it was asked then; none of it counts twice.
        #[test]
        fn no_more_counts_than_has_passed(steps in prop::collection::vec((1u64..2000, any::<bool>(), any::<bool>(), 0u8..10), 1..50)) {
            let mut unheard = Unheard::default();
            let (mut now, mut answered, mut most) = (1000, Time::ZERO, Duration::ZERO);
            for (passes, answers, is_asked, heard) in steps {
                let asked = Time::from_nanos(now);
                if is_asked {
                    unheard.probe(asked);
                }
                unheard.ask(asked, asked);
                now += passes;
                if answers {
                    answered = asked;
                }
                let before = unheard.time;
                unheard.count(Time::from_nanos(now), Time::ZERO, answered);
                let counts = if answers && is_asked { Duration::from_nanos(passes) } else { Duration::ZERO };
                prop_assert_eq!(unheard.time, before + counts);
                most += counts;
                if heard == 0 {
                    unheard.end();
                    most = Duration::ZERO;
                }
                prop_assert_eq!(unheard.time, most);
            }
        }
    }
}
