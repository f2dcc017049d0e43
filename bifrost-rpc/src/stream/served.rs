//! A server's connection: one call after the other, on a thread of its own.

use super::Directory;
use super::answer::{answer, fail};
use super::incoming::{BadStream, Incoming, check_protocol};
use super::server::{Settings, Shared};
use super::socket::{Sending, Stream};
use crate::buffer::MessageBuffer;
use crate::endpoint::Time;
use crate::io::Clock;
use crate::protocol::{MessageHeader, WireProtocol};
use crate::service::CallContext;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use thrift::ProtocolErrorKind;
use thrift::protocol::TMessageType;

/// What may have come of a message that is refused before its header is known.
const HEADER_BYTES_MAX: usize = 1024;
/// Time for a peer to send such a header, and to take in why its message was refused.
const LINGER: Duration = Duration::from_secs(1);
/// How long a receive waits at most, so that the time is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Memory kept for the next answer.
const KEEP_BYTES_MAX: usize = 64 << 10;

/// Serves one connection; dropping it takes it off the list of those served.
#[derive(Debug)]
pub(super) struct Served {
    number: u64,
    shared: Arc<Shared>,
    stream: Arc<Stream>,
    directory: Arc<Directory>,
    settings: Settings,
    incoming: Incoming,
    clock: Clock,
    spare: Vec<u8>,
}

impl Served {
    pub(super) fn new(
        number: u64,
        shared: Arc<Shared>,
        stream: Arc<Stream>,
        directory: Arc<Directory>,
        settings: Settings,
    ) -> Self {
        let incoming = Incoming::new(settings.style.transport, settings.limits, Arc::clone(&settings.budget));
        Self { number, shared, stream, directory, settings, incoming, clock: Clock::new(), spare: Vec::new() }
    }

    /// Serves until the peer closes, sends what is no call, is idle for too long, or the server drains.
    pub(super) fn run(mut self) {
        loop {
            let served = match self.next_message() {
                Ok(Some(len)) => self.serve(len),
                Ok(None) => return,
                Err(bad) => return self.refuse(bad),
            };
            if !served {
                return;
            }
        }
    }

    /// The length of the next message, once it is whole. `None` if there will be none.
    fn next_message(&mut self) -> Result<Option<usize>, BadStream> {
        let until = self.settings.idle_timeout.map(|idle| self.clock.now().plus(idle));
        loop {
            if let Some(message) = self.incoming.message()? {
                return Ok(Some(message.len()));
            }
            if !self.receive(until)? {
                return Ok(None);
            }
        }
    }

    /// Receives something; false if nothing more comes in time.
    fn receive(&mut self, until: Option<Time>) -> Result<bool, BadStream> {
        let room = self.incoming.room()?;
        loop {
            let received = self.stream.receive(room, true);
            match received {
                Ok(0) => return Ok(false),
                Ok(received) => {
                    self.incoming.filled(received);
                    return Ok(until.is_none_or(|until| self.clock.now() < until));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if until.is_some_and(|until| self.clock.now() >= until) {
                        return Ok(false);
                    }
                }
                Err(_) => return Ok(false),
            }
        }
    }

    /// Runs the call in the message that has come; false if it shall be the last.
    fn serve(&mut self, len: usize) -> bool {
        self.shared.set_running(self.number, true);
        let mut reply = MessageBuffer::recycle(std::mem::take(&mut self.spare));
        let request = self.incoming.content().get(..len).unwrap_or_default();
        let context = CallContext { limits: self.settings.limits, ..CallContext::default() };
        if let Err(error) = check_protocol(self.settings.style.protocol, request) {
            self.tell(error);
            return false;
        }
        let answered = answer(&self.directory, request, &context, &mut reply);
        self.incoming.consume(len);
        let is_sent = match answered {
            Ok(true) => self.send(reply),
            Ok(false) => {
                self.keep(reply.finish().into_vec());
                true
            }
            // There is nobody to answer, and no knowing what else is wrong.
            Err(_) => false,
        };
        self.shared.set_running(self.number, false);
        // A server that drains by now runs what had arrived: then there is nothing more to receive.
        is_sent
    }

    fn keep(&mut self, spent: Vec<u8>) {
        if spent.capacity() <= KEEP_BYTES_MAX {
            self.spare = spent;
        }
    }

    fn send(&mut self, reply: MessageBuffer) -> bool {
        let message = reply.finish();
        let Some(mut sending) = Sending::new(&message, self.settings.style.transport) else { return false };
        loop {
            match sending.advance(&self.stream, true) {
                Ok(false) => {}
                Ok(true) => break,
                Err(_) => return false,
            }
        }
        if let Some(spent) = message.into_spent() {
            self.keep(spent);
        }
        true
    }

    /// No further message can be told apart. Whoever called is told why, if the header of the call can be read.
    fn refuse(&mut self, bad: BadStream) {
        let kind = match bad {
            BadStream::Empty | BadStream::Unknown(_) => return,
            BadStream::TooLarge { .. } | BadStream::Memory => ProtocolErrorKind::SizeLimit,
            BadStream::Malformed(_) => ProtocolErrorKind::InvalidData,
        };
        self.tell(thrift::new_protocol_error(kind, bad.to_string()));
    }

    /// Answers the message that the content begins with, as the last one of the connection.
    fn tell(&mut self, error: thrift::Error) {
        let until = self.clock.now().plus(LINGER);
        if self.stream.set_receive_timeout(Some(LINGER)).is_err() {
            return;
        }
        let Some(header) = self.header(until) else { return };
        let mut reply = MessageBuffer::new();
        let is_call = header.kind == TMessageType::Call;
        if is_call && fail(self.incoming.content(), &header, error, &mut reply).is_ok() && self.send(reply) {
            self.let_read(until);
        }
    }

    /// The header that the content begins with; waits for it a little.
    fn header(&mut self, until: Time) -> Option<MessageHeader> {
        loop {
            let content = self.incoming.content();
            match WireProtocol::header(content) {
                Ok(header) => return Some(header),
                Err(_) if content.len() >= HEADER_BYTES_MAX => return None,
                Err(_) if !self.receive(Some(until)).unwrap_or_default() => return None,
                Err(_) => {}
            }
        }
    }

    /// Waits for the peer to take in what was sent: closing with unread bytes would discard it.
    fn let_read(&mut self, until: Time) {
        self.stream.shut_down(Shutdown::Write);
        let mut unread = [0; 4096];
        while self.clock.now() < until && matches!(self.stream.receive(&mut unread, true), Ok(1..)) {}
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shared.remove(self.number);
        self.stream.shut_down(Shutdown::Both);
    }
}

/// The time-outs of a socket that serves.
pub(super) fn set_up(stream: &Stream, settings: &Settings) -> std::io::Result<()> {
    stream.set_send_timeout(Some(settings.write_timeout))?;
    // Otherwise a client may be idle for as long as it likes.
    stream.set_receive_timeout(settings.idle_timeout.map(|idle| idle.min(LOOK)))
}
