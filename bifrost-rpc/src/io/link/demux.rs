//! Who gets what comes in by a link: its sockets, their inboxes, and which of them receives for all.

use super::super::Received;
use super::super::single::is_one_packet;
use super::binding::{Binding, Role, sender};
use super::control::{ControlInbox, is_control};
use super::slot::{Guest, Seat, Slot};
use crate::wire::frame::{FrameAddresses, Mac};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A thread that nobody can wake looks about this often even when nothing arrives.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// One that is woken does so this often all the same, but for who leads at a tunnel.
pub(super) const REST: Duration = Duration::from_secs(1);
/// A guest waits so long for those to receive that are there all the time.
const GUEST_PATIENCE: Duration = Duration::from_millis(50);
/// The ports that a socket takes which asks for none: IANA's dynamic ones.
const FREE_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

#[derive(Debug, Default)]
struct State {
    sockets: BTreeMap<u16, Slot>,
    leader: Option<Leader>,
    next_port: u16,
    control: Option<ControlInbox>,
    /// Why nothing will come any more.
    failure: Option<String>,
}

/// Who receives for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leader {
    /// The reader of the socket at this port.
    Reader(u16),
    /// One that has no socket here.
    Other,
}

/// How long a receive waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all.
    No,
    /// A little.
    Little,
    /// Until something comes or it is woken; a little where it cannot be woken.
    Long,
}

/// The sockets of a link.
#[derive(Debug)]
pub(super) struct Demux {
    state: Mutex<State>,
    mac: Mac,
    /// Whether a blocked receive of the leader's can be ended.
    can_wake: bool,
    /// Frames that do not hold one packet.
    odd: AtomicU64,
}

/// What a leader has brought for itself.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) filled: usize,
    of: Option<(SocketAddr, Ipv6Addr)>,
}

/// What came of receiving for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Led {
    /// Another thread does it already.
    Elsewhere,
    /// Nothing came in time.
    Nothing,
    /// Something came, and was left for whom it is for.
    Something,
}

impl Demux {
    pub(super) fn new(mac: Mac, can_wake: bool) -> Self {
        Self { state: Mutex::default(), mac, can_wake, odd: AtomicU64::new(0) }
    }

    pub(super) fn can_wake(&self) -> bool {
        self.can_wake
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
        let port = binding.port;
        let (slot, seat) = Slot::new(Arc::new(binding));
        state.sockets.insert(port, slot);
        Ok(seat)
    }

    /// If the socket is a guest's: what comes is taken in by other servers' threads from now on.
    pub(super) fn set_guest(&self, seat: &Seat, guest: Weak<dyn Guest>) {
        if let Some(slot) = self.lock().sockets.get_mut(&seat.binding.port).filter(|_| seat.binding.role == Role::Guest)
        {
            slot.guest = Some(guest);
        }
    }

    pub(super) fn close(&self, seat: &Seat) {
        let mut state = self.lock();
        state.sockets.remove(&seat.binding.port);
        let successor = state.successor();
        drop(state);
        tell(successor);
    }

    /// Ends receives at a socket, now and from now on. Says whether its reader receives for all, and is to be woken there.
    #[must_use]
    pub(super) fn shut_down(&self, seat: &Seat) -> bool {
        self.end_wait(seat, |slot| slot.is_shut = true)
    }

    /// Ends a receive that waits at a socket, or else the next one. As [`Demux::shut_down`].
    #[must_use]
    pub(super) fn wake(&self, seat: &Seat) -> bool {
        self.end_wait(seat, |slot| slot.is_woken = true)
    }

    fn end_wait(&self, seat: &Seat, mark: impl FnOnce(&mut Slot)) -> bool {
        let mut state = self.lock();
        if let Some(slot) = state.sockets.get_mut(&seat.binding.port) {
            mark(slot);
        }
        let leads = state.leader == Some(Leader::Reader(seat.binding.port));
        drop(state);
        seat.arrived.notify_all();
        leads
    }

