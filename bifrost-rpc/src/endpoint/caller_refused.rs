//! Refusals that reach a caller: what is believed of them, and what becomes of the calls.

use super::caller::Phase;
use super::error::CallError;
use super::time::Time;
use super::{Endpoint, SessionRef};
use crate::wire::{Header, Refusal, RefusedBody};
use std::net::SocketAddr;
use std::time::Duration;

/// Unsealed hints that a session is unknown, after which a keyed caller believes them if it heard nothing better
/// meanwhile: packets that were damaged on their way, or forged, provoke them, too.
const HINTS_MAX: u32 = 3;
/// The time for which such hints must be all that is heard.
const HINTS_PATIENCE_MAX: Duration = Duration::from_secs(1);
/// Times that OPEN is sent again at once when it was refused for what damage to it may have caused.
const DOUBTS_MAX: u32 = 7;

impl Endpoint {
    /// A refusal that is not sealed: from a server that knows no session, or before there is one.
    pub(super) fn on_loose_refusal(&mut self, now: Time, from: SocketAddr, header: &Header, body: &[u8]) {
        let Ok(refused) = RefusedBody::parse(body) else {
            self.stats.malformed += 1;
            return;
        };
        if header.session == 0 {
            return self.on_open_refused(now, from, header, refused.refusal);
        }
        let Some(index) = self.caller_by_session.get(&header.session).copied() else {
            return;
        };
        let Some(session) = self.callers.get_mut(index).filter(|session| session.link.is_from(from, header)) else {
            return;
        };
        if session.link.seal.is_none() {
            session.link.heard(now, header);
            self.on_refused(now, index, header, body);
            self.touch(now, SessionRef::Caller(index));
        } else if refused.refusal == Refusal::UnknownSession {
            // With a key this is only a hint. A server that is asked again under the same session and stays silent
            // is given up in the ordinary way; until then a new session is not opened on a stranger's word, except
            // where nothing is lost by it.
            let nothing_sent = session.calls.values().all(|call| !call.out.transmitted);
            if nothing_sent || session.phase == Phase::Confirming {
                self.lose_caller(now, index);
            } else {
                session.link.owes(now);
                let since = *session.doubted_since.get_or_insert(now);
                session.doubts += 1;
                let patience = HINTS_PATIENCE_MAX.min(self.config.peer_timeout / 2);
                if session.doubts > HINTS_MAX && now.since(since) >= patience {
                    self.lose_caller(now, index);
                }
            }
        }
    }

    fn on_open_refused(&mut self, now: Time, from: SocketAddr, header: &Header, refusal: Refusal) {
        let Some(index) = self.caller_by_nonce.get(&header.rpc).copied() else {
            return;
        };
        let Some(session) = self.callers.get_mut(index).filter(|session| session.link.peer == from) else {
            return;
        };
        if refusal == Refusal::UnknownSession {
            // It answers another packet, or a changed one.
            return;
        }
        if matches!(refusal, Refusal::Draining | Refusal::Busy { .. })
            && now.since(session.handshake_since) < self.config.peer_timeout
        {
            // Another instance may come up at this address.
            session.link.owed_since = None;
            return;
        }
        self.believe_refusal(now, index, refusal);
    }

    /// OPEN is refused. A damaged OPEN looks like one with another key or of another version: that is believed when it
    /// is said again and again.
    fn believe_refusal(&mut self, now: Time, index: usize, refusal: Refusal) {
        let may_be_damage = matches!(refusal, Refusal::WrongKey | Refusal::WrongVersion { .. });
        let Some(session) = self.callers.get_mut(index) else { return };
        if may_be_damage && session.doubts < DOUBTS_MAX {
            session.doubts += 1;
            return self.send_open(now, index);
        }
        let (peer, service, method) = (session.link.peer, session.service, session.first_method);
        let root = session.link.root;
        let mut others = Vec::new();
        for call in self.drop_caller(index) {
            if refusal == Refusal::UnknownMethod && call.method != method {
                others.push(call);
            } else {
                self.fail(&call, CallError::Refused(refusal));
            }
        }
        // Only the method that the session was to be opened with is missing.
        if let Some(first) = others.first() {
            let index = self.session_for(now, peer, service, first.method, root);
            if let Some(session) = self.callers.get_mut(index) {
                session.waiting.extend(others);
            }
            self.advance_caller(now, index);
        }
    }

    /// A packet of another protocol version came: if it answers an OPEN of ours, there is no talking to that peer.
    pub(super) fn on_foreign_version(&mut self, now: Time, from: SocketAddr, nonce: u64, version: u8) {
        let Some(index) = self.caller_by_nonce.get(&nonce).copied() else { return };
        let opening = |session: &super::CallerSession| session.link.peer == from && session.phase == Phase::Opening;
        if self.callers.get(index).is_some_and(opening) {
            self.believe_refusal(now, index, Refusal::WrongVersion { speaks: version });
        }
    }

    pub(super) fn on_refused(&mut self, now: Time, index: usize, header: &Header, body: &[u8]) {
        let Ok(refused) = RefusedBody::parse(body) else {
            self.stats.malformed += 1;
            return;
        };
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        match refused.refusal {
            Refusal::UnknownSession => self.lose_caller(now, index),
            Refusal::Busy { retry_us } => {
                let retry = Duration::from_micros(u64::from(retry_us));
                session.on_busy(now, header.rpc, retry, self.config.rto_max);
            }
            // The server's farewell: what is under way is answered or not, the next call goes elsewhere.
            Refusal::Draining if header.rpc == 0 => {
                if session.calls.is_empty() {
                    self.lose_caller(now, index);
                }
            }
            // Another server does not have the objects.
            Refusal::Draining | Refusal::NeverReleased if session.link.root.is_none() => {
                self.issue_elsewhere(now, index, header.rpc);
            }
            other => self.end_call(now, index, header.rpc, Err(CallError::Refused(other))),
        }
    }

    /// A call that certainly did not and will not run is issued again in a new session.
    fn issue_elsewhere(&mut self, now: Time, index: usize, rpc: u64) {
        let ack_delay = self.config.ack_delay;
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let (peer, service, old) = (session.link.peer, session.service, session.link.session);
        let root = session.link.root;
        let Some(call) = session.end(now, rpc, ack_delay) else {
            return;
        };
        if let Some((_, inbound)) = &call.answer {
            self.bytes = self.bytes.saturating_sub(inbound.len());
        }
        if self.caller_by_target.get(&(peer, service)) == Some(&index) {
            self.caller_by_target.remove(&(peer, service));
        }
        let mut call = call.reset();
        call.out.transmitted = call.lost_before;
        // Those that wait behind it would only be refused as well, and nothing wakes them here any more.
        let behind = std::mem::take(&mut session.waiting);
        let index = self.session_for(now, peer, service, call.method, root);
        if let Some(session) = self.callers.get_mut(index) {
            session.previous = old;
            session.waiting.push_back(call);
            session.waiting.extend(behind);
        }
        self.advance_caller(now, index);
    }
}
