//! Datagrams that no client would send.

use crate::support::{Client, Faults, KEY, Proxy, Random, ServerProcess, Spec, Watchdog};
use bifrost_rpc::wire::{Flags, HEADER_BYTES, Header, IDENTIFIER, MethodField, PacketType, VERSION};
use bifrost_rpc::{Channel, Key};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;

/// Memory that a server may take for hostile clients, beyond what it had: 4,096 sessions and their records.
const GROWTH_KIB_MAX: u64 = 48 << 10;
const DATAGRAMS: u32 = 200_000;
const DATAGRAMS_HEAVY: u32 = 1_000_000;

/// A client that calls until told to stop; each call must be answered, with the right value.
fn legitimate(client: Client, is_over: &Arc<AtomicBool>) -> JoinHandle<i64> {
    let is_over = Arc::clone(is_over);
    std::thread::spawn(move || {
        let mut calls = 0;
        while !is_over.load(SeqCst) {
            calls += 1;
            assert_eq!(client.add(1).unwrap(), calls, "exactly once, all the while");
        }
        calls
    })
}

/// A datagram that looks more or less like a packet.
fn hostile(random: &mut Random, samples: &[Vec<u8>]) -> Vec<u8> {
    match random.below(8) {
        0 => {
            let len = random.below(2000);
            random.bytes(len)
        }
        1 => noise_behind_a_valid_start(random),
        2 => plausible(random),
        3 => {
            // Several packets in one datagram, the last one cut.
            let mut joined: Vec<u8> = (0..3).flat_map(|_| samples[random.below(samples.len())].clone()).collect();
            joined.truncate(random.below(joined.len()));
            joined
        }
        _ => {
            let sample = samples[random.below(samples.len())].clone();
            mutated(random, sample)
        }
    }
}

fn noise_behind_a_valid_start(random: &mut Random) -> Vec<u8> {
    let len = HEADER_BYTES + random.below(600);
    let mut datagram = random.bytes(len);
    datagram[..2].copy_from_slice(&IDENTIFIER.to_be_bytes());
    datagram[2] = VERSION;
    datagram[3] = u8::try_from(random.below(18)).unwrap();
    datagram
}

/// A well-formed packet with values that a client would not choose.
fn plausible(random: &mut Random) -> Vec<u8> {
    let kind = PacketType::from_wire(u8::try_from(1 + random.below(16)).unwrap()).unwrap();
    let len = [0, 1, 100, 128, 1000][random.below(5)];
    let body = random.bytes(len);
    let mut number = || u32::try_from(random.next() >> 32).unwrap();
    let mut header = Header::new(kind);
    header.flags = Flags(u16::try_from(number() & 0xFF).unwrap());
    header.method = MethodField::new("Probe", "add");
    header.client = u64::from(number());
    header.rpc = u64::from(number() % 16);
    header.session = u64::from(number());
    header.offset = if number() % 2 == 0 { 0 } else { number() };
    header.message_len = number();
    header.credits = u16::MAX;
    header.lowest = if number() % 2 == 0 { 0 } else { u64::MAX };
    header.body_len = u16::try_from(len).unwrap();
    [&header.to_bytes()[..], &body].concat()
}

fn mutated(random: &mut Random, mut datagram: Vec<u8>) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let at = random.below(datagram.len());
        datagram[at] = match random.below(4) {
            0 => 0,
            1 => 0xFF,
            2 => datagram[at] ^ (1 << random.below(8)),
            _ => u8::try_from(random.below(256)).unwrap(),
        };
    }
    if random.chance(100) {
        datagram.truncate(random.below(datagram.len()));
    }
    datagram
}

/// Real packets of a client, as a basis for worse ones.
fn samples(server: &ServerProcess, key: bool) -> Vec<Vec<u8>> {
    let proxy = Proxy::start(server.address, 1, Faults { loss: 50, duplication: 50, ..Faults::default() }).unwrap();
    let mut builder = Channel::builder();
    if key {
        builder = builder.key(Key::from_bytes(KEY));
    }
    let client = Client(builder.connect(&proxy.url()).unwrap());
    client.echo(vec![1; 100_000]).unwrap();
    for _ in 0..50 {
        client.number(&crate::support::probe::NAP, 0).unwrap();
    }
    proxy.seen()
}

