//! What a node asks of the control plane: one request at a time, repeated until it is answered.

use crate::endpoint::Time;
use crate::wire::control::{CONTROL_TOKEN_BYTES, ControlMessage, ControlRefusal, ServeState};
use std::time::Duration;

/// Time before the first repetition; it doubles.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// How often a request is made under one number: for about 5 s.
const ATTEMPTS_OF_A_NUMBER: u32 = 8;

/// What the control plane says.
pub(super) type Answer = Result<(), ControlRefusal>;

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    Announce,
    /// Instance, service, how many of its methods it tells of, and the state.
    Serve(u32, String, (usize, ServeState)),
    Report,
    Leave,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) message: ControlMessage,
    pub(super) purpose: Purpose,
    /// When it is repeated.
    pub(super) due: Time,
    attempts: u32,
}

impl Request {
    pub(super) fn new(now: Time, number: u64, message: ControlMessage, purpose: Purpose) -> Self {
        Self { number, message, purpose, due: now.plus(RETRY_MIN), attempts: 0 }
    }

    /// Whether it is to be repeated as another one: with a newer token; or because it has long not been answered, and the control plane may
    /// have forgotten it, or its answer.
    pub(super) fn wants_number(&mut self, token: Option<[u8; CONTROL_TOKEN_BYTES]>) -> bool {
        match &mut self.message {
            ControlMessage::Announce(announce) => std::mem::replace(&mut announce.token, token) != token,
            _ => self.attempts % ATTEMPTS_OF_A_NUMBER == ATTEMPTS_OF_A_NUMBER - 1,
        }
    }

    /// It is made once more.
    pub(super) fn repeat(&mut self, now: Time) {
        self.attempts = self.attempts.saturating_add(1);
        self.due = now.plus((RETRY_MIN * (1 << self.attempts.min(5))).min(RETRY_MAX));
    }
}
