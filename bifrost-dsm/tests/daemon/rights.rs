//! Who may do what, where nodes are protected from each other.

use crate::support::refused;
use bifrost_dsm::daemon::Daemon;
use bifrost_dsm::{Config, Control, Stamp};
use bifrost_dsm::{Holder, Node};
use bifrost_rpc::memory::{MemoryClient, MemoryStatus};
use std::net::Ipv4Addr;

/// A daemon that protects nodes, and a client at each of two addresses.
fn protected() -> (Daemon, [MemoryClient; 2]) {
    let config = Config { boot: 7, ..Config::default() };
    let daemon = Daemon::builder(config).listen("udp://127.0.0.1:0").listen("udp://[::1]:0").start().unwrap();
    let clients = daemon.server().urls().iter().map(|url| MemoryClient::connect(url).unwrap()).collect::<Vec<_>>();
    (daemon, clients.try_into().unwrap())
}

#[test]
fn another_node_is_refused() {
    let (daemon, [mine, other]) = protected();
    let object = mine.alloc_and_write(vec![1; 100_000]).unwrap();
    let denied = (MemoryStatus::Denied, 0);
    assert_eq!(refused(other.read(object, 0, 1)), denied);
    assert_eq!(refused(other.write(object, 0, vec![2; 100_000])), denied);
    assert_eq!(refused(other.write_slice(object, 0, &[2])), denied);
    assert_eq!(refused(other.free(object)), denied);
    assert_eq!(refused(other.batch(object).write(0, &b"x"[..]).run().unwrap()[0].clone()), denied);
    assert!(mine.read(object, 0, 100_000).unwrap() == vec![1; 100_000]);
    let same = MemoryClient::connect(&daemon.server().urls()[0]).unwrap();
    assert_eq!(same.read(object, 0, 1).unwrap(), [1], "another process of the node");
}

#[test]
fn an_ended_incarnation_is_refused_everything() {
    let (daemon, [mine, other]) = protected();
    let object = mine.alloc_and_write(vec![1; 100]).unwrap();
    let node = Node(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let end = Control::Cleanup { holder: Holder { node, incarnation: 1 } };
    assert!(daemon.memory().control(Stamp { term: 1, sequence: 1 }, &end).unwrap().changed > 0);
    let ended = (MemoryStatus::IncarnationEnded, 0);
    assert_eq!(refused(mine.read(object, 0, 1)), ended);
    assert_eq!(refused(mine.alloc(1)), ended);
    assert_eq!(refused(mine.alloc_and_write(vec![1; 1 << 20])), ended);
    assert!(other.alloc(1).is_ok());
    let metrics = daemon.memory().metrics();
    assert_eq!((metrics.objects, metrics.staged), (1, 0), "what it controlled is freed");
}
