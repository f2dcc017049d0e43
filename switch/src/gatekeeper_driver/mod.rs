//! Gatekeeper as a running thing: one thread that owns the state machine, and what that is connected to.
//!
//! ```text
//! control plane's port ──▶ packet-ins ──▶ state machine ──▶ packet-outs ──▶ port
//!                      ◀─▶ link to memory servers ◀── control messages, tables
//!                            the switch's tables  ◀── batches of changes
//!                  log, on a thread of its own    ◀── records
//! ```
//!
//! The same thread receives, decides, and sends: with nobody to hand over to, a held call waits for memory servers and tables alone. Where the switch is in the
//! same process that is the switch's thread which brings the packet; the driver's own has timers, events, and packets that may take long.

mod asker;
mod cable;
mod changer;
mod counts;
mod driver;
mod followed;
mod headers;
mod journal;
mod lane;
mod log;
mod log_codec;
mod machine;
pub mod manage;
mod run;
mod servers;
mod table_reader;
mod tables;
mod waker;
mod watch;

pub use asker::Asker;
pub use counts::Counts;
pub use driver::{Driver, DriverError, Parts};
pub use log::{LOG_FILE, Log, LogError};
pub use machine::Machine;
pub use servers::Place;
