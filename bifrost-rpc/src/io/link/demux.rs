//! Who gets what comes in by a link: its sockets, their inboxes, and which of them receives for all.

use super::super::Received;
use super::control::{ControlInbox, is_control};
use crate::wire::frame::{FrameAddresses, Mac};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A thread that waits at a socket looks about this often even when nothing arrives.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Bytes that wait at one socket for whoever reads there at most; more are lost, as in a kernel's buffer.
pub(super) const INBOX_BYTES: usize = 2 << 20;
/// The ports that a socket takes which asks for none: IANA's dynamic ones.
const FREE_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// What a socket of a link takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) port: u16,
    /// The node's own address.
    pub(super) address: Ipv6Addr,
    /// Further addresses, in order.
    pub(super) services: Vec<Ipv6Addr>,
    /// Whether addresses that are pointers are taken: the switch brings those of the server's own.
    pub(super) takes_pointers: bool,
    /// The one peer, if there is only one.
    pub(super) peer: Option<SocketAddr>,
}

impl Binding {
    fn takes(&self, addresses: &FrameAddresses) -> bool {
        let to = addresses.destination;
        addresses.destination_port == self.port
            && self.peer.is_none_or(|peer| peer == sender(addresses))
            && (to == self.address
                || self.services.binary_search(&to).is_ok()
                || (self.takes_pointers && is_pointer(to)))
    }
}

/// Where a frame's datagram comes from.
pub(super) fn sender(addresses: &FrameAddresses) -> SocketAddr {
    SocketAddrV6::new(addresses.source, addresses.source_port, 0, 0).into()
}

/// Whether an address has the form of a pointer: four zero bytes, then the prefix of the rack's memory.
fn is_pointer(address: Ipv6Addr) -> bool {
    let bytes = address.octets();
    bytes[..4] == [0; 4] && bytes[4] != 0
}

/// A datagram that waits for whoever reads at its socket.
#[derive(Debug)]
struct Waiting {
    from: SocketAddr,
    to: Ipv6Addr,
    payload: Vec<u8>,
}

#[derive(Debug)]
struct Slot {
    binding: Arc<Binding>,
    inbox: VecDeque<Waiting>,
    inbox_bytes: usize,
    readers: usize,
    arrived: Arc<Condvar>,
    is_shut: bool,
    /// Why this socket is of no use any more.
    failure: Option<String>,
}

impl Slot {
    /// Takes datagrams of one sender out, as many as fit.
    fn take(&mut self, into: &mut [u8]) -> Option<Received> {
        let (from, to) = self.inbox.front().map(|first| (first.from, first.to))?;
        let mut filled = 0;
        while let Some(next) = self.inbox.front() {
            let end = filled + next.payload.len();
            if (next.from, next.to) != (from, to) || (end > into.len() && filled > 0) {
                break;
            }
            let Some(waiting) = self.inbox.pop_front() else { break };
            self.inbox_bytes -= waiting.payload.len();
            // A single datagram fits: buffers are made for the largest.
            if let Some(place) = into.get_mut(filled..end) {
                place.copy_from_slice(&waiting.payload);
                filled = end;
            }
        }
        Some(Received::Bytes(filled, from, Some(to)))
    }
}

#[derive(Debug, Default)]
struct State {
    sockets: BTreeMap<u16, Slot>,
    has_leader: bool,
    next_port: u16,
    control: Option<ControlInbox>,
    /// Why nothing will come any more.
    failure: Option<String>,
}

/// The sockets of a link.
#[derive(Debug)]
pub(super) struct Demux {
    state: Mutex<State>,
    mac: Mac,
}

/// What a socket reads by: its binding, and by what it is woken.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) binding: Arc<Binding>,
    arrived: Arc<Condvar>,
}

/// What a leader has brought for itself.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) filled: usize,
    of: Option<(SocketAddr, Ipv6Addr)>,
}

