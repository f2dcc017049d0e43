//! A memory server that serves: a [`Memory`](crate::Memory) behind the transport.
//!
//! ```no_run
//! use bifrost_dsm::{Config, daemon::Daemon};
//! use std::time::Duration;
//!
//! let config = Config { open: true, boot: 7, ..Config::default() };
//! let daemon = Daemon::builder(config).listen("udp://[::1]:7500").start()?;
//! println!("{} objects", daemon.memory().metrics().objects);
//! daemon.shutdown(Duration::from_secs(1));
//! # Ok::<(), bifrost_rpc::ServeError>(())
//! ```

mod boot;
mod builder;
mod followed;
mod handler;
mod sessions;
mod shared;
mod translate;

pub use boot::{BootError, next_boot};
pub use builder::DaemonBuilder;
pub use shared::SharedMemory;

use crate::config::Config;
use bifrost_rpc::Server;
use std::time::Duration;

/// A running memory server. Dropping it stops it at once.
#[derive(Debug)]
pub struct Daemon {
    server: Server,
    memory: SharedMemory,
}

impl Daemon {
    /// Settings for a daemon to be. The memory is there from now on, so that services can be given it.
    #[must_use]
    pub fn builder(config: Config) -> DaemonBuilder {
        DaemonBuilder::new(config)
    }

    /// Its memory.
    #[must_use]
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// The transport underneath: addresses, counts.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Takes no new operations, sends the answers that are due, for `deadline` at most, and stops. All objects are gone
    /// then. Returns the number of calls that did not finish.
    pub fn shutdown(self, deadline: Duration) -> usize {
        self.server.shutdown(deadline)
    }
}
