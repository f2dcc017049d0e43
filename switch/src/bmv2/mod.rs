//! BMv2's `simple_switch` as a data plane: a process that is started or attached to, its runtime API, and frames through it.
//!
//! With [`Packets::Socket`] frames go in and out over a Unix socket, with no right that only root has; with [`Packets::Interfaces`]
//! over network interfaces. `simple_switch` listens for its runtime API on all addresses and asks nobody who they are: as root it gets a
//! network namespace of its own, where only [`Bmv2::url`], a Unix socket in a private folder, leads to it.
//!
//! ```no_run
//! use bifrost_switch::bmv2::{Bmv2, Settings};
//! use std::time::Duration;
//!
//! let switch = Bmv2::start(&Settings::new(bifrost_switch::PROGRAM))?;
//! let runtime = switch.runtime()?;
//! let (mut sender, mut receiver) = switch.packets()?;
//! sender.send(1, b"a frame")?;
//! let frame = receiver.receive(Duration::from_secs(1))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod find;
mod keeper;
mod namespace;
mod nanomsg;
mod packets;
mod process;
mod relay;

use std::path::PathBuf;
use std::time::Duration;

use crate::runtime::idl::bmv2_simple_pre_lag::SimplePreLagClient;
use crate::runtime::idl::bmv2_simple_switch::SimpleSwitchClient;
use crate::runtime::idl::bmv2_standard::StandardClient;

pub use find::{find, version};
pub use namespace::Namespace;
pub use nanomsg::{Decoder, FramingError, MESSAGE_BYTES_MAX};
pub use packets::{FRAME_BYTES_MAX, PacketReceiver, PacketSender};
pub use process::Bmv2;

/// The file name of the program in `PATH`.
pub const PROGRAM_NAME: &str = "simple_switch";

/// How frames come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packets {
    /// Over one Unix socket, see [`Bmv2::packets`]. Any port number will do.
    Socket,
    /// Over network interfaces, each with the port that it is. Needs root.
    Interfaces(Vec<(u32, String)>),
}

/// What to start, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The `simple_switch` to run; without one that in `PATH`.
    pub path: Option<PathBuf>,
    /// The program: JSON of BMv2.
    pub program: String,
    /// How frames come and go; by default over a socket.
    pub packets: Packets,
    /// Where in the network it runs; by default in a namespace of its own as root, else in the present one.
    pub namespace: Namespace,
    /// Packets that each queue holds; by default 10,000. BMv2's own 64 loses bursts.
    pub queue_packets: u32,
    /// Packets in a second that leave a queue at most; by default as many as can.
    pub queue_packets_per_s: Option<u32>,
    /// Options of the target that follow `--`, such as `--enable-swap`.
    pub target_options: Vec<String>,
    /// How long it may take until it answers; by default a minute.
    pub start_timeout: Duration,
}

impl Settings {
    /// The defaults, for a program.
    #[must_use]
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            path: None,
            program: program.into(),
            packets: Packets::Socket,
            namespace: Namespace::default(),
            queue_packets: 10_000,
            queue_packets_per_s: None,
            target_options: Vec::new(),
            start_timeout: Duration::from_secs(60),
        }
    }
}

/// Clients of the three services of the runtime API. `cxt_id` is always 0.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Tables, action profiles, counters, registers, digests.
    pub standard: StandardClient,
    /// Mirroring sessions and queues.
    pub simple_switch: SimpleSwitchClient,
    /// Multicast groups.
    pub groups: SimplePreLagClient,
}

/// Why BMv2 cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Bmv2Error {
    /// There is none.
    #[error("no `{PROGRAM_NAME}` in PATH")]
    NotFound,
    /// It cannot be run.
    #[error("cannot run {path}: {error}")]
    Run {
        /// What was run.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// It ended. The text is the end of what it wrote.
    #[error("simple_switch ended ({status}); it said:\n{output}")]
    Ended {
        /// How.
        status: std::process::ExitStatus,
        /// At most its last 4 KiB.
        output: String,
    },
    /// It did not answer in time. The text is the end of what it wrote.
    #[error("simple_switch did not answer within {within:?}; it said:\n{output}")]
    Silent {
        /// How long it was waited for.
        within: Duration,
        /// At most its last 4 KiB.
        output: String,
    },
    /// An interface is not there, or is not its to take.
    #[error("simple_switch has not taken the interface {name} as port {port}")]
    Interface {
        /// The port that it was to be.
        port: u32,
        /// Its name.
        name: String,
    },
    /// The namespace could not be made or entered.
    #[error("network namespace: {0}")]
    Namespace(String),
    /// It has no socket for frames.
    #[error("this switch was not started, or attached to, with a socket for packets")]
    NoPackets,
    /// A file, a socket or a process.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A call of the runtime API failed.
    #[error("runtime API: {0}")]
    Runtime(#[from] thrift::Error),
}
