//! The node's end of a tunnel.

use super::DetachReason;
use super::messages::Messages;
use crate::endpoint::{Key, Time};
use crate::wire::tunnel::{
    AttachBody, AttachedBody, COOKIE_BYTES, ChallengeBody, Identity, NODE_NONCE_BYTES, NoteBody, Seat, TunnelKind,
};
use std::collections::VecDeque;
use std::time::Duration;

/// Time before the first repetition of an ATTACH; it doubles.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// KEEPs in a lease: as many may get lost, less one.
const KEEPS_PER_LEASE: u32 = 3;
/// The shortest lease that is believed.
const LEASE_MIN: Duration = Duration::from_millis(100);

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It asks to be attached. If the switch refused or ended that, why.
    Asking(Option<DetachReason>),
    /// It is attached: frames carry this number.
    Attached(u32, Seat),
    /// It is not attached and does not ask any more.
    Ended(DetachReason),
}

/// The node's end: asks until it is attached, keeps the attachment, and asks again when the switch is not heard.
pub struct NodeEnd {
    messages: Messages,
    identity: Identity,
    mtu: u16,
    nonce: [u8; NODE_NONCE_BYTES],
    cookie: [u8; COOKIE_BYTES],
    state: NodeState,
    lease: Duration,
    /// When the switch was last heard.
    heard: Time,
    /// When something is to be done next.
    timer: Time,
    attempts: u32,
    keeps: u64,
    out: VecDeque<Vec<u8>>,
}

impl std::fmt::Debug for NodeEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeEnd").field("state", &self.state).finish_non_exhaustive()
    }
}

impl NodeEnd {
    /// Begins to ask. `mtu`: what frames the way to the switch can carry ([`TUNNEL_OVERHEAD_BYTES`] less than its own MTU).
    /// `seed` must be unpredictable.
    ///
    /// [`TUNNEL_OVERHEAD_BYTES`]: crate::wire::tunnel::TUNNEL_OVERHEAD_BYTES
    #[must_use]
    pub fn new(now: Time, identity: Identity, mtu: u16, key: Option<&Key>, seed: [u8; 32]) -> Self {
        let mut end = Self {
            messages: Messages::new(key, seed),
            identity,
            mtu,
            nonce: [0; NODE_NONCE_BYTES],
            cookie: [0; COOKIE_BYTES],
            state: NodeState::Asking(None),
            lease: Duration::ZERO,
            heard: now,
            timer: now,
            attempts: 0,
            keeps: 0,
            out: VecDeque::new(),
        };
        end.ask(now, None);
        end
    }

    /// Where the node stands.
    #[must_use]
    pub fn state(&self) -> NodeState {
        self.state
    }

    /// Takes a message of the switch in, one that is not a frame. Whether it comes from the switch's address is for the driver to
    /// check.
    pub fn handle(&mut self, now: Time, message: &[u8]) {
        let Some((header, body)) = self.messages.read(message) else { return };
        match (header.kind, self.state) {
            (TunnelKind::Challenge, NodeState::Asking(_)) => self.on_challenge(now, &body),
            (TunnelKind::Attached, NodeState::Asking(_)) => self.on_attached(now, header.attachment, &body),
            (TunnelKind::Refused, NodeState::Asking(_)) => {
                if let Some(number) = self.own_note(&body) {
                    self.state = NodeState::Asking(Some(DetachReason::from_wire(number)));
                }
            }
            // One of an earlier attachment may come late, even of one that the same nonce was asked for with.
            (kind, NodeState::Attached(number, _)) if number == header.attachment => self.on_note(now, kind, &body),
            _ => {}
        }
    }

    fn on_note(&mut self, now: Time, kind: TunnelKind, body: &[u8]) {
        match (kind, self.own_note(body)) {
            (TunnelKind::Kept, Some(number)) if number == self.keeps => self.heard = now,
            (TunnelKind::Detach, Some(number)) => match DetachReason::from_wire(number) {
                DetachReason::TakenOver => self.state = NodeState::Ended(DetachReason::TakenOver),
                reason => self.ask(now, Some(reason)),
            },
            _ => {}
        }
    }

