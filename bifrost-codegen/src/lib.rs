//! Compiles Thrift IDL to Rust clients, servers and types.
//!
//! The stages are apart: [`load`] reads and parses files ([`syntax`]), [`resolve`] turns them into a [`schema`], and
//! [`emit`] writes one Rust module for each file, in memory. All errors of all files are [`Diagnostic`]s. [`Build`] is
//! the entry point for build scripts, [`cli`] the command line, [`compile()`] the function behind both.
//!
//! What is generated has the shape that Apache's generator gives Rust, so handlers and clients written for that
//! compile unchanged, and is generic over the protocols of `bifrost_rpc`.

mod build_script;
pub mod cli;
mod compile;
pub mod diagnostic;
mod emit;
pub mod load;
pub mod manifest;
pub mod output;
mod references;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod syntax;

pub use build_script::{Build, BuildError};
pub use compile::{Compiled, Outputs, compile, compile_as, compile_from};
pub use diagnostic::{Diagnostic, render};
pub use emit::{Binary, Boxing, Layout, Maps, Options, Unions, emit};
