use super::*;
use std::sync::mpsc::channel;

const ME: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 1);
const OTHER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 2);
const MAC: Mac = [2; 6];
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn open(demux: &Demux, port: u16, role: Role) -> Seat {
    let binding = Binding { role, port, address: ME, services: Vec::new(), takes_pointers: false, peer: None };
    demux.open(binding).unwrap()
}

/// Of a datagram for the socket at `port`.
fn to(port: u16) -> FrameAddresses {
    FrameAddresses {
        source_mac: [4; 6],
        destination_mac: MAC,
        source: OTHER,
        destination: ME,
        source_port: 9,
        destination_port: port,
    }
}

fn readers(demux: &Demux, seat: &Seat) -> usize {
    demux.lock().sockets[&seat.binding.port].readers
}

/// What waits at a socket, and whether its reader led.
fn take(demux: &Demux, seat: &Seat) -> (Received, bool) {
    let mut has_led = false;
    let lead = |_: &mut [u8]| {
        has_led = true;
        Ok(None)
    };
    let received = demux.receive(seat, &mut [0; 16], false, lead).unwrap();
    (received, has_led)
}

#[test]
fn who_goes_away_with_what_was_left_for_it_passes_the_lead_on() {
    let demux = Demux::new(MAC, true);
    let [first, second, third] = [1, 2, 3].map(|port| open(&demux, port, Role::Client));
    let (led, told) = channel();
    std::thread::scope(|scope| {
        let (demux, second, third) = (&demux, &second, &third);
        let lead = |_: &mut [u8]| {
            scope.spawn(move || demux.receive(second, &mut [0; 16], true, |_| Ok(None)).unwrap());
            let led = led.clone();
            scope.spawn(move || {
                demux.receive(third, &mut [0; 16], true, |_| {
                    led.send(()).unwrap();
                    Ok(None)
                })
            });
            while readers(demux, second) == 0 || readers(demux, third) == 0 {
                std::thread::yield_now();
            }
            demux.leave(None, &to(2), b"x");
            Ok(Some(Brought { filled: 1, of: Some((sender(&to(1)), ME)) }))
        };
        assert!(matches!(demux.receive(&first, &mut [0; 16], true, lead), Ok(Received::Bytes(1, ..))));
        told.recv_timeout(PATIENCE).expect("the third leads");
    });
}

#[derive(Default)]
struct Guests(Mutex<Vec<Vec<u8>>>);

impl Guest for Guests {
    fn take(self: Arc<Self>, _from: SocketAddr, _to: Ipv6Addr, datagram: &mut [u8]) {
        self.0.lock().unwrap().push(datagram.to_vec());
    }
}

#[test]
fn what_comes_for_a_guest_is_taken_in_on_a_servers_thread_alone() {
    let demux = Demux::new(MAC, true);
    let [client, server] = [(1, Role::Client), (2, Role::Server)].map(|(port, role)| open(&demux, port, role));
    let guest = open(&demux, 3, Role::Guest);
    let taken = Arc::new(Guests::default());
    let taker: Weak<dyn Guest> = Arc::<Guests>::downgrade(&taken);
    demux.set_guest(&guest, taker);
    demux.leave(Some(&server), &to(3), b"1");
    demux.leave(Some(&client), &to(3), b"2");
    demux.leave(None, &to(3), b"3");
    // Nothing overtakes what waits.
    demux.leave(Some(&server), &to(3), b"4");
    assert_eq!(*taken.0.lock().unwrap(), [b"1"]);
    assert!(matches!(take(&demux, &guest), (Received::Bytes(3, ..), false)));
    demux.leave(Some(&server), &to(3), b"5");
    assert_eq!(*taken.0.lock().unwrap(), [b"1", b"5"]);
}

#[test]
fn a_guest_receives_for_all_only_where_no_server_does() {
    let demux = Demux::new(MAC, true);
    let (server, guest) = (open(&demux, 2, Role::Server), open(&demux, 3, Role::Guest));
    assert_eq!(take(&demux, &guest), (Received::Nothing, false));
    assert_eq!(take(&demux, &server), (Received::Nothing, true));
    assert!(!demux.shut_down(&server));
    assert_eq!(take(&demux, &guest), (Received::Nothing, true));
}

