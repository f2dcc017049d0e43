//! Messages far beyond a datagram.

use crate::support::{Client, Faults, Proxy, Random, ServerProcess, Spec, Watchdog};

/// The longest payload whose message, names and lengths included, is within the default limit.
const LARGEST: usize = (64 << 20) - 100;

#[test]
fn the_largest_message_goes_there_and_back() {
    let _watchdog = Watchdog::of("largest", 200);
    let server = ServerProcess::start(&Spec::default());
    let client = Client::connect(&server.url());
    let data = Random::new(1).bytes(LARGEST);
    assert!(client.echo(data.clone()).unwrap() == data, "another content");
}

/// A path that silently loses large datagrams, while the first link takes them.
#[test]
fn a_black_hole_for_large_datagrams_is_found() {
    let _watchdog = Watchdog::of("black hole", 100);
    let server = ServerProcess::start(&Spec::default());
    for len in [2000, 10_000, 64_700, 65_100, 200_000, 3_000_000] {
        // A session that knows nothing of the path yet.
        let proxy = Proxy::start(server.address, 1, Faults { datagram_bytes_max: 1300, ..Faults::default() }).unwrap();
        let client = Client::connect(&proxy.url());
        let data = Random::new(2).bytes(len);
        assert!(client.echo(data.clone()).unwrap() == data, "another content");
        assert_eq!(client.fill(9000).unwrap().len(), 9000);
    }
}

/// The path was fit for large datagrams until, in the middle of the session and of several messages, it is not.
#[test]
fn a_black_hole_that_appears_later_is_found_by_every_message() {
    let _watchdog = Watchdog::of("late black hole", 100);
    let server = ServerProcess::start(&Spec::default());
    let proxy = Proxy::start(server.address, 1, Faults::default()).unwrap();
    let client = Client::connect(&proxy.url());
    assert_eq!(client.echo(vec![1; 300_000]).unwrap().len(), 300_000);
    proxy.set(Faults { datagram_bytes_max: 1300, ..Faults::default() });
    let lens = [5000, 50_000, 100_000, 9000, 500_000];
    let calls: Vec<_> = lens.iter().map(|len| client.start_echo(vec![2; *len]).unwrap()).collect();
    for (call, len) in calls.into_iter().zip(lens) {
        assert_eq!(call.wait().unwrap(), vec![2; len]);
    }
}
