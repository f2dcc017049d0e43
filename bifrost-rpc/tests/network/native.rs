//! Memory over links that route by pointers, in a network namespace of its own: a `local` route (AnyIP) gives a memory server
//! all addresses of its /48. Links of nodes over the kernel's sockets, too. Needs root; skipped, and said so, without.

use crate::support::probe::Probe;
use crate::support::store::Store;
use crate::support::{Client, Random, Watchdog};
use bifrost_rpc::memory::{MemoryClient, Pointer};
use bifrost_rpc::wire::{Header, PacketType};
use bifrost_rpc::{Channel, Key, Link, LinkError, Server};
use std::io::Write;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All addresses of the pointers that [`Store`] gives out.
const ROUTE: &str = "0:0:fd01::/48";
/// A rack's.
const PREFIX: &str = "fd00:b1f0:0:1::";

/// Puts this thread, and what it makes from now on, into a network namespace with nothing but its loopback device.
fn enter_namespace() -> Result<(), String> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).map_err(|error| format!("unshare: {error}"))?;
    let routes = [ROUTE.to_owned(), format!("{PREFIX}/64")].map(|route| format!("-6 route add local {route} dev lo"));
    for arguments in ["link set lo up", &routes[0], &routes[1]] {
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
    let mut channel = Channel::builder().native(true).deadline(Duration::from_secs(20));
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
        let deadline = Duration::from_millis(300);
        let channel = Channel::builder().deadline(deadline).connect("udp://[::1]:7400").unwrap();
        let client = MemoryClient::over(channel, Pointer::new(0xFD, 1, 0));
        assert!(client.alloc(10).is_err());
        assert!(server.stats().misplaced > 0);
    });
}

/// A node's link, over sockets of the kernel. Nodes of one namespace need different ports.
fn link(node: u16) -> Link {
    Link::builder().attach(&format!("native://[{PREFIX}{node:x}]:{}?node=n{node}", 7410 + node)).unwrap()
}

fn call(link: &Link, url: &str) -> Client {
    Client(Channel::builder().link(link).deadline(Duration::from_secs(60)).connect(url).unwrap())
}

#[test]
fn calls_cross_links_over_the_kernels_sockets() {
    let _watchdog = Watchdog::of("calls over native links", 100);
    in_namespace(|| {
        let (server, client) = (link(1), link(2));
        let running =
            Server::builder().link(&server).listen("udp://[::]:7400").service(Probe::default()).start().unwrap();
        assert_eq!(running.url(), format!("udp://[{PREFIX}1]:7400"));
        for url in ["rack://Probe", &running.url()] {
            let caller = call(&client, url);
            for len in [0, 1, 1300, 70_000, 2 << 20] {
                let data = Random::new(len as u64).bytes(len);
                assert!(caller.echo(data.clone()).unwrap() == data, "another content of {len} bytes");
            }
        }
        assert_eq!((server.odd_frames(), client.odd_frames()), (0, 0));
        let taken = Server::builder().link(&client).listen("udp://[::]:7400").service(Probe::default()).start();
        assert!(taken.unwrap_err().to_string().contains("in use"), "another node of the machine has the port");
    });
}

#[test]
fn memory_is_reached_by_links_over_the_kernels_sockets() {
    let _watchdog = Watchdog::of("memory over native links", 100);
    in_namespace(|| {
        let root = Pointer::new(0xFD, 1, 0);
        let server = Link::builder().attach(&format!("native://[{root}]:7411?prefix={PREFIX}")).unwrap();
        let builder = Server::builder().link(&server).listen("udp://[::]:7400").memory(Arc::new(Store::default()));
        let running = builder.start().unwrap();
        let client = link(2);
        let channel = Channel::builder().link(&client).deadline(Duration::from_secs(60));
        let memory = MemoryClient::over(channel.connect(&format!("udp://[{root}]:7400")).unwrap(), root);
        let data = Random::new(1).bytes(300_000);
        let object = memory.alloc(300_000).unwrap();
        memory.write(object, 0, data.clone()).unwrap();
        let mut place = Vec::new();
        memory.read_into(object, 0, 300_000, &mut place).unwrap();
        assert!(place == data);
        assert_eq!(running.stats().misplaced, 0);
    });
}

/// What the switch has not seen, as it has looked at the first packet of each datagram.
#[test]
fn what_is_not_one_packet_is_dropped_from_the_kernels_sockets() {
    let _watchdog = Watchdog::of("odd datagrams", 100);
    in_namespace(|| {
        let server = link(1);
        let service =
            Server::builder().link(&server).listen("udp://[::]:7400").service(Probe::default()).start().unwrap();
        let builder = Server::builder().native(true).listen("udp://[::]:7401").service(Probe::default());
        let plain = builder.start().unwrap();
        let sender = UdpSocket::bind("[::1]:0").unwrap();
        let packet = Header::new(PacketType::Ping).to_bytes();
        let odd = [[&packet[..], &packet[..]].concat(), packet[..50].to_vec(), Vec::new(), b"nothing".to_vec()];
        for (datagram, port) in odd.iter().flat_map(|datagram| [(datagram, 7400), (datagram, 7401)]) {
            sender.send_to(datagram, format!("[{PREFIX}1]:{port}")).unwrap();
        }
        let (since, all) = (Instant::now(), odd.len() as u64);
        while (server.odd_frames(), plain.stats().odd) != (all, all) {
            assert!(since.elapsed() < Duration::from_secs(20), "{} {:?}", server.odd_frames(), plain.stats());
            std::thread::yield_now();
        }
        assert_eq!((service.stats().packets_in, plain.stats().packets_in), (0, 0));
    });
}

#[test]
fn wrong_native_links_are_told() {
    let error = |url: &str| Link::builder().attach(url).unwrap_err();
    assert!(matches!(error("native://localhost:7400?node=n1"), LinkError::Url(_)));
    assert!(matches!(error("native://[::1]:7400?port=1"), LinkError::Url(_)));
    assert!(matches!(error("native://[::1]:7400?prefix=1"), LinkError::Value { .. }));
    let _watchdog = Watchdog::of("wrong native links", 100);
    in_namespace(|| {
        let nowhere = Link::builder().attach("native://[fd99::1]:7400?node=n1").unwrap_err();
        assert!(nowhere.to_string().contains("no native link at [fd99::1]:7400"), "{nowhere}");
    });
}
