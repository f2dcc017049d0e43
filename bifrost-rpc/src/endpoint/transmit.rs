//! What is sent: sessions take turns, packets of no session go first.

use super::datagrams::{Datagrams, Transmit};
use super::link::Link;
use super::time::Time;
use super::{Endpoint, Loose, SessionRef, native};
use crate::wire::HEADER_BYTES;
use std::net::SocketAddr;

/// Bytes of a batch at most: what one UDP send carries.
const BATCH_BYTES_MAX: usize = 65_000;

impl Endpoint {
    /// Whether [`Endpoint::poll_transmit`] may have something.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        !self.ready.is_empty() || !self.loose.is_empty()
    }

    /// The next batch of datagrams to send, at most `segments_max` of one size.
    pub fn poll_transmit(&mut self, now: Time, segments_max: usize, out: &mut Datagrams) -> Option<Transmit> {
        out.clear();
        if let Some(Loose { to, from, datagram }) = self.loose.pop_front() {
            let (header, body) = datagram.split_first_chunk::<HEADER_BYTES>()?;
            out.begin(header, body.len());
            out.put(body);
            self.stats.packets_out += 1;
            let pointer = if self.config.native { native::source_of(&datagram) } else { None };
            let from = pointer.or(from);
            return Some(Transmit { from, ..out.transmit(to) });
        }
        let limits = (segments_max, BATCH_BYTES_MAX);
        while let Some(session) = self.ready.pop_front() {
            let (transmit, can_send) = match session {
                SessionRef::Caller(index) => {
                    let Some(caller) = self.callers.get_mut(index) else {
                        continue;
                    };
                    caller.fill(now, self.next_rpc, limits, out);
                    caller.link.is_ready = caller.can_send();
                    (caller.link.address(out), caller.link.is_ready)
                }
                SessionRef::Callee(index) => {
                    let Some(callee) = self.callees.get_mut(index) else {
                        continue;
                    };
                    callee.fill(now, limits, out);
                    callee.link.is_ready = callee.can_send();
                    (callee.link.address(out), callee.link.is_ready)
                }
            };
            if can_send {
                self.ready.push_front(session);
            }
            self.arm(now, session);
            if !out.is_empty() {
                self.stats.packets_out += transmit.segments as u64;
                return Some(transmit);
            }
        }
        None
    }

    /// Puts a session with something to send into the queue, and its next deadline into the timer queue. Where an entry
    /// stands there already, an earlier one follows when what is to be sent has been.
    pub(super) fn touch(&mut self, now: Time, session: SessionRef) {
        let link = match session {
            SessionRef::Caller(index) => {
                self.callers.get_mut(index).filter(|caller| caller.can_send()).map(|caller| &mut caller.link)
            }
            SessionRef::Callee(index) => {
                self.callees.get_mut(index).filter(|callee| callee.can_send()).map(|callee| &mut callee.link)
            }
        };
        if let Some(link) = link {
            if !std::mem::replace(&mut link.is_ready, true) {
                self.ready.push_back(session);
            }
            if link.armed.is_some() {
                return;
            }
        }
        self.arm(now, session);
    }

    /// A datagram could not be sent because it is larger than the link takes: smaller ones are sent from now on.
    pub fn datagram_too_large(&mut self, peer: SocketAddr) {
        let callers = self.callers.iter_mut().map(|(_, session)| &mut session.link);
        let callees = self.callees.iter_mut().map(|(_, session)| &mut session.link);
        callers.chain(callees).filter(|link| link.reaches(peer)).for_each(Link::shrink_datagrams);
    }
}
