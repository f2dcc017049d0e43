//! Waiting for the first of several calls.

use crate::support::probe::NAP;
use crate::support::{Client, Probe, Watchdog};
use bifrost_rpc::{Server, wait_any};
use std::time::{Duration, Instant};

#[test]
fn calls_to_several_servers_are_had_in_the_order_they_end() {
    let _watchdog = Watchdog::of("wait for any", 60);
    let serve = || Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap();
    let servers = [serve(), serve(), serve()];
    let clients: Vec<Client> = servers.iter().map(|server| Client::connect(&server.url())).collect();
    clients.iter().for_each(|client| assert!(client.add(1).is_ok()));
    let mut calls: Vec<_> =
        clients.iter().zip([1200, 400, 800]).map(|(client, ms)| client.start_number(&NAP, ms).unwrap()).collect();
    let start = Instant::now();
    assert_eq!(wait_any(&calls, Duration::from_millis(50)).unwrap(), None, "none has ended");
    assert!(start.elapsed() >= Duration::from_millis(50));
    let mut ended = Vec::new();
    while let Some(first) = wait_any(&calls, Duration::from_secs(10)).unwrap() {
        let call = calls.swap_remove(first);
        assert!(call.is_done());
        ended.push(call.wait().unwrap());
        if calls.is_empty() {
            break;
        }
    }
    assert_eq!(ended, [400, 800, 1200]);
    assert_eq!(wait_any(&calls, Duration::ZERO).unwrap(), None, "there is none to wait for");
}
