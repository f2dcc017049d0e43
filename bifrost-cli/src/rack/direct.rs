//! The same services without a switch: over UDP of this machine, and a memory server that is open to all.

use super::check::{Calls, DEADLINE};
use crate::{clock, services};
use anyhow::{Context, Result};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_rpc::memory::GlobalMemory;
use bifrost_rpc::{Channel, Server};
use std::time::Duration;

const LISTEN: &str = "udp://[::1]:0";
const DRAIN: Duration = Duration::from_secs(1);

pub(super) struct Direct {
    calls: Calls,
    server: Server,
    memory: Daemon,
}

impl Direct {
    pub(super) fn start() -> Result<Self> {
        let config = Config { open: true, boot: clock::unix_seconds(), ..Config::default() };
        let memory = Daemon::builder(config).listen(LISTEN).start()?;
        let memory_url = memory.server().urls().pop().context("no address of the memory server")?;
        let connect_memory = || GlobalMemory::connect_with(&memory_url, Channel::builder().deadline(DEADLINE));
        let mut builder = Server::builder().listen(LISTEN).global_memory(connect_memory()?);
        let names = ["Ping", "Echo", "SharedArrays", "Counter"].map(str::to_owned);
        for builtin in services::named(&names)? {
            builder = builder.shared_service(builtin.service);
        }
        let server = builder.start()?;
        let url = server.urls().pop().context("no address of the services")?;
        let channel = Channel::builder().global_memory(connect_memory()?).deadline(DEADLINE).connect(&url)?;
        Ok(Self { calls: Calls::connect(|_| Ok(channel.clone()))?, server, memory })
    }

    pub(super) fn calls(&mut self) -> &mut Calls {
        &mut self.calls
    }

    pub(super) fn stop(self) {
        drop(self.calls);
        self.server.shutdown(DRAIN);
        self.memory.shutdown(DRAIN);
    }
}
