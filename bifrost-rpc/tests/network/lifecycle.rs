//! Servers and sessions that come, go, and come back.

use crate::support::probe::{APPEND, NAP, pause};
use crate::support::{Client, Effects, Faults, Probe, Proxy, Watchdog, call_error};
use bifrost_rpc::{CallError, Channel, Server};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn serve(address: SocketAddr) -> Server {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let server = Server::builder().listen(&format!("udp://{address}")).service(Probe::default()).workers(4).start();
        match server {
            Ok(server) => return server,
            Err(error) => assert!(Instant::now() < until, "the port does not become free: {error}"),
        }
        pause(Duration::from_millis(1));
    }
}

/// An address that refuses datagrams, and that nobody else is given while the socket lives: it hears only itself.
fn nobody() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.connect(address).unwrap();
    (socket, address)
}

#[test]
fn an_absent_server_is_unreachable_after_the_clients_patience() {
    let _watchdog = Watchdog::of("absent", 60);
    let (_nobody, address) = nobody();
    let url = format!("udp://{address}");
    let client = Client(Channel::builder().peer_timeout(Duration::from_millis(400)).connect(&url).unwrap());
    for _ in 0..2 {
        let start = Instant::now();
        let error = call_error(&client.add(1));
        assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
        assert!(!error.may_have_run());
        assert!(start.elapsed() >= Duration::from_millis(350) && start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_server_that_comes_up_later_answers_the_call() {
    let _watchdog = Watchdog::of("comes up later", 60);
    let (nobody, address) = nobody();
    let client = Client::connect(&format!("udp://{address}"));
    let call = client.start_number(&NAP, 1).unwrap();
    pause(Duration::from_millis(500));
    drop(nobody);
    let _server = serve(address);
    assert_eq!(call.wait().unwrap(), 1);
}

/// Calls that run are answered; new ones are held back and go to the successor on the same port.
#[test]
fn a_graceful_shutdown_loses_no_call() {
    let _watchdog = Watchdog::of("shutdown", 100);
    let server = serve("[::1]:0".parse().unwrap());
    let address = server.addresses()[0];
    let client = Client::connect(&server.url());
    assert_eq!(client.add(1).unwrap(), 1);
    let naps: Vec<_> = (0..4).map(|_| client.start_number(&NAP, 400).unwrap()).collect();
    // The server has them when it has answered a later call.
    assert_eq!(client.add(1).unwrap(), 2);
    let stopping = std::thread::spawn(move || server.shutdown(Duration::from_secs(20)));
    pause(Duration::from_millis(100));
    let late: Vec<_> = (0..10).map(|_| client.start_number(&crate::support::probe::ADD, 10).unwrap()).collect();
    for nap in naps {
        assert_eq!(nap.wait().unwrap(), 400, "a running call was cut off");
    }
    assert_eq!(stopping.join().unwrap(), 0, "calls unfinished");
    let _successor = serve(address);
    let mut values: Vec<i64> = late.into_iter().map(|call| call.wait().unwrap()).collect();
    values.sort_unstable();
    assert!(values.into_iter().eq((1..=10).map(|i| i * 10)), "the successor counts from nothing, each call once");
}

/// The server says farewell, so that an idle client does not risk its next call in a session that is gone.
#[test]
fn an_idle_clients_call_goes_to_the_successor_of_a_server_that_shut_down() {
    let _watchdog = Watchdog::of("farewell", 100);
    let mut server = serve("[::1]:0".parse().unwrap());
    let address = server.addresses()[0];
    let client = Client::connect(&server.url());
    for round in 1..=5 {
        assert_eq!(client.add(round).unwrap(), round, "the successor counts from nothing");
        assert_eq!(server.shutdown(Duration::from_secs(5)), 0, "calls unfinished");
        server = serve(address);
    }
}

/// Answers that get lost while the server shuts down are sent again.
#[test]
fn a_graceful_shutdown_waits_for_answers_to_arrive() {
    let _watchdog = Watchdog::of("shutdown with loss", 100);
    for seed in 0..6 {
        let server = serve("[::1]:0".parse().unwrap());
        let proxy = Proxy::start(server.addresses()[0], seed, Faults { loss: 150, ..Faults::default() }).unwrap();
        let client = Client::connect(&proxy.url());
        assert_eq!(client.add(1).unwrap(), 1);
        let naps: Vec<_> = (0..4).map(|_| client.start_number(&NAP, 100).unwrap()).collect();
        while server.usage().served < 4 {
            pause(Duration::from_millis(1));
        }
        let stopping = std::thread::spawn(move || server.shutdown(Duration::from_secs(20)));
        for nap in naps {
            assert_eq!(nap.wait().unwrap(), 100);
        }
        assert_eq!(stopping.join().unwrap(), 0, "calls unfinished");
    }
}

/// A handler that does not end keeps the server for as long as it was told to wait, and no longer.
#[test]
fn a_shutdown_ends_with_its_deadline() {
    let _watchdog = Watchdog::of("shutdown, deadline", 60);
    let server = serve("[::1]:0".parse().unwrap());
    let client = Client::connect(&server.url());
    let nap = client.start_number(&NAP, 3000).unwrap();
    client.add(1).unwrap();
    let start = Instant::now();
    assert_eq!(server.shutdown(Duration::from_millis(200)), 1);
    assert!(start.elapsed() < Duration::from_millis(2500));
    drop(nap);
}

/// A session that was idle for longer than its lease is opened anew, and one that may be old is asked about first.
#[test]
fn sessions_idle_beyond_their_lease_are_replaced() {
    let _watchdog = Watchdog::of("lease", 60);
    let effects = Effects::new();
    let lease = Duration::from_millis(300);
    let probe = Probe::with_effects(&effects.path);
    let server = Server::builder().listen("udp://[::1]:0").service(probe).lease(lease).start().unwrap();
    let client = Client::connect(&server.url());
    let mut ids = 0..;
    for idle in [0, 100, 200, 290, 310, 350, 600, 1000] {
        pause(Duration::from_millis(idle));
        let id = ids.next().unwrap();
        assert_eq!(client.number(&APPEND, id).unwrap(), id, "after {idle} ms");
    }
    assert_eq!(effects.ids().len(), 8);
    assert_eq!(server.usage().callee_sessions, 1);
    pause(Duration::from_millis(900));
    assert_eq!(server.usage().callee_sessions, 0, "a silent client is forgotten");
}

/// A call that runs for longer than the lease keeps its session.
#[test]
fn a_call_longer_than_the_lease_is_answered() {
    let _watchdog = Watchdog::of("long call", 60);
    let lease = Duration::from_millis(400);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).lease(lease).start().unwrap();
    let client = Client(Channel::builder().peer_timeout(lease).connect(&server.url()).unwrap());
    assert_eq!(client.number(&NAP, 2500).unwrap(), 2500);
}