    /// The number of a note about this attachment.
    fn own_note(&self, body: &[u8]) -> Option<u64> {
        let note = NoteBody::parse(body).ok()?;
        (note.nonce == self.nonce).then_some(note.number)
    }

    fn on_challenge(&mut self, now: Time, body: &[u8]) {
        if let Ok(challenge) = ChallengeBody::parse(body)
            && challenge.nonce == self.nonce
            && challenge.cookie != self.cookie
        {
            self.cookie = challenge.cookie;
            self.send_attach(now);
        }
    }

    fn on_attached(&mut self, now: Time, attachment: u32, body: &[u8]) {
        let Ok(attached) = AttachedBody::parse(body) else { return };
        // After an answer to an earlier question the later one might still come, and take the port from whoever has it then.
        if (attached.nonce, attached.cookie) != (self.nonce, self.cookie) || attachment == 0 {
            return;
        }
        let seat = Seat { mtu: attached.seat.mtu.min(self.mtu), ..attached.seat };
        self.state = NodeState::Attached(attachment, seat);
        self.lease = Duration::from_millis(u64::from(attached.lease_ms)).max(LEASE_MIN);
        self.heard = now;
        self.timer = now.plus(self.lease / KEEPS_PER_LEASE);
    }

    /// Asks from the beginning.
    fn ask(&mut self, now: Time, reason: Option<DetachReason>) {
        let random = self.messages.random();
        self.nonce = random.first_chunk().copied().unwrap_or_default();
        self.cookie = [0; COOKIE_BYTES];
        self.state = NodeState::Asking(reason);
        (self.attempts, self.keeps) = (0, 0);
        self.send_attach(now);
    }

    fn send_attach(&mut self, now: Time) {
        let (nonce, cookie, mtu) = (self.nonce, self.cookie, self.mtu);
        let body = AttachBody { nonce, cookie, identity: self.identity.clone(), mtu }.to_bytes();
        self.out.push_back(self.messages.write(TunnelKind::Attach, 0, &body));
        self.timer = now.plus((RETRY_MIN * (1 << self.attempts.min(5))).min(RETRY_MAX));
    }

    fn send_note(&mut self, kind: TunnelKind, attachment: u32, number: u64) {
        let body = NoteBody { nonce: self.nonce, number }.to_bytes();
        self.out.push_back(self.messages.write(kind, attachment, &body));
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if now < self.timer {
            return;
        }
        match self.state {
            NodeState::Asking(_) => {
                self.attempts += 1;
                // A cookie does not live long: now and then a new one is asked for.
                if self.attempts.is_multiple_of(2) {
                    self.cookie = [0; COOKIE_BYTES];
                }
                self.send_attach(now);
            }
            NodeState::Attached(..) if now.since(self.heard) >= self.lease => self.ask(now, None),
            NodeState::Attached(attachment, _) => {
                self.keeps += 1;
                self.send_note(TunnelKind::Keep, attachment, self.keeps);
                self.timer = now.plus(self.lease / KEEPS_PER_LEASE);
            }
            NodeState::Ended(_) => {}
        }
    }

    /// When [`NodeEnd::handle_timeout`] is to be called; `None` when it has ended.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        (!matches!(self.state, NodeState::Ended(_))).then_some(self.timer)
    }

    /// The next message for the switch.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// Leaves: the switch is told once; if that is lost, the lease runs out.
    pub fn detach(&mut self) {
        if let NodeState::Attached(attachment, _) = self.state {
            self.send_note(TunnelKind::Detach, attachment, DetachReason::Left.to_wire());
        }
        if !matches!(self.state, NodeState::Ended(_)) {
            self.state = NodeState::Ended(DetachReason::Left);
        }
    }
}
