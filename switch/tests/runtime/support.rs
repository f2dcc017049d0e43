//! A switch that runs `control.p4`, and where it is served.

use bifrost_switch::SharedEngine;
use bifrost_switch::engine::{Engine, EntryAction, MatchParam, Outputs};
use bifrost_switch::runtime::{Runtime, RuntimeServer, Settings};

/// `control.p4`, compiled.
pub(crate) const CONTROL: &str = include_str!("control.json");

/// The API of an engine that runs `control.p4`.
pub(crate) fn runtime() -> Runtime {
    let engine = SharedEngine::new(Engine::load(CONTROL, 7).unwrap());
    Runtime::new(engine, CONTROL, Settings::default())
}

/// It, served at a free port of this machine.
pub(crate) fn served(runtime: &Runtime) -> RuntimeServer {
    RuntimeServer::start(runtime, "tcp://127.0.0.1:0?transport=buffered", false).unwrap()
}

pub(crate) fn action(name: &str, data: &[&[u8]]) -> EntryAction {
    EntryAction::Action { name: format!("Handle.{name}"), data: data.iter().map(|value| value.to_vec()).collect() }
}

pub(crate) fn prefix(network: [u8; 4], bits: u32) -> Vec<MatchParam> {
    vec![MatchParam::Lpm(network.to_vec(), bits)]
}

/// An Ethernet frame with an IPv4 header.
pub(crate) fn frame(source_mac: u8, destination: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, source_mac, 8, 0];
    frame.extend([0x45, 0, 0, 24, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 9]);
    frame.extend(destination);
    frame.extend(*b"data");
    frame
}

/// The ports by which a frame leaves.
pub(crate) fn ports(runtime: &Runtime, frame: &[u8]) -> Vec<u32> {
    let (shared, mut out) = (runtime.engine(), Outputs::default());
    let now = shared.now();
    shared.with(|engine| engine.process(now, 1, frame, &mut out));
    out.packets().map(|(port, _)| port).collect()
}
