//! Where the runtime API is served.

use super::handler::Runtime;
use super::idl::bmv2_simple_pre_lag::SimplePreLagSyncProcessor;
use super::idl::bmv2_simple_switch::SimpleSwitchSyncProcessor;
use super::idl::bmv2_standard::StandardSyncProcessor;
use crate::engine::limits::JSON_BYTES_MAX;
use bifrost_rpc::protocol::Limits;
use bifrost_rpc::{Address, Place, ServeError, Server, Service, StreamAddress, Transport, UrlError};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where it is served unless it is said otherwise.
pub const DEFAULT_URL: &str = "tcp://127.0.0.1:9090?transport=buffered";

/// Bytes of a message: a new program, and the answer that lists a million entries, fit.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// Bytes of all messages that arrive.
const ARRIVING_BYTES_MAX: usize = 256 << 20;
/// Memory for the keys and values of one call.
const DECODED_BYTES_MAX: usize = 8 << 20;
/// The same for an answer, which may list all of a table.
const LISTED_BYTES_MAX: usize = 2 << 30;
/// Elements of one list: entries that are listed, or registers.
const ELEMENTS_MAX: usize = 16 << 20;
/// Calls nest five deep.
const DEPTH_MAX: u8 = 16;
/// Control planes, and people who look, at a time.
const CONNECTIONS_MAX: usize = 64;
/// A connection on which nothing has come for this long ends.
const IDLE: Duration = Duration::from_secs(3600);

const _: () = assert!(JSON_BYTES_MAX < MESSAGE_BYTES_MAX);

/// What a call, and an answer, may be at most.
const LIMITS: Limits = Limits {
    message_bytes_max: MESSAGE_BYTES_MAX,
    string_bytes_max: MESSAGE_BYTES_MAX,
    container_len_max: ELEMENTS_MAX,
    decoded_bytes_max: DECODED_BYTES_MAX,
    depth_max: DEPTH_MAX,
};

/// The same for a client, which asked for the answer.
pub(super) const CLIENT_LIMITS: Limits = LIMITS.with_decoded_bytes_max(LISTED_BYTES_MAX);

/// Why the runtime API is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Whoever reaches it controls the switch.
    #[error("the runtime API has no authentication: {0} is open to other machines, which has to be allowed explicitly")]
    Open(String),
    /// Other clients of this API would not understand it.
    #[error(
        "the runtime API is served at tcp://HOST:PORT?transport=buffered or unix:///PATH?transport=buffered, not at {0}"
    )]
    Transport(String),
    /// The address is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// It cannot be served there.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Serves the runtime API while it lives.
#[derive(Debug)]
pub struct RuntimeServer {
    server: Server,
}

impl RuntimeServer {
    /// Serves at a URL such as [`DEFAULT_URL`] or `unix:///run/switch.sock?transport=buffered`.
    ///
    /// `open`: other machines may call too. There is no authentication; by default only this machine is listened to.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`]. Nothing keeps running then.
    pub fn start(runtime: &Runtime, url: &str, open: bool) -> Result<Self, RuntimeError> {
        permit(url, open)?;
        let mut builder = Server::builder()
            .listen(url)
            .limits(LIMITS)
            .memory_bytes_max(ARRIVING_BYTES_MAX)
            .connections_max(CONNECTIONS_MAX)
            .idle_timeout(IDLE);
        for service in services(runtime) {
            builder = builder.shared_service(service);
        }
        let server = builder.start()?;
        if let Some(address) = server.addresses().first() {
            runtime.set_listening(address.port());
        }
        Ok(Self { server })
    }

    /// Where it is served; port 0 has become the port taken.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Takes no new calls, lets those running finish, for `deadline` at most, and stops.
    pub fn shutdown(self, deadline: Duration) {
        self.server.shutdown(deadline);
    }
}

/// The three services of a runtime, by the names that are on the wire.
#[must_use]
pub fn services(runtime: &Runtime) -> [Arc<dyn Service>; 3] {
    [
        Arc::new(StandardSyncProcessor::new(runtime.clone())),
        Arc::new(SimpleSwitchSyncProcessor::new(runtime.clone())),
        Arc::new(SimplePreLagSyncProcessor::new(runtime.clone())),
    ]
}

/// Refuses what other clients could not call, and what strangers could.
fn permit(url: &str, open: bool) -> Result<(), RuntimeError> {
    match Address::parse(url)? {
        Address::Stream(address) if address.style.transport != Transport::Buffered => {
            Err(RuntimeError::Transport(url.to_owned()))
        }
        Address::Stream(StreamAddress { place: Place::Tcp(address), .. })
            if !open && !is_of_this_machine(address.ip()) =>
        {
            Err(RuntimeError::Open(url.to_owned()))
        }
        Address::Stream(_) => Ok(()),
        _ => Err(RuntimeError::Transport(url.to_owned())),
    }
}

fn is_of_this_machine(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_listened_to_unless_it_is_said_otherwise() {
        for url in [DEFAULT_URL, "tcp://[::1]:1?transport=buffered", "unix:///run/x?transport=buffered"] {
            assert!(permit(url, false).is_ok(), "{url}");
        }
        for url in ["tcp://0.0.0.0:1?transport=buffered", "tcp://[::ffff:10.0.0.1]:1?transport=buffered"] {
            assert!(matches!(permit(url, false), Err(RuntimeError::Open(_))), "{url}");
            assert!(permit(url, true).is_ok(), "{url}");
        }
        for url in ["udp://127.0.0.1:1", "tcp://127.0.0.1:1"] {
            assert!(matches!(permit(url, true), Err(RuntimeError::Transport(_))), "{url}");
        }
    }
}
