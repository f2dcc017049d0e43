//! Calls over TCP, with Apache's transports.

use super::Connection;
use super::report::Failure;
use crate::address::{Protocol, TcpForm, Transport};
use crate::clock::Deadline;
use crate::dynamic::{Answer, Arguments, read_answer};
use crate::idl::Found;
use crate::serve::protocols;
use anyhow::Result;
use bifrost_rpc::compat::ApacheReader;
use bifrost_rpc::protocol::{Binary, Compact, Json};
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;
use thrift::protocol::TInputProtocol;
use thrift::transport::{TBufferedWriteTransport, TFramedWriteTransport, TWriteTransport};

/// Time for connecting where no deadline is given.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// A connection.
pub(super) struct Tcp {
    form: TcpForm,
    stream: TcpStream,
    input: Box<dyn TInputProtocol + Send>,
    output: Box<dyn TWriteTransport>,
    sequence: i32,
    allowed: Option<Duration>,
    /// The time for the first call runs from before the connection was made.
    first: Option<Deadline>,
}

impl Tcp {
    /// Connects.
    pub(super) fn connect(form: &TcpForm, deadline: &Deadline) -> Result<Self, Failure> {
        let fail =
            |error: io::Error| Failure::transport(format!("cannot connect to tcp://{}: {error}", form.address), false);
        let wait = deadline.left().unwrap_or(CONNECT_WAIT).max(Duration::from_millis(1));
        let stream = TcpStream::connect_timeout(&form.address, wait).map_err(fail)?;
        stream.set_nodelay(true).map_err(fail)?;
        let (input, _) = protocols(form, &stream).map_err(fail)?;
        let write = stream.try_clone().map_err(fail)?;
        let output: Box<dyn TWriteTransport> = match form.transport {
            Transport::Framed => Box::new(TFramedWriteTransport::new(write)),
            Transport::Buffered => Box::new(TBufferedWriteTransport::new(write)),
        };
        let (form, first, allowed) = (form.clone(), Some(*deadline), deadline.allowed);
        Ok(Self { form, stream, input, output, sequence: 0, allowed, first })
    }

    fn exchange(&mut self, found: Found<'_>, message: &[u8], deadline: &Deadline) -> Result<Option<Answer>, Failure> {
        if deadline.has_passed() {
            return Err(late(deadline, false));
        }
        self.set_timeouts(deadline).map_err(|error| Failure::transport(error.to_string(), false))?;
        // From here on something may have reached the server.
        let sent = self.output.write_all(message).and_then(|()| self.output.flush());
        sent.map_err(|error| broken(&error, deadline))?;
        if found.method.oneway {
            return Ok(None);
        }
        self.set_timeouts(deadline).map_err(|error| Failure::transport(error.to_string(), true))?;
        match read_answer(found, self.sequence, &mut ApacheReader::new(&mut *self.input)) {
            Ok(answer) => Ok(Some(answer)),
            Err(thrift::Error::Transport(_)) if deadline.has_passed() => Err(late(deadline, true)),
            Err(error) => Err(Failure::of(error)),
        }
    }

    /// Bounds each system call by what is left; a peer that trickles bytes may stretch that.
    fn set_timeouts(&self, deadline: &Deadline) -> io::Result<()> {
        // Zero would mean for ever.
        let left = deadline.left().map(|left| left.max(Duration::from_millis(1)));
        self.stream.set_read_timeout(left)?;
        self.stream.set_write_timeout(left)
    }
}

fn late(deadline: &Deadline, may_have_run: bool) -> Failure {
    Failure::transport(
        format!("no answer within the deadline of {:?}", deadline.allowed.unwrap_or_default()),
        may_have_run,
    )
}

fn broken(error: &io::Error, deadline: &Deadline) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => late(deadline, true),
        _ => Failure::transport(format!("the connection failed: {error}"), true),
    }
}

impl Connection for Tcp {
    fn call(&mut self, found: Found<'_>, arguments: &Arguments) -> Result<Result<Option<Answer>, Failure>> {
        let deadline = self.first.take().unwrap_or_else(|| Deadline::within(self.allowed));
        self.sequence = self.sequence.wrapping_add(1) & i32::MAX;
        let name = match self.form.multiplexed {
            Some(true) => format!("{}:{}", found.service, found.method.name),
            _ => found.method.name.clone(),
        };
        let message = match self.form.protocol {
            Protocol::Binary => arguments.message::<Binary>(found, &name, self.sequence)?,
            Protocol::Compact => arguments.message::<Compact>(found, &name, self.sequence)?,
            Protocol::Json => arguments.message::<Json>(found, &name, self.sequence)?,
        };
        Ok(self.exchange(found, &message.finish().to_vec(), &deadline))
    }
}
