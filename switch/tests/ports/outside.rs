//! A `simple_switch` in the place of the engine.

use crate::captures::read;
use crate::node::WAIT;
use crate::program::{GROUP, frame, json, mac};
use bifrost_switch::bmv2::{self, Bmv2, Bmv2Error, FRAME_BYTES_MAX};
use bifrost_switch::daemon::{LocalPort, PortKind, StartError, Switch, SwitchBuilder, Tally};
use bifrost_switch::engine::{EntryAction, MatchParam};
use bifrost_switch::runtime::{Client, SwitchControl};
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than anything that leaves needs to come out.
const QUIET: Duration = Duration::from_millis(300);

fn simple_switch() -> Option<Bmv2> {
    if bmv2::find().is_none() {
        eprintln!("SKIPPED: no simple_switch in PATH");
        return None;
    }
    let switch = Bmv2::start(&bmv2::Settings::new(json())).unwrap();
    fill(&switch.control().unwrap());
    Some(switch)
}

/// Entries as [`crate::program::engine`] has them, of the ports 1 and 2.
fn fill(control: &Client) {
    let add = |destination: [u8; 6], action: &str, data: u16| {
        let action = EntryAction::Action { name: action.to_owned(), data: vec![data.to_be_bytes().to_vec()] };
        control.add("l2", &[MatchParam::Exact(destination.to_vec())], 0, &action).unwrap();
    };
    [1, 2, 77].into_iter().for_each(|port| add(mac(port), "forward", port));
    add([0xff; 6], "flood", GROUP);
    control.create_group(GROUP).unwrap();
    let node = control.create_node(0, &BTreeSet::from([1, 2])).unwrap();
    control.associate(GROUP, node).unwrap();
}

fn builder(switch: Bmv2) -> SwitchBuilder {
    Switch::builder(switch).port(1, PortKind::Local).port(2, PortKind::Local)
}

fn locals(switch: &Switch) -> [LocalPort; 2] {
    [1, 2].map(|port| switch.local(port).unwrap())
}

#[test]
fn frames_stay_in_order_and_are_counted_and_captured() {
    let Some(switch) = simple_switch() else { return };
    let directory = tempfile::tempdir().unwrap();
    let switch = builder(switch).capture(directory.path()).start().unwrap();
    assert!(switch.engine().is_none() && switch.watch().is_none());
    let [one, two] = locals(&switch);
    let frames: Vec<_> = (0..4_000u32).map(|i| frame(1, mac(2), &i.to_be_bytes())).collect();
    one.send_all(frames.iter().map(Vec::as_slice));
    for sent in &frames {
        assert_eq!(two.receive(WAIT).as_ref(), Some(sent));
    }
    let all = frame(2, [0xff; 6], b"all");
    two.send(&all);
    assert_eq!((one.receive(WAIT), two.receive(WAIT)), (Some(all.clone()), Some(all.clone())));
    one.send(&frame(1, mac(77), b""));
    one.send(&frame(1, mac(9), b"dropped"));
    let longest = frame(1, mac(2), &vec![7; FRAME_BYTES_MAX - 14]);
    one.send_all([&longest[..], &[&longest[..], &[0]].concat()]);
    assert_eq!(two.receive(WAIT), Some(longest));
    let report = switch.shutdown();
    let frames_of = |tally: Tally| tally.frames;
    let counts = [1, 2].map(|port| report.ports[&port].counts).map(|counts| (counts.received, counts.sent));
    let counts = counts.map(|(received, sent)| (frames_of(received), frames_of(sent)));
    assert_eq!(counts, [(4_003, 1), (1, 4_002)]);
    assert_eq!((report.nowhere, frames_of(report.refused)), (Tally { frames: 1, bytes: 14 }, 1));
    assert_eq!((report.ended, report.capture.unwrap().missed), (None, 0));
    assert_eq!(read(&directory.path().join("port-1-in.pcap"))[..4_000], frames);
    assert_eq!(read(&directory.path().join("port-2-out.pcap"))[..4_000], frames);
}

#[test]
fn what_is_under_way_leaves_before_the_end() {
    let Some(switch) = simple_switch() else { return };
    let switch = builder(switch).start().unwrap();
    let [one, two] = locals(&switch);
    let frames: Vec<_> = (0..2_000u32).map(|i| frame(1, mac(2), &i.to_be_bytes())).collect();
    one.send_all(frames.iter().map(Vec::as_slice));
    let report = switch.shutdown();
    assert_eq!(report.ports[&2].counts.sent.frames, 2_000);
    assert_eq!(std::iter::from_fn(|| two.receive(Duration::ZERO)).count(), 2_000);
    one.send(&frames[0]);
    assert_eq!(two.receive(QUIET), None, "a port that is kept keeps no switch alive");
}

#[test]
fn one_that_ends_is_a_fault_that_says_what_it_said() {
    let Some(switch) = simple_switch() else { return };
    let id = switch.process_id().unwrap();
    let switch = builder(switch).start().unwrap();
    let [one, two] = locals(&switch);
    let id = nix::unistd::Pid::from_raw(i32::try_from(id).unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL).unwrap();
    let mut reasons = std::iter::repeat_with(|| (two.receive(QUIET), switch.report().ended).1).take(100);
    let reason = reasons.find_map(|reason| reason);
    assert!(reason.as_ref().is_some_and(|why| why.contains("simple_switch ended (signal: 9")), "{reason:?}");
    assert!(switch.ports().list().iter().all(|port| !port.is_up));
    one.send(&frame(1, mac(2), b"late"));
    let report = switch.shutdown();
    assert_eq!((report.refused.frames, report.ports[&1].counts.received.frames), (1, 0));
}

#[test]
fn one_without_a_socket_for_packets_is_refused() {
    let Some(switch) = simple_switch() else { return };
    let attached = Bmv2::attach(switch.url(), None).unwrap();
    let error = builder(attached).start().unwrap_err();
    assert!(matches!(error, StartError::Bmv2(Bmv2Error::NoPackets)), "{error}");
}
