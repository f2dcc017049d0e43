//! The ways in which a channel's calls can go.

use super::core::Core;
use crate::buffer::MessageBuffer;
use crate::endpoint::{Answered, CallError, CallId, MemoryRequest, Request, Stats, service_hash};
use crate::io::{Address, Style};
use crate::protocol::{Binary, Codec, Encode, Limits, WireProtocol, in_protocol};
use crate::service::{Method, write_call};
use crate::stream::{InProcess, StreamCall, StreamClient};
use crate::wire::{MethodField, Pointer, check_pointers};
use std::sync::Arc;
use std::time::Duration;

type Outcome = Result<Answered, CallError>;

/// How calls go.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Udp(Arc<Handle>),
    Stream(Arc<StreamClient>),
    InProcess(Arc<InProcess>),
}

/// A call in flight.
#[derive(Debug)]
pub(super) enum Call {
    Udp(CallId),
    Stream(StreamCall),
    /// It is over.
    Ended(Outcome),
}

/// What names and describes a method to a transport.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) service: &'a str,
    pub(super) method: &'a str,
    pub(super) oneway: bool,
    pub(super) idempotent: bool,
    /// Whether references are understood in the answer.
    pub(super) references: bool,
}

impl<'a> From<&'a Method> for Named<'a> {
    fn from(method: &'a Method) -> Self {
        let Method { service, name, oneway, idempotent, .. } = *method;
        Self { service, method: name, oneway, idempotent, references: true }
    }
}

impl Named<'_> {
    fn request(&self, message: MessageBuffer, deadline: Option<Duration>) -> Request {
        Request {
            method: MethodField::new(self.service, self.method),
            service: service_hash(self.service),
            oneway: self.oneway,
            idempotent: self.idempotent,
            deadline,
            references: self.references,
            message: message.finish(),
        }
    }
}

/// Closes the core when the last channel and the last pending call are gone.
#[derive(Debug)]
pub(super) struct Handle {
    core: Arc<Core>,
    linger: Duration,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.close(self.linger);
    }
}

impl Way {
    pub(super) fn udp(core: Arc<Core>, linger: Duration) -> Self {
        Self::Udp(Arc::new(Handle { core, linger }))
    }

