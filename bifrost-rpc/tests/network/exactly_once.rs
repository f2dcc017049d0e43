//! Every call has its effect once, whatever the network does.

use crate::support::probe::{ADD, APPEND, APPEND_SHORT};
use crate::support::{Client, Effects, Faults, KEY, Load, Proxy, ServerProcess, Spec, Watchdog, check_effects};
use bifrost_rpc::{Channel, Key, Pending};
use std::collections::VecDeque;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

/// A tenth of all datagrams lost, a tenth duplicated, a tenth overtaken by later ones.
const BAD: Faults = Faults {
    loss: 100,
    duplication: 100,
    reordering: 100,
    held_back_us_max: 2000,
    corruption: 0,
    delay: std::time::Duration::ZERO,
    datagram_bytes_max: usize::MAX,
};

/// Increments the server's total `calls` times from several threads with calls in flight, and checks the values that
/// came back: each of 1 to `calls` exactly once.
fn increment(client: &Client, threads: usize, in_flight: usize, calls: usize) {
    let share = calls / threads;
    let work = |_| {
        let client = client.clone();
        std::thread::spawn(move || {
            let mut pending: VecDeque<Pending<i64>> = VecDeque::new();
            let mut values = Vec::with_capacity(share);
            for _ in 0..share {
                if pending.len() == in_flight {
                    values.push(pending.pop_front().unwrap().wait().unwrap());
                }
                pending.push_back(client.start_number(&ADD, 1).unwrap());
            }
            values.extend(pending.into_iter().map(|call| call.wait().unwrap()));
            values
        })
    };
    let threads: Vec<_> = (0..threads).map(work).collect();
    let mut values: Vec<i64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    values.sort_unstable();
    let all = i64::try_from(calls).unwrap();
    assert_eq!(client.total(), all, "effects");
    assert!(values.into_iter().eq(1..=all), "an increment was seen twice or not at all");
}

fn increments_through_bad_network(calls: usize) {
    let server = ServerProcess::start(&Spec::default());
    let proxy = Proxy::start(server.address, 1, BAD).unwrap();
    let client = Client::connect(&proxy.url());
    let start = Instant::now();
    increment(&client, 4, 32, calls);
    let counts = proxy.counts();
    eprintln!(
        "{calls} increments in {:?}: {} datagrams passed, {} lost, {} duplicated, {} held back; {:?}",
        start.elapsed(),
        counts.passed.load(SeqCst),
        counts.lost.load(SeqCst),
        counts.duplicated.load(SeqCst),
        counts.held_back.load(SeqCst),
        client.0.stats(),
    );
    assert!(counts.lost.load(SeqCst) > 0 && counts.duplicated.load(SeqCst) > 0 && counts.held_back.load(SeqCst) > 0);
}

/// The heart of the matter.
#[test]
fn a_hundred_thousand_increments_through_loss_duplication_and_reordering() {
    let _watchdog = Watchdog::of("increments", 400);
    increments_through_bad_network(100_000);
}

/// As above, many times over.
#[test]
#[ignore = "takes minutes; run by the command in main.rs"]
fn a_million_increments_through_loss_duplication_and_reordering() {
    let _watchdog = Watchdog::of("a million increments", 4000);
    increments_through_bad_network(1_000_000);
}

/// With a key, damaged datagrams are as good as lost.
#[test]
fn sealed_increments_through_corruption_as_well() {
    let _watchdog = Watchdog::of("sealed increments", 200);
    let mut server = ServerProcess::start(&Spec { key: true, ..Spec::default() });
    for seed in 0..8 {
        // Sessions are opened through corruption, too.
        let proxy = Proxy::start(server.address, seed, Faults { corruption: 300, ..BAD }).unwrap();
        let client = Client(Channel::builder().key(Key::from_bytes(KEY)).connect(&proxy.url()).unwrap());
        let before = client.total();
        assert_eq!(client.add(1).unwrap(), before + 1);
        assert_eq!(client.add(-before - 1).unwrap(), 0);
    }
    let proxy = Proxy::start(server.address, 2, Faults { corruption: 50, ..BAD }).unwrap();
    let client = Client(Channel::builder().key(Key::from_bytes(KEY)).connect(&proxy.url()).unwrap());
    increment(&client, 4, 16, 10_000);
    assert!(proxy.counts().damaged.load(SeqCst) > 0);
    let [malformed, unauthentic, _] = server.stats();
    assert!(malformed + unauthentic > 0, "damaged datagrams are counted");
}

/// Methods that workers run, and methods that the receiving thread runs.
#[test]
fn each_call_is_appended_once() {
    let _watchdog = Watchdog::of("appended once", 100);
    let effects = Effects::new();
    let server = ServerProcess::start(&Spec { effects: Some(effects.path.clone()), ..Spec::default() });
    let proxy = Proxy::start(server.address, 3, BAD).unwrap();
    let client = Client::connect(&proxy.url());
    let load = Load::start(&client, 8, &[APPEND, APPEND_SHORT]);
    load.wait_for(5000);
    let outcomes = load.stop();
    assert_eq!(check_effects(&outcomes, &effects), 0, "failed calls");
}

/// Messages of many fragments, each with its own content, both ways.
#[test]
fn large_messages_arrive_whole_through_loss_duplication_and_reordering() {
    let _watchdog = Watchdog::of("large messages", 200);
    let server = ServerProcess::start(&Spec::default());
    for bytes_max in [1400, usize::MAX] {
        let proxy = Proxy::start(server.address, 4, Faults { datagram_bytes_max: bytes_max, ..BAD }).unwrap();
        let client = Client::connect(&proxy.url());
        let mut random = crate::support::Random::new(5);
        let mut pending = VecDeque::new();
        for _ in 0..60 {
            let len = 1 << random.below(19);
            let data = random.bytes(len + random.clone().below(len));
            pending.push_back((data.clone(), client.start_echo(data).unwrap()));
            if pending.len() == 8 {
                let (data, call) = pending.pop_front().unwrap();
                assert!(call.wait().unwrap() == data, "another content");
            }
        }
        for (data, call) in pending {
            assert!(call.wait().unwrap() == data, "another content");
        }
    }
}
