//! What generated code tells the runtime about a service, and how a server reaches its handler.

use crate::buffer::MessageBuffer;
use crate::protocol::{Limits, MessageHeader, Reader, Writer};
use crate::wire::Pointer;
use std::time::Duration;

mod answer;
pub(crate) mod call;
mod serve;

pub use answer::{
    bad_arguments, exception, missing_field, missing_result, read_application_error, reply, unknown_method,
    write_application_error,
};
pub use call::{
    decode_answer, decode_answer_shared, decode_answer_shared_with_limits, decode_answer_with_limits, encode_call,
    encode_call_in,
};
pub(crate) use call::{decode_answer_received, write_call};
pub use serve::serve;
pub(crate) use serve::{check_call, panicked, write_failure};

/// One method of a service, as the IDL declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The concrete service, as in the IDL. An inherited method names the service that inherits it.
    pub service: &'static str,
    /// The method, as in the IDL.
    pub name: &'static str,
    /// No reply is sent.
    pub oneway: bool,
    /// `(bifrost.short)`: the handler returns within microseconds and may run on the I/O thread.
    pub short: bool,
    /// `(bifrost.idempotent)`: a call whose outcome is unknown may be issued again.
    pub idempotent: bool,
}

/// What a handler's call may know of its transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallContext<'a> {
    /// What is left of the caller's deadline; `None` without one.
    pub deadline: Option<Duration>,
    /// The method that the packet's header announced, which the message must be for; `None` where there is no such
    /// header.
    pub method: Option<&'static str>,
    /// What the call's message and its answer may make the service do: those of the server.
    pub limits: Limits,
    /// The pointers that the call's packets told of: what the call leases.
    pub pointers: &'a [Pointer],
    /// Whether the caller understands references in the answer. Otherwise an answer with pointers
    /// ([`MessageBuffer::put_pointer`]) is not sent, but an internal error.
    pub references: bool,
}

/// What a server sends after a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A REPLY message was written (a result or a declared exception).
    Reply,
    /// An EXCEPTION message was written (an application exception).
    Exception,
    /// A oneway method: nothing was written.
    Nothing,
}

/// A processor: decodes the arguments of a call, runs the handler, writes the answer. Generated for each service.
pub trait Dispatch: Send + Sync + 'static {
    /// The service's name in the IDL.
    const SERVICE: &'static str;
    /// All its methods, inherited ones included.
    const METHODS: &'static [Method];

    /// Runs the call whose message header was read from `args`; the answer, message header included, goes to `out`.
    ///
    /// # Errors
    ///
    /// Only a failure to write the answer. Bad arguments, unknown methods and failing handlers are answered with an
    /// EXCEPTION (nothing, for oneway).
    fn dispatch<R: Reader, W: Writer>(
        &self,
        header: &MessageHeader,
        args: &mut R,
        out: &mut W,
    ) -> thrift::Result<Answer>;
}

/// [`Dispatch`] made into an object: one message in, one message out, in whatever protocol the message is in.
pub trait Service: Send + Sync + 'static {
    /// The service's name in the IDL.
    fn name(&self) -> &'static str;
    /// All its methods, inherited ones included.
    fn methods(&self) -> &[Method];
    /// Whether references are understood in the arguments, so that callers may send them.
    fn understands_references(&self) -> bool {
        true
    }
    /// Runs the call in `request` (one Thrift message), whose method may be named with or without the prefix of this
    /// service (`Service:method`); the answer is appended to `reply`. Both stay within the limits of `context`.
    ///
    /// # Errors
    ///
    /// The request is no Thrift message in a known protocol, or the answer exceeds the limits of `reply`.
    fn call(&self, request: &[u8], context: &CallContext, reply: &mut MessageBuffer) -> thrift::Result<Answer>;
}

/// The result struct of a method: the value or a declared exception.
pub trait CallResult: crate::protocol::Decode {
    /// What the method returns.
    type Value;

    /// The value, or the declared exception as [`thrift::Error::User`].
    ///
    /// # Errors
    ///
    /// The declared exception; or a missing result, when a value was expected and none came.
    fn into_value(self) -> thrift::Result<Self::Value>;
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
