//! Full queues, slow handlers, deadlines, calls given up, oneway calls.

use crate::support::probe::{APPEND, NAP, pause};
use crate::support::{Client, Effects, Probe, Watchdog, call_error};
use bifrost_rpc::{CallError, Channel, Server};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A call that finds the queue full waits, is sent again, and runs once.
#[test]
fn a_full_queue_delays_calls_and_loses_none() {
    let _watchdog = Watchdog::of("full queue", 100);
    let effects = Effects::new();
    let probe = Probe::with_effects(&effects.path);
    let server = Server::builder().listen("udp://[::1]:0").service(probe).workers(1).queue(2).start().unwrap();
    let client = Client::connect(&server.url());
    let naps: Vec<_> = (0..4).map(|_| client.start_number(&NAP, 20).unwrap()).collect();
    let calls: Vec<_> = (0..100).map(|id| client.start_number(&APPEND, id).unwrap()).collect();
    naps.into_iter().for_each(|nap| assert_eq!(nap.wait().unwrap(), 20));
    for (id, call) in (0..).zip(calls) {
        assert_eq!(call.wait().unwrap(), id);
    }
    let mut ids = effects.ids();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..100), "each once");
    assert!(server.stats().refusals > 0, "the queue was never full");
}

#[test]
fn slow_handlers_block_no_fast_ones() {
    let _watchdog = Watchdog::of("slow and fast", 100);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).workers(2).start().unwrap();
    let client = Client::connect(&server.url());
    let nap = client.start_number(&NAP, 3000).unwrap();
    // On the receiving thread, and on the other worker.
    for i in 1..=100 {
        assert_eq!(client.add(1).unwrap(), i);
        assert_eq!(client.echo(vec![1; 100]).unwrap().len(), 100);
    }
    assert!(!nap.is_done(), "the slow one was to be slower than all of these");
    assert_eq!(nap.wait().unwrap(), 3000);
}

#[test]
fn deadlines_end_calls_and_the_channel_goes_on() {
    let _watchdog = Watchdog::of("deadline", 100);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).workers(4).start().unwrap();
    let client = Client::connect(&server.url());
    assert_eq!(client.add(1).unwrap(), 1);
    let hasty = Client(client.0.clone().with_deadline(Duration::from_millis(50)));
    let start = Instant::now();
    let error = call_error(&hasty.number(&NAP, 5000));
    assert!(matches!(error, CallError::Deadline { may_have_run: true, .. }), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(45) && start.elapsed() < Duration::from_secs(3));
    assert_eq!(hasty.add(1).unwrap(), 2);
}

/// A call that no server ever took has certainly not run.
#[test]
fn deadlines_of_calls_never_sent_say_so() {
    let _watchdog = Watchdog::of("deadline, unsent", 100);
    let silent = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let url = format!("udp://{}", silent.local_addr().unwrap());
    let client = Client(Channel::connect(&url).unwrap().with_deadline(Duration::from_millis(100)));
    let error = call_error(&client.add(1));
    assert!(matches!(error, CallError::Deadline { may_have_run: false, .. }), "{error}");
}

/// One of the threads receives for all, and nothing ever comes: whose deadline is over is told so all the same, whoever that is.
#[test]
fn deadlines_of_several_threads_are_kept_where_nothing_comes() {
    let _watchdog = Watchdog::of("deadlines, several threads", 100);
    let silent = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let channel = Channel::connect(&format!("udp://{}", silent.local_addr().unwrap())).unwrap();
    std::thread::scope(|scope| {
        for each in 1..=8 {
            let client = Client(channel.clone().with_deadline(Duration::from_millis(50 * each)));
            scope.spawn(move || {
                for _ in 0..3 {
                    let start = Instant::now();
                    let error = call_error(&client.add(1));
                    assert!(matches!(error, CallError::Deadline { .. }), "{error}");
                    assert!(start.elapsed() < Duration::from_secs(20));
                }
            });
        }
    });
}

/// Who receives for all finds that its own deadline is over while a large answer is on its way in to another thread, of which a part may
/// be expected in its place.
#[test]
fn deadlines_pass_while_large_answers_come_for_others() {
    let _watchdog = Watchdog::of("deadlines beside large answers", 100);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).workers(4).start().unwrap();
    let client = Client::connect(&server.url());
    let hasty = Client(client.0.clone().with_deadline(Duration::from_millis(3)));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                assert_eq!(client.echo(vec![7; 8 << 20]).unwrap().len(), 8 << 20);
            }
        });
        for _ in 0..100 {
            let error = call_error(&hasty.number(&NAP, 20));
            assert!(matches!(error, CallError::Deadline { .. }), "{error}");
        }
        is_over.store(true, Ordering::Release);
    });
}

/// Calls given up before a worker took them do not run; their places in the queue are free.
#[test]
fn calls_given_up_leave_the_queue() {
    let _watchdog = Watchdog::of("given up", 100);
    let effects = Effects::new();
    let probe = Probe::with_effects(&effects.path);
    let server = Server::builder().listen("udp://[::1]:0").service(probe).workers(1).start().unwrap();
    let client = Client::connect(&server.url());
    let nap = client.start_number(&NAP, 500).unwrap();
    let calls: Vec<_> = (0..50).map(|id| client.start_number(&APPEND, id).unwrap()).collect();
    // The server has them all when it has answered a later call.
    client.add(1).unwrap();
    drop(calls);
    client.add(1).unwrap();
    assert_eq!(nap.wait().unwrap(), 500);
    assert_eq!(client.number(&APPEND, 99).unwrap(), 99);
    assert_eq!(effects.ids(), [99], "calls given up were run");
    client.add(1).unwrap();
    assert_eq!(client.0.stats().malformed, 0);
}

/// Oneway calls are delivered once, whether or not their sender still waits for anything.
#[test]
fn oneway_calls_run_after_their_client_has_left() {
    let _watchdog = Watchdog::of("oneway", 100);
    let effects = Effects::new();
    let probe = Probe::with_effects(&effects.path);
    let server = Server::builder().listen("udp://[::1]:0").service(probe).workers(1).start().unwrap();
    let client = Client::connect(&server.url());
    (0..200).for_each(|id| client.note(id).unwrap());
    drop(client);
    wait_for(&effects, 200);
    drop(server);
}

/// A oneway call that finds the queue full is no less delivered.
#[test]
fn oneway_calls_survive_a_full_queue() {
    let _watchdog = Watchdog::of("oneway, full queue", 100);
    let effects = Effects::new();
    let probe = Probe::with_effects(&effects.path);
    let server = Server::builder().listen("udp://[::1]:0").service(probe).workers(1).queue(4).start().unwrap();
    let client = Client(Channel::builder().linger(Duration::from_secs(60)).connect(&server.url()).unwrap());
    (0..200).for_each(|id| client.note(id).unwrap());
    drop(client);
    wait_for(&effects, 200);
    assert!(server.stats().refusals > 0, "the queue was never full");
}

fn wait_for(effects: &Effects, count: i64) {
    let until = Instant::now() + Duration::from_secs(20);
    while effects.ids().len() < usize::try_from(count).unwrap() && Instant::now() < until {
        pause(Duration::from_millis(5));
    }
    pause(Duration::from_millis(50));
    let mut ids = effects.ids();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(0..count), "{} of {count} ran", ids.len());
}
