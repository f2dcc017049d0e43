//! Ports that are Unix sockets: the control plane in a process of its own.

#![expect(clippy::disallowed_methods, reason = "waits for what other threads do")]

use crate::WAIT;
use crate::program::{engine, frame, mac};
use bifrost_rpc::FramePort;
use bifrost_switch::daemon::{PortKind, SocketCable, StartError, Switch};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

fn switch(socket: &Path) -> Switch {
    let builder = Switch::builder(engine(&[1, 2])).port(1, PortKind::Local);
    builder.port(2, PortKind::Socket(socket.to_owned())).start().unwrap()
}

/// Everything that comes until `enough` says so; the other's end ends it, too.
fn received(cable: &SocketCable, enough: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
    let (mut all, since) = (Vec::new(), Instant::now());
    while !enough(&all) && cable.receive(Duration::from_millis(20), &mut |frame| all.push(frame.to_vec())) {
        assert!(since.elapsed() < WAIT, "{} frames", all.len());
    }
    all
}

/// Waits until somebody has the port, or nobody.
fn wait_until(switch: &Switch, is_up: bool) {
    let since = Instant::now();
    while switch.ports().list().iter().any(|port| port.number == 2 && port.is_up != is_up) {
        assert!(since.elapsed() < WAIT);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn frames_cross_both_ways_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let switch = switch(&path);
    let (local, cable) = (switch.local(1).unwrap(), SocketCable::connect(&path).unwrap());
    let there: Vec<Vec<u8>> = (0..100_u8).map(|i| frame(2, mac(1), &[i; 1000])).collect();
    cable.send(&mut there.iter().map(Vec::as_slice));
    for expected in &there {
        assert_eq!(local.receive(WAIT).as_ref(), Some(expected));
    }
    // What came proves that the cable is the port's.
    let back: Vec<Vec<u8>> = (0..50_u8).map(|i| frame(1, mac(2), &[i; 9000])).collect();
    local.send_all(back[..20].iter().map(Vec::as_slice));
    assert_eq!(received(&cable, |all| all.len() == 20), back[..20]);
    local.send_all(back[20..].iter().map(Vec::as_slice));
    let lost = switch.report().ports[&2].counts.lost.frames;
    let rest = received(&cable, |all| all.len() as u64 + lost == 30);
    assert_eq!(rest, back[20..20 + rest.len()], "what has no room is lost, and counted");
}

#[test]
fn a_wait_for_frames_can_be_ended_by_another_thread() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let _switch = switch(&path);
    let cable = std::sync::Arc::new(SocketCable::connect(&path).unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    for waits_already in [false, true] {
        assert!(waits_already || cable.wake(), "it can be woken");
        let (other, tell) = (std::sync::Arc::clone(&cable), tell.clone());
        std::thread::spawn(move || {
            let goes_on = other.receive(Duration::from_secs(3600), &mut |_| {});
            let _ = tell.send(goes_on);
        });
        assert!(!waits_already || cable.wake());
        assert_eq!(told.recv_timeout(WAIT), Ok(true));
    }
}

#[test]
fn only_its_owner_may_connect() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let switch = switch(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(switch);
    assert!(!path.exists());
}

#[test]
fn whoever_connects_last_has_the_port() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let switch = switch(&path);
    let local = switch.local(1).unwrap();
    let first = SocketCable::connect(&path).unwrap();
    wait_until(&switch, true);
    let second = SocketCable::connect(&path).unwrap();
    // It is told that it is over.
    received(&first, |_| false);
    first.send(&mut [&frame(2, mac(1), b"late")[..]].into_iter());
    second.send(&mut [&frame(2, mac(1), b"mine")[..]].into_iter());
    assert_eq!(local.receive(WAIT), Some(frame(2, mac(1), b"mine")));
    assert_eq!(local.receive(Duration::ZERO), None);
}

#[test]
fn a_process_that_ended_is_followed_by_another_and_meanwhile_frames_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let switch = switch(&path);
    let local = switch.local(1).unwrap();
    let first = SocketCable::connect(&path).unwrap();
    wait_until(&switch, true);
    drop(first);
    wait_until(&switch, false);
    let lost = switch.report().ports[&2].counts.lost.frames;
    local.send(&frame(1, mac(2), b"to nobody"));
    assert_eq!(switch.report().ports[&2].counts.lost.frames, lost + 1);
    let second = SocketCable::connect(&path).unwrap();
    wait_until(&switch, true);
    assert!(switch.shutdown().ports[&2].fault.is_none());
    received(&second, |_| false);
}

#[test]
fn a_process_that_takes_nothing_holds_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let switch = switch(&path);
    let local = switch.local(1).unwrap();
    let _cable = SocketCable::connect(&path).unwrap();
    wait_until(&switch, true);
    let frame = frame(1, mac(2), &[7; 9000]);
    while switch.report().ports[&2].counts.lost.frames == 0 {
        local.send(&frame);
    }
}

#[test]
fn a_socket_that_was_left_over_is_replaced_and_one_in_use_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let switch = switch(&path);
    let holder = SocketCable::connect(&path).unwrap();
    wait_until(&switch, true);
    let second = Switch::builder(engine(&[2])).port(2, PortKind::Socket(path.clone())).start();
    assert!(matches!(second, Err(StartError::Socket { port: 2, error, .. }) if error.kind() == ErrorKind::AddrInUse));
    // Whoever has the port keeps it.
    let local = switch.local(1).unwrap();
    holder.send(&mut [&frame(2, mac(1), b"still")[..]].into_iter());
    assert_eq!(local.receive(WAIT), Some(frame(2, mac(1), b"still")));
    let file = directory.path().join("file");
    std::fs::write(&file, "no socket").unwrap();
    assert!(Switch::builder(engine(&[2])).port(2, PortKind::Socket(file.clone())).start().is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "no socket");
}
