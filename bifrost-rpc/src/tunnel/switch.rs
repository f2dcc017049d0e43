//! The switch's end of its tunnels: which port is bound to which outer address.

use super::messages::Messages;
use super::{DetachReason, LEASE};
use crate::endpoint::{Key, Time};
use crate::wire::tunnel::{
    AttachBody, AttachedBody, COOKIE_BYTES, ChallengeBody, Identity, NODE_NONCE_BYTES, NoteBody, Seat, TunnelKind,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Ports at most: v1model's have 9 bits.
const PORTS_MAX: u16 = 511;
/// Age after which a cookie is refused.
const COOKIE_AGE: Duration = Duration::from_secs(10);
/// Messages waiting to be sent at most; more are dropped, as the network might.
const OUT_MAX: usize = 1024;
const COOKIE_HASH_BYTES: usize = 16;

/// What became of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortEvent {
    /// A node attached to it from this outer address.
    Attached(u16, SocketAddr),
    /// Nobody is attached to it any more.
    Detached(u16, DetachReason),
}

/// A port bound to an outer address.
#[derive(Debug, Clone, Copy)]
struct Binding {
    to: SocketAddr,
    /// Its number: the port in the low half, random bits above.
    attachment: u32,
    nonce: [u8; NODE_NONCE_BYTES],
    mtu: u16,
    keeps: u64,
    heard: Time,
}

#[derive(Debug)]
struct Port {
    name: String,
    seat: Seat,
    binding: Option<Binding>,
    /// The binding that was taken over, to tell its node so.
    previous: Option<Binding>,
    /// When it was last bound: older cookies are spent.
    bound: u64,
}

/// The switch's end: binds each port to the outer address that last attached to it with the key.
pub struct SwitchEnd {
    messages: Messages,
    lease: Duration,
    ports: Vec<Option<Port>>,
    out: VecDeque<(SocketAddr, Vec<u8>)>,
    events: VecDeque<PortEvent>,
}

