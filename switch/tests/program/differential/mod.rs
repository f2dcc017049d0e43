//! The same frames, tables and programs through the engine and through BMv2's `simple_switch`: the same ports, bytes and copies.
//!
//! What `simple_switch` did is recorded in `tests/vectors`, and compared every time. Where it is in `PATH` it is run, too, with frames
//! that it has not seen before. `cargo test -p bifrost-switch --test program -- --ignored` records anew.

mod install;
mod programs;
mod reference;
mod vectors;

use std::hash::{BuildHasher, Hasher};

use bifrost_switch::engine::{Engine, Outputs};

use super::traffic::Traffic;
use programs::{Case, cases};
use reference::Reference;
use vectors::{Recording, Step};

/// Frames of a recording, and of a run with new ones.
const RECORDED: usize = 600;
const RECORDED_SMALL: usize = 150;
const FRESH: usize = 300;

#[test]
fn the_engine_does_what_was_recorded_of_simple_switch() {
    for case in cases() {
        let recording = Recording::read(&case);
        let mut engine = engine(&case);
        for (at, step) in recording.steps.iter().enumerate() {
            let out = run(&mut engine, step.port, &step.frame);
            assert_eq!(out, step.out, "{}: frame {at}, from port {}: {:02x?}", case.name, step.port, step.frame);
        }
    }
}

/// A packet that is traced takes another way through the engine's code.
#[test]
fn a_traced_packet_goes_where_one_that_is_not_does() {
    for case in cases() {
        let mut engine = engine(&case);
        for (at, step) in Recording::read(&case).steps.iter().enumerate() {
            let mut out = Outputs::default();
            let events = engine.trace(0, step.port, &step.frame, &mut out);
            assert_eq!(sorted(&out), step.out, "{}: frame {at}, by {events:?}", case.name);
        }
    }
}

#[test]
fn recordings_are_of_the_programs_and_entries_that_there_are() {
    for case in cases() {
        let recording = Recording::read(&case);
        assert_eq!(recording.source, case.source(), "{}: record anew", case.name);
        assert_eq!(recording.setup, case.setup.lines(), "{}: record anew", case.name);
        assert!(recording.steps.len() >= RECORDED_SMALL && !recording.version.is_empty());
        let sent = recording.steps.iter().map(|step| step.out.len()).sum::<usize>();
        assert!(sent > recording.steps.len() / 10, "{}: {sent} frames came out", case.name);
    }
}

#[test]
fn simple_switch_and_the_engine_do_the_same_with_new_frames() {
    let Some(path) = bifrost_switch::bmv2::find() else {
        println!("SKIPPED: no simple_switch in PATH; only what was recorded of one is compared");
        return;
    };
    let seed = match std::env::var("BIFROST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::hash::RandomState::new().build_hasher().finish(),
    };
    let frames = std::env::var("BIFROST_FRAMES").map_or(FRESH, |frames| frames.parse().unwrap());
    for case in cases() {
        let steps = compare(&case, &path, seed, frames);
        let sent = steps.iter().map(|step| step.out.len()).sum::<usize>();
        println!("{}: {} frames, {sent} came out of both; BIFROST_SEED={seed} repeats it", case.name, steps.len());
    }
}

#[test]
#[ignore = "writes tests/vectors: needs simple_switch in PATH"]
fn record() {
    let path = bifrost_switch::bmv2::find().expect("simple_switch in PATH");
    let version = bifrost_switch::bmv2::version(&path).unwrap();
    for case in cases() {
        let frames = if case.name == "bifrost" { RECORDED } else { RECORDED_SMALL };
        let steps = compare(&case, &path, 1, frames);
        Recording { version: version.clone(), source: case.source(), setup: case.setup.lines(), steps }.write(&case);
    }
}

/// Runs both; what `simple_switch` did. Fails, after all frames, where the engine did something else.
fn compare(case: &Case, path: &std::path::Path, seed: u64, frames: usize) -> Vec<Step> {
    let (mut engine, mut reference) = (engine(case), Reference::start(path, case));
    let (mut traffic, mut steps, mut differences) = (Traffic::new(seed), Vec::new(), Vec::new());
    for at in 0..frames {
        let (port, frame) = (case.frame)(&mut traffic);
        let expected = run(&mut engine, port, &frame);
        let out = reference.run(port, &frame, expected.len());
        if out != expected {
            differences.push(format!(
                "frame {at} from {port}: {frame:02x?}\n  simple_switch {out:02x?}\n  engine {expected:02x?}"
            ));
        }
        steps.push(Step { port, frame, out });
    }
    let shown = differences.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{}, seed {seed}: {} differences\n{shown}", case.name, differences.len());
    steps
}

fn engine(case: &Case) -> Engine {
    let mut engine = Engine::load(case.json, 1).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    case.setup.install(&mut engine);
    engine
}

/// What leaves, in the order of ports.
fn run(engine: &mut Engine, port: u32, frame: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut out = Outputs::default();
    engine.process(0, port, frame, &mut out);
    sorted(&out)
}

fn sorted(out: &Outputs) -> Vec<(u32, Vec<u8>)> {
    let mut packets: Vec<_> = out.packets().map(|(port, bytes)| (port, bytes.to_vec())).collect();
    packets.sort();
    packets
}
