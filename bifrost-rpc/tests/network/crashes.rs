//! Servers that are killed or paused in the middle of a load.

use crate::support::probe::{APPEND, APPEND_SHORT, pause};
use crate::support::{Client, Effects, KEY, Load, Random, ServerProcess, Spec, Watchdog, check_effects};
use bifrost_rpc::{CallError, Channel, Key, Method};
use std::time::Duration;

const METHODS: &[Method] = &[APPEND, APPEND_SHORT];

/// Servers with one file of effects, and a client of short patience.
fn set_up(key: bool) -> (Effects, ServerProcess, Spec, Client) {
    let effects = Effects::new();
    let spec = Spec { effects: Some(effects.path.clone()), key, lease_ms: 2000, ..Spec::default() };
    let server = ServerProcess::start(&spec);
    // A successor listens on the same port.
    let spec = Spec { listen: server.address, ..spec };
    let mut builder = Channel::builder().peer_timeout(Duration::from_millis(500));
    if key {
        builder = builder.key(Key::from_bytes(KEY));
    }
    let client = Client(builder.connect(&server.url()).unwrap());
    (effects, server, spec, client)
}

fn killed_and_restarted(key: bool, seed: u64) {
    let (effects, mut server, spec, client) = set_up(key);
    let mut random = Random::new(seed);
    let load = Load::start(&client, 8, METHODS);
    for _ in 0..5 {
        load.wait_for(500);
        pause(Duration::from_micros(random.next() % 5000));
        server.kill();
        pause(Duration::from_millis(random.next() % 300));
        server = ServerProcess::start(&spec);
    }
    // Nobody told the client: it finds the new server by itself.
    load.wait_for(500);
    let outcomes = load.stop();
    let failed = check_effects(&outcomes, &effects);
    eprintln!("{} calls, {failed} of them failed", outcomes.len());
    assert!(failed > 0, "no call was under way when the server was killed");
}

#[test]
fn a_server_killed_and_restarted_runs_no_call_twice() {
    let _watchdog = Watchdog::of("killed", 200);
    killed_and_restarted(false, 1);
}

#[test]
fn a_sealed_server_killed_and_restarted_runs_no_call_twice() {
    let _watchdog = Watchdog::of("killed, sealed", 200);
    killed_and_restarted(true, 2);
}

fn paused_beyond_every_timer(key: bool) {
    let (effects, server, _, client) = set_up(key);
    let load = Load::start(&client, 8, METHODS);
    for _ in 0..3 {
        load.wait_for(500);
        server.pause();
        // Longer than the lease, the client's patience and every retransmission.
        pause(Duration::from_millis(2500));
        server.proceed();
    }
    load.wait_for(500);
    let outcomes = load.stop();
    // What the server found in its buffer when it woke may still run.
    pause(Duration::from_millis(200));
    let failed = check_effects(&outcomes, &effects);
    eprintln!("{} calls, {failed} of them failed", outcomes.len());
    assert!(failed > 0, "no call was under way when the server was paused");
}

#[test]
fn a_server_paused_beyond_every_timer_runs_no_call_twice() {
    let _watchdog = Watchdog::of("paused", 200);
    paused_beyond_every_timer(false);
}

#[test]
fn a_sealed_server_paused_beyond_every_timer_runs_no_call_twice() {
    let _watchdog = Watchdog::of("paused, sealed", 200);
    paused_beyond_every_timer(true);
}

/// A pause shorter than the client's patience is only a delay.
#[test]
fn a_short_pause_loses_no_call() {
    let _watchdog = Watchdog::of("short pause", 100);
    let effects = Effects::new();
    let server = ServerProcess::start(&Spec { effects: Some(effects.path.clone()), ..Spec::default() });
    let client = Client::connect(&server.url());
    let load = Load::start(&client, 8, METHODS);
    for _ in 0..3 {
        load.wait_for(500);
        server.pause();
        pause(Duration::from_millis(700));
        server.proceed();
    }
    load.wait_for(500);
    let outcomes = load.stop();
    assert_eq!(check_effects(&outcomes, &effects), 0, "failed calls");
}

/// A call that was sent to a server that died with it is not issued again; one that may be issued again is.
#[test]
fn only_idempotent_calls_outlive_their_server() {
    let _watchdog = Watchdog::of("idempotent", 100);
    let (_effects, server, spec, client) = set_up(false);
    assert_eq!(client.add(1).unwrap(), 1);
    server.pause();
    let add = client.start_number(&crate::support::probe::ADD, 1).unwrap();
    let total = client.start_number(&crate::support::probe::TOTAL, 0).unwrap();
    pause(Duration::from_millis(50));
    server.kill();
    let _server = ServerProcess::start(&spec);
    let lost = crate::support::call_error(&add.wait());
    assert!(matches!(lost, CallError::OutcomeUnknown(_)), "{lost}");
    assert_eq!(total.wait().unwrap(), 0, "asked again, of the new server");
}
