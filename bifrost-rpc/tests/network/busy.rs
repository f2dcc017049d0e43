//! Clients so busy that the server gives them sockets of their own.

use crate::support::probe::pause;
use crate::support::{Client, Probe, Watchdog, panics};
use bifrost_rpc::Server;
use std::time::{Duration, Instant};

/// More calls in a row than make a client busy.
const CALLS: i64 = 2000;
/// Longer than the server keeps the socket of a client that is silent.
const SILENCE: Duration = Duration::from_secs(5);

fn server() -> Server {
    Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap()
}

#[test]
fn a_busy_client_that_pauses_goes_on_at_once() {
    panics::watch();
    let _watchdog = Watchdog::of("busy client, pauses", 100);
    let server = server();
    let client = Client::connect(&server.url());
    let mut total = 0;
    for round in 0..4 {
        if round > 0 {
            pause(SILENCE);
        }
        for _ in 0..CALLS {
            let start = Instant::now();
            total += 1;
            assert_eq!(client.add(1).unwrap(), total, "each call runs once");
            assert!(start.elapsed() < Duration::from_secs(1), "round {round}: {:?}", start.elapsed());
        }
    }
    let data = vec![7; 3_000_000];
    assert!(client.echo(data.clone()).unwrap() == data, "another content");
    drop(server);
    assert_eq!(panics::seen(), [""; 0]);
}

#[test]
fn clients_that_take_turns_are_each_answered_once() {
    panics::watch();
    let _watchdog = Watchdog::of("busy clients, in turns", 60);
    let server = server();
    let clients: Vec<Client> = (0..3).map(|_| Client::connect(&server.url())).collect();
    let mut total = 0;
    for client in clients.iter().cycle().take(3000) {
        total += 1;
        assert_eq!(client.add(1).unwrap(), total, "each call runs once");
    }
    assert_eq!(server.shutdown(Duration::from_secs(20)), 0, "calls unfinished");
    assert_eq!(panics::seen(), [""; 0]);
}

#[test]
fn a_server_with_a_busy_client_shuts_down_promptly() {
    panics::watch();
    let _watchdog = Watchdog::of("busy client, shutdown", 60);
    for is_calling in [false, true] {
        let server = server();
        let client = Client::connect(&server.url());
        (0..CALLS).for_each(|_| assert!(client.add(1).is_ok()));
        let calling = is_calling.then(|| {
            let channel = client.0.clone().with_deadline(Duration::from_secs(2));
            std::thread::spawn(move || while Client(channel.clone()).add(1).is_ok() {})
        });
        pause(Duration::from_millis(20));
        let start = Instant::now();
        assert_eq!(server.shutdown(Duration::from_secs(20)), 0, "calls unfinished");
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        calling.into_iter().for_each(|thread| thread.join().unwrap());
    }
    assert_eq!(panics::seen(), [""; 0]);
}