/// What a thread gets that waits at a socket of which another one leads, once `end` has done something to it.
fn ended(demux: &Demux, seat: &Seat, end: impl FnOnce() -> bool) -> Received {
    let leader = open(demux, 9, Role::Client);
    let (let_go, is_let_go) = channel::<()>();
    std::thread::scope(|scope| {
        let leader = &leader;
        let lead = move |_: &mut [u8]| {
            let _ = is_let_go.recv_timeout(PATIENCE);
            Ok(None)
        };
        scope.spawn(move || demux.receive(leader, &mut [0; 16], true, lead).unwrap());
        while demux.lock().leader != Some(Leader::Reader(9)) {
            std::thread::yield_now();
        }
        let waiting = scope.spawn(|| demux.receive(seat, &mut [0; 16], true, |_| Ok(None)).unwrap());
        while readers(demux, seat) == 0 {
            std::thread::yield_now();
        }
        assert!(!end(), "another one leads");
        let received = waiting.join().unwrap();
        let_go.send(()).unwrap();
        received
    })
}

#[test]
fn who_waits_is_woken_or_ended_though_another_one_leads() {
    let demux = Demux::new(MAC, true);
    let seat = open(&demux, 1, Role::Client);
    assert_eq!(ended(&demux, &seat, || demux.wake(&seat)), Received::Nothing);
    let demux = Demux::new(MAC, true);
    let seat = open(&demux, 1, Role::Client);
    assert_eq!(ended(&demux, &seat, || demux.shut_down(&seat)), Received::Ended);
}

#[test]
fn that_who_leads_is_to_be_woken_is_told() {
    let demux = Demux::new(MAC, true);
    let seat = open(&demux, 1, Role::Client);
    let mut times = 0;
    let received = demux.receive(&seat, &mut [0; 16], true, |_| {
        times += 1;
        assert!(demux.wake(&seat) && demux.fail_sockets("gone") && demux.fail("gone"));
        Ok(Some(Brought::default()))
    });
    // It finds why by itself.
    assert_eq!((received.unwrap_err().to_string().as_str(), times), ("gone", 1));
}

#[test]
fn a_wake_counts_for_the_next_wait_and_for_one() {
    let demux = Demux::new(MAC, true);
    let seat = open(&demux, 1, Role::Client);
    assert!(!demux.wake(&seat));
    assert_eq!(take(&demux, &seat), (Received::Nothing, true), "a look is no wait");
    let mut has_led = false;
    let mut wait = || {
        let lead = |_: &mut [u8]| {
            has_led = true;
            Ok(None)
        };
        demux.receive(&seat, &mut [0; 16], true, lead).unwrap()
    };
    assert_eq!((wait(), wait(), has_led), (Received::Nothing, Received::Nothing, true));
}

#[test]
fn a_guest_that_receives_for_all_lets_a_server_go_on() {
    let demux = Demux::new(MAC, true);
    let (server, guest) = (open(&demux, 2, Role::Server), open(&demux, 3, Role::Guest));
    let (led, told) = channel();
    std::thread::scope(|scope| {
        // Where no server receives the guest does in the end; what it brings is for the server, which then has to lead.
        let (demux, server) = (&demux, &server);
        let mut times = 0;
        let lead = move |_: &mut [u8]| {
            times += 1;
            assert_eq!(times, 1, "it leads once");
            let led = led.clone();
            scope.spawn(move || {
                demux.receive(server, &mut [0; 16], true, |_| {
                    led.send(()).unwrap();
                    Ok(None)
                })
            });
            while readers(demux, server) == 0 {
                std::thread::yield_now();
            }
            Ok(Some(Brought::default()))
        };
        let seat = &guest;
        let waiting = scope.spawn(move || demux.receive(seat, &mut [0; 16], true, lead).unwrap());
        told.recv_timeout(PATIENCE).expect("the server leads");
        let _ = demux.shut_down(seat);
        assert_eq!(waiting.join().unwrap(), Received::Ended);
    });
}
