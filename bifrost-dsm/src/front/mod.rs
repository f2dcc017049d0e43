//! The control front: where the control plane reaches a memory server, apart from its clients.

mod convert;
mod handler;
mod nodes;

use crate::daemon::SharedMemory;
use bifrost_rpc::endpoint::Stats;
use bifrost_rpc::wire::MEMORY_CONTROL_PORT;
use bifrost_rpc::{Address, Key, Link, Place, ServeError, Server, ServerBuilder, StreamAddress, UrlError};
use handler::Handler;
use idl::memory_control::MemoryControlSyncProcessor;
use std::net::SocketAddr;
use std::time::Duration;

/// The code generated for `idl/memory_control.thrift`: the service's client and types.
pub mod idl {
    include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
}

/// Longest message: a page of the table with all its leases is far below.
const MESSAGE_BYTES_MAX: u32 = 16 << 20;
/// Bytes of messages on their way, of all control planes together.
const TOTAL_BYTES_MAX: usize = 128 << 20;
/// Control planes, and people who look, at a time.
const SESSIONS_MAX: usize = 256;

/// Why a control front cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrontError {
    /// Anybody could send control messages from elsewhere.
    #[error("without a control key, control messages are taken on this machine only, not at {0}")]
    Unsealed(String),
    /// Neither sealed nor kept to this machine.
    #[error("control messages go over udp:// or unix:// only, not {0}")]
    Transport(String),
    /// The address is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// It cannot be served there.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// A running control front. Dropping it stops it.
#[derive(Debug)]
pub struct ControlFront {
    server: Server,
}

impl ControlFront {
    /// Takes control messages at addresses `udp://HOST:PORT`: with a key only those sealed with it; without one from
    /// this machine only, also at `unix:///PATH`, from whoever can send there.
    ///
    /// # Errors
    ///
    /// [`FrontError`]. Nothing keeps running then.
    pub fn start(memory: &SharedMemory, urls: &[String], key: Option<Key>) -> Result<Self, FrontError> {
        urls.iter().try_for_each(|url| permit(url, key.is_some()))?;
        let mut builder = settings(memory, key);
        for url in urls {
            builder = builder.listen(url);
        }
        Ok(Self { server: builder.start()? })
    }

    /// Takes control messages on the server's link to a rack's switch, at its root pointer and port
    /// [`MEMORY_CONTROL_PORT`]. The switch lets them pass from the control plane alone. With the rack's key only those sealed with what
    /// [follows from it](Key::of_memory_control).
    ///
    /// # Errors
    ///
    /// [`FrontError::Serve`]. Nothing keeps running then.
    pub fn on_link(memory: &SharedMemory, link: &Link, rack_key: Option<&Key>) -> Result<Self, FrontError> {
        // A call waits for each message, which is short: no thread stands in between, nor one that receives besides the memory's own.
        let builder = settings(memory, rack_key.map(Key::of_memory_control)).link(link).inline(true).guest(true);
        Ok(Self { server: builder.listen(&format!("udp://[::]:{MEMORY_CONTROL_PORT}")).start()? })
    }

    /// Where it listens.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.server.urls()
    }

    /// What its transport counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.server.stats()
    }

    /// Takes no new messages, lets those under way finish, for `deadline` at most, and stops. Returns the number of those
    /// that did not finish.
    pub fn shutdown(self, deadline: Duration) -> usize {
        self.server.shutdown(deadline)
    }
}

fn settings(memory: &SharedMemory, key: Option<Key>) -> ServerBuilder {
    let builder = Server::builder()
        .service(MemoryControlSyncProcessor::new(Handler::new(memory.clone())))
        .message_bytes_max(MESSAGE_BYTES_MAX)
        .memory_bytes_max(TOTAL_BYTES_MAX)
        .sessions_max(SESSIONS_MAX)
        .workers(2)
        .busy_clients(0);
    match key {
        Some(key) => builder.key(key),
        None => builder,
    }
}

/// Refuses addresses that strangers could send to.
fn permit(url: &str, is_sealed: bool) -> Result<(), FrontError> {
    match Address::parse(url)? {
        Address::Udp(address) if is_sealed || is_of_this_machine(address) => Ok(()),
        Address::Udp(_) => Err(FrontError::Unsealed(url.to_owned())),
        Address::Stream(StreamAddress { place: Place::Unix(_), .. }) => Ok(()),
        _ => Err(FrontError::Transport(url.to_owned())),
    }
}

fn is_of_this_machine(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_key_only_this_machine_is_listened_to() {
        for url in ["udp://[::1]:1", "udp://127.0.0.9:1", "udp://[::ffff:127.0.0.1]:1", "unix:///run/control"] {
            assert!(permit(url, false).is_ok(), "{url}");
        }
        for url in ["udp://0.0.0.0:1", "udp://[::]:1", "udp://10.0.0.1:1", "udp://[::ffff:10.0.0.1]:1"] {
            assert!(matches!(permit(url, false), Err(FrontError::Unsealed(_))), "{url}");
            assert!(permit(url, true).is_ok(), "{url}");
        }
        for is_sealed in [false, true] {
            assert!(matches!(permit("tcp://127.0.0.1:1", is_sealed), Err(FrontError::Transport(_))));
        }
    }
}
