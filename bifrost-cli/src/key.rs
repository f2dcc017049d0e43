//! The key that seals packets, out of a file.

use crate::fault::usage;
use anyhow::{Context, Result};
use bifrost_rpc::Key;
use std::path::Path;

/// Reads a key: 64 hexadecimal digits.
///
/// # Errors
///
/// The file cannot be read, or holds something else.
pub(crate) fn read(path: &Path) -> Result<Key> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
    let what = || usage(format!("{} holds no key: write 64 hexadecimal digits into it", path.display()));
    Key::from_hex(&text).ok_or_else(what)
}