fn flood_from_strangers(datagrams: u32) {
    let mut server = ServerProcess::start(&Spec::default());
    let samples = samples(&server, false);
    let is_over = Arc::new(AtomicBool::new(false));
    let client = legitimate(Client::connect(&server.url()), &is_over);
    let before = server.resident_kib();
    let mut random = Random::new(7);
    let sockets: Vec<UdpSocket> = (0..16).map(|_| UdpSocket::bind("[::1]:0").unwrap()).collect();
    for number in 0..datagrams {
        let socket = &sockets[random.below(sockets.len())];
        let _ = socket.send_to(&hostile(&mut random, &samples), server.address);
        if number % 64 == 0 {
            // The server's buffer shall not be the only thing that is tested.
            std::thread::yield_now();
        }
    }
    is_over.store(true, SeqCst);
    let calls = client.join().unwrap();
    let after = server.resident_kib();
    let [malformed, _, strays] = server.stats();
    eprintln!(
        "{calls} calls during {datagrams} hostile datagrams: {malformed} malformed, {strays} strays; {before} KiB, then {after} KiB"
    );
    assert!(after < before + GROWTH_KIB_MAX, "memory grew from {before} KiB to {after} KiB");
    assert!(malformed > u64::from(datagrams) / 100 && strays > u64::from(datagrams) / 100, "all is counted");
    assert_eq!(Client::connect(&server.url()).total(), calls);
}

/// Random, mutated and plausible datagrams from other addresses: a legitimate client notices nothing.
#[test]
fn a_server_survives_hostile_datagrams_of_strangers() {
    let _watchdog = Watchdog::of("strangers", 300);
    flood_from_strangers(DATAGRAMS);
}

#[test]
#[ignore = "takes long; run by the command in main.rs"]
fn a_server_survives_a_million_hostile_datagrams_of_strangers() {
    let _watchdog = Watchdog::of("a million strangers", 2000);
    flood_from_strangers(DATAGRAMS_HEAVY);
}

fn flood_in_the_clients_name(datagrams: u32) {
    let mut server = ServerProcess::start(&Spec { key: true, ..Spec::default() });
    let mut samples = samples(&server, true);
    let proxy = Proxy::start(server.address, 2, Faults::default()).unwrap();
    let client = Client(Channel::builder().key(Key::from_bytes(KEY)).connect(&proxy.url()).unwrap());
    assert_eq!(client.total(), 0);
    let is_over = Arc::new(AtomicBool::new(false));
    let calls = legitimate(client, &is_over);
    let before = server.resident_kib();
    let mut random = Random::new(8);
    for number in 0..datagrams {
        if number == 1000 {
            // Packets of the very session that is disturbed.
            samples.extend(proxy.seen());
        }
        proxy.inject(&hostile(&mut random, &samples));
        if number % 64 == 0 {
            std::thread::yield_now();
        }
    }
    is_over.store(true, SeqCst);
    let calls = calls.join().unwrap();
    let after = server.resident_kib();
    let [_, unauthentic, _] = server.stats();
    eprintln!(
        "{calls} calls during {datagrams} datagrams in their name: {unauthentic} unauthentic; {before} KiB, then {after} KiB"
    );
    assert!(after < before + GROWTH_KIB_MAX, "memory grew from {before} KiB to {after} KiB");
    assert!(unauthentic > u64::from(datagrams) / 100, "all is counted");
}

/// With a key, not even datagrams in the client's own name, from its own address, disturb its session.
#[test]
fn a_sealed_session_survives_hostile_datagrams_in_its_name() {
    let _watchdog = Watchdog::of("in its name", 300);
    flood_in_the_clients_name(DATAGRAMS / 2);
}

#[test]
#[ignore = "takes long; run by the command in main.rs"]
fn a_sealed_session_survives_a_million_hostile_datagrams_in_its_name() {
    let _watchdog = Watchdog::of("a million in its name", 2000);
    flood_in_the_clients_name(DATAGRAMS_HEAVY);
}
