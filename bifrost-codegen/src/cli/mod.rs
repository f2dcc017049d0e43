//! The command line, for `bifrost-codegen` and `bifrost gen` alike.

mod flags;

pub use flags::{Emit, Flags};

use crate::compile::compile_as;
use crate::diagnostic::render;
use crate::emit::Layout;
use crate::load::Disk;
use crate::output::{outdated, stale, write_changed};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  bifrost-codegen idl/store.thrift --out src/gen
      Write src/gen/store.rs, and a module for each file that store.thrift includes.

  bifrost-codegen idl/*.thrift -I vendor/idl --out src/gen
      Look for included files in vendor/idl too.

  bifrost-codegen idl/*.thrift --out src/gen --check
      Write nothing; fail and list the files that are out of date.

  bifrost-codegen idl/*.thrift --out src/gen --layout tree
      Write directories of modules, by `namespace rs`; `pub mod gen;` includes all.

  bifrost-codegen idl/store.thrift --out src/gen --apache
      Generate for code that was written for Apache's generator.

  bifrost-codegen idl/*.thrift --out rules --emit manifest
      Write rules/manifest.json, what a switch must know of the services.";

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

    /// What is generated.
    #[command(flatten)]
    pub flags: Flags,
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
    let compiled = compile_as(&Disk, &args.files, &args.include_dirs, &args.flags.options(), args.flags.outputs());
    let files = match compiled {
        Ok(compiled) => compiled.modules,
        Err(diagnostics) => {
            err.write_all(render(&diagnostics).as_bytes())?;
            return Ok(Outcome::Failed);
        }
    };
    if args.check {
        return check(args, &files, err);
    }
    write_changed(&args.out, &files)?;
    Ok(Outcome::Done)
}

fn check(args: &Args, files: &BTreeMap<PathBuf, String>, err: &mut dyn Write) -> io::Result<Outcome> {
    let outdated = outdated(&args.out, files)?;
    for path in &outdated {
        writeln!(err, "out of date: {}", path.display())?;
    }
    let is_tree = args.flags.layout == Layout::Tree;
    let stale = stale(&args.out, files, is_tree)?;
    for path in &stale {
        writeln!(err, "generated, but not by this command: {}", path.display())?;
    }
    // Several commands may write to one directory, but not to one tree, whose `mod.rs` names all modules.
    let has_stale = is_tree && !stale.is_empty();
    if has_stale {
        writeln!(err, "help: remove what was generated from files that are gone")?;
    }
    if !outdated.is_empty() {
        writeln!(err, "help: run the same command without `--check`")?;
    }
    Ok(if outdated.is_empty() && !has_stale { Outcome::Done } else { Outcome::Failed })
}
