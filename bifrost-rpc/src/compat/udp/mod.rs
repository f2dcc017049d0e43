//! An Apache channel over UDP.

mod answer;
mod inbox;
mod outgoing;

use self::answer::{answer, call_error, invalid, write_error};
use self::inbox::Inbox;
use self::outgoing::{Outgoing, Whole};
use crate::client::{Channel, ChannelBuilder, ConnectError, PendingMessage};
use crate::endpoint::Key;
use crate::protocol::Limits;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thrift::protocol::TMessageType;
use thrift::transport::{ReadHalf, TIoChannel, WriteHalf};

/// How long one half waits for the other where no deadline was set.
const WAIT: Duration = Duration::from_secs(10);

/// A channel for clients that use the protocols and transports of Apache's `thrift` crate, as
/// [`thrift::transport::TTcpChannel`] is, but each message written to it is a call over UDP, made exactly once.
///
/// ```no_run
/// use bifrost_rpc::compat::UdpChannel;
/// use bifrost_rpc::thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};
/// use bifrost_rpc::thrift::transport::{TBufferedReadTransport, TBufferedWriteTransport, TIoChannel};
///
/// let (read, write) = UdpChannel::connect("udp://[::1]:7400", "Calculator")?.split()?;
/// let input = TBinaryInputProtocol::new(TBufferedReadTransport::new(read), true);
/// let output = TBinaryOutputProtocol::new(TBufferedWriteTransport::new(write), true);
/// // let mut client = CalculatorSyncClient::new(input, output);
/// # Ok::<(), bifrost_rpc::thrift::Error>(())
/// ```
///
/// # What may be written
///
/// Messages in the binary protocol (strict or old headers), the compact or the JSON one, each by itself or in a frame as
/// `TFramedWriteTransport` writes it; the answer comes framed if the call was. A flush sends the messages that are
/// whole; the beginning of one stays until its rest is there, since buffered transports flush whenever their buffer
/// is full. A name `Service:method`, as `TMultiplexedOutputProtocol` writes it, goes to that service, any other to
/// the one that the channel was made for.
///
/// # Order
///
/// A call is sent when the one before has been answered, or has reached the server if it is oneway. Its handler then
/// may still run beside that of the next call, unless both methods are short or the server runs all handlers
/// inline; that is where this differs from one TCP connection. Use one channel for each thread; they are cheap over a shared [`Channel`]
/// ([`UdpChannelBuilder::over`]).
///
/// # Errors
///
/// A failing call is reported where its answer would be read, and the channel goes on; its error has the
/// [`CallError`](crate::CallError) as source and one of these kinds, with what Apache's crate makes of it:
///
/// | kind | | meaning |
/// | --- | --- | --- |
/// | `TimedOut` | `TimedOut` | the deadline passed |
/// | `NotConnected` | `NotOpen` | the server does not answer; the call was not sent |
/// | `ConnectionRefused` | `NotOpen` | the server refused the call without running it |
/// | `UnexpectedEof` | `EndOfFile` | the server was lost during the call, which may have run |
/// | others | `Unknown` | a limit, a key that differs |
///
/// A method that the server does not have is answered by an UNKNOWN_METHOD application exception. What cannot be
/// sent breaks the channel off, because the writer's place in the stream is lost: that and each later write or flush
/// fails, as does a read once the answers that came before are read. The end of a oneway call is not reported.
///
/// A read with no call under way waits for the other half to make one, for as long as a call may take (10 s without
/// a deadline), and fails at once where there is no other half.
#[derive(Debug)]
pub struct UdpChannel {
    shared: Arc<Shared>,
}

/// What the halves of a channel share.
#[derive(Debug)]
struct Shared {
    channel: Channel,
    service: String,
    writer: Mutex<Writer>,
    inbox: Inbox,
    wait: Duration,
}

#[derive(Debug)]
struct Writer {
    outgoing: Outgoing,
    /// The oneway call that may not have reached the server.
    oneway: Option<PendingMessage>,
}

/// Settings of a [`UdpChannel`] to be.
#[derive(Debug, Clone)]
pub struct UdpChannelBuilder {
    channel: ChannelBuilder,
    deadline: Option<Duration>,
    limits: Limits,
}

impl Default for UdpChannelBuilder {
    fn default() -> Self {
        Self { channel: Channel::builder(), deadline: None, limits: Limits::DEFAULT }
    }
}

