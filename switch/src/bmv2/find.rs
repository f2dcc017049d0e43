//! Which `simple_switch` there is.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Bmv2Error, PROGRAM_NAME};

/// The `simple_switch` in `PATH`.
#[must_use]
pub fn find() -> Option<PathBuf> {
    in_path(Path::new(PROGRAM_NAME))
}

/// The file of a name in `PATH`.
pub(super) fn in_path(name: &Path) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The version that a `simple_switch` says it has.
///
/// # Errors
///
/// It cannot be run, or ends with an error.
pub fn version(path: &Path) -> Result<String, Bmv2Error> {
    let run = |error| Bmv2Error::Run { path: path.to_owned(), error };
    let output = Command::new(path).arg("--version").output().map_err(run)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        return Err(Bmv2Error::Ended { status: output.status, output: text(&output.stderr) });
    }
    Ok(text(&output.stdout))
}
