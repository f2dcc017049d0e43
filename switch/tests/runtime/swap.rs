//! A program is changed while packets pass.

use crate::support::{CONTROL, action, frame, ports, prefix, runtime, served};
use bifrost_switch::engine::{Mirror, Outputs};
use bifrost_switch::runtime::{Client, ControlError, Switch};
use std::sync::atomic::{AtomicBool, Ordering};

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
    for json in ["", "{", "{}", &CONTROL.replace("execute_meter", "explode")] {
        let refused = client.load_program(json);
        assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("refused")), "{refused:?}");
    }
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
