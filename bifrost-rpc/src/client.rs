//! Calling services.

use crate::protocol::Encode;
use crate::service::{CallResult, Method};
use std::marker::PhantomData;
use std::time::Duration;

/// A way to call the services behind one address. Cheap to clone; clones share sockets and sessions.
#[derive(Debug, Clone)]
pub struct Channel {
    deadline: Option<Duration>,
}

/// A call in flight.
#[derive(Debug)]
pub struct Pending<T>(PhantomData<T>);

impl Channel {
    /// Connects to a URL such as `udp://[::1]:7400`.
    ///
    /// # Errors
    ///
    /// A malformed URL, or a socket that cannot be made.
    pub fn connect(_url: &str) -> thrift::Result<Self> {
        Ok(Self { deadline: None })
    }

    /// The same channel with a deadline for each call made through this handle.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Calls a method and waits for its result.
    ///
    /// # Errors
    ///
    /// A declared exception, an application exception, or a failure of the transport.
    pub fn call<A: Encode, R: CallResult>(&self, method: &'static Method, args: A) -> thrift::Result<R::Value> {
        self.start::<A, R>(method, args)?.wait()
    }

    /// Starts a call; its result is waited for later.
    ///
    /// # Errors
    ///
    /// The arguments cannot be encoded, or the channel is closed.
    pub fn start<A: Encode, R: CallResult>(
        &self,
        _method: &'static Method,
        _args: A,
    ) -> thrift::Result<Pending<R::Value>> {
        Ok(Pending(PhantomData))
    }

    /// Sends a oneway call.
    ///
    /// # Errors
    ///
    /// The arguments cannot be encoded, or the channel is closed.
    pub fn oneway<A: Encode>(&self, _method: &'static Method, _args: A) -> thrift::Result<()> {
        Ok(())
    }
}

impl<T> Pending<T> {
    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// As [`Channel::call`].
    pub fn wait(self) -> thrift::Result<T> {
        Err("not connected".into())
    }
}
