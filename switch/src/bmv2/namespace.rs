//! Network namespaces, so that nobody else reaches a runtime API that asks nobody who they are.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use super::Bmv2Error;
use crate::netns;

/// Where in the network a switch runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// As root in one of its own, if its frames come over a socket; else in the present one.
    #[default]
    Automatic,
    /// In a new one. Needs root and `ip` in `PATH`.
    Own,
    /// In one that `ip netns add` has made. Needs root and `ip` in `PATH`.
    Named(String),
    /// Where this process is: whoever reaches this machine reaches the runtime API.
    Present,
}

impl Namespace {
    /// The same, decided. `needs_interfaces`: those of the present one are not in another.
    pub(super) fn decided(&self, needs_interfaces: bool) -> Self {
        match self {
            Self::Automatic if nix::unistd::geteuid().is_root() && !needs_interfaces => Self::Own,
            Self::Automatic => Self::Present,
            decided => decided.clone(),
        }
    }

    /// Takes the thread that calls there, and what it starts from then on. There is no way back.
    pub(super) fn enter(&self) -> Result<(), Bmv2Error> {
        let said = |what: &str, error: &dyn std::fmt::Display| Bmv2Error::Namespace(format!("{what}: {error}"));
        match self {
            Self::Automatic | Self::Present => return Ok(()),
            Self::Own => unshare(CloneFlags::CLONE_NEWNET).map_err(|error| said("cannot be made", &error))?,
            Self::Named(name) => {
                netns::enter(name).map_err(|error| said(name, &error))?;
            }
        }
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        match up {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(said("`ip link set lo up`", &status)),
            Err(error) => Err(said("`ip` cannot be run", &error)),
        }
    }
}
