//! Where a rack is managed, and its client.

use crate::fault::usage;
use anyhow::{Context, Result};
use bifrost_rpc::{Address, Channel, Place, StreamAddress};
use bifrost_switch::gatekeeper_driver::manage::idl::gatekeeper::GatekeeperClient;
use nix::unistd::Uid;
use std::fs::{DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time for a control plane to answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Only the owner.
const PRIVATE: u32 = 0o700;

/// Where a rack is managed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct At {
    /// Where the rack's control plane is managed, unix:///PATH or tcp://ADDRESS:PORT of this machine [default: a socket that is this
    /// user's own]
    #[arg(long, value_name = "URL")]
    manage: Option<String>,
}

impl At {
    /// The URL to call.
    pub(crate) fn url(&self) -> String {
        self.manage.clone().unwrap_or_else(|| format!("unix://{}", own_directory().join("rack.sock").display()))
    }

    /// The URL to listen at. The directory of the default is made, for this user alone.
    pub(crate) fn listen(&self) -> Result<String> {
        if self.manage.is_none() {
            make_private(&own_directory())?;
        }
        let url = self.url();
        if is_taken(&url) {
            return Err(usage(format!(
                "a rack is up at {url} already: take it down with `bifrost rack down`, or manage this one elsewhere (--manage URL)"
            )));
        }
        if is_left_over(&url) {
            // What cannot be removed is told when it is to be listened at.
            let _ = path_of(&url).map(std::fs::remove_file);
        }
        Ok(url)
    }

    /// Why nobody answers.
    pub(crate) fn absence(&self) -> String {
        let url = self.url();
        if self.is_away() {
            return format!(
                "Gatekeeper at {url} is away: it was killed. If its rack is up that goes on forwarding; `bifrost rack up --processes` starts \
                 Gatekeeper again by itself"
            );
        }
        format!("no rack is up at {url}")
    }

    /// Whether there was a control plane that did not end in good order, and has not come back.
    pub(crate) fn is_away(&self) -> bool {
        is_left_over(&self.url())
    }

    /// A client of the control plane.
    pub(crate) fn client(&self) -> Result<GatekeeperClient> {
        let url = self.url();
        let channel = Channel::builder().deadline(DEADLINE).connect(&url).with_context(|| url.clone())?;
        Ok(GatekeeperClient::new(channel))
    }
}

fn own_directory() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) => PathBuf::from(directory).join("bifrost"),
        None => std::env::temp_dir().join(format!("bifrost-{}", Uid::effective())),
    }
}

/// Makes a directory, or sees to it that the one there is this user's alone.
pub(super) fn make_private(directory: &Path) -> Result<()> {
    let what = || format!("cannot use {}", directory.display());
    DirBuilder::new().mode(PRIVATE).recursive(true).create(directory).with_context(what)?;
    let found = std::fs::symlink_metadata(directory).with_context(what)?;
    anyhow::ensure!(
        found.is_dir() && found.uid() == Uid::effective().as_raw(),
        "{} is not this user's: give --manage",
        directory.display()
    );
    std::fs::set_permissions(directory, Permissions::from_mode(PRIVATE)).with_context(what)
}

/// Whether there is the socket of a control plane that did not end in good order: one that nobody listens at.
fn is_left_over(url: &str) -> bool {
    let Some(path) = path_of(url) else { return false };
    let is_socket = std::fs::symlink_metadata(&path).is_ok_and(|file| file.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Whether somebody listens there.
fn is_taken(url: &str) -> bool {
    path_of(url).is_some_and(|path| UnixStream::connect(path).is_ok())
}

fn path_of(url: &str) -> Option<PathBuf> {
    match Address::parse(url) {
        Ok(Address::Stream(StreamAddress { place: Place::Unix(path), .. })) => Some(path),
        _ => None,
    }
}
