//! A client's connection: many threads write calls to it, one of those that wait receives for all.

use super::incoming::{BadStream, Incoming};
use super::socket::{Sending, Stream};
use crate::endpoint::{AnswerKind, Answered, CallError, Lost, Time};
use crate::io::Clock;
use crate::protocol::WireProtocol;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thrift::protocol::TMessageType;

pub(super) type Outcome = Result<Answered, CallError>;

/// Time between two calls after which a connection is looked at before it is used again.
const PAUSE: Duration = Duration::from_millis(1);
/// Threads that wait for others look this often for themselves.
const LOOK: Duration = Duration::from_millis(100);

/// A stream, and the calls in flight on it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The calls not yet told how they ended, in the order in which they were made.
    calls: BTreeMap<u64, Waiting>,
    next: u64,
    /// What receives; none while a thread does.
    receiver: Option<Receiver>,
    is_writing: bool,
    /// No further calls are written.
    is_retired: bool,
    /// When it was last used.
    used: Time,
}

#[derive(Debug)]
struct Waiting {
    sequence: i32,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Receiver {
    incoming: Incoming,
    /// The time-out that the socket has.
    timeout: Option<Duration>,
}

/// Why a message was not written as a whole, so that its call cannot run.
#[derive(Debug)]
pub(super) enum NotWritten {
    /// None of it was; another connection may do.
    Unused,
    /// The time is up.
    Late,
    /// The connection failed.
    Failed(io::Error),
    /// It is too long for a frame.
    TooLong,
}

impl Connection {
    pub(super) fn new(stream: Stream, incoming: Incoming, clock: Clock) -> Self {
        let state = State {
            calls: BTreeMap::new(),
            next: 0,
            receiver: Some(Receiver { incoming, timeout: None }),
            is_writing: false,
            is_retired: false,
            used: clock.now(),
        };
        Self { stream, clock, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn fd(&self) -> i32 {
        self.stream.fd()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether calls can be written to it. One that was idle is looked at: the server may have ended it meanwhile, and
    /// no call shall be risked on it then.
    pub(super) fn is_usable(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let was_idle = state.calls.is_empty() && !state.is_writing && now.since(state.used) >= PAUSE;
        if was_idle && !self.stream.is_quiet() {
            state.is_retired = true;
        }
        state.used = now;
        !state.is_retired
    }

    /// Notes a call that is about to be written.
    pub(super) fn register(&self, sequence: i32) -> u64 {
        let mut state = self.state();
        let ticket = state.next;
        state.next += 1;
        state.calls.insert(ticket, Waiting { sequence, outcome: None });
        ticket
    }

    /// Writes a message, within the time. After a failure the connection takes no further calls; those in flight may
    /// still be answered.
    pub(super) fn write(&self, mut sending: Sending<'_>, until: Option<Time>) -> Result<(), NotWritten> {
        let mut state = self.state();
        while state.is_writing && !state.is_retired {
            let Some(wait) = self.left(until) else { return Err(NotWritten::Late) };
            state = self.changed.wait_timeout(state, wait.min(LOOK)).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_retired {
            return Err(NotWritten::Unused);
        }
        state.is_writing = true;
        drop(state);
        let written = self.write_all(&mut sending, until);
        let mut state = self.state();
        state.is_writing = false;
        if written.is_err() && (sending.has_begun() || !matches!(written, Err(NotWritten::Late))) {
            state.is_retired = true;
            // The server learns that the rest of this message never comes.
            self.stream.shut_down(Shutdown::Write);
        }
        drop(state);
        self.changed.notify_all();
        match written {
            Err(NotWritten::Failed(_)) if !sending.has_begun() => Err(NotWritten::Unused),
            other => other,
        }
    }

    fn write_all(&self, sending: &mut Sending<'_>, until: Option<Time>) -> Result<(), NotWritten> {
        loop {
            match sending.advance(&self.stream, false) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let Some(wait) = self.left(until) else { return Err(NotWritten::Late) };
                    // The server may wait for its answers to be taken before it takes any more calls.
                    self.take_in();
                    self.stream.wait_ready(wait.min(LOOK)).map_err(NotWritten::Failed)?;
                }
                Err(error) => return Err(NotWritten::Failed(error)),
            }
        }
    }

    /// What is left of the time, if anything is.
    fn left(&self, until: Option<Time>) -> Option<Duration> {
        let left = until.map_or(Duration::MAX, |until| until.since(self.clock.now()));
        (!left.is_zero()).then_some(left)
    }

    /// How a call that could not be written as a whole was answered all the same, as a server does that refuses it for
    /// its length.
    pub(super) fn answered_early(&self, ticket: u64) -> Option<Outcome> {
        self.take_in();
        let outcome = self.state().calls.remove(&ticket).and_then(|call| call.outcome);
        outcome.filter(Result::is_ok)
    }

    /// Waits for the end of a call. `None` if the time is up.
    pub(super) fn wait(&self, ticket: u64, until: Option<Time>) -> Option<Outcome> {
        let mut state = self.state();
        loop {
            let Some(call) = state.calls.get_mut(&ticket) else { return Some(Err(lost())) };
            if let Some(outcome) = call.outcome.take() {
                state.calls.remove(&ticket);
                return Some(outcome);
            }
            let wait = self.left(until)?;
            state = match state.receiver.take() {
                Some(receiver) => {
                    drop(state);
                    // Mostly the same time-out, so that it is seldom set.
                    let timeout = until.map(|_| wait.min(LOOK));
                    self.receive(receiver, Some(timeout)).0
                }
                None => self.changed.wait_timeout(state, wait.min(LOOK)).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Receives once, for as long as `wait` says if at all, and hands out what has come. Says whether more may come.
    fn receive(&self, mut receiver: Receiver, wait: Option<Option<Duration>>) -> (MutexGuard<'_, State>, bool) {
        let received = receiver.receive(&self.stream, wait);
        let has_more = matches!(received, Ok(1..));
        let mut state = self.state();
        let ended = match received {
            Ok(0) => Some(lost()),
            Ok(_) => state.hand_out(&mut receiver.incoming).err(),
            Err(Failure::Nothing) => None,
            Err(Failure::Ended) => Some(lost()),
            Err(Failure::Bad(bad)) => Some(answer_error(bad)),
        };
        state.receiver = Some(receiver);
        if let Some(error) = ended {
            state.end(error);
            self.stream.shut_down(Shutdown::Both);
        }
        self.changed.notify_all();
        (state, has_more)
    }

    /// Takes in what has come, if no thread receives.
    fn take_in(&self) {
        loop {
            let receiver = self.state().receiver.take();
            let Some(receiver) = receiver else { return };
            if !self.receive(receiver, None).1 {
                return;
            }
        }
    }

    /// Whether the call has ended. Takes in what has come.
    pub(super) fn is_done(&self, ticket: u64) -> bool {
        let has_ended = |state: &State| state.calls.get(&ticket).is_none_or(|call| call.outcome.is_some());
        if has_ended(&self.state()) {
            return true;
        }
        self.take_in();
        has_ended(&self.state())
    }

    /// Nobody wants to know the call's end any more. Its answer would stand in the way of others, so that the
    /// connection takes no further calls, and ends when none is in flight.
    pub(super) fn give_up(&self, ticket: u64) {
        let mut state = self.state();
        if state.calls.remove(&ticket).is_some_and(|call| call.outcome.is_none()) {
            state.is_retired = true;
            if state.calls.is_empty() {
                self.stream.shut_down(Shutdown::Both);
            }
        }
    }
}

impl State {
    /// Hands out the messages that are whole.
    fn hand_out(&mut self, incoming: &mut Incoming) -> Result<(), CallError> {
        while let Some(message) = incoming.message().map_err(answer_error)? {
            let header = WireProtocol::header(message).map_err(|error| bad_answer(&error))?;
            let kind = match header.kind {
                TMessageType::Exception => AnswerKind::Exception,
                _ => AnswerKind::Reply,
            };
            let len = message.len();
            let message = incoming.take(len);
            let is_retired = self.is_retired;
            match self.call_of(header.sequence) {
                Some(call) => call.outcome = Some(Ok(Answered::Message(kind, message, Vec::new()))),
                // The answer to a call that was given up.
                None if is_retired => {}
                None => return Err(bad_answer(&format!("an answer with sequence number {}", header.sequence))),
            }
        }
        Ok(())
    }

    /// The call that an answer is for: the first with its sequence number. If there is but one, it is for that: its
    /// caller reports a number that is wrong.
    fn call_of(&mut self, sequence: i32) -> Option<&mut Waiting> {
        let is_open = |call: &Waiting| call.outcome.is_none();
        let mut open = self.calls.iter().filter(|(_, call)| is_open(call));
        let first = open.next().map(|(ticket, _)| *ticket);
        let only = if open.next().is_none() && !self.is_retired { first } else { None };
        let same = self.calls.iter().find(|(_, call)| is_open(call) && call.sequence == sequence);
        let ticket = same.map(|(ticket, _)| *ticket).or(only)?;
        self.calls.get_mut(&ticket)
    }

    /// Nothing more comes. The error is that of the call whose answer was to come next.
    fn end(&mut self, error: CallError) {
        self.is_retired = true;
        let mut error = Some(error);
        for call in self.calls.values_mut().filter(|call| call.outcome.is_none()) {
            call.outcome = Some(Err(error.take().unwrap_or_else(lost)));
        }
    }
}

#[derive(Debug)]
enum Failure {
    Nothing,
    Ended,
    Bad(BadStream),
}

impl Receiver {
    fn receive(&mut self, stream: &Stream, wait: Option<Option<Duration>>) -> Result<usize, Failure> {
        if let Some(timeout) = wait
            && self.timeout != timeout
        {
            stream.set_receive_timeout(timeout).map_err(|_| Failure::Ended)?;
            self.timeout = timeout;
        }
        let room = self.incoming.room().map_err(Failure::Bad)?;
        match stream.receive(room, wait.is_some()) {
            Ok(received) => {
                self.incoming.filled(received);
                Ok(received)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(Failure::Nothing),
            Err(_) => Err(Failure::Ended),
        }
    }
}

fn lost() -> CallError {
    CallError::OutcomeUnknown(Lost::Connection)
}

fn answer_error(bad: BadStream) -> CallError {
    match bad {
        BadStream::TooLarge { len, limit } => CallError::AnswerTooLarge { len, limit },
        other => bad_answer(&other),
    }
}

fn bad_answer(reason: &dyn ToString) -> CallError {
    CallError::BadAnswer { reason: reason.to_string() }
}
