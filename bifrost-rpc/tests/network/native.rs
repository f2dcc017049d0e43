//! Memory over links that route by pointers, in a network namespace of its own: a `local` route (AnyIP) gives a memory server
//! all addresses of its /48. Needs root; skipped, and said so, without.

use crate::support::store::Store;
use crate::support::{Random, Watchdog};
use bifrost_rpc::memory::{MemoryClient, Pointer};
use bifrost_rpc::{Channel, Key, Server};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;

/// All addresses of the pointers that [`Store`] gives out.
const ROUTE: &str = "0:0:fd01::/48";

/// Puts this thread, and what it makes from now on, into a network namespace with nothing but its loopback device.
fn enter_namespace() -> Result<(), String> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).map_err(|error| format!("unshare: {error}"))?;
    for arguments in ["link set lo up", &format!("-6 route add local {ROUTE} dev lo")] {
        let ran = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
        if !ran.status.success() {
            return Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&ran.stderr)));
        }
    }
    Ok(())
}

/// Runs a test in a namespace, or says why it does not.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let ran = std::thread::spawn(move || enter_namespace().map(|()| test())).join();
    if let Err(why) = ran.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
        // Past the harness, which swallows what a passing test prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no network namespace to be had ({why})");
    }
}

fn set_up(key: Option<Key>) -> (Server, MemoryClient) {
    let mut builder = Server::builder().listen("udp://[::]:7400").memory(Arc::new(Store::default())).native(true);
    let mut channel = Channel::builder().native(true).deadline(std::time::Duration::from_secs(20));
    if let Some(key) = key {
        (builder, channel) = (builder.key(key.clone()), channel.key(key));
    }
    let server = builder.start().unwrap();
    let root = Pointer::new(0xFD, 1, 0);
    let channel = channel.connect(&format!("udp://[{root}]:7400")).unwrap();
    (server, MemoryClient::over(channel, root))
}

#[test]
fn memory_is_reached_at_the_addresses_of_its_pointers() {
    let _watchdog = Watchdog::of("native links", 100);
    for key in [None, Some(Key::from_bytes([5; 32]))] {
        in_namespace(move || {
            let (server, client) = set_up(key);
            for len in [1, 64, 5000, 300_000, 2 << 20] {
                let data = Random::new(len as u64).bytes(len);
                let object = client.alloc(len as u64).unwrap();
                client.write(object, 0, data.clone()).unwrap();
                let mut place = Vec::with_capacity(len);
                client.read_into(object, 0, len as u64, &mut place).unwrap();
                assert!(place == data);
                client.free(object).unwrap();
            }
            assert_eq!(server.stats().misplaced, 0);
        });
    }
}

/// A client that sends all its packets to one address gets nowhere.
#[test]
fn ordinary_clients_are_not_heard() {
    let _watchdog = Watchdog::of("native links", 100);
    in_namespace(|| {
        let (server, _client) = set_up(None);
        let deadline = std::time::Duration::from_millis(300);
        let channel = Channel::builder().deadline(deadline).connect("udp://[::1]:7400").unwrap();
        let client = MemoryClient::over(channel, Pointer::new(0xFD, 1, 0));
        assert!(client.alloc(10).is_err());
        assert!(server.stats().misplaced > 0);
    });
}
