//! Tells scripts and people where to call.

use anyhow::{Context, Result};
use bifrost_rpc::Server;
use std::io::Write;

/// Prints a line for each address that is listened on.
pub(crate) fn addresses(server: &Server) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for url in server.urls() {
        writeln!(out, "listening on {url}").context("cannot write to standard output")?;
    }
    out.flush().context("cannot write to standard output")
}