    pub(super) fn address(&self) -> Option<Address> {
        match self {
            Self::Udp(udp) => Some(Address::Udp(udp.core.peer())),
            Self::Stream(stream) => Some(Address::Stream(stream.address().clone())),
            Self::InProcess(_) => None,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        match self {
            Self::Udp(udp) => udp.core.stats(),
            Self::Stream(_) | Self::InProcess(_) => Stats::default(),
        }
    }

    pub(super) fn next_sequence(&self) -> i32 {
        match self {
            Self::Udp(udp) => udp.core.next_sequence(),
            Self::Stream(stream) => stream.next_sequence(),
            Self::InProcess(_) => 1,
        }
    }

    /// Writes the message of a call as the other side expects it.
    pub(super) fn encode<A: Encode>(
        &self,
        method: &Method,
        sequence: i32,
        args: A,
        limits: Limits,
        out: &mut MessageBuffer,
    ) -> thrift::Result<()> {
        // The length is looked at here, so that what is too long is a `CallError` like others.
        let limit = limits.message_bytes_max;
        let limits = limits.with_message_bytes_max(usize::MAX);
        match self {
            Self::Udp(_) | Self::InProcess(_) => {
                write_call(method.name, method, sequence, args, &mut Binary::writer_with_limits(out, limits))?;
            }
            Self::Stream(stream) => encode_styled(stream.address().style, method, sequence, args, limits, out)?,
        }
        match out.len() {
            len if len > limit => Err(CallError::TooLarge { len, limit }.into()),
            _ => Ok(()),
        }
    }

    /// Starts a call whose message has this sequence number.
    pub(super) fn begin(
        &self,
        named: Named<'_>,
        sequence: i32,
        message: MessageBuffer,
        deadline: Option<Duration>,
    ) -> Result<Call, CallError> {
        self.check_pointers(&message)?;
        match self {
            Self::Udp(udp) => udp.core.begin(named.request(message, deadline), true).map(Call::Udp),
            Self::Stream(_) if named.oneway => self.oneway(named, message, deadline),
            Self::Stream(stream) => Ok(match stream.begin(sequence, &message.finish(), deadline)? {
                Ok(call) => Call::Stream(call),
                Err(ended) => Call::Ended(ended),
            }),
            Self::InProcess(process) => Ok(Call::Ended(process.call(message.finish(), deadline))),
        }
    }

    /// As [`Way::begin`], and waits for the call's end.
    pub(super) fn call(
        &self,
        named: Named<'_>,
        sequence: i32,
        message: MessageBuffer,
        deadline: Option<Duration>,
    ) -> Outcome {
        match self {
            Self::Udp(udp) => {
                self.check_pointers(&message)?;
                let request = named.request(message, deadline);
                udp.core.run(|endpoint, now, peer| endpoint.call(now, peer, request))
            }
            Self::Stream(_) | Self::InProcess(_) => self.wait(self.begin(named, sequence, message, deadline)?),
        }
    }

    /// Starts a call with a message that was made elsewhere.
    pub(super) fn begin_message(
        &self,
        named: Named<'_>,
        message: MessageBuffer,
        deadline: Option<Duration>,
    ) -> Result<Call, CallError> {
        let sequence = match self {
            Self::Stream(_) => message.sequence()?,
            Self::Udp(_) | Self::InProcess(_) => 0,
        };
        self.begin(named, sequence, message, deadline)
    }

    /// Starts a memory operation.
    pub(super) fn begin_memory(&self, request: MemoryRequest) -> Result<CallId, CallError> {
        match self {
            Self::Udp(udp) => udp.core.begin_with(true, |endpoint, now, peer| endpoint.memory(now, peer, request)),
            Self::Stream(_) | Self::InProcess(_) => Err(CallError::NeedsUdp),
        }
    }

    /// Does a memory operation, and waits for its end.
    pub(super) fn run_memory(&self, request: MemoryRequest) -> Outcome {
        match self {
            Self::Udp(udp) => udp.core.run(|endpoint, now, peer| endpoint.memory(now, peer, request)),
            Self::Stream(_) | Self::InProcess(_) => Err(CallError::NeedsUdp),
        }
    }

    /// Begins a memory operation that is sent with the next, or when somebody waits.
    pub(super) fn hold_memory(&self, request: MemoryRequest) -> Result<CallId, CallError> {
        match self {
            Self::Udp(udp) => udp.core.begin_held(request),
            Self::Stream(_) | Self::InProcess(_) => Err(CallError::NeedsUdp),
        }
    }

    /// Has a memory operation done whose end nobody awaits.
    pub(super) fn put_off(&self, request: MemoryRequest) {
        if let Self::Udp(udp) = self {
            udp.core.put_off(request);
        }
    }

    /// Whether a batch may make objects, or name these, now.
    pub(super) fn may_span_objects(&self, objects: &[Pointer]) -> bool {
        matches!(self, Self::Udp(udp) if udp.core.may_span_objects(objects))
    }

    /// Takes back what was put off, if the server's batches may name several objects.
    pub(super) fn take_put_off<T>(&self, max: usize, wanted: impl Fn(&MemoryRequest) -> Option<T>) -> Vec<T> {
        match self {
            Self::Udp(udp) => udp.core.take_put_off(max, wanted),
            Self::Stream(_) | Self::InProcess(_) => Vec::new(),
        }
    }

    /// Sends a oneway call whose end nobody wants to know.
    pub(super) fn oneway(
        &self,
        named: Named<'_>,
        message: MessageBuffer,
        deadline: Option<Duration>,
    ) -> Result<Call, CallError> {
        self.check_pointers(&message)?;
        match self {
            Self::Udp(udp) => udp.core.begin(named.request(message, deadline), false).map(Call::Udp),
            Self::Stream(stream) => Ok(Call::Ended(Ok(stream.oneway(&message.finish(), deadline)?))),
            Self::InProcess(process) => Ok(Call::Ended(Ok(process.call(message.finish(), deadline)?))),
        }
    }

    /// Whether references may go to a service.
    pub(super) fn takes_references(&self, named: Named<'_>, deadline: Option<Duration>) -> Result<bool, CallError> {
        match self {
            Self::Udp(udp) => {
                let request = || named.request(MessageBuffer::recycle(Vec::new()), deadline);
                udp.core.peer_references(service_hash(named.service), request)
            }
            Self::Stream(_) | Self::InProcess(_) => Ok(false),
        }
    }

    /// Only UDP's packets tell of pointers.
    fn check_pointers(&self, message: &MessageBuffer) -> Result<(), CallError> {
        Ok(check_pointers(message.pointers(), matches!(self, Self::Udp(_)))?)
    }

    pub(super) fn wait(&self, call: Call) -> Outcome {
        match (self, call) {
            (Self::Udp(udp), Call::Udp(call)) => udp.core.wait(call),
            (_, Call::Stream(call)) => call.wait(),
            (_, Call::Ended(outcome)) => outcome,
            // A call is waited for where it was made.
            (_, Call::Udp(_)) => Err(CallError::Closed { may_have_run: true }),
        }
    }

    pub(super) fn is_done(&self, call: &Call) -> bool {
        match (self, call) {
            (Self::Udp(udp), Call::Udp(call)) => udp.core.is_done(*call),
            (_, Call::Stream(call)) => call.is_done(),
            _ => true,
        }
    }

    /// Gives a call up.
    pub(super) fn cancel(&self, call: Call) {
        match (self, call) {
            (Self::Udp(udp), Call::Udp(call)) => udp.core.cancel(call),
            (_, Call::Stream(call)) => call.give_up(),
            _ => {}
        }
    }

    /// Nobody wants to know the call's end any more; it goes on.
    pub(super) fn forget(&self, call: Call) {
        match (self, call) {
            (Self::Udp(udp), Call::Udp(call)) => udp.core.forget(call),
            (_, Call::Stream(call)) => call.give_up(),
            _ => {}
        }
    }

    /// The number of the socket that brings the end of a call, to be polled with others.
    pub(super) fn socket_fd(&self, call: &Call) -> Option<i32> {
        match (self, call) {
            (Self::Udp(udp), Call::Udp(_)) => udp.core.socket_fd(),
            (_, Call::Stream(call)) => Some(call.fd()),
            _ => None,
        }
    }

    /// Takes a message's memory back.
    pub(super) fn recycle(&self, spent: Vec<u8>) {
        match self {
            Self::Udp(udp) => udp.core.recycle(spent),
            Self::Stream(_) | Self::InProcess(_) => Core::recycle_small(spent),
        }
    }
}

/// Writes the message of a call in the style of a stream.
fn encode_styled<A: Encode>(
    style: Style,
    method: &Method,
    sequence: i32,
    args: A,
    limits: Limits,
    out: &mut MessageBuffer,
) -> thrift::Result<()> {
    let prefixed;
    let name = if style.multiplexed == Some(true) {
        prefixed = format!("{}:{}", method.service, method.name);
        prefixed.as_str()
    } else {
        method.name
    };
    let protocol = style.protocol.unwrap_or(WireProtocol::Binary);
    in_protocol!(protocol, C => write_call(name, method, sequence, args, &mut C::writer_with_limits(out, limits)))
}
