//! Entries added and deleted.

use anyhow::{Context, Result};
use bifrost_switch::SharedEngine;
use bifrost_switch::bmv2::Bmv2;
use bifrost_switch::engine::Engine;
use bifrost_switch::runtime::{Client, Runtime, RuntimeServer, Settings, SwitchControl, Update};

use super::super::rack;
use super::{Subject, per_second};
use crate::clock;

/// Entries that are added, and deleted, in a sample: each time one batch, whose calls are sent without waiting for answers.
const ENTRIES: u64 = 256;

/// A switch as a control plane drives it.
#[derive(Debug)]
pub(super) struct Changes {
    switch: Box<dyn SwitchControl>,
    _keeps: Keeps,
}

/// What runs as long as it is measured.
#[derive(Debug)]
enum Keeps {
    Nothing,
    Server { _server: RuntimeServer },
    Bmv2 { _switch: Bmv2 },
}

fn runtime() -> Result<Runtime> {
    let engine = SharedEngine::new(Engine::load(bifrost_switch::PROGRAM, 1)?);
    Ok(Runtime::new(engine, bifrost_switch::PROGRAM, Settings::default()))
}

impl Changes {
    pub(super) fn in_process() -> Result<Self> {
        Ok(Self { switch: Box::new(runtime()?), _keeps: Keeps::Nothing })
    }

    /// Over a TCP connection, as BMv2 has it.
    pub(super) fn over_thrift() -> Result<Self> {
        let server = RuntimeServer::start(&runtime()?, "tcp://127.0.0.1:0?transport=buffered", false)?;
        Ok(Self { switch: Box::new(Client::connect(&server.url())?), _keeps: Keeps::Server { _server: server } })
    }

    pub(super) fn bmv2(switch: Bmv2) -> Result<Self> {
        Ok(Self { switch: Box::new(Client::connect(switch.url())?), _keeps: Keeps::Bmv2 { _switch: switch } })
    }
}

impl Subject for Changes {
    fn sample(&mut self) -> Result<f64> {
        let adds: Vec<Update> = (0..ENTRIES).map(|number| rack::access(1_000_000 + number)).collect();
        let start = clock::now();
        let handles = rack::apply(self.switch.as_ref(), &adds)?;
        let table = || "memory_access".to_owned();
        let delete = |handle: Option<u32>| Some(Update::Delete { table: table(), handle: handle? });
        let deletes: Option<Vec<Update>> = handles.into_iter().map(delete).collect();
        let deletes = deletes.context("an entry without a handle")?;
        rack::apply(self.switch.as_ref(), &deletes)?;
        Ok(per_second(adds.len() + deletes.len(), start))
    }
}
