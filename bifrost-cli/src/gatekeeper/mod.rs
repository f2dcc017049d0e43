//! Gatekeeper, as commands start it.

mod command;
mod directory;
mod place;

pub(crate) use command::{ASKED, Args, run};
pub(crate) use directory::ControlDirectory;
pub(crate) use place::At;

use crate::fault::usage;
use crate::{clock, units};
use anyhow::Result;
use bifrost_rpc::{FramePort, Key};
use bifrost_switch::gatekeeper::{Config, Gatekeeper};
use bifrost_switch::gatekeeper_driver::manage::{ManageError, ManageServer, MetricsError, MetricsServer};
use bifrost_switch::gatekeeper_driver::{Driver, Log, Parts, Place};
use bifrost_switch::rules::Intent;
use bifrost_switch::runtime::SwitchControl;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time for those who look to get their answers, at the end.
const DRAIN: Duration = Duration::from_secs(1);
/// How often it is seen whether it is ready.
const LOOK: Duration = Duration::from_millis(5);

/// How Gatekeeper runs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Directory for what outlives Gatekeeper: registrations, incarnations and terms. Without it a rack begins anew each time
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Where metrics are served to Prometheus, ADDRESS:PORT of this machine; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,

    /// How often nodes send heartbeats; one is suspected after two without any, and then declared dead
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = units::duration)]
    heartbeat: Duration,
}

impl Options {
    /// The same, with what outlives Gatekeeper in this directory unless it is said where.
    pub(crate) fn or_state(mut self, directory: PathBuf) -> Self {
        self.state.get_or_insert(directory);
        self
    }

    /// Whether anything outlives Gatekeeper.
    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// What outlives Gatekeeper. One process at a time can have it.
    pub(crate) fn log(&self) -> Result<Log> {
        Ok(self.state.as_ref().map(|directory| Log::open(directory)).transpose()?.unwrap_or_else(Log::in_memory))
    }

    /// The same for another process.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = vec!["--heartbeat".to_owned(), format!("{}us", self.heartbeat.as_micros())];
        if let Some(state) = &self.state {
            all.extend(["--state".to_owned(), state.display().to_string()]);
        }
        if let Some(metrics) = &self.metrics {
            all.extend(["--metrics".to_owned(), metrics.to_string()]);
        }
        all
    }
}

/// A running Gatekeeper.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    driver: Driver<Gatekeeper>,
    manage: ManageServer,
    metrics: Option<MetricsServer>,
    is_told_to_stop: Arc<AtomicBool>,
}

impl ControlPlane {
    /// Starts Gatekeeper at the control plane's port of a switch, and its management at a URL.
    pub(crate) fn start(
        log: Log,
        port: Arc<dyn FramePort>,
        switch: Arc<dyn SwitchControl>,
        rules: Intent,
        key: Option<Key>,
        manage: &str,
        options: &Options,
    ) -> Result<Self> {
        let fabric = rules.topology().fabric().clone();
        let place =
            Place { prefix: fabric.prefix, memory_prefix: fabric.memory_prefix, mac: fabric.mac.0, key: key.clone() };
        let config = Config { key, heartbeat: options.heartbeat, ..Config::new(rules) };
        let parts = Parts { port, switch: Arc::clone(&switch), log, place };
        let driver = Driver::gatekeeper(parts, config)?;
        let is_told_to_stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_told_to_stop);
        let stop = move || told.store(true, Ordering::Release);
        let manage = ManageServer::start(&driver.asker(), Arc::clone(&switch), manage, stop).map_err(manage_error)?;
        let metrics = options.metrics.map(|address| MetricsServer::start(&driver.asker(), switch, address));
        Ok(Self { driver, manage, metrics: metrics.transpose().map_err(metrics_error)?, is_told_to_stop })
    }

    /// Waits until it decides, so long at most; says whether it does.
    pub(crate) fn wait_ready(&self, within: Duration) -> bool {
        let until = clock::now() + within;
        while !self.driver.asker().ask(|gatekeeper, _, _| gatekeeper.is_ready()).unwrap_or(false) {
            if clock::now() >= until || !self.driver.is_running() {
                return false;
            }
            clock::pause(LOOK);
        }
        true
    }

    /// Whether it runs, and nobody wants it to end.
    pub(crate) fn is_running(&self) -> bool {
        !self.has_ended() && !self.is_told_to_stop()
    }

    /// Whether it has ended by itself: the switch has ended, or another control plane has taken over.
    pub(crate) fn has_ended(&self) -> bool {
        !self.driver.is_running()
    }

    /// Whether somebody who manages it wants the rack to end.
    pub(crate) fn is_told_to_stop(&self) -> bool {
        self.is_told_to_stop.load(Ordering::Acquire)
    }

    /// Where it is managed.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.manage.urls()
    }

    /// Where metrics are read.
    pub(crate) fn metrics_url(&self) -> Option<String> {
        self.metrics.as_ref().map(|metrics| format!("http://{}/metrics", metrics.address()))
    }

    /// Ends it in good order.
    pub(crate) fn shutdown(self) {
        self.manage.shutdown(DRAIN);
        drop(self.metrics);
        self.driver.shutdown();
    }
}

fn manage_error(error: ManageError) -> anyhow::Error {
    match error {
        ManageError::Open(_) | ManageError::Url(_) => usage(error.to_string()),
        other => other.into(),
    }
}

fn metrics_error(error: MetricsError) -> anyhow::Error {
    match error {
        MetricsError::Open(_) => usage(error.to_string()),
        other => other.into(),
    }
}
