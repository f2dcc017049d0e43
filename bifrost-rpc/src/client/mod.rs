//! Calling services: over UDP, over streams, in this process.

mod any;
mod builder;
mod core;
mod later;
mod memory;
mod message;
mod on_end;
mod scratch;
mod way;

pub use self::message::PendingMessage;

pub use any::wait_any;
pub use builder::ChannelBuilder;

use self::core::Core;
use self::way::{Call, Named, Way};
use crate::buffer::MessageBuffer;
use crate::endpoint::{Answered, CallError, Stats};
use crate::follow;
use crate::io::{Address, UrlError};
use crate::memory::Pointer;
use crate::protocol::{Encode, Limits};
use crate::reference::{Held, Passing, Received, Settings};
use crate::service::{CallResult, Method, Service, decode_answer_received};
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Why a channel cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The socket cannot be made.
    #[error("cannot make a socket for {peer}: {source}")]
    Socket {
        /// The server's address.
        peer: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A service in a rack, and nobody says in which.
    #[error("{0}: in which rack? Connect through a link, or write ?prefix=ADDRESS")]
    NoRack(String),
    /// A key was given for a transport that seals nothing.
    #[error("nothing is sealed on {0}: leave the key out, or connect to a udp:// address")]
    Sealed(String),
}

impl From<ConnectError> for thrift::Error {
    fn from(error: ConnectError) -> Self {
        thrift::TransportError::new(thrift::TransportErrorKind::NotOpen, error.to_string()).into()
    }
}

/// A way to call the services behind one address. Cheap to clone; clones share one socket and its sessions, and may be
/// used by many threads at once.
///
/// The URL says which way:
///
/// * `udp://host:port`: each call runs at most once, answers and all.
/// * `rack://Service`: the same, with a service that a switch finds in its rack. Which rack says the channel's
///   [link](ChannelBuilder::link); or, where the kernel has a route there, `?prefix=ADDRESS`.
/// * `tcp://host:port` and `unix:///path`, each with `?protocol=binary|compact`, `&transport=framed|buffered` and
///   `&multiplexed=true|false`: what Thrift servers in every language speak. Connected to by the first call, and again
///   by the next call after a connection has ended. Calls in flight are told apart by their sequence numbers. A call
///   whose answer does not come in time is given up with its connection.
/// * None: [`Channel::in_process`].
///
/// The calling thread itself sends and receives. When the last handle is dropped, oneway calls still under way over
/// UDP are given a second to be delivered, and the server is told that its sessions have ended.
#[derive(Debug, Clone)]
pub struct Channel {
    way: Way,
    deadline: Option<Duration>,
    limits: Limits,
    /// What references go with; none where all goes by value.
    references: Option<Arc<Settings>>,
}

impl Channel {
    /// Connects to a URL such as `udp://[::1]:7400` or `tcp://127.0.0.1:9090?protocol=compact` with default settings.
    /// Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// A malformed URL, or a socket that cannot be made.
    pub fn connect(url: &str) -> thrift::Result<Self> {
        Ok(Self::builder().connect(url)?)
    }

    /// A channel to a service in this process. Calls are real Thrift messages, encoded and decoded as for any other
    /// transport, but the thread that calls also runs the handler, to its end: a call that is started has ended, and a
    /// deadline is told to the handler, not enforced.
    #[must_use]
    pub fn in_process(service: impl Service) -> Self {
        Self::builder().in_process([Arc::new(service) as Arc<dyn Service>])
    }

    /// Settings other than the default.
    #[must_use]
    pub fn builder() -> ChannelBuilder {
        ChannelBuilder::default()
    }

    /// The same channel with a deadline for each call made through this handle.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The server's address; none in this process.
    #[must_use]
    pub fn peer(&self) -> Option<Address> {
        self.way.address()
    }

