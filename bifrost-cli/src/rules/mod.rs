//! `bifrost rules`: the entries of a rack's switch.

mod explain;
mod live;

use crate::fault::{OK, usage};
use anyhow::{Context, Result};
use bifrost_switch::engine::Engine;
use bifrost_switch::rules::{self, Entries, Scope, Sizes, Source};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  bifrost gen idl/*.thrift --out rules --emit manifest
      Make the manifest of the services first.

  bifrost rules rules/manifest.json --rack rack.toml
      List the entries that the rack's switch begins with.

  bifrost rules rules/manifest.json --format cli | simple_switch_CLI
      Fill the tables of a BMv2 that has just been started.

  bifrost rules rules/manifest.json --explain 'rpc_place Arrays'
      Which lines of which files an entry comes from; `--explain 12` takes its number in the list.

  bifrost rules rules/manifest.json --diff tcp://127.0.0.1:9090
      What would change on a running switch; with a file, against what `--format json` wrote.

  bifrost rules rules/manifest.json --install tcp://127.0.0.1:9090
      Change it, new entries before old ones go.";

/// Make the entries of a rack's switch from its services and its description
///
/// What is wrong with manifests and rack description is listed, all of it at once, and nothing is written. docs/rules.md describes the files.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Manifests of the rack's services, as `bifrost gen --emit manifest` writes them
    #[arg(value_name = "MANIFEST", required = true)]
    manifests: Vec<PathBuf>,
    /// The rack's description
    #[arg(long, value_name = "FILE", default_value = "rack.toml")]
    rack: PathBuf,
    /// How entries are written: a list for people, commands for `simple_switch_CLI`, or JSON
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where to; standard output by default
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A compiled program whose sizes of tables count instead of the built-in one's
    #[arg(long, value_name = "JSON")]
    program: Option<PathBuf>,
    /// Say where an entry comes from: its number in the list, or words of its line
    #[arg(long, value_name = "ENTRY", conflicts_with_all = ["diff", "install", "format", "out"])]
    explain: Option<String>,
    /// Say what would change on a running switch (tcp://HOST:PORT, unix:///PATH) or since a file of entries in JSON; status 1 if anything
    #[arg(long, value_name = "URL|FILE", conflicts_with_all = ["install", "format", "out"])]
    diff: Option<String>,
    /// Change a running switch so that its tables say this
    #[arg(long, value_name = "URL", conflicts_with_all = ["format", "out"])]
    install: Option<String>,
    /// With --diff and --install: also the tables that only a control plane fills, which are empty here
    #[arg(long)]
    all: bool,
}

/// How entries are written.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Table,
    Cli,
    Json,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let entries = compile(&args.rack, &args.manifests, args.program.as_deref())?;
    let scope = if args.all { Scope::All } else { Scope::Described };
    if let Some(wanted) = &args.explain {
        return print(&explain::explain(&entries, wanted)?);
    }
    if let Some(with) = &args.diff {
        return live::diff(&entries, with, scope);
    }
    if let Some(url) = &args.install {
        return live::install(&entries, url, scope);
    }
    let text = match args.format {
        Format::Table => rules::listing(&entries),
        Format::Cli => rules::cli(&entries),
        Format::Json => rules::to_json(&entries),
    };
    match &args.out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(OK)
        }
        None => print(&text),
    }
}

/// The entries of a rack; `program`: a compiled program whose sizes of tables count.
///
/// # Errors
///
/// All that is wrong with the files.
pub(crate) fn compile(rack: &Path, manifests: &[PathBuf], program: Option<&Path>) -> Result<Entries> {
    let rack = source(rack)?;
    let manifests: Vec<Arc<Source>> = manifests.iter().map(|path| source(path)).collect::<Result<_>>()?;
    let sizes = match program {
        None => Sizes::default(),
        Some(path) => {
            let program = Engine::load(source(path)?.text(), 0);
            let program = program.map_err(|error| usage(format!("{}: {error}", path.display())))?;
            Sizes::of(&program.tables())
        }
    };
    match rules::compile(&rack, &manifests, &sizes) {
        Ok(intent) => Ok(intent.entries()),
        Err(faults) => Err(usage(format!("there are no rules for this rack\n\n{}", rules::render(&faults).trim_end()))),
    }
}

/// The text of a file, which is read no further than is of use.
pub(crate) fn source(path: &Path) -> Result<Arc<Source>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut text = String::new();
    let limit = rules::FILE_BYTES_MAX as u64 + 1;
    std::fs::File::open(path).with_context(cannot)?.take(limit).read_to_string(&mut text).with_context(cannot)?;
    Ok(Source::new(path, text))
}

fn print(text: &str) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(OK)
}
