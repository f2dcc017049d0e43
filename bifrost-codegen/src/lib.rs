//! Compiles Thrift IDL to Rust.

mod build_script;
pub mod cli;
mod compile;
pub mod diagnostic;
mod emit;
pub mod load;
pub mod output;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod syntax;

pub use build_script::{Build, BuildError};
pub use compile::{Compiled, compile, compile_from};
pub use diagnostic::{Diagnostic, render};
pub use emit::{Options, emit};