impl UdpChannelBuilder {
    /// Seals everything with this key, which the server must have too. Default: none.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.channel = self.channel.key(key);
        self
    }

    /// Time allowed for each call. Default: none; a call then ends when it is answered or the server is lost.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Longest message written or read, in bytes. Default 64 MiB. As much is kept of answers that nobody reads; so
    /// a channel takes about four times this at most.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: u32) -> Self {
        self.limits = self.limits.with_message_bytes_max(usize::try_from(bytes).unwrap_or(usize::MAX));
        self
    }

    /// Limits on what is written and read. Of them the length of messages and the depth are watched here; the rest is
    /// for the protocols on both ends. Default [`Limits::DEFAULT`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A server not heard for this long while it owes an answer is taken for dead. Default 10 s.
    #[must_use]
    pub fn peer_timeout(mut self, timeout: Duration) -> Self {
        self.channel = self.channel.peer_timeout(timeout);
        self
    }

    /// Makes the channel to the service of this name in the IDL. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// The URL is none of those that [`Channel`] knows, or no socket can be made.
    pub fn connect(self, url: &str, service: &str) -> Result<UdpChannel, ConnectError> {
        let channel = self.channel.clone().limits(self.limits).connect(url)?;
        Ok(self.over(channel, service))
    }

    /// Makes the channel over one that exists, whose socket and sessions it shares. Key, time-out and the limit on
    /// what is read are those of `channel`; so is the deadline, unless one was set here.
    #[must_use]
    pub fn over(self, channel: Channel, service: &str) -> UdpChannel {
        let channel = match self.deadline {
            Some(deadline) => channel.with_deadline(deadline),
            None => channel,
        };
        let shared = Shared {
            channel,
            service: service.to_owned(),
            writer: Mutex::new(Writer { outgoing: Outgoing::new(self.limits), oneway: None }),
            inbox: Inbox::new(self.limits.message_bytes_max),
            wait: self.deadline.unwrap_or(WAIT),
        };
        UdpChannel { shared: Arc::new(shared) }
    }
}

impl UdpChannel {
    /// Connects to a service at a URL such as `udp://[::1]:7400` with default settings. Nothing is sent before the
    /// first call.
    ///
    /// # Errors
    ///
    /// A malformed URL, or a socket that cannot be made.
    pub fn connect(url: &str, service: &str) -> thrift::Result<Self> {
        Ok(Self::builder().connect(url, service)?)
    }

    /// Settings other than the default.
    #[must_use]
    pub fn builder() -> UdpChannelBuilder {
        UdpChannelBuilder::default()
    }

    /// The channel underneath.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.shared.channel
    }
}

impl Drop for UdpChannel {
    fn drop(&mut self) {
        self.shared.inbox.remove_handle();
    }
}

impl TIoChannel for UdpChannel {
    fn split(self) -> thrift::Result<(ReadHalf<Self>, WriteHalf<Self>)> {
        self.shared.inbox.add_handle();
        let other = Self { shared: Arc::clone(&self.shared) };
        Ok((ReadHalf::new(other), WriteHalf::new(self)))
    }
}

impl Read for UdpChannel {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.shared.inbox.read(into, self.shared.wait)
    }
}

impl Write for UdpChannel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared.attempt(|writer| writer.outgoing.write(bytes).map_err(write_error))?;
        Ok(bytes.len())
    }

    /// Sends the messages that are whole. Returns when each call has been answered.
    fn flush(&mut self) -> io::Result<()> {
        self.shared.attempt(|writer| {
            while let Some(whole) = writer.outgoing.next().map_err(write_error)? {
                self.shared.send(writer, whole)?;
            }
            Ok(())
        })
    }
}

impl Shared {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what breaks the channel off if it fails.
    fn attempt(&self, write: impl FnOnce(&mut Writer) -> io::Result<()>) -> io::Result<()> {
        let mut writer = self.writer();
        if let Some(error) = self.inbox.broken() {
            return Err(error);
        }
        write(&mut writer).inspect_err(|error| self.inbox.break_off(error.to_string()))
    }

    fn send(&self, writer: &mut Writer, whole: Whole) -> io::Result<()> {
        if let Some(oneway) = writer.oneway.take() {
            // How it ended is not reported; only the order counts.
            let _ = oneway.wait();
        }
        let name = whole.header.name.as_str();
        let (service, method) = name.split_once(':').unwrap_or((&self.service, name));
        match whole.header.kind {
            TMessageType::Call => {
                self.inbox.begin_call(self.wait)?;
                let called = self.channel.start_message(service, method, false, whole.message);
                let called = called.and_then(PendingMessage::wait);
                self.inbox.end_call(answer(called, whole.protocol, &whole.header, whole.is_framed));
                Ok(())
            }
            TMessageType::OneWay => {
                let called = self.channel.start_message(service, method, true, whole.message);
                writer.oneway = Some(called.map_err(call_error)?);
                Ok(())
            }
            other => Err(invalid(format!("a client cannot send a {other}"))),
        }
    }
}
