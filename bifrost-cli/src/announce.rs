//! Tells scripts and people where to call.

use anyhow::{Context, Result};
use std::io::Write;

/// Prints a line.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Prints a line for each address: what is done there, and where.
pub(crate) fn addresses(what: &str, urls: impl IntoIterator<Item = String>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for url in urls {
        writeln!(out, "{what} {url}").context("cannot write to standard output")?;
    }
    out.flush().context("cannot write to standard output")
}
