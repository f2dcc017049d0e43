//! What a command tells on standard error of the calls that it has to do with.

use crate::fault::usage;
use anyhow::{Result, anyhow};
use std::sync::OnceLock;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is told where the command line does not say it.
const VARIABLE: &str = "BIFROST_LOG";

/// What this process was asked to tell.
static ASKED: OnceLock<Vec<String>> = OnceLock::new();

/// The arguments by which other processes of this executable tell the same.
pub(crate) fn arguments() -> &'static [String] {
    ASKED.get().map_or(&[], Vec::as_slice)
}

/// What is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    /// Tell on standard error how calls get on: debug, trace (each packet of the switch, too), or TARGET=LEVEL,… [default: $BIFROST_LOG, or
    /// nothing]
    #[arg(long, value_name = "LEVEL", global = true)]
    log: Option<String>,

    /// Tell it in JSON, an object a line
    #[arg(long, global = true)]
    log_json: bool,
}

impl Log {
    /// Begins to tell.
    pub(crate) fn start(&self) -> Result<()> {
        let asked = self.log.clone().or_else(|| std::env::var(VARIABLE).ok()).filter(|text| !text.is_empty());
        let Some(text) = asked else { return Ok(()) };
        let targets: Targets = text.parse().map_err(|error| usage(format!("--log {text}: {error}")))?;
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let begun = match self.log_json {
            true => tracing_subscriber::registry().with(targets).with(lines.json()).try_init(),
            false => tracing_subscriber::registry().with(targets).with(lines).try_init(),
        };
        let json = self.log_json.then(|| "--log-json".to_owned());
        // A command line is taken once.
        let _ = ASKED.set(["--log".to_owned(), text].into_iter().chain(json).collect());
        begun.map_err(|error| anyhow!("cannot log: {error}"))
    }
}
