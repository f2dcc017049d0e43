//! `bifrost gen`: IDL to Rust.

use anyhow::Result;
use bifrost_codegen::cli::{self, Args};

/// For the help text.
pub(crate) const EXAMPLES: &str = "\
Examples:
  bifrost gen idl/store.thrift --out src/gen
      Write src/gen/store.rs, and a module for each file that store.thrift includes.

  bifrost gen idl/*.thrift -I vendor/idl --out src/gen
      Look for included files in vendor/idl too.

  bifrost gen idl/*.thrift --out src/gen --check
      Write nothing; fail and list the files that are out of date.

  bifrost gen idl/*.thrift --out src/gen --layout tree
      Write directories of modules, by `namespace rs`; `pub mod gen;` includes all.

  bifrost gen idl/store.thrift --out src/gen --apache
      Generate for code that was written for Apache's generator.

  bifrost gen idl/*.thrift --out rules --emit manifest
      Write rules/manifest.json, what a switch must know of the services.";

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    Ok(cli::run(args, &mut std::io::stderr().lock())?.code())
}
