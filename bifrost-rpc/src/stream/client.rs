//! A client of one address: it connects when a call is made, and again after a connection has ended.

use super::connection::{Connection, NotWritten, Outcome};
use super::incoming::{Budget, Incoming};
use super::socket::{Sending, Stream};
use crate::buffer::Message;
use crate::endpoint::{Answered, CallError, Time};
use crate::io::{Clock, StreamAddress};
use crate::protocol::Limits;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Connections that a call is tried on, as long as nothing of it was written.
const ATTEMPTS: usize = 3;

/// The calls to one address.
#[derive(Debug)]
pub(crate) struct StreamClient {
    address: StreamAddress,
    limits: Limits,
    connect_timeout: Duration,
    clock: Clock,
    sequence: AtomicI32,
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Slot {
    connection: Option<Arc<Connection>>,
    is_connecting: bool,
}

/// A call in flight.
#[derive(Debug)]
pub(crate) struct StreamCall {
    connection: Arc<Connection>,
    ticket: u64,
    time: Allowed,
}

/// The time allowed for a call.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    time: Option<Duration>,
    until: Option<Time>,
}

impl StreamClient {
    pub(crate) fn new(address: StreamAddress, limits: Limits, connect_timeout: Duration) -> Self {
        Self {
            address,
            limits,
            connect_timeout,
            clock: Clock::new(),
            sequence: AtomicI32::new(0),
            slot: Mutex::new(Slot::default()),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn address(&self) -> &StreamAddress {
        &self.address
    }

    pub(crate) fn next_sequence(&self) -> i32 {
        self.sequence.fetch_add(1, Ordering::Relaxed) & i32::MAX
    }

    /// Writes a call whose answer is to be waited for.
    pub(crate) fn begin(
        &self,
        sequence: i32,
        message: &Message,
        deadline: Option<Duration>,
    ) -> Result<Result<StreamCall, Outcome>, CallError> {
        let time = self.allowed(deadline);
        self.attempt(message, time, |connection, sending| {
            let ticket = connection.register(sequence);
            match connection.write(sending, time.until) {
                Ok(()) => Ok(Ok(StreamCall { connection: Arc::clone(connection), ticket, time })),
                Err(failed) => match connection.answered_early(ticket) {
                    Some(answered) => Ok(Err(answered)),
                    None => Err(failed),
                },
            }
        })
    }

    /// Writes a oneway call.
    pub(crate) fn oneway(&self, message: &Message, deadline: Option<Duration>) -> Result<Answered, CallError> {
        let time = self.allowed(deadline);
        self.attempt(message, time, |connection, sending| {
            connection.write(sending, time.until).map(|()| Answered::Delivered)
        })
    }

    fn allowed(&self, time: Option<Duration>) -> Allowed {
        Allowed { time, until: time.map(|time| self.clock.now().plus(time)) }
    }

    /// Writes a message, to another connection if one turns out to be of no use before anything was written.
    fn attempt<T>(
        &self,
        message: &Message,
        time: Allowed,
        write: impl Fn(&Arc<Connection>, Sending<'_>) -> Result<T, NotWritten>,
    ) -> Result<T, CallError> {
        let (len, limit) = (message.len(), self.limits.message_bytes_max);
        if len > limit {
            return Err(CallError::TooLarge { len, limit });
        }
        for _ in 0..ATTEMPTS {
            let connection = self.connection(time)?;
            let sending = Sending::new(message, self.address.style.transport);
            let written = sending.ok_or(NotWritten::TooLong).and_then(|sending| write(&connection, sending));
            match written {
                Ok(written) => return Ok(written),
                Err(NotWritten::Unused) => {}
                Err(NotWritten::Late) => return Err(late(time, false)),
                Err(NotWritten::TooLong) => return Err(CallError::TooLarge { len, limit }),
                Err(NotWritten::Failed(error)) => return Err(self.failed(&error)),
            }
        }
        Err(self.failed(&"the server ends every connection"))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> CallError {
        CallError::Socket { message: format!("{}: {error}", self.address.place), may_have_run: false }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that calls can be written to.
    fn connection(&self, time: Allowed) -> Result<Arc<Connection>, CallError> {
        let mut slot = self.slot();
        loop {
            if let Some(connection) = slot.connection.as_ref().filter(|connection| connection.is_usable()) {
                return Ok(Arc::clone(connection));
            }
            let left = time.until.map_or(self.connect_timeout, |until| until.since(self.clock.now()));
            if left.is_zero() {
                return Err(late(time, false));
            }
            if !slot.is_connecting {
                slot.is_connecting = true;
                // Closed here, unless calls in flight on it keep it.
                slot.connection = None;
                drop(slot);
                return self.connect(time, left.min(self.connect_timeout));
            }
            slot = self.changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn connect(&self, time: Allowed, timeout: Duration) -> Result<Arc<Connection>, CallError> {
        let stream = Stream::connect(&self.address.place, timeout);
        let made = stream.map(|stream| {
            let incoming = Incoming::new(self.address.style.transport, self.limits, Budget::new(usize::MAX));
            Arc::new(Connection::new(stream, incoming, self.clock))
        });
        let mut slot = self.slot();
        slot.is_connecting = false;
        slot.connection = made.as_ref().ok().cloned();
        drop(slot);
        self.changed.notify_all();
        made.map_err(|error| match time.until {
            Some(until) if until <= self.clock.now() => late(time, false),
            _ => self.failed(&format_args!("cannot connect: {error}")),
        })
    }
}

impl StreamCall {
    /// Waits for the end of the call, for the time that it has.
    pub(crate) fn wait(self) -> Outcome {
        self.connection.wait(self.ticket, self.time.until).unwrap_or_else(|| {
            self.give_up();
            Err(late(self.time, true))
        })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.connection.is_done(self.ticket)
    }

    pub(crate) fn give_up(&self) {
        self.connection.give_up(self.ticket);
    }

    /// The socket's number, to be polled with others.
    pub(crate) fn fd(&self) -> i32 {
        self.connection.fd()
    }
}

fn late(time: Allowed, may_have_run: bool) -> CallError {
    CallError::Deadline { waited: time.time.unwrap_or_default(), may_have_run }
}