impl std::fmt::Debug for SwitchEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SwitchEnd").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl SwitchEnd {
    /// An end without ports. Without a key only loopback addresses can attach. `seed` must be unpredictable.
    #[must_use]
    pub fn new(key: Option<&Key>, seed: [u8; 32]) -> Self {
        let (out, events) = (VecDeque::new(), VecDeque::new());
        Self { messages: Messages::new(key, seed), lease: LEASE, ports: Vec::new(), out, events }
    }

    /// The same with another lease. Default [`LEASE`].
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Makes a port for tunnels: `seat` says its number and what its node is told. By `name` the node may ask for it.
    /// A port of the same number is replaced, and its node told. `false`: the number is above 510.
    pub fn add_port(&mut self, name: &str, seat: Seat) -> bool {
        if seat.port >= PORTS_MAX {
            return false;
        }
        self.remove_port(seat.port);
        let at = usize::from(seat.port);
        if self.ports.len() <= at {
            self.ports.resize_with(at + 1, || None);
        }
        self.ports[at] = Some(Port { name: name.to_owned(), seat, binding: None, previous: None, bound: 0 });
        true
    }

    /// Closes a port; its node is told.
    pub fn remove_port(&mut self, port: u16) {
        let Some(port) = self.ports.get_mut(usize::from(port)).and_then(Option::take) else { return };
        if let Some(binding) = port.binding {
            self.events.push_back(PortEvent::Detached(port.seat.port, DetachReason::Closed));
            self.send_note(TunnelKind::Detach, &binding, DetachReason::Closed.to_wire());
        }
    }

    /// Closes all ports: the switch ends.
    pub fn close(&mut self) {
        for port in 0..PORTS_MAX {
            self.remove_port(port);
        }
    }

    /// The port that a frame from an outer address came in by: `None` if the address is not attached by that number.
    #[must_use]
    pub fn port_of(&self, from: SocketAddr, attachment: u32) -> Option<u16> {
        let port = port_in(attachment);
        let binding = self.ports.get(usize::from(port))?.as_ref()?.binding.as_ref()?;
        (binding.attachment == attachment && binding.to == from).then_some(port)
    }

    /// Where frames that leave by a port go, the number that they carry, and the MTU that was agreed on; `None` if nobody is
    /// attached.
    #[must_use]
    pub fn outer_of(&self, port: u16) -> Option<(SocketAddr, u32, u16)> {
        let binding = self.ports.get(usize::from(port))?.as_ref()?.binding.as_ref()?;
        Some((binding.to, binding.attachment, binding.mtu))
    }

    /// Takes a message in, one that is not a frame.
    pub fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        if !self.messages.has_key() && !is_loopback(from.ip()) {
            return;
        }
        let Some((header, body)) = self.messages.read(message) else { return };
        match header.kind {
            TunnelKind::Attach => self.on_attach(now, from, &body),
            TunnelKind::Keep => self.on_keep(now, from, header.attachment, &body),
            TunnelKind::Detach => self.on_detach(from, header.attachment, &body),
            _ => {}
        }
    }

    fn on_attach(&mut self, now: Time, from: SocketAddr, body: &[u8]) {
        let Ok(attach) = AttachBody::parse(body) else { return };
        let Some(port) = self.find(&attach.identity) else {
            let note = NoteBody { nonce: attach.nonce, number: DetachReason::Unknown.to_wire() };
            return self.send(from, TunnelKind::Refused, 0, &note.to_bytes());
        };
        let is_bound =
            self.issue_of(now, from, &attach).is_some_and(|issued| self.bind(now, from, port, &attach, issued));
        if !is_bound {
            let cookie = self.cookie(now.as_nanos(), from, &attach.nonce);
            let challenge = ChallengeBody { nonce: attach.nonce, cookie };
            self.send(from, TunnelKind::Challenge, 0, &challenge.to_bytes());
        }
    }

    fn find(&self, identity: &Identity) -> Option<u16> {
        let mut ports = self.ports.iter().flatten();
        let found = match identity {
            Identity::Port(number) => ports.find(|port| port.seat.port == *number),
            Identity::Node(name) => ports.find(|port| port.name == *name),
        };
        found.map(|port| port.seat.port)
    }

    /// When this end made the cookie of an ATTACH for that address and nonce; `None` if it did not, or long ago.
    fn issue_of(&self, now: Time, from: SocketAddr, attach: &AttachBody) -> Option<u64> {
        let issued = attach.cookie.first_chunk().copied().map_or(0, u64::from_be_bytes);
        let is_own = attach.cookie == self.cookie(issued, from, &attach.nonce);
        let is_new = issued <= now.as_nanos() && now.since(Time::from_nanos(issued)) < COOKIE_AGE;
        (is_own && is_new).then_some(issued)
    }

    /// The time, and a keyed hash of that, the address and the nonce: nothing is kept for who only asks.
    fn cookie(&self, issued: u64, from: SocketAddr, nonce: &[u8; NODE_NONCE_BYTES]) -> [u8; COOKIE_BYTES] {
        let ip = match from.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let input = [&b"cookie"[..], &issued.to_be_bytes(), &ip.octets(), &from.port().to_be_bytes(), nonce].concat();
        let hash = self.messages.hash(&input);
        let mut cookie = [0; COOKIE_BYTES];
        cookie[..8].copy_from_slice(&issued.to_be_bytes());
        cookie[8..].copy_from_slice(&hash[..COOKIE_HASH_BYTES]);
        cookie
    }

    /// Binds the port, unless somebody came to have it after the cookie was made. An attachment that is asked for again
    /// is the same one.
    fn bind(&mut self, now: Time, from: SocketAddr, number: u16, attach: &AttachBody, issued: u64) -> bool {
        let random = self.messages.random();
        let Some(port) = self.ports.get_mut(usize::from(number)).and_then(Option::as_mut) else { return true };
        if let Some(binding) = port.binding.filter(|binding| (binding.to, binding.nonce) == (from, attach.nonce)) {
            self.send_attached(number, &binding, attach.cookie);
            return true;
        }
        if issued <= port.bound {
            return false;
        }
        let attachment = u32::from(u16::from_be_bytes([random[0], random[1]]).max(1)) << 16 | u32::from(number);
        let (nonce, mtu) = (attach.nonce, attach.mtu.min(port.seat.mtu));
        let binding = Binding { to: from, attachment, nonce, mtu, keeps: 0, heard: now };
        let before = port.binding.replace(binding);
        port.bound = now.as_nanos();
        // Who asks again from the same address has given the earlier attachment up.
        port.previous = before.filter(|before| before.to != from);
        if let Some(before) = port.previous {
            self.send_note(TunnelKind::Detach, &before, DetachReason::TakenOver.to_wire());
        }
        self.events.push_back(PortEvent::Attached(number, from));
        self.send_attached(number, &binding, attach.cookie);
        true
    }

    fn on_keep(&mut self, now: Time, from: SocketAddr, attachment: u32, body: &[u8]) {
        let Ok(note) = NoteBody::parse(body) else { return };
        let Some(port) = self.ports.get_mut(usize::from(port_in(attachment))).and_then(Option::as_mut) else { return };
        let is_of =
            |binding: &&mut Binding| (binding.attachment, binding.nonce, binding.to) == (attachment, note.nonce, from);
        if let Some(binding) = port.binding.as_mut().filter(is_of) {
            // One that comes again does not make the lease longer.
            if note.number > binding.keeps {
                (binding.keeps, binding.heard) = (note.number, now);
                let binding = *binding;
                self.send_note(TunnelKind::Kept, &binding, note.number);
            }
        } else if let Some(before) = port.previous.as_mut().filter(is_of) {
            let before = *before;
            self.send_note(TunnelKind::Detach, &before, DetachReason::TakenOver.to_wire());
        }
    }

    fn on_detach(&mut self, from: SocketAddr, attachment: u32, body: &[u8]) {
        let Ok(note) = NoteBody::parse(body) else { return };
        let number = port_in(attachment);
        let Some(port) = self.ports.get_mut(usize::from(number)).and_then(Option::as_mut) else { return };
        let is_of =
            |binding: &Binding| (binding.attachment, binding.nonce, binding.to) == (attachment, note.nonce, from);
        if port.binding.as_ref().is_some_and(is_of) {
            port.binding = None;
            self.events.push_back(PortEvent::Detached(number, DetachReason::Left));
        }
    }

    /// Does what is due: forgets nodes whose lease has run out.
    pub fn handle_timeout(&mut self, now: Time) {
        for port in self.ports.iter_mut().flatten() {
            if port.binding.is_some_and(|binding| now.since(binding.heard) >= self.lease) {
                port.binding = None;
                self.events.push_back(PortEvent::Detached(port.seat.port, DetachReason::Expired));
            }
        }
    }

    /// When [`SwitchEnd::handle_timeout`] is to be called; `None` while nobody is attached.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let bindings = self.ports.iter().flatten().filter_map(|port| port.binding);
        bindings.map(|binding| binding.heard.plus(self.lease)).min()
    }

    /// The next message, and where it goes.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.out.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<PortEvent> {
        self.events.pop_front()
    }

    fn send_attached(&mut self, number: u16, binding: &Binding, cookie: [u8; COOKIE_BYTES]) {
        let Some(port) = self.ports.get(usize::from(number)).and_then(Option::as_ref) else { return };
        let seat = Seat { mtu: binding.mtu, ..port.seat };
        let lease_ms = u32::try_from(self.lease.as_millis()).unwrap_or(u32::MAX);
        let body = AttachedBody { nonce: binding.nonce, cookie, lease_ms, seat }.to_bytes();
        self.send(binding.to, TunnelKind::Attached, binding.attachment, &body);
    }

    fn send_note(&mut self, kind: TunnelKind, binding: &Binding, number: u64) {
        let body = NoteBody { nonce: binding.nonce, number }.to_bytes();
        self.send(binding.to, kind, binding.attachment, &body);
    }

    fn send(&mut self, to: SocketAddr, kind: TunnelKind, attachment: u32, body: &[u8]) {
        if self.out.len() < OUT_MAX {
            let message = self.messages.write(kind, attachment, body);
            self.out.push_back((to, message));
        }
    }
}

/// The port in an attachment's number.
fn port_in(attachment: u32) -> u16 {
    let [_, _, high, low] = attachment.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
