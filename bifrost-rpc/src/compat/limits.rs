//! Limits for code over Apache's protocols.

use crate::io::Transport;
use crate::protocol::{Limits, WireProtocol, in_protocol};
use crate::service::Dispatch;
use crate::stream::{Budget, Incoming};
use std::fmt;
use std::io::{self, Read};
use thrift::TConfiguration;
use thrift::protocol::{TInputProtocol, TOutputProtocol};
use thrift::server::TProcessor;

/// The configuration of Apache's protocols that stands for these limits, for their `with_config` constructors.
///
/// It bounds what they allocate for a length that is announced, but that much they allocate; and the transports of
/// Apache's crate have limits of their own, which cannot be set. A [`CheckedReadTransport`] knows better.
#[must_use]
pub fn configuration(limits: &Limits) -> TConfiguration {
    let message = limits.message_bytes_max;
    let built = TConfiguration::builder()
        .max_message_size(Some(message))
        .max_frame_size(Some(message))
        .max_recursion_depth(Some(limits.depth_max.into()))
        .max_container_size(Some(limits.container_len_max))
        .max_string_size(Some(limits.string_bytes_max.min(message)))
        .build();
    // It is refused only if frames may be longer than messages.
    built.unwrap_or_default()
}

/// A read transport for Apache's protocols that passes on whole messages only, and only such as are well formed and
/// within limits: every length in them is that of bytes that are there. So nothing behind it allocates for what is
/// merely announced. It stands in the place of `TFramedReadTransport` and `TBufferedReadTransport`.
///
/// ```no_run
/// use bifrost_rpc::compat::CheckedReadTransport;
/// use bifrost_rpc::protocol::Limits;
/// use bifrost_rpc::thrift::protocol::TBinaryInputProtocol;
///
/// let stream = std::net::TcpStream::connect("127.0.0.1:9090")?;
/// let limits = Limits::DEFAULT.with_message_bytes_max(1 << 20);
/// let input = TBinaryInputProtocol::new(CheckedReadTransport::framed(stream, limits), true);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// A message that is refused is an error of kind `InvalidData`; nothing more can be read then.
pub struct CheckedReadTransport<R> {
    inner: R,
    incoming: Incoming,
    limits: Limits,
    /// Bytes of the first message that are not read.
    left: usize,
    is_broken: bool,
}

impl<R> fmt::Debug for CheckedReadTransport<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedReadTransport").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<R: Read> CheckedReadTransport<R> {
    /// Reads messages in frames, as `TFramedWriteTransport` writes them.
    #[must_use]
    pub fn framed(inner: R, limits: Limits) -> Self {
        Self::new(inner, Transport::Framed, limits)
    }

    /// Reads messages that follow one another, as `TBufferedWriteTransport` writes them.
    #[must_use]
    pub fn buffered(inner: R, limits: Limits) -> Self {
        Self::new(inner, Transport::Buffered, limits)
    }

    fn new(inner: R, transport: Transport, limits: Limits) -> Self {
        let incoming = Incoming::new(transport, limits, Budget::new(usize::MAX));
        Self { inner, incoming, limits, left: 0, is_broken: false }
    }

    /// Waits for a whole message; its length, or 0 at the end of the stream.
    fn next_message(&mut self) -> io::Result<usize> {
        loop {
            if let Some(message) = self.incoming.message().map_err(invalid)? {
                check_message(message, self.limits).map_err(invalid)?;
                return Ok(message.len());
            }
            let room = self.incoming.room().map_err(invalid)?;
            let read = self.inner.read(room)?;
            if read == 0 {
                return if self.incoming.content().is_empty() {
                    Ok(0)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            self.incoming.filled(read);
        }
    }
}

impl<R: Read> Read for CheckedReadTransport<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_broken {
            return Err(invalid("an earlier message was refused"));
        }
        if self.left == 0 {
            self.left = self.next_message().inspect_err(|error| {
                self.is_broken = error.kind() == io::ErrorKind::InvalidData;
            })?;
        }
        let bytes = into.len().min(self.left);
        into[..bytes].copy_from_slice(&self.incoming.content()[..bytes]);
        self.left -= bytes;
        self.incoming.pass(bytes, self.left == 0);
        Ok(bytes)
    }
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// Passes over a message to see whether it is well formed and within limits.
fn check_message(message: &[u8], limits: Limits) -> thrift::Result<()> {
    let protocol = WireProtocol::detect(message)?;
    let (_, checked) = in_protocol!(protocol, C => super::apache::check::<C>(message, limits)?);
    checked
}

/// A generated processor whose calls over Apache's protocols are within other limits than the default.
#[derive(Debug, Clone)]
pub struct LimitedProcessor<D> {
    service: D,
    limits: Limits,
}

impl<D: Dispatch> LimitedProcessor<D> {
    /// The processor `service` within `limits`. Give the same to its input protocol, by [`configuration`].
    #[must_use]
    pub fn new(service: D, limits: Limits) -> Self {
        Self { service, limits }
    }
}

impl<D: Dispatch> TProcessor for LimitedProcessor<D> {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        super::process_with_limits(&self.service, input, output, self.limits)
    }
}
