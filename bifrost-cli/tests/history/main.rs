//! A history recorded from real processes: eight clients and a memory server, with a network between them that loses, doubles
//! and reorders, one client killed in the middle of its work. The linearizability checker judges what all of them saw.
#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod client;
#[path = "../common/mod.rs"]
mod common;
mod log;

use bifrost_dsm::linear::{Entry, History, Op, Seen, Verdict, check};
use bifrost_rpc::memory::{MemoryClient, Pointer};
use bifrost_rpc::sim::proxy::{Faults, Proxy};
use client::{ClientProcess, Task};
use log::Log;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::sync::atomic::Ordering;
use std::time::Duration;

const CLIENTS: u64 = 8;
/// The one that is killed, after so many lines of its log.
const VICTIM: u64 = 3;
const VICTIM_LINES: usize = 120;
/// Operations of each client on the objects of a round.
const PER_ROUND: u64 = 50;
const ROUNDS: usize = 4;
/// Bytes of the objects of a round: of one datagram and of many.
const OBJECTS: [u64; 3] = [64, 3000, 20_000];
/// Operations on one object, and clients, that a checker can judge.
const OPERATIONS_MAX: usize = 1000;
/// For what takes a few seconds where nobody else wants the processors.
const WAIT: Duration = Duration::from_secs(60);

const BAD: Faults = Faults {
    loss: 30,
    duplication: 200,
    reordering: 200,
    held_back_us_max: 3000,
    corruption: 0,
    delay: Duration::ZERO,
    datagram_bytes_max: usize::MAX,
};

/// A `bifrost mem`; killed when dropped.
struct Memory {
    child: Child,
    url: String,
}

impl Memory {
    fn start() -> Self {
        let mut child = common::command(&["mem", "udp://[::1]:0", "--open"]).spawn().unwrap();
        let out = common::lines(child.stdout.take().unwrap());
        let mut memory = Self { child, url: String::new() };
        let line = out.recv_timeout(WAIT).expect("the memory server does not listen");
        line.strip_prefix("listening on ").expect("an address").clone_into(&mut memory.url);
        memory
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_real_processes_see_through_a_bad_network_is_linearizable() {
    let memory = Memory::start();
    let address = memory.url.strip_prefix("udp://").unwrap().parse().unwrap();
    let proxy = Proxy::start(address, 1, BAD).unwrap();
    let logs = tempfile::tempdir().unwrap();
    let own = logs.path().join("own");
    let rounds = make_objects(&memory.url, &mut Log::create(&own));

    let paths: Vec<_> = (0..CLIENTS).map(|client| logs.path().join(client.to_string())).collect();
    let task = |client: u64| Task {
        url: proxy.url(),
        client,
        log: paths[usize::try_from(client).unwrap()].clone(),
        per_round: PER_ROUND,
        rounds: rounds.clone(),
    };
    let mut processes: Vec<_> = (0..CLIENTS).map(|client| ClientProcess::start(&task(client))).collect();
    let victim = processes.remove(usize::try_from(VICTIM).unwrap());
    let victims = &paths[usize::try_from(VICTIM).unwrap()];
    client::wait_until(WAIT, || log::lines(victims) >= VICTIM_LINES);
    victim.kill();
    processes.into_iter().for_each(|process| process.finish(WAIT));

    let mut objects: BTreeMap<u64, Vec<Entry>> = BTreeMap::new();
    for (path, client) in paths.iter().chain([&own]).zip(0..) {
        for (object, entry) in log::read(path, client) {
            objects.entry(object).or_default().push(entry);
        }
    }
    let counts = proxy.counts();
    for count in [&counts.lost, &counts.duplicated, &counts.held_back] {
        assert!(count.load(Ordering::SeqCst) > 50, "{counts:?}");
    }
    let of_victim = objects.values().flatten().filter(|entry| entry.client == VICTIM);
    assert!(of_victim.clone().any(|entry| entry.end.is_none()), "nothing was under way when its client was killed");
    let all: usize = objects.values().map(Vec::len).sum();
    assert!(all > 1000, "too little happened: {all} operations");
    objects.into_iter().for_each(|(object, entries)| judge(object, entries));
}

/// Makes the objects that the clients share, round by round.
fn make_objects(url: &str, log: &mut Log) -> Vec<Vec<(Pointer, u64)>> {
    let client = MemoryClient::connect(url).unwrap();
    let mut make = |bytes: u64| {
        let begin = log::now();
        let pointer = client.alloc(bytes).unwrap();
        log.made(pointer.object(), bytes, begin);
        (pointer, bytes)
    };
    (0..ROUNDS).map(|_| OBJECTS.map(&mut make).to_vec()).collect()
}

fn judge(object: u64, mut entries: Vec<Entry>) {
    entries.sort_by_key(|entry| entry.begin);
    let clients: BTreeSet<u64> = entries.iter().map(|entry| entry.client).collect();
    assert!(entries.len() <= OPERATIONS_MAX && clients.len() as u64 <= CLIENTS + 1, "{} operations", entries.len());
    match check(&History::new(entries.clone()).unwrap()) {
        Verdict::Linearizable => {}
        Verdict::Violated(violation) => panic!("object {object:x}: {violation}"),
        Verdict::TooComplex { visited } => panic!("object {object:x}: too complex, {visited} configurations"),
    }
    // That it can be judged at all: with one byte of one read changed it is not linearizable.
    let read = entries.iter_mut().rev().find_map(|entry| match (&entry.op, &mut entry.end) {
        (Op::Read(..), Some((_, Seen::Bytes(bytes)))) => bytes.first_mut(),
        _ => None,
    });
    *read.expect("somebody has read it") ^= 0x5A;
    assert!(!check(&History::new(entries).unwrap()).is_ok(), "object {object:x}: a wrong read goes unnoticed");
}
