//! What a control plane says in sealed sessions: HELD and REFUSED to callers, CANCEL to callees, each sealed for one life of one node.

use super::checks::Check;
use super::config::Key;
use super::seal::{OPEN_NONCE_BYTES, OpenSeal, Replay, TAG_BYTES};
use super::time::Time;
use super::{Endpoint, SessionRef};
use crate::wire::{Flags, Header, PacketType};
use std::net::SocketAddr;

/// Bytes that sealing adds to the body of such a packet.
const OVERHEAD_BYTES: usize = OPEN_NONCE_BYTES + TAG_BYTES;

/// Seals what a control plane says to one life of a node in its sessions.
pub struct SessionControlSeal(OpenSeal);

impl std::fmt::Debug for SessionControlSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionControlSeal(…)")
    }
}

impl SessionControlSeal {
    /// The seal under the [key](crate::control::NodeKey::in_sessions) that control plane and life share.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(OpenSeal::of(key, b"bifrost v1 from control"))
    }

    /// The datagram of a packet. Its `number` is the lower half of the control plane's term, then a count that is never used twice
    /// in the term; no two packets may have the same `nonce`. `None` where the body is too long.
    #[must_use]
    pub fn to_datagram(
        &self,
        header: Header,
        body: &[u8],
        number: u64,
        nonce: [u8; OPEN_NONCE_BYTES],
    ) -> Option<Vec<u8>> {
        let header = Header {
            flags: header.flags.with(Flags::SEALED).with(Flags::FROM_CONTROL),
            packet: number,
            body_len: u16::try_from(body.len() + OVERHEAD_BYTES).ok()?,
            ..header
        };
        let head = header.to_bytes();
        Some([&head[..], &self.0.seal(nonce, &head, body)?].concat())
    }
}

/// What an endpoint hears of its control plane in sealed sessions.
pub(super) struct ControlPlane {
    seal: SessionControlSeal,
    replay: Replay,
}

impl ControlPlane {
    pub(super) fn new(key: &Key) -> Self {
        Self { seal: SessionControlSeal::new(key), replay: Replay::new() }
    }

    /// The plain body of a packet that was not taken before.
    fn open(&mut self, header: &Header, head: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        if !header.flags.has(Flags::SEALED) || self.replay.is_stale(header.packet) {
            return None;
        }
        let body = self.seal.0.open(head, sealed)?;
        self.replay.mark(header.packet);
        Some(body)
    }
}

impl Endpoint {
    /// A packet that says that the control plane has made it.
    pub(super) fn on_packet_of_control(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: &Header,
        head: &[u8],
        sealed: &[u8],
    ) {
        let to_callee = header.flags.has(Flags::TO_CALLEE);
        let may_say = match header.kind {
            PacketType::Held | PacketType::Refused => !to_callee,
            PacketType::Cancel => to_callee,
            _ => false,
        };
        if !may_say {
            self.stats.strays += 1;
            return;
        }
        let Some(body) = self.control_plane.as_mut().and_then(|control| control.open(header, head, sealed)) else {
            self.stats.unauthentic += 1;
            return;
        };
        match to_callee {
            true => self.on_cancel_of_control(now, from, header),
            false => self.on_answer_of_control(now, from, header, &body),
        }
    }

    fn on_answer_of_control(&mut self, now: Time, from: SocketAddr, header: &Header, body: &[u8]) {
        let is_meant = |session: &super::CallerSession, client: u64| {
            session.link.seal.is_some() && session.link.is_from(from, header) && header.client == client
        };
        let index = self.caller_by_session.get(&header.session).copied();
        let known = index.and_then(|index| Some((index, self.callers.get_mut(index)?)));
        let Some((index, session)) = known.filter(|(_, session)| is_meant(session, self.client)) else {
            self.stats.strays += 1;
            return;
        };
        match header.kind {
            PacketType::Held => session.on_held(now, header.rpc),
            _ => {
                session.link.is_heard(now);
                self.on_refused(now, index, header, body);
            }
        }
        self.touch(now, SessionRef::Caller(index));
    }

    fn on_cancel_of_control(&mut self, now: Time, from: SocketAddr, header: &Header) {
        let Some(index) = self.owned_callee(from, header).filter(|index| self.is_sealed_callee(*index)) else {
            self.stats.strays += 1;
            if header.flags.has(Flags::LEASED) {
                self.report_stray(header);
            }
            return;
        };
        self.on_cancel(index, header);
        self.release_held(index);
        self.touch(now, SessionRef::Callee(index));
    }

    fn is_sealed_callee(&self, index: usize) -> bool {
        self.callees.get(index).is_some_and(|session| session.link.seal.is_some())
    }

    /// The session of a packet to a callee, if it comes from the session's caller.
    pub(super) fn owned_callee(&self, from: SocketAddr, header: &Header) -> Option<usize> {
        let index = self.callee_by_session.get(&header.session).copied()?;
        let is_owner = |session: &super::CalleeSession| {
            session.link.is_from(from, header)
                && session.link.client == header.client
                && header.instance == session.link.instance
                && (!self.config.keys_are_of_lives || header.incarnation == session.link.peer_incarnation)
        };
        let is_owned = !self.config.makes(Check::SessionOwner) || self.callees.get(index).is_some_and(is_owner);
        is_owned.then_some(index)
    }
}
