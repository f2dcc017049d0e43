//! Measures Bifröst against raw sockets and Apache Thrift.
//!
//! A benchmark (ping, echo, arrays, rate, memory, chain) runs over several *variants*: raw UDP, raw TCP, Apache Thrift,
//! Bifröst by value and by reference.
//! What counts is the ratio of medians of one interleaved run, never an absolute figure:
//!
//! * every server is a process of its own, pinned as asked, the same for every variant;
//! * variants take turns in short bursts (A B C A B C …), so that a disturbance hits all of them;
//! * the data of each call are drawn, and its result is checked, outside the timed region, for all variants alike;
//! * every wait is bounded: a lost datagram is an error that names the variant, never a hang.
//!
//! `codec` is apart: it needs no server, and compares encoders and decoders in one process; see `codec/mod.rs`. So is
//! `switch`, which measures the data plane; see `switch/mod.rs`; `rack`, which measures the control plane
//! and calls through a rack, see `rack/mod.rs`; `forwarding`, which measures ways between two nodes; and
//! `breakdown`, which divides the time of a call into parts; see `breakdown/mod.rs`.
//!
//! To add a variant write one file in `variants/` that implements `Variant` and `Session`, and name it in
//! `variants::ALL`. To add a workload add it to `Bench` and to `Session`, or give its variants a `Task`. The README says what each variant does.
#![forbid(unsafe_code)]

mod breakdown;
mod cases;
mod chain;
mod child;
pub mod cli;
mod clock;
mod codec;
mod forwarding;
mod machine;
mod output;
mod plan;
mod points;
mod progress;
mod rack;
mod random;
mod report;
mod rows;
mod runner;
mod server;
mod servers;
pub mod services;
mod sockets;
mod stats;
mod switch;
mod task;
mod together;
mod variants;
mod watchdog;
mod workload;

pub use server::server_main;
