//! Calling services over UDP.

mod any;
mod core;
mod memory;
mod message;

pub use self::message::PendingMessage;

pub use any::wait_any;

use self::core::Core;
use crate::buffer::MessageBuffer;
use crate::endpoint::{Answered, CallError, CallId, Config, Key, Request, Stats, service_hash};
use crate::io::{Url, UrlError};
use crate::protocol::Encode;
use crate::service::{CallResult, Method, decode_answer, encode_call};
use crate::wire::MethodField;
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
}

impl From<ConnectError> for thrift::Error {
    fn from(error: ConnectError) -> Self {
        thrift::TransportError::new(thrift::TransportErrorKind::NotOpen, error.to_string()).into()
    }
}

/// A way to call the services behind one address. Cheap to clone; clones share one socket and its sessions, and may be
/// used by many threads at once.
///
/// The calling thread itself sends and receives. When the last handle is dropped, oneway calls still under way are
/// given a second to be delivered, and the server is told that its sessions have ended.
#[derive(Debug, Clone)]
pub struct Channel {
    core: Arc<Handle>,
    deadline: Option<Duration>,
}

/// Closes the core when the last channel and the last pending call are gone.
#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
    linger: Duration,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.close(self.linger);
    }
}

/// Settings of a [`Channel`] to be.
#[derive(Debug, Clone)]
pub struct ChannelBuilder {
    config: Config,
    deadline: Option<Duration>,
    linger: Duration,
}

impl Default for ChannelBuilder {
    fn default() -> Self {
        Self { config: Config::default(), deadline: None, linger: Duration::from_secs(1) }
    }
}

impl ChannelBuilder {
    /// Seals everything with this key, which the server must have too. Default: none.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.config.key = Some(key);
        self
    }

    /// Time allowed for each call. Default: none; a call then ends when it is answered or the server is lost. Kept to
    /// within about 20 ms.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Longest message sent or taken, in bytes. Default 64 MiB, which is also the most.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: u32) -> Self {
        self.config.message_bytes_max = bytes.min(crate::endpoint::MESSAGE_BYTES_MAX);
        self
    }

    /// A server not heard for this long while it owes an answer is taken for dead. Default 10 s.
    #[must_use]
    pub fn peer_timeout(mut self, timeout: Duration) -> Self {
        self.config.peer_timeout = timeout;
        self
    }

    /// Floor of the retransmission time-out. Default 5 ms.
    #[must_use]
    pub fn rto_min(mut self, floor: Duration) -> Self {
        self.config.rto_min = floor;
        self
    }

    /// How long dropping the last handle waits for oneway calls to be delivered. Default 1 s.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Makes the channel. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// The URL is not of the form `udp://host:port`, or no socket can be made.
    pub fn connect(self, url: &str) -> Result<Channel, ConnectError> {
        let peer = Url::udp(url)?;
        let core = Core::start(peer, self.config).map_err(|source| ConnectError::Socket { peer, source })?;
        Ok(Channel { core: Arc::new(Handle { core, linger: self.linger }), deadline: self.deadline })
    }
}

impl Channel {
    /// Connects to a URL such as `udp://[::1]:7400` with default settings.
    ///
    /// # Errors
    ///
    /// A malformed URL, or a socket that cannot be made.
    pub fn connect(url: &str) -> thrift::Result<Self> {
        Ok(Self::builder().connect(url)?)
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

    /// The server's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.core.core.peer()
    }

    /// What the transport has counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.core.stats()
    }

    /// Calls a method and waits for its result.
    ///
    /// # Errors
    ///
    /// A declared exception, an application exception, or a [`CallError`] (see [`CallError::of`]).
    pub fn call<A: Encode, R: CallResult>(&self, method: &'static Method, args: A) -> thrift::Result<R::Value> {
        let (id, sequence) = self.begin(method, args)?;
        self.finish::<R>(method, sequence, self.core.core.wait(id))
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
        let (id, sequence) = self.begin(method, args)?;
        let channel = self.clone();
        Ok(Pending { call: Some(id), channel, method, sequence, finish: Self::finish::<R>, value: PhantomData })
    }

    /// Sends a oneway call. It is sent again until the server says that it has it, and runs at most once. Whether it
    /// arrived, and what became of it, is not reported.
    ///
    /// # Errors
    ///
    /// The arguments cannot be encoded, or the message is over the limit.
    pub fn oneway<A: Encode>(&self, method: &'static Method, args: A) -> thrift::Result<()> {
        let core = &self.core.core;
        let mut message = Core::buffer();
        encode_call(method, core.next_sequence(), args, &mut message)?;
        core.begin(self.request(method, message), false)?;
        Ok(())
    }

    /// Sends a finished Thrift message as a call of a method and waits for the answer's message.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn call_message(&self, method: &Method, message: MessageBuffer) -> Result<Option<Vec<u8>>, CallError> {
        let core = &self.core.core;
        let id = core.begin(self.request(method, message), true)?;
        match core.wait(id)? {
            Answered::Message(_, message) => Ok(Some(message)),
            Answered::Delivered | Answered::Memory(_) => Ok(None),
        }
    }

    fn begin<A: Encode>(&self, method: &'static Method, args: A) -> thrift::Result<(CallId, i32)> {
        let core = &self.core.core;
        let sequence = core.next_sequence();
        let mut message = Core::buffer();
        encode_call(method, sequence, args, &mut message)?;
        Ok((core.begin(self.request(method, message), true)?, sequence))
    }

    fn request(&self, method: &Method, message: MessageBuffer) -> Request {
        Request {
            method: MethodField::new(method.service, method.name),
            service: service_hash(method.service),
            oneway: method.oneway,
            idempotent: method.idempotent,
            deadline: self.deadline,
            message: message.finish(),
        }
    }

    fn finish<R: CallResult>(
        &self,
        method: &'static Method,
        sequence: i32,
        answered: Result<Answered, CallError>,
    ) -> thrift::Result<R::Value> {
        match answered? {
            Answered::Message(_, message) => {
                let value = decode_answer::<R>(method, sequence, &message);
                self.core.core.recycle(message);
                value
            }
            Answered::Delivered | Answered::Memory(_) => Err(crate::service::missing_result(method.name)),
        }
    }
}

/// A call in flight. Dropping it cancels the call.
#[must_use = "dropping a pending call cancels it"]
pub struct Pending<T> {
    call: Option<CallId>,
    channel: Channel,
    method: &'static Method,
    sequence: i32,
    finish: fn(&Channel, &'static Method, i32, Result<Answered, CallError>) -> thrift::Result<T>,
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
                let answered = self.channel.core.core.wait(call);
                (self.finish)(&self.channel, self.method, self.sequence, answered)
            }
            None => Err(crate::service::missing_result(self.method.name)),
        }
    }

    /// Whether the result is there, so that [`Pending::wait`] returns at once. Takes in what has arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.call.is_none_or(|call| self.channel.core.core.is_done(call))
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.channel.core.core.cancel(call);
        }
    }
}
