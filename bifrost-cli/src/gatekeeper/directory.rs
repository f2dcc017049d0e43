//! Where a control plane in a process of its own finds its switch.

use super::place::make_private;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// A directory with the sockets of a switch: packets of the control plane's port, and the tables. Neither asks who calls; so nobody but its
/// owner gets into the directory.
#[derive(Debug)]
pub(crate) struct ControlDirectory(PathBuf);

impl ControlDirectory {
    /// One that there is.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes it, for this user alone.
    pub(crate) fn make(path: &Path) -> Result<Self> {
        make_private(path)?;
        Ok(Self::at(path))
    }

    /// The socket of the control plane's port.
    pub(crate) fn packets(&self) -> PathBuf {
        self.0.join("packets.sock")
    }

    /// The URL at which the tables are changed.
    pub(crate) fn runtime(&self) -> String {
        format!("unix://{}?transport=buffered", self.0.join("runtime.sock").display())
    }
}
