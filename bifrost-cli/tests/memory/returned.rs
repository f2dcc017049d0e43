//! Memory given back to the system.

use crate::daemon::{Random, connect, start, wait_until};
use bifrost_rpc::memory::{MemoryClient, Pointer};

const MIB: u64 = 1 << 20;

/// Memory that a process has of the system's, in bytes.
fn resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn what_is_freed_goes_back_to_the_system() {
    const OBJECTS: usize = 100;
    let serving = start(&["--open", "--capacity", "1G"]);
    let client = connect(&serving);
    let warm = client.alloc_and_write(vec![1; 3 << 20]).unwrap();
    client.free(warm).unwrap();
    let resident = || resident_bytes(serving.process());
    let before = resident();
    for len in [3 << 20, 100_000, 5000] {
        let objects: Vec<Pointer> =
            (0..OBJECTS * (3 << 20) / len).map(|_| client.alloc_and_write(vec![1; len]).unwrap()).collect();
        assert!(resident() > before + 280 * MIB, "{len}: the test sees the memory");
        objects.into_iter().for_each(|object| client.free(object).unwrap());
        // What the transport keeps to receive into, and small blocks.
        wait_until("memory goes back", || resident() < before + 40 * MIB);
    }
}

#[test]
fn a_small_object_takes_no_more_than_is_accounted_for() {
    const OBJECTS: u64 = 50_000;
    let serving = start(&["--open", "--capacity", "1G"]);
    let client = connect(&serving);
    client.alloc_and_write(vec![1]).unwrap();
    let before = resident_bytes(serving.process());
    for _ in 0..OBJECTS {
        client.alloc_and_write(vec![1]).unwrap();
    }
    let each = (resident_bytes(serving.process()) - before) / OBJECTS;
    println!("{each} bytes for an object of one byte");
    assert!(each > 0 && each <= 512 + 1, "{each} bytes for an object of one byte");
}

/// A length between 1 byte and 8 MiB, each magnitude as often as any.
fn length(random: &mut Random) -> usize {
    let magnitude = random.below(24);
    usize::try_from((1 << magnitude) + random.below(1 << magnitude)).unwrap().min(8 << 20)
}

fn replace(client: &MemoryClient, random: &mut Random, objects: &mut Vec<(Pointer, usize)>, live_max: usize) {
    let len = length(random);
    while objects.iter().map(|(_, len)| len).sum::<usize>() + len > live_max {
        let at = random.below(objects.len() as u64);
        let (object, _) = objects.swap_remove(usize::try_from(at).unwrap());
        client.free(object).unwrap();
    }
    objects.push((client.alloc_and_write(random.bytes(len)).unwrap(), len));
    // Some other object is written, in whole or in part.
    let (object, len) = objects[usize::try_from(random.below(objects.len() as u64)).unwrap()];
    let part = if random.below(2) == 0 { len } else { 1 + usize::try_from(random.below(len as u64)).unwrap() };
    client.write(object, 0, random.bytes(part)).unwrap();
}

#[test]
fn a_churn_of_mixed_sizes_leaves_no_holes() {
    const LIVE_BYTES: usize = 192 << 20;
    let serving = start(&["--open", "--capacity", "1G"]);
    let client = connect(&serving);
    let before = resident_bytes(serving.process());
    let (mut random, mut objects) = (Random(11), Vec::new());
    let mut worst = 0;
    for round in 0..2500 {
        replace(&client, &mut random, &mut objects, LIVE_BYTES);
        if round % 100 == 99 && round > 500 {
            worst = worst.max(resident_bytes(serving.process()) - before);
        }
    }
    let live: u64 = objects.iter().map(|(_, len)| *len as u64).sum();
    // As docs/memory.md says.
    assert!(worst < LIVE_BYTES as u64 * 3 / 2 + 64 * MIB, "{worst} bytes resident for {live} live");
    objects.into_iter().for_each(|(object, _)| client.free(object).unwrap());
    wait_until("memory goes back", || resident_bytes(serving.process()) < before + 72 * MIB);
}
