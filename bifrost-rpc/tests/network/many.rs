//! Many threads, many clients, both families of addresses, several receiving threads.

use crate::support::probe::{ADD, NAP, pause};
use crate::support::{Client, Probe, Watchdog};
use bifrost_rpc::Server;
use std::time::Duration;

/// Each of `clients` channels is shared by `threads` threads, which make `calls` increments each.
fn increments(server: &Server, clients: usize, threads: usize, calls: usize) {
    let clients: Vec<Client> = (0..clients).map(|_| Client::connect(&server.url())).collect();
    let work = |client: &Client| {
        let client = client.clone();
        std::thread::spawn(move || (0..calls).map(|_| client.add(1).unwrap()).collect::<Vec<_>>())
    };
    let running: Vec<_> = clients.iter().flat_map(|client| (0..threads).map(move |_| work(client))).collect();
    let mut values: Vec<i64> = running.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    values.sort_unstable();
    let all = i64::try_from(clients.len() * threads * calls).unwrap();
    assert!(values.into_iter().eq(1..=all), "an increment was seen twice or not at all");
    assert_eq!(clients[0].total(), all);
}

#[test]
fn many_threads_share_a_channel() {
    let _watchdog = Watchdog::of("shared channel", 100);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap();
    increments(&server, 1, 16, 1000);
}

/// Receiving threads share a port; the system spreads the clients over them.
#[test]
fn several_receiving_threads_serve_many_clients() {
    let _watchdog = Watchdog::of("receiving threads", 100);
    let probe = Probe::default();
    let server = Server::builder().listen("udp://[::1]:0").service(probe).io_threads(4).start().unwrap();
    assert_eq!(server.addresses().len(), 1);
    increments(&server, 24, 2, 200);
    let stats = server.stats();
    assert_eq!((stats.strays, stats.refusals), (0, 0), "every packet found its session");
}

#[test]
fn both_families_of_addresses() {
    let _watchdog = Watchdog::of("families", 60);
    let builder = Server::builder().listen("udp://127.0.0.1:0").listen("udp://[::1]:0");
    let server = builder.service(Probe::default()).start().unwrap();
    let addresses = server.addresses();
    assert!(addresses.len() == 2 && addresses[0].is_ipv4() && addresses[1].is_ipv6(), "{addresses:?}");
    for (address, before) in addresses.iter().zip([0, 500]) {
        let client = Client::connect(&format!("udp://{address}"));
        for i in 1..=500 {
            assert_eq!(client.add(1).unwrap(), before + i);
        }
        assert_eq!(client.echo(vec![3; 500_000]).unwrap(), vec![3; 500_000]);
    }
}

/// A wildcard address serves both families, and answers from the address that was called.
#[test]
fn a_wildcard_address_serves_both_families() {
    let _watchdog = Watchdog::of("wildcard", 60);
    let server = Server::builder().listen("udp://[::]:0").service(Probe::default()).start().unwrap();
    let port = server.addresses()[0].port();
    for (host, before) in [("127.0.0.1", 0), ("[::1]", 300)] {
        let client = Client::connect(&format!("udp://{host}:{port}"));
        for i in 1..=300 {
            assert_eq!(client.add(1).unwrap(), before + i);
        }
    }
}

#[test]
fn calls_in_flight_are_waited_for_in_any_order() {
    let _watchdog = Watchdog::of("in flight", 60);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).workers(2).start().unwrap();
    let client = Client::connect(&server.url());
    let nap = client.start_number(&NAP, 500).unwrap();
    let calls: Vec<_> = (0..500).map(|_| client.start_number(&ADD, 1).unwrap()).collect();
    assert!(!nap.is_done());
    let mut values: Vec<i64> = calls.into_iter().rev().map(|call| call.wait().unwrap()).collect();
    values.sort_unstable();
    assert!(values.into_iter().eq(1..=500));
    while !nap.is_done() {
        pause(Duration::from_millis(1));
    }
    assert_eq!(nap.wait().unwrap(), 500);
}

/// More calls in flight than a session admits wait for their turn.
#[test]
fn more_calls_than_a_session_admits() {
    let _watchdog = Watchdog::of("thousands in flight", 60);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap();
    let client = Client::connect(&server.url());
    let calls: Vec<_> = (0..5000).map(|_| client.start_number(&ADD, 1).unwrap()).collect();
    let mut values: Vec<i64> = calls.into_iter().map(|call| call.wait().unwrap()).collect();
    values.sort_unstable();
    assert!(values.into_iter().eq(1..=5000));
}

/// Handles of one channel may be dropped by whichever thread, in whichever order, with calls under way.
#[test]
fn channels_may_be_dropped_with_calls_in_flight() {
    let _watchdog = Watchdog::of("dropped", 60);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap();
    for _ in 0..50 {
        let client = Client::connect(&server.url());
        let calls: Vec<_> = (0..10).map(|_| client.start_number(&ADD, 1).unwrap()).collect();
        drop(client);
        drop(calls);
    }
    while server.usage().callee_sessions > 0 {
        pause(Duration::from_millis(1));
    }
    assert_eq!(server.usage().bytes, 0, "nothing is kept for clients that left");
}