impl Demux {
    pub(super) fn new(mac: Mac) -> Self {
        Self { state: Mutex::default(), mac }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a socket; port 0 takes a free one.
    pub(super) fn open(&self, mut binding: Binding) -> io::Result<Seat> {
        let mut state = self.lock();
        if binding.port == 0 {
            binding.port = state.free_port().ok_or(io::ErrorKind::AddrInUse)?;
        } else if state.sockets.contains_key(&binding.port) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        binding.services.sort_unstable();
        let (binding, arrived) = (Arc::new(binding), Arc::new(Condvar::new()));
        let seat = Seat { binding: Arc::clone(&binding), arrived: Arc::clone(&arrived) };
        let port = binding.port;
        let slot = Slot {
            binding,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            readers: 0,
            arrived,
            is_shut: false,
            failure: None,
        };
        state.sockets.insert(port, slot);
        Ok(seat)
    }

    pub(super) fn close(&self, seat: &Seat) {
        self.lock().sockets.remove(&seat.binding.port);
    }

    /// Ends receives at a socket, now and from now on.
    pub(super) fn shut_down(&self, seat: &Seat) {
        if let Some(slot) = self.lock().sockets.get_mut(&seat.binding.port) {
            slot.is_shut = true;
        }
        seat.arrived.notify_all();
    }

    /// Ends all sockets that are open.
    pub(super) fn fail_sockets(&self, why: &str) {
        for slot in self.lock().sockets.values_mut() {
            slot.failure.get_or_insert_with(|| why.to_owned());
            slot.arrived.notify_all();
        }
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    pub(super) fn open_control(&self, inbox: ControlInbox) -> io::Result<()> {
        match &mut self.lock().control {
            Some(_) => Err(io::ErrorKind::AddrInUse.into()),
            none => {
                *none = Some(inbox);
                Ok(())
            }
        }
    }

    pub(super) fn close_control(&self) {
        self.lock().control = None;
    }

    pub(super) fn poll_control(&self) -> Option<(FrameAddresses, Vec<u8>)> {
        self.lock().control.as_mut()?.pop()
    }

    /// Nothing will come any more.
    pub(super) fn fail(&self, why: &str) {
        let mut state = self.lock();
        state.failure.get_or_insert_with(|| why.to_owned());
        state.sockets.values().for_each(|slot| slot.arrived.notify_all());
    }

    /// Takes what has come for a socket. Without a leader, `lead` receives for all, and says what it brought for this one.
    pub(super) fn receive(
        &self,
        seat: &Seat,
        into: &mut [u8],
        may_wait: bool,
        mut lead: impl FnMut(&mut [u8]) -> io::Result<Option<Brought>>,
    ) -> io::Result<Received> {
        let mut state = self.lock();
        loop {
            if let Some(received) = state.ready(seat, into)? {
                return Ok(received);
            }
            if !state.has_leader {
                state.has_leader = true;
                drop(state);
                let brought = lead(into);
                state = self.lock();
                state.hand_over();
                match brought? {
                    Some(Brought { filled, of: Some((from, to)) }) => {
                        return Ok(Received::Bytes(filled, from, Some(to)));
                    }
                    // Only for others; there may be more.
                    Some(_) => continue,
                    None => return Ok(Received::Nothing),
                }
            }
            if !may_wait {
                return Ok(Received::Nothing);
            }
            let timed_out;
            (state, timed_out) = State::wait(state, seat);
            if timed_out {
                return Ok(state.ready(seat, into)?.unwrap_or(Received::Nothing));
            }
        }
    }

    /// Receives for all sockets, if nobody does.
    pub(super) fn lead_for_others(
        &self,
        lead: impl FnOnce() -> io::Result<Option<Brought>>,
    ) -> io::Result<Option<Brought>> {
        let mut state = self.lock();
        if state.has_leader {
            return Ok(None);
        }
        state.has_leader = true;
        drop(state);
        let led = lead();
        self.lock().hand_over();
        led
    }

    /// Whose a frame is, and which of its bytes are the datagram: `None` if it is for nobody here.
    pub(super) fn parse<'a>(&self, frame: &'a [u8]) -> Option<(FrameAddresses, &'a [u8])> {
        let (addresses, payload) = FrameAddresses::parse(frame).ok()?;
        (addresses.destination_mac == self.mac).then_some((addresses, payload))
    }

    /// Whether the reader at `seat` takes this datagram along with what it has.
    pub(super) fn is_own(
        seat: Option<&Seat>,
        addresses: &FrameAddresses,
        payload: &[u8],
        brought: &mut Brought,
    ) -> bool {
        let takes = |seat: &&Seat| seat.binding.takes(addresses) && !is_control(addresses, payload);
        let Some(seat) = seat.filter(takes) else { return false };
        debug_assert_eq!(seat.binding.port, addresses.destination_port);
        let of = (sender(addresses), addresses.destination);
        *brought.of.get_or_insert(of) == of
    }

    /// Leaves a datagram for the socket that takes it.
    pub(super) fn leave(&self, addresses: &FrameAddresses, payload: &[u8]) {
        let mut state = self.lock();
        if is_control(addresses, payload) {
            let wake = state.control.as_mut().and_then(|inbox| inbox.push(addresses, payload));
            drop(state);
            if let Some(wake) = wake {
                wake();
            }
            return;
        }
        let Some(slot) = state.sockets.get_mut(&addresses.destination_port) else { return };
        if !slot.binding.takes(addresses) || slot.inbox_bytes + payload.len() > INBOX_BYTES {
            return;
        }
        slot.inbox_bytes += payload.len();
        slot.inbox.push_back(Waiting { from: sender(addresses), to: addresses.destination, payload: payload.to_vec() });
        if slot.readers > 0 {
            slot.arrived.notify_one();
        }
    }
}

impl State {
    /// What a socket's reader gets at once.
    fn ready(&mut self, seat: &Seat, into: &mut [u8]) -> io::Result<Option<Received>> {
        let Some(slot) = self.sockets.get_mut(&seat.binding.port).filter(|slot| !slot.is_shut) else {
            return Ok(Some(Received::Ended));
        };
        if let Some(failure) = &slot.failure {
            return Err(io::Error::other(failure.clone()));
        }
        match (slot.take(into), &self.failure) {
            (None, Some(failure)) => Err(io::Error::other(failure.clone())),
            (received, _) => Ok(received),
        }
    }

    /// Waits a little for the leader to leave something; says whether it was in vain.
    fn wait<'a>(mut state: MutexGuard<'a, Self>, seat: &Seat) -> (MutexGuard<'a, Self>, bool) {
        let count = |state: &mut Self, change: fn(usize) -> usize| {
            if let Some(slot) = state.sockets.get_mut(&seat.binding.port) {
                slot.readers = change(slot.readers);
            }
        };
        count(&mut state, |readers| readers + 1);
        let (mut state, waited) = seat.arrived.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
        count(&mut state, |readers| readers.saturating_sub(1));
        (state, waited.timed_out())
    }

    fn free_port(&mut self) -> Option<u16> {
        let span = FREE_PORTS.end() - FREE_PORTS.start();
        for _ in 0..=span {
            let port = FREE_PORTS.start() + self.next_port;
            self.next_port = if self.next_port == span { 0 } else { self.next_port + 1 };
            if !self.sockets.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }

    /// The leader leaves: somebody who waits takes its place.
    fn hand_over(&mut self) {
        self.has_leader = false;
        if let Some(slot) = self.sockets.values().find(|slot| slot.readers > 0) {
            slot.arrived.notify_one();
        }
    }
}
