//! Receiving in place: the payload of the fragment expected next is put where it belongs by the receive itself.
//!
//! A driver takes a [`Landing`] out of the endpoint, receives a datagram with its header and its payload apart, and
//! gives the landing back. If something else came than expected, the datagram is put together again and handled as
//! usual: what was written to the place is not yet part of the message and does no harm. While a landing is out,
//! fragments of its message that come another way are dropped, as the network might.

use super::checks::Check;
use super::inbound::{Inbound, Inserted};
use super::link::Link;
use super::record::Served;
use super::time::Time;
use super::{Endpoint, SessionRef};
use crate::wire::{Flags, HEADER_BYTES, Header, MemoryFields, PacketType};
use std::net::SocketAddr;

/// Datagrams smaller than this are joined by the kernel, and taken apart from one buffer.
const DATAGRAM_BYTES_MIN: usize = 32 * 1024;
/// Less than this is not worth a place of its own.
const PLACE_BYTES_MIN: usize = 4096;

/// A place for the payload expected next, on loan to a driver.
#[derive(Debug)]
pub struct Landing {
    session: SessionRef,
    rpc: u64,
    /// Tells this loan from any other, also where the session's place was taken by another.
    serial: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Landing {
    /// Where the payload goes.
    pub fn place(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }
}

/// What all packets of a message have in common.
type Kind = (PacketType, Option<MemoryFields>);

impl Endpoint {
    /// A fragment of a message made progress: the next one is expected behind it.
    pub(super) fn expect_next(&mut self, session: SessionRef, rpc: u64, inserted: Inserted) {
        let in_order = inserted == Inserted::Progress;
        let large = |link: &mut Link| link.seal.is_none() && link.datagram_bytes >= DATAGRAM_BYTES_MIN;
        self.expected = (in_order && self.link_mut(session).is_some_and(large)).then_some((session, rpc));
    }

    /// Whether a large message is on its way in.
    pub(crate) fn expects_more(&self) -> bool {
        self.expected.is_some()
    }

    fn arriving_message(&mut self, session: SessionRef, rpc: u64) -> Option<(&mut Link, &mut Inbound, Kind)> {
        match session {
            SessionRef::Caller(index) => {
                let session = self.callers.get_mut(index)?;
                let call = session.calls.get_mut(rpc)?;
                let (kind, inbound) = call.answer.as_mut()?;
                Some((&mut session.link, inbound, (*kind, call.answer_memory)))
            }
            SessionRef::Callee(index) => {
                let session = self.callees.get_mut(index)?;
                match session.calls.get_mut(rpc)? {
                    Served::Arriving(arriving) => {
                        let kind = (arriving.kind, arriving.memory);
                        Some((&mut session.link, &mut arriving.inbound, kind))
                    }
                    _ => None,
                }
            }
        }
    }

    /// Lends the place for the payload of the fragment expected next, if one is expected. It must be given back with
    /// [`Endpoint::give_landing`].
    pub fn take_landing(&mut self) -> Option<Landing> {
        let (session, rpc) = self.expected.take()?;
        let (link, inbound, _) = self.arriving_message(session, rpc)?;
        let fragment = link.fragment_bytes();
        let start = inbound.landing_start()?;
        let end = inbound.len().min(start + fragment);
        if end - start < PLACE_BYTES_MIN {
            return None;
        }
        let serial = self.next_landing;
        self.next_landing += 1;
        let (_, inbound, _) = self.arriving_message(session, rpc)?;
        Some(Landing { session, rpc, serial, buffer: inbound.lend(serial), start, end })
    }

    /// Takes a landing back. `came` is what a receive brought: the sender, the header, and how many bytes of payload
    /// stand in the place. If they are not those expected the datagram is returned, to be given to
    /// [`Endpoint::handle`].
    #[must_use]
    pub fn give_landing(
        &mut self,
        now: Time,
        mut landing: Landing,
        came: Option<(SocketAddr, &[u8; HEADER_BYTES], usize)>,
    ) -> Option<Vec<u8>> {
        let (session, rpc) = (landing.session, landing.rpc);
        let apart = came.map(|(_, header, bytes)| (header, bytes.min(landing.place().len())));
        let Some((link, inbound, kind)) =
            self.arriving_message(session, rpc).filter(|(_, inbound, _)| inbound.has_lent(landing.serial))
        else {
            let whole = apart.map(|(header, bytes)| [&header[..], &landing.place()[..bytes]].concat());
            self.pool.put(landing.buffer);
            return whole;
        };
        let next = came.and_then(|(from, header, bytes)| {
            let header = Header::parse(header).ok()?;
            is_next(&header, link, inbound, (from, kind, rpc), session, bytes).then_some((header, bytes))
        });
        let whole = match next {
            Some(_) => None,
            None => apart.map(|(header, bytes)| [&header[..], &landing.place()[..bytes]].concat()),
        };
        inbound.give_back(landing.buffer);
        if let Some((header, bytes)) = next {
            link.heard(now, &header);
            link.unacked += bytes;
            let inserted = inbound.landed(bytes);
            self.after_landing(now, session, &header, inserted);
        }
        whole
    }

    fn after_landing(&mut self, now: Time, session: SessionRef, header: &Header, inserted: Inserted) {
        self.prompt.clear();
        self.stats.packets_in += 1;
        match session {
            SessionRef::Caller(index) => {
                if let Some(session) = self.callers.get_mut(index) {
                    let timeout = session.link.rtt.timeout(1);
                    if let Some(call) = session.calls.get_mut(header.rpc) {
                        call.backoff = 0;
                        call.timer = Some(now.plus(timeout));
                    }
                }
                self.after_answer_fragment(now, index, header, inserted);
            }
            SessionRef::Callee(index) => {
                if let Some(session) = self.callees.get_mut(index)
                    && let Some(Served::Arriving(arriving)) = session.calls.get_mut(header.rpc)
                {
                    arriving.progress = now;
                }
                let remember = self.config.makes(Check::EndedCall);
                if let Some(session) = self.callees.get_mut(index) {
                    let released = session.raise_lowest(header.lowest, remember);
                    self.released(index, released);
                }
                self.after_call_fragment(now, index, header, inserted);
                self.release_held(index);
            }
        }
        self.touch(now, session);
    }
}

/// Whether a header is that of the fragment expected next.
fn is_next(
    header: &Header,
    link: &Link,
    inbound: &Inbound,
    (from, (kind, memory), rpc): (SocketAddr, Kind, u64),
    session: SessionRef,
    bytes: usize,
) -> bool {
    header.kind == kind
        && memory.is_none_or(|memory| memory == MemoryFields::of(header))
        && inbound.carries_same(header)
        && header.session == link.session
        && header.client == link.client
        && header.instance == link.instance
        && link.is_from(from, header)
        && header.rpc == rpc
        && header.offset == inbound.contiguous()
        && header.message_len as usize == inbound.len()
        && bytes > 0
        && bytes <= inbound.len() - inbound.contiguous() as usize
        && usize::from(header.body_len) == bytes
        && header.flags.has(Flags::TO_CALLEE) == matches!(session, SessionRef::Callee(_))
        && !header.flags.has(Flags::SEALED)
        && !header.flags.has(Flags::FIRST)
}
