//! Memory operations: none passes that no entry lets pass.

use crate::gatekeeper::{ALLOC, FREE};
use crate::rack::{By, Node, Rack, Through, exact, root};
use crate::service::bytes;
use crate::{SHORT, WAIT};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_rpc::memory::{MemoryClient, MemoryError, Pointer};
use bifrost_rpc::{CallError, Channel, Link};
use bifrost_switch::engine::EntryAction;
use bifrost_switch::runtime::Update;

const READ: u8 = 2;
const WRITE: u8 = 3;
/// Dropped: no access.
const NO_ACCESS: u32 = 40;

fn client(link: &Link, deadline: std::time::Duration) -> MemoryClient {
    let channel = Channel::builder().link(link).deadline(deadline).connect(&format!("udp://[{}]:7400", root()));
    MemoryClient::over(channel.unwrap(), root())
}

fn allow(rack: &Rack, object: Pointer, operation: u8) -> u32 {
    let (id, address) = (object.to_bytes(), Node::Client.address().octets());
    let key = [exact(&[1]), exact(&id[8..]), exact(&[operation]), exact(&address)];
    let allow = EntryAction::Action { name: "allow".to_owned(), data: Vec::new() };
    rack.control.add("memory_access", &key, 0, &allow).unwrap()
}

fn is_lost<T: std::fmt::Debug>(result: &Result<T, MemoryError>) -> bool {
    matches!(result, Err(MemoryError::Call(CallError::Deadline { .. })))
}

fn entries_decide(through: Through, by: By) {
    let rack = Rack::start(through, by);
    let config = Config { boot: 1, ..Config::default() };
    let link = rack.link(Node::Memory);
    let _memory = Daemon::builder(config).transport(|server| server.link(&link)).listen("udp://[::]:7400").start();
    let link = rack.link(Node::Client);
    let (patient, hasty) = (client(&link, WAIT), client(&link, SHORT));

    // The control plane lets the object be made, request and answer, and puts no entry.
    let object = patient.alloc_and_write(bytes(300_000)).unwrap();
    assert!(rack.gatekeeper.seen(ALLOC).len() >= 2, "not redirected");
    let lost = hasty.read(object, 0, 100);
    assert!(is_lost(&lost), "{lost:?}");
    assert!(rack.verdicts(NO_ACCESS) > 0);

    let entry = allow(&rack, object, READ);
    assert!(patient.read(object, 0, 300_000).unwrap() == bytes(300_000));
    assert!(is_lost(&hasty.write(object, 0, vec![1])), "an entry for reads lets a write pass");
    allow(&rack, object, WRITE);
    patient.write(object, 5, vec![9; 20_000]).unwrap();
    assert_eq!(patient.read(object, 4, 2).unwrap(), [bytes(5)[4], 9]);

    rack.control.apply_one(Update::Delete { table: "memory_access".to_owned(), handle: entry }).unwrap();
    let lost = hasty.read(object, 0, 100);
    assert!(is_lost(&lost), "{lost:?}");
    patient.free(object).unwrap();
    assert!(rack.gatekeeper.seen(FREE).len() >= 2, "not redirected");
}

#[test]
fn entries_decide_over_cables() {
    Through::each().for_each(|through| entries_decide(through, By::Cable));
}

#[test]
fn entries_decide_over_tunnels() {
    Through::each().for_each(|through| entries_decide(through, By::Tunnel));
}