    /// Ends all sockets that are open. Says whether a reader of them receives for all, and is to be woken there.
    #[must_use]
    pub(super) fn fail_sockets(&self, why: &str) -> bool {
        let mut state = self.lock();
        state.sockets.values_mut().for_each(|slot| slot.fail(why));
        matches!(state.leader, Some(Leader::Reader(_)))
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

    /// Nothing will come any more. As [`Demux::fail_sockets`].
    #[must_use]
    pub(super) fn fail(&self, why: &str) -> bool {
        let mut state = self.lock();
        state.failure.get_or_insert_with(|| why.to_owned());
        state.sockets.values().for_each(|slot| slot.arrived.notify_all());
        let (wake, leads) = (state.control.as_ref().map(ControlInbox::wake), state.leader.is_some());
        drop(state);
        if let Some(wake) = wake {
            wake();
        }
        leads
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
        let mut has_waited = false;
        let received = loop {
            if let Some(received) = state.ready(seat, into).transpose() {
                break received;
            }
            if may_wait && state.take_wake(seat) {
                break Ok(Received::Nothing);
            }
            if state.leader.is_none() && (has_waited || state.may_lead(&seat.binding)) {
                state.leader = Some(Leader::Reader(seat.binding.port));
                drop(state);
                let brought = lead(into);
                state = self.lock();
                state.leader = None;
                match brought {
                    Ok(Some(Brought { filled, of: Some((from, to)) })) => {
                        break Ok(Received::Bytes(filled, from, Some(to)));
                    }
                    // Only for others; there may be more. A guest lets a server go on that waits.
                    Ok(Some(_)) => {
                        if !state.may_lead(&seat.binding) && state.has_waiting_host() {
                            has_waited = false;
                            let successor = state.successor();
                            drop(state);
                            tell(successor);
                            state = self.lock();
                        }
                        continue;
                    }
                    Ok(None) => break Ok(Received::Nothing),
                    Err(error) => break Err(error),
                }
            }
            if !may_wait {
                break Ok(Received::Nothing);
            }
            let patience = match (self.can_wake, seat.binding.role) {
                (false, _) => TICK,
                (true, Role::Guest) => GUEST_PATIENCE,
                (true, _) => REST,
            };
            (state, has_waited) = State::wait(state, seat, patience);
            if has_waited && state.leader.is_some() {
                break state.ready(seat, into).map(|received| received.unwrap_or(Received::Nothing));
            }
        };
        let successor = state.successor();
        drop(state);
        tell(successor);
        received
    }

    /// Receives for all sockets, if nobody does.
    pub(super) fn lead_for_others(&self, lead: impl FnOnce() -> io::Result<Option<Brought>>) -> io::Result<Led> {
        let mut state = self.lock();
        if state.leader.is_some() {
            return Ok(Led::Elsewhere);
        }
        state.leader = Some(Leader::Other);
        drop(state);
        let led = lead();
        let mut state = self.lock();
        state.leader = None;
        let successor = state.successor();
        drop(state);
        tell(successor);
        Ok(if led?.is_some() { Led::Something } else { Led::Nothing })
    }

    /// Whose a frame is, and which of its bytes are the datagram: `None` if it is for nobody here.
    pub(super) fn parse<'a>(&self, frame: &'a [u8]) -> Option<(FrameAddresses, &'a [u8])> {
        if frame.get(..self.mac.len()) != Some(&self.mac[..]) {
            return None;
        }
        let read = FrameAddresses::parse(frame).ok().filter(|(_, payload)| is_one_packet(payload));
        self.count_odd(read.is_none());
        read
    }

    /// Whether a datagram that the kernel brings is one packet.
    pub(super) fn is_single(&self, payload: &[u8]) -> bool {
        let is_single = is_one_packet(payload);
        self.count_odd(!is_single);
        is_single
    }

    fn count_odd(&self, is_odd: bool) {
        if is_odd {
            self.odd.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Frames dropped because they do not hold one packet.
    pub(super) fn odd(&self) -> u64 {
        self.odd.load(Ordering::Relaxed)
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

    /// Leaves a datagram for the socket that takes it. That of a guest is taken in here and now, on a server's thread.
    pub(super) fn leave(&self, seat: Option<&Seat>, addresses: &FrameAddresses, payload: &[u8]) {
        let mut state = self.lock();
        if is_control(addresses, payload) {
            let wake = state.control.as_mut().and_then(|inbox| inbox.push(addresses, payload));
            drop(state);
            if let Some(wake) = wake {
                wake();
            }
            return;
        }
        let slot = state.sockets.get_mut(&addresses.destination_port).filter(|slot| slot.binding.takes(addresses));
        let Some(slot) = slot else { return };
        let is_host = seat.is_some_and(|seat| seat.binding.role == Role::Server);
        if let Some(guest) = slot.guest.as_ref().filter(|_| is_host && !slot.is_shut && slot.is_empty()) {
            let guest = guest.upgrade();
            drop(state);
            guest.into_iter().for_each(|guest| {
                guest.take(sender(addresses), addresses.destination, &mut payload.to_vec());
            });
            return;
        }
        let reader = slot.put(addresses, payload);
        drop(state);
        tell(reader);
    }
}

/// Wakes a reader, once no lock is held that it needs.
fn tell(reader: Option<Arc<Condvar>>) {
    if let Some(arrived) = reader {
        arrived.notify_one();
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

    /// Whether the socket's reader has been woken, once.
    fn take_wake(&mut self, seat: &Seat) -> bool {
        self.sockets.get_mut(&seat.binding.port).is_some_and(|slot| std::mem::take(&mut slot.is_woken))
    }

    /// Waits so long for the leader to leave something; says whether it was in vain.
    fn wait<'a>(mut state: MutexGuard<'a, Self>, seat: &Seat, patience: Duration) -> (MutexGuard<'a, Self>, bool) {
        let count = |state: &mut Self, change: fn(usize) -> usize| {
            if let Some(slot) = state.sockets.get_mut(&seat.binding.port) {
                slot.readers = change(slot.readers);
            }
        };
        count(&mut state, |readers| readers + 1);
        let (mut state, waited) = seat.arrived.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
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

    /// Whether a socket's reader may receive for all: a guest's leaves that to those that are there all the time.
    fn may_lead(&self, binding: &Binding) -> bool {
        let is_host = |slot: &Slot| slot.binding.role == Role::Server && !slot.is_shut;
        binding.role != Role::Guest || !self.sockets.values().any(is_host)
    }

    fn has_waiting_host(&self) -> bool {
        let waits = |slot: &Slot| slot.binding.role == Role::Server && !slot.is_shut && slot.readers > 0;
        self.sockets.values().any(waits)
    }

    /// Somebody goes away. If nobody leads, one who waits is to do it; not one for whom something is there, as it goes away, too.
    fn successor(&self) -> Option<Arc<Condvar>> {
        if self.leader.is_some() {
            return None;
        }
        let can = |slot: &&Slot| slot.readers > 0 && slot.is_empty() && self.may_lead(&slot.binding);
        self.sockets.values().find(can).map(|slot| Arc::clone(&slot.arrived))
    }
}

#[cfg(test)]
mod tests;
