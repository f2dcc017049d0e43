//! Writes generated modules: only those that changed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The modules whose files differ from what they should hold, in order.
///
/// # Errors
///
/// A file that is there cannot be read.
pub fn outdated(dir: &Path, modules: &BTreeMap<PathBuf, String>) -> io::Result<Vec<PathBuf>> {
    let mut outdated = Vec::new();
    for (name, text) in modules {
        let path = dir.join(name);
        match std::fs::read(&path) {
            Ok(bytes) if bytes == text.as_bytes() => {}
            Ok(_) => outdated.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => outdated.push(path),
            Err(error) => return Err(about(&path, &error)),
        }
    }
    Ok(outdated)
}

/// Writes the modules that changed and returns their paths. A file appears whole or not at all.
///
/// # Errors
///
/// A file or the directory cannot be written.
pub fn write_changed(dir: &Path, modules: &BTreeMap<PathBuf, String>) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir).map_err(|error| about(dir, &error))?;
    let outdated = outdated(dir, modules)?;
    for (name, text) in modules {
        let path = dir.join(name);
        if outdated.contains(&path) {
            let partial = path.with_extension("rs.partial");
            std::fs::write(&partial, text).map_err(|error| about(&partial, &error))?;
            std::fs::rename(&partial, &path).map_err(|error| about(&path, &error))?;
        }
    }
    Ok(outdated)
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
