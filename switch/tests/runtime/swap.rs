//! A program is changed while packets pass.

use crate::support::{CONTROL, action, frame, ports, prefix, runtime, served};
use bifrost_switch::daemon::{PortKind, Switch};
use bifrost_switch::engine::{Mirror, Outputs};
use bifrost_switch::runtime::idl::bmv2_standard::StandardSyncHandler;
use bifrost_switch::runtime::{Client, ControlError, SwitchControl};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ROUTES: &str = "Handle.routes";

#[test]
fn entries_given_to_the_next_program_are_there_with_its_first_packet() {
    let runtime = runtime();
    let server = served(&runtime);
    let client = Client::connect(&server.url()).unwrap();
    client.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, 3]])).unwrap();
    client.set_mirror(1, Mirror { port: Some(9), group: None }).unwrap();
    assert!(matches!(client.swap_programs(), Err(ControlError::Swap(3))), "none is waiting");

    client.load_program(CONTROL).unwrap();
    assert!(matches!(client.load_program(CONTROL), Err(ControlError::Swap(2))), "one is waiting");
    assert_eq!(client.entry_count(ROUTES).unwrap(), 0, "operations are for the next program");
    client.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, 5]])).unwrap();
    assert_eq!(ports(&runtime, &frame(1, [10, 0, 0, 1])), [3], "packets still meet the old one");
    client.swap_programs().unwrap();
    assert_eq!(ports(&runtime, &frame(1, [10, 0, 0, 1])), [5]);
    assert_eq!(client.mirror(1).unwrap().port, Some(9), "sessions are the switch's");
}

#[test]
fn a_program_that_is_refused_leaves_the_running_one_alone() {
    let runtime = runtime();
    runtime.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, 3]])).unwrap();
    let server = served(&runtime);
    let client = Client::connect(&server.url()).unwrap();
    let before = runtime.handle_bm_serialize_state().unwrap();
    let (newer, strange) = (CONTROL.replace("[2, 23]", "[2, 25]"), CONTROL.replace("execute_meter", "explode"));
    for (json, said) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{}", "`header_types` is missing"),
        (&newer, "version 2.25 of the format (2.0 to 2.24 are) is not supported"),
        (&strange, "the primitive `explode` is not supported"),
    ] {
        let refused = client.load_program(json).unwrap_err().to_string();
        assert!(refused.contains("the program is refused") && refused.contains(said), "{refused}");
    }
    assert!(runtime.handle_bm_serialize_state().unwrap() == before);
    assert!(matches!(client.swap_programs(), Err(ControlError::Swap(3))));
    assert_eq!(ports(&runtime, &frame(1, [10, 0, 0, 1])), [3]);
}

#[test]
fn no_packet_is_lost_by_swaps() {
    let runtime = runtime();
    let fill = || {
        runtime.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, 3]])).unwrap();
    };
    fill();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let packets = scope.spawn(|| {
            let (mut sent, mut out) = (0, Outputs::default());
            while !stop.load(Ordering::Relaxed) {
                let now = runtime.engine().now();
                runtime.engine().with(|engine| engine.process(now, 1, &frame(1, [10, 0, 0, 1]), &mut out));
                assert_eq!(out.packets().map(|(port, _)| port).collect::<Vec<_>>(), [3], "after {sent}");
                sent += 1;
            }
            sent
        });
        for _ in 0..50 {
            runtime.load_program(CONTROL).unwrap();
            fill();
            runtime.swap_programs().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        assert!(packets.join().unwrap() > 0);
    });
}

/// Programs that send by port 3 and by port 4 take turns under a sender that never waits.
#[test]
fn frames_in_flight_while_programs_change_arrive_once_each() {
    const FRAMES_MAX: u32 = 300_000;
    const BATCH: u32 = 64;
    let runtime = runtime();
    let fill = |port: u8| runtime.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, port]])).unwrap();
    fill(3);
    let builder = Switch::builder(runtime.engine().clone()).queue_frames((FRAMES_MAX + BATCH) as usize);
    let switch = [1, 3, 4].iter().fold(builder, |builder, &port| builder.port(port, PortKind::Local)).start().unwrap();
    let (from, stop) = (switch.local(1).unwrap(), AtomicBool::new(false));
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0;
            while sent < FRAMES_MAX && !stop.load(Ordering::Relaxed) {
                let numbered = |number: u32| [&frame(1, [10, 0, 0, 1])[..], &number.to_be_bytes()].concat();
                let batch: Vec<_> = (sent..sent + BATCH).map(numbered).collect();
                from.send_all(batch.iter().map(Vec::as_slice));
                sent += BATCH;
            }
            sent
        });
        for swap in 0..50 {
            runtime.load_program(CONTROL).unwrap();
            fill(4 - swap % 2);
            runtime.swap_programs().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        sender.join().unwrap()
    });
    let arrived = [3, 4].map(|port| {
        let port = switch.local(port).unwrap();
        let numbers = std::iter::from_fn(|| port.receive(Duration::ZERO));
        numbers.map(|frame| u32::from_be_bytes(*frame.last_chunk().unwrap())).collect::<Vec<_>>()
    });
    assert!(arrived.iter().all(|numbers| !numbers.is_empty() && numbers.is_sorted()), "both programs ran");
    let mut all = arrived.concat();
    all.sort_unstable();
    assert!(all == (0..sent).collect::<Vec<_>>(), "{sent} were sent, {} arrived", all.len());
}
