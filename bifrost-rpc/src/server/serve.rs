//! Serving as the whole purpose of a thread.

use super::{ServeError, ServerBuilder};
use thrift::{TransportError, TransportErrorKind};

impl ServerBuilder {
    /// Starts the server and serves until the process ends, as Apache's `TServer::listen` does. A program that wants to
    /// stop in good order calls [`ServerBuilder::start`] and, when it is time, [`Server::shutdown`].
    ///
    /// # Errors
    ///
    /// [`ServeError`]: the server cannot be started. Once it has been, this does not return.
    ///
    /// [`Server::shutdown`]: super::Server::shutdown
    pub fn serve(self) -> thrift::Result<()> {
        let _server = self.start()?;
        loop {
            std::thread::park();
        }
    }
}

impl From<ServeError> for thrift::Error {
    fn from(error: ServeError) -> Self {
        TransportError::new(TransportErrorKind::NotOpen, error.to_string()).into()
    }
}