    /// What the transport has counted; nothing for streams and in this process.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.way.stats()
    }

    /// Calls a method and waits for its result.
    ///
    /// # Errors
    ///
    /// A declared exception, an application exception, or a [`CallError`] (see [`CallError::of`]).
    pub fn call<A: Encode, R: CallResult>(&self, method: &'static Method, args: A) -> thrift::Result<R::Value> {
        let _span = follow::calling(method.service, method.name);
        let (message, sequence, held) = self.encode(method, args)?;
        let answered = self.way.call(Named::from(method), sequence, message, self.deadline);
        self.finish::<R>(method, sequence, held, answered)
    }

    /// Starts a call; its result is waited for later.
    ///
    /// # Errors
    ///
    /// The arguments cannot be encoded, or the message is over the limit.
    pub fn start<A: Encode, R: CallResult>(
        &self,
        method: &'static Method,
        args: A,
    ) -> thrift::Result<Pending<R::Value>> {
        let (call, sequence, held) = self.begin(method, args)?;
        let channel = self.clone();
        Ok(Pending { call: Some(call), channel, method, sequence, held, finish: Self::finish::<R>, value: PhantomData })
    }

    /// Sends a oneway call. Over UDP it is sent again until the server says that it has it, and runs at most once; on
    /// a stream it is written. Whether it arrived, and what became of it, is not reported.
    ///
    /// # Errors
    ///
    /// The arguments cannot be encoded, or the message is over the limit.
    pub fn oneway<A: Encode>(&self, method: &'static Method, args: A) -> thrift::Result<()> {
        let (message, ..) = self.encode(method, args)?;
        self.way.oneway(Named::from(method), message, self.deadline)?;
        Ok(())
    }

    /// Sends a finished Thrift message as a call of a method and waits for the answer's message. On a stream it must
    /// be in the protocol that the server expects, and is the only one there with its sequence number.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn call_message(&self, method: &Method, message: MessageBuffer) -> Result<Option<Vec<u8>>, CallError> {
        let _span = follow::calling(method.service, method.name);
        let named = Named { references: false, ..Named::from(method) };
        let call = self.way.begin_message(named, message, self.deadline)?;
        match self.way.wait(call)? {
            Answered::Message(_, message, _) => Ok(Some(message)),
            _ => Ok(None),
        }
    }

    /// Whether references may go to the service of a method: the server said so in the session that there is now. Opens
    /// one if there is none, within the channel's deadline. Over streams and in this process it is always `false`.
    ///
    /// A call whose message has pointers fails with [`CallError::Pointers`], certainly not run, should another server
    /// have come in the meantime that does not understand them.
    ///
    /// # Errors
    ///
    /// There is no session to be had.
    pub fn takes_references(&self, method: &Method) -> Result<bool, CallError> {
        self.way.takes_references(Named::from(method), self.deadline)
    }

    fn begin<A: Encode>(&self, method: &'static Method, args: A) -> thrift::Result<(Call, i32, Vec<Held>)> {
        let (message, sequence, held) = self.encode(method, args)?;
        Ok((self.way.begin(Named::from(method), sequence, message, self.deadline)?, sequence, held))
    }

    /// The message of a call, its sequence number, and the objects that must live until it has ended.
    fn encode<A: Encode>(&self, method: &Method, args: A) -> thrift::Result<(MessageBuffer, i32, Vec<Held>)> {
        let sequence = self.way.next_sequence();
        let mut message = Core::buffer();
        if A::HAS_REFERENCES && self.references.is_some() && self.takes_references(method)? {
            message.set_passing(Some(Passing::call(self.references.clone(), method.oneway)));
        }
        self.way.encode(method, sequence, args, self.limits, &mut message)?;
        let held = message.list_pointers().map(Passing::into_held).unwrap_or_default();
        Ok((message, sequence, held))
    }

    fn finish<R: CallResult>(
        &self,
        method: &'static Method,
        sequence: i32,
        held: Vec<Held>,
        answered: Result<Answered, CallError>,
    ) -> thrift::Result<R::Value> {
        match answered? {
            Answered::Message(_, message, given) => {
                let received = self.received(R::HAS_REFERENCES, held, given);
                let value = decode_answer_received::<R>(method, sequence, &message, self.limits, received);
                self.way.recycle(message);
                value
            }
            _ => Err(crate::service::missing_result(method.name)),
        }
    }
}

impl Channel {
    /// What the pointers of an answer have come with. What was passed is held no longer than by what comes back.
    fn received(&self, may_be_any: bool, passed: Vec<Held>, given: Vec<Pointer>) -> Option<Arc<Received>> {
        (may_be_any || !given.is_empty()).then(|| Received::answer(self.references.clone(), passed, given))
    }
}

type Finish<T> = fn(&Channel, &'static Method, i32, Vec<Held>, Result<Answered, CallError>) -> thrift::Result<T>;

/// A call in flight. Dropping it cancels the call.
#[must_use = "dropping a pending call cancels it"]
pub struct Pending<T> {
    call: Option<Call>,
    channel: Channel,
    method: &'static Method,
    sequence: i32,
    /// Objects that live until the call has ended.
    held: Vec<Held>,
    finish: Finish<T>,
    value: PhantomData<T>,
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("call", &self.call).field("method", &self.method.name).finish_non_exhaustive()
    }
}

impl<T> Pending<T> {
    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// As [`Channel::call`].
    pub fn wait(mut self) -> thrift::Result<T> {
        match self.call.take() {
            Some(call) => {
                let answered = self.channel.way.wait(call);
                let held = std::mem::take(&mut self.held);
                (self.finish)(&self.channel, self.method, self.sequence, held, answered)
            }
            None => Err(crate::service::missing_result(self.method.name)),
        }
    }

    /// The number of the socket that brings the result.
    fn socket_fd(&self) -> Option<i32> {
        self.call.as_ref().and_then(|call| self.channel.way.socket_fd(call))
    }

    /// Whether the result is there, so that [`Pending::wait`] returns at once. Takes in what has arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.call.as_ref().is_none_or(|call| self.channel.way.is_done(call))
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        if self.channel.references.is_none() || !self.channel.way.is_done(&call) {
            return self.channel.way.cancel(call);
        }
        // An answer that has come may give objects away: taken in, and dropped, it frees them.
        let (answered, held) = (self.channel.way.wait(call), std::mem::take(&mut self.held));
        drop((self.finish)(&self.channel, self.method, self.sequence, held, answered));
    }
}
