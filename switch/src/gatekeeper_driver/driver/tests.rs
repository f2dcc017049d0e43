use super::*;
use crate::gatekeeper::{Input, Output, Reason, Record};
use crate::rules::Entries;
use crate::runtime::{Runtime, Settings};
use crate::{PROGRAM, SharedEngine, engine::Engine};
use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::sync::Condvar;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(20);
/// Parts of it that are waited for one by one.
const TRIES: u32 = 10_000;

/// A port of which the test is the switch.
#[derive(Default)]
struct Port {
    packets: Mutex<(VecDeque<Vec<u8>>, bool)>,
    arrived: Condvar,
    taker: Mutex<Option<Taker>>,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Port")
    }
}

impl Port {
    fn bring(&self, reason: Reason) -> bool {
        self.packets.lock().unwrap().0.push_back(vec![reason as u8, 0, 0, 1, 0, 0, 0, 0, 9]);
        let taker = self.taker.lock().unwrap().clone();
        taker.is_some_and(|take| take())
    }

    fn wait_for_taker(&self, is_there: bool) {
        while self.taker.lock().unwrap().is_some() != is_there {
            std::thread::yield_now();
        }
    }
}

impl FramePort for Port {
    fn send(&self, _frames: &mut dyn Iterator<Item = &[u8]>) {}

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        let mut packets = self.packets.lock().unwrap();
        if !wait.is_zero() {
            let must_wait = |packets: &mut (VecDeque<Vec<u8>>, bool)| packets.0.is_empty() && !packets.1;
            packets = self.arrived.wait_timeout_while(packets, wait, must_wait).unwrap().0;
            packets.1 = false;
        }
        let all = std::mem::take(&mut packets.0);
        drop(packets);
        all.iter().for_each(|packet| take(packet));
        true
    }

    fn wake(&self) -> bool {
        self.packets.lock().unwrap().1 = true;
        self.arrived.notify_all();
        true
    }

    fn set_taker(&self, taker: Option<Taker>) -> bool {
        *self.taker.lock().unwrap() = taker;
        true
    }
}

/// Tells which thread brings what, and panics at a FREE.
struct Machine(Sender<(Reason, bool)>);

impl super::Machine for Machine {
    fn handle(&mut self, _now: Time, input: Input<'_>) {
        let Input::Packet { reason, .. } = input else { return };
        assert!(reason != Reason::Free, "a fault of the control plane");
        let is_drivers = std::thread::current().name() == Some("bifrost-gatekeeper");
        let _ = self.0.send((reason, is_drivers));
    }

    fn poll_output(&mut self) -> Option<Output> {
        None
    }

    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    fn handle_timeout(&mut self, _now: Time) {}

    fn entries(&self) -> Entries {
        Entries::default()
    }

    fn snapshot(&self) -> Vec<Record> {
        Vec::new()
    }
}

fn start() -> (Arc<Port>, Driver<Machine>, Receiver<(Reason, bool)>) {
    let (port, (tell, told)) = (Arc::new(Port::default()), channel());
    let engine = SharedEngine::new(Engine::load(PROGRAM, 1).unwrap());
    let place = Place { prefix: Ipv6Addr::UNSPECIFIED, memory_prefix: 0xfd, mac: [2; 6], key: None };
    let switch = Arc::new(Runtime::new(engine, PROGRAM, Settings::default()));
    let parts = Parts { port: port.clone(), switch, log: Log::in_memory(), place };
    let driver = Driver::start(parts, |_| Machine(tell)).unwrap();
    port.wait_for_taker(true);
    (port, driver, told)
}

#[test]
fn who_brings_a_packet_of_a_call_takes_it_in() {
    let (port, driver, told) = start();
    for reason in [Reason::Lease, Reason::Delivered, Reason::Alloc] {
        // The driver's thread may be at work just then, and take in what was brought meanwhile.
        let is_taken = (0..TRIES).any(|_| {
            port.bring(reason);
            std::iter::from_fn(|| told.recv_timeout(WAIT / TRIES).ok()).any(|taken| taken == (reason, false))
        });
        assert!(is_taken, "{reason:?} is left to the driver's thread");
    }
    driver.shutdown();
    port.wait_for_taker(false);
}

#[test]
fn packets_that_may_take_long_are_left_to_the_drivers_thread() {
    let (port, _driver, told) = start();
    for reason in [Reason::Control, Reason::Stranger, Reason::Fenced] {
        port.bring(reason);
        assert_eq!(told.recv_timeout(WAIT), Ok((reason, true)));
    }
}

#[test]
fn a_fault_of_the_control_plane_is_not_that_of_who_brings_a_packet() {
    let (port, driver, _told) = start();
    while driver.is_running() {
        port.bring(Reason::Free);
        std::thread::yield_now();
    }
    assert!(!port.bring(Reason::Lease), "there is nobody any more");
}
