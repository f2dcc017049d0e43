//! The command line, for `bifrost-codegen` and `bifrost gen` alike.

use crate::compile::compile;
use crate::diagnostic::render;
use crate::emit::Options;
use crate::output::{outdated, write_changed};
use std::io::{self, Write};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bifrost-codegen idl/store.thrift --out src/gen
      Write src/gen/store.rs, and a module for each file that store.thrift includes.

  bifrost-codegen idl/*.thrift -I vendor/idl --out src/gen
      Look for included files in vendor/idl too.

  bifrost-codegen idl/*.thrift --out src/gen --check
      Write nothing; fail and list the files that are out of date.";

/// Compile Thrift IDL to Rust clients, servers and types
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// IDL files to compile; files that they include are compiled too
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Directory for the generated modules; only files that changed are written
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Directory to look for included files in, after that of the including file
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    pub include_dirs: Vec<PathBuf>,

    /// Write nothing; exit with 1 and list the files that are out of date, if any
    #[arg(long)]
    pub check: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is written, or up to date.
    Done,
    /// There are errors in the IDL, or files out of date; they were listed.
    Failed,
}

impl Outcome {
    /// The exit status.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
        }
    }
}

/// Runs the command; diagnostics and lists go to `err`.
///
/// # Errors
///
/// A generated file cannot be read or written, or `err` cannot.
pub fn run(args: &Args, err: &mut dyn Write) -> io::Result<Outcome> {
    let modules = match compile(&args.files, &args.include_dirs, &Options::default()) {
        Ok(modules) => modules,
        Err(diagnostics) => {
            err.write_all(render(&diagnostics).as_bytes())?;
            return Ok(Outcome::Failed);
        }
    };
    if !args.check {
        write_changed(&args.out, &modules)?;
        return Ok(Outcome::Done);
    }
    let outdated = outdated(&args.out, &modules)?;
    for path in &outdated {
        writeln!(err, "out of date: {}", path.display())?;
    }
    match outdated.is_empty() {
        true => Ok(Outcome::Done),
        false => {
            writeln!(err, "help: run the same command without `--check`")?;
            Ok(Outcome::Failed)
        }
    }
}
