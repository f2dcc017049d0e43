//! Packet-socket ports with the kernel's own network stack at the ends, in namespaces. Needs root, `ip` and `ethtool`.

mod namespace;
mod programs;
mod rack;
mod raw;

use crate::WAIT;
use bifrost_switch::SharedEngine;
use bifrost_switch::daemon::{PortKind, Switch, SwitchBuilder};
use bifrost_switch::engine::Engine;
use bifrost_switch::runtime::{Runtime, Settings};
use bifrost_switch::{PROGRAM, commands};
use namespace::Namespace;
use programs::{echo_tcp, echo_udp, ping};
use raw::RawSocket;
use std::time::Duration;

/// Two nodes, and a switch with a device for each.
struct Bench {
    switch: Namespace,
    one: Namespace,
    two: Namespace,
}

/// The rack's program, with what makes it a switch for ordinary frames. Port 3 is in this process, and sees what is flooded.
const ENTRIES: &str = "
table_add l2 forward 02:00:00:00:00:01 => 1
table_add l2 forward 02:00:00:00:00:02 => 2
mc_mgrp_create 1
mc_node_create 0 1 2 3
mc_node_associate 1 0
";

impl Bench {
    /// `None`, and a word why, where this cannot be had.
    fn new() -> Option<Self> {
        if let Some(missing) = namespace::missing() {
            eprintln!("SKIPPED: packet sockets are not tested: {missing}");
            return None;
        }
        let bench = Self { switch: Namespace::new(), one: Namespace::new(), two: Namespace::new() };
        for (number, node) in [(1, &bench.one), (2, &bench.two)] {
            bench
                .switch
                .ip(&format!("link add port{number} mtu 9000 type veth peer name node{number} netns {}", node.id()));
            bench.switch.ip(&format!("link set port{number} up"));
            node.ip(&format!("link set node{number} address 02:00:00:00:00:0{number} mtu 9000 up"));
            node.ip(&format!("addr add fd00::{number}/64 dev node{number} nodad"));
            // Else the kernel leaves checksums to a device that there is not, and makes frames that no link takes.
            node.run("ethtool", &format!("-K node{number} tx off rx off tso off gso off gro off"));
        }
        Some(bench)
    }

    fn builder(&self) -> SwitchBuilder {
        let engine = Engine::load(PROGRAM, 1).unwrap();
        let shape = commands::Shape::of(&engine);
        let engine = SharedEngine::new(engine);
        let control = Runtime::new(engine.clone(), PROGRAM, Settings::default());
        commands::run(&control, &shape, ENTRIES).unwrap();
        let builder = Switch::builder(engine).port(3, PortKind::Local);
        (1..3).fold(builder, |builder, port| builder.port(port, PortKind::Device(format!("port{port}"))))
    }

    fn start(&self) -> Switch {
        let builder = self.builder();
        self.switch.within(move || builder.start().unwrap())
    }
}

#[test]
fn kernels_reach_each_other() {
    let Some(bench) = Bench::new() else { return };
    let switch = bench.start();
    ping(&bench.one, "fd00::2", 64);
    ping(&bench.two, "fd00::1", 8000);
    for bytes in [1, 1000, 8000] {
        echo_udp(&bench.one, &bench.two, "fd00::2", bytes);
    }
    echo_tcp(&bench.two, &bench.one, "fd00::1", 3 << 20);
    let report = switch.shutdown();
    assert!(report.ports.values().all(|port| port.fault.is_none()), "{report:?}");
    assert!(report.ports[&1].counts.sent.bytes > 3 << 20);
    assert_eq!(report.ports[&1].counts.lost.frames, 0);
}

#[test]
fn tagged_frames_do_not_pass_for_frames_without_a_tag() {
    let Some(bench) = Bench::new() else { return };
    let switch = bench.start();
    let node = bench.one.within(|| RawSocket::open("node1"));
    // To nobody in particular, so that they would be flooded.
    let send = |kind: &[u8], payload: &[u8]| {
        node.send(&[&[2, 0, 0, 0, 0, 9][..], &[2, 0, 0, 0, 0, 1], kind, &[0x88, 0xb5], payload].concat());
    };
    send(&[0x81, 0, 0, 5], &[b't'; 50]);
    send(&[], &[b'u'; 50]);
    let local = switch.local(3).unwrap();
    let is_of = |frame: &[u8], byte: u8| frame.ends_with(&[byte; 50]);
    while let Some(frame) = local.receive(WAIT) {
        assert!(!is_of(&frame, b't') || frame[12..14] == [0x81, 0], "it has lost its tag: {frame:02x?}");
        if is_of(&frame, b'u') {
            return;
        }
    }
    panic!("the frame without a tag did not pass");
}

#[test]
fn a_device_that_goes_is_a_fault_and_the_others_go_on() {
    let Some(bench) = Bench::new() else { return };
    let switch = bench.start();
    bench.switch.ip("link set port2 down");
    bench.switch.ip("link set port2 up");
    ping(&bench.one, "fd00::2", 64);
    bench.switch.ip("link del port2");
    let waits = std::iter::repeat_with(|| std::thread::park_timeout(Duration::from_millis(20)));
    let gone = waits.take(1000).any(|()| switch.report().ports[&2].fault.is_some());
    assert!(gone, "{:?}", switch.report());
    assert_eq!(switch.report().ports[&1].fault, None);
    switch.local(3).unwrap().send(&[&[2, 0, 0, 0, 0, 1][..], &[2, 0, 0, 0, 0, 3], &[0x88, 0xb5], b"hello"].concat());
    let counts = switch.shutdown().ports[&1].counts;
    assert!(counts.sent.frames > 0 && counts.lost.frames == 0, "{counts}");
}

#[test]
fn devices_that_cannot_be_ports_are_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.switch.ip("link set lo up");
    let start = |device: &str| {
        let builder = bench.builder().port(4, PortKind::Device(device.to_owned()));
        bench.switch.within(move || builder.start().unwrap_err().to_string())
    };
    assert_eq!(start("lo"), "port 4: \"lo\" carries no Ethernet frames");
    assert_eq!(start("port9"), "port 4: there is no network device \"port9\"");
}
