//! In-process ports.

use crate::WAIT;
use crate::program::{add, engine, frame, mac};
use bifrost_switch::daemon::{Frames, LocalPort, PortKind, StartError, Switch, Tally};
use std::time::Duration;

fn switch(ports: &[u16]) -> (Switch, Vec<LocalPort>) {
    let builder = Switch::builder(engine(ports));
    let builder = ports.iter().fold(builder, |builder, &port| builder.port(port.into(), PortKind::Local));
    let switch = builder.start().unwrap();
    let locals = ports.iter().map(|&port| switch.local(port.into()).unwrap()).collect();
    (switch, locals)
}

/// Everything that waits.
fn waiting(port: &LocalPort) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| port.receive(Duration::ZERO)).collect()
}

#[test]
fn frames_are_forwarded_flooded_punted_and_dropped() {
    let (switch, ports) = switch(&[1, 2, 510]);
    let [one, two, control] = &ports[..] else { panic!() };
    let (to_two, to_all) = (frame(1, mac(2), b"hello"), frame(1, [0xff; 6], b"all"));
    one.send_all([&to_two[..], &to_all]);
    assert_eq!(waiting(two), [&to_two[..], &to_all]);
    assert_eq!(waiting(one), [&to_all[..]], "this program floods to all ports");
    assert_eq!(waiting(control), [&to_all[..]]);
    // What no entry lets pass stops at the switch.
    one.send(&frame(1, mac(9), b"nobody"));
    assert!(ports.iter().all(|port| waiting(port).is_empty()));
    // The control plane gets what an entry sends it, and sends what it likes.
    switch.engine().unwrap().with(|engine| add(engine, mac(9), "forward", 510));
    let (unknown, answer) = (frame(1, mac(9), b"nobody"), frame(510, mac(1), b"answer"));
    one.send(&unknown);
    assert_eq!(control.receive(WAIT), Some(unknown));
    control.send(&answer);
    assert_eq!(waiting(one), [&answer[..]]);
    let report = switch.shutdown();
    let counts = report.ports[&1].counts;
    assert_eq!((counts.received.frames, counts.sent.frames, counts.lost.frames), (4, 2, 0));
    assert_eq!(counts.received.bytes, 4 * 14 + (5 + 3 + 6 + 6));
}

#[test]
fn a_full_queue_loses_what_comes_then_and_counts_it() {
    let builder = Switch::builder(engine(&[1, 2])).port(1, PortKind::Local).port(2, PortKind::Local).queue_frames(5);
    let switch = builder.start().unwrap();
    let frames: Vec<_> = (0..8u8).map(|i| frame(1, mac(2), &[i])).collect();
    switch.local(1).unwrap().send_all(frames.iter().map(Vec::as_slice));
    let two = switch.local(2).unwrap();
    assert_eq!(waiting(&two), frames[..5]);
    switch.local(1).unwrap().send(&frames[7]);
    assert_eq!(waiting(&two), [&frames[7][..]], "there is room again");
    let counts = switch.shutdown().ports[&2].counts;
    assert_eq!((counts.sent.frames, counts.lost), (6, Tally { frames: 3, bytes: 45 }));
}

#[test]
fn a_queue_is_bounded_in_bytes_too() {
    let (switch, ports) = switch(&[1, 2]);
    let long = frame(1, mac(2), &vec![7; 60_000]);
    (0..400).for_each(|_| ports[0].send(&long));
    let counts = switch.report().ports[&2].counts;
    assert_eq!(counts.sent.frames + counts.lost.frames, 400);
    assert!(counts.sent.bytes <= bifrost_switch::daemon::QUEUE_BYTES_MAX as u64);
    assert!(counts.lost.frames > 0);
}

#[test]
fn frames_to_no_port_are_counted() {
    let (switch, ports) = switch(&[1, 2]);
    switch.engine().unwrap().with(|engine| add(engine, mac(77), "forward", 77));
    ports[0].send(&frame(1, mac(77), b""));
    assert_eq!(switch.report().nowhere, Tally { frames: 1, bytes: 14 });
}

#[test]
fn what_was_left_in_a_port_comes_first() {
    let (_switch, ports) = switch(&[1, 2]);
    let frames: Vec<_> = (0..4u8).map(|i| frame(1, mac(2), &[i])).collect();
    ports[0].send_all(frames[..3].iter().map(Vec::as_slice));
    assert_eq!(ports[1].receive(WAIT).as_ref(), Some(&frames[0]));
    ports[0].send(&frames[3]);
    let mut batch = Frames::new();
    let mut all = Vec::new();
    while ports[1].receive_all(&mut batch, Duration::ZERO) && !batch.is_empty() {
        all.extend(batch.iter().map(<[u8]>::to_vec));
    }
    assert_eq!(all, frames[1..]);
}

#[test]
fn a_switch_that_is_shut_down_wakes_who_waits_and_takes_nothing_more() {
    let (switch, ports) = switch(&[1, 2]);
    let waits = std::thread::spawn({
        let port = ports[1].clone();
        move || (port.receive(10 * WAIT), port.receive_all(&mut Frames::new(), 10 * WAIT))
    });
    let report = switch.shutdown();
    assert_eq!(waits.join().unwrap(), (None, false));
    ports[0].send(&frame(1, mac(2), b"late"));
    assert_eq!(ports[1].receive(WAIT), None);
    assert_eq!(report.ports[&1].counts.received.frames, 0);
}

#[test]
fn several_threads_send_through_one_switch() {
    const EACH: usize = 2_000;
    let (switch, ports) = switch(&[1, 2, 3]);
    let senders = [1u16, 2].map(|from| {
        let port = ports[usize::from(from) - 1].clone();
        std::thread::spawn(move || {
            (0..EACH).for_each(|i| port.send(&frame(from, mac(3), &u32::try_from(i).unwrap().to_be_bytes())));
        })
    });
    let mut seen = [0u32; 2];
    while seen != [u32::try_from(EACH).unwrap(); 2] {
        let got = ports[2].receive(WAIT).expect("none is lost");
        let next = &mut seen[usize::from(got[11]) - 1];
        assert_eq!(got[14..], next.to_be_bytes(), "the frames of each sender stay in order");
        *next += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    assert_eq!(switch.shutdown().ports[&3].counts.lost.frames, 0);
}

#[test]
fn wrong_ports_are_refused() {
    let start = |ports: &[u32]| {
        let builder = Switch::builder(engine(&[1]));
        let builder = ports.iter().fold(builder, |builder, &port| builder.port(port, PortKind::Local));
        builder.start().map(drop)
    };
    assert!(matches!(start(&[511]), Err(StartError::Number(511))));
    assert!(matches!(start(&[7, 7]), Err(StartError::Twice(7))));
    let device = Switch::builder(engine(&[1])).port(1, PortKind::Device("no such device".into())).start();
    assert_eq!(device.unwrap_err().to_string(), "port 1: there is no network device \"no such device\"");
}

#[test]
fn the_ways_of_packets_can_be_watched() {
    let (switch, ports) = switch(&[1, 2]);
    let ways = switch.watch().unwrap();
    ports[0].send(&frame(1, mac(2), b""));
    let text: Vec<_> = ways.recv_timeout(WAIT).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(text.first().unwrap(), "ingress: 14 bytes from port 1");
    assert!(text.contains(&"    action forward".into()), "{text:?}");
    assert_eq!(text.last().unwrap(), "sent: 14 bytes to port 2");
    drop(ways);
    ports[0].send(&frame(1, mac(2), b""));
    ports[0].send(&frame(1, mac(2), b""));
    assert_eq!(waiting(&ports[1]).len(), 3);
}
