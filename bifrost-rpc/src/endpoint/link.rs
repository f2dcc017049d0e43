//! What both ends of a session keep of it: addresses and ids, packet numbers, keys, path, and packets to send.

use super::config::Config;
use super::datagrams::Datagrams;
use super::outbound::{Acked, Outbound};
use super::rtt::Rtt;
use super::seal::{SessionSeal, TAG_BYTES};
use super::senders::Slot;
use super::time::Time;
use super::window::Window;
use crate::wire::{
    AckBody, AckStatus, CREDIT_BYTES, FURTHER_BYTES_MAX, Flags, HEADER_BYTES, Header, MethodField, PacketType, Pointer,
};
use std::collections::VecDeque;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// What a packet without a message is about: a call, a memory operation, or (RPC id 0) the session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    pub(super) rpc: u64,
    /// The pointer of a memory operation, which all its packets are sent to or from.
    pub(super) pointer: Option<Pointer>,
    /// Of a call: it leases pointers.
    pub(super) leased: bool,
}

impl From<u64> for Exchange {
    fn from(rpc: u64) -> Self {
        Self { rpc, pointer: None, leased: false }
    }
}

/// A packet without a message, waiting to be sent.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) kind: PacketType,
    pub(super) about: Exchange,
    pub(super) flags: Flags,
    pub(super) body: Vec<u8>,
}

/// Notes waiting at most; more are dropped, as the network might.
const NOTES_MAX: usize = 1024;

/// One end of a session.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: SocketAddr,
    /// As callee: the address that the caller called, where that is known. Answers come from there.
    pub(super) local: Option<Ipv6Addr>,
    pub(super) client: u64,
    pub(super) session: u64,
    /// Of a memory session: the server's own pointer.
    pub(super) root: Option<Pointer>,
    pub(super) instance: u32,
    /// The peer said that it understands references.
    pub(super) peer_references: bool,
    /// The peer said that its batches may name several objects.
    pub(super) peer_spans: bool,
    incarnation: u32,
    /// As callee: the caller's incarnation when it opened the session.
    pub(super) peer_incarnation: u32,
    pub(super) is_caller: bool,
    /// The links route by pointers.
    pub(super) is_native: bool,
    next_packet: u64,
    /// The highest packet number received.
    pub(super) largest_packet: u64,
    pub(super) seal: Option<SessionSeal>,
    pub(super) rtt: Rtt,
    pub(super) window: Window,
    /// Largest datagram sent to the peer.
    pub(super) datagram_bytes: usize,
    /// When the peer was last heard.
    pub(super) heard: Time,
    /// Since when the peer owes an answer.
    pub(super) owed_since: Option<Time>,
    /// What this end can buffer from the peer.
    pub(super) credits: usize,
    /// When the peer last sent a large message.
    pub(super) sent_large: Slot,
    /// Bytes of large messages that came since they were last acknowledged, in whatever way.
    pub(super) unacked: usize,
    notes: VecDeque<Note>,
    /// Whether the session stands in the endpoint's queue of those with something to send.
    pub(super) is_ready: bool,
    /// As callee: a timer was set since the timer queue was last told of the earliest.
    pub(super) has_new_timer: bool,
    /// The time for which an entry stands in the endpoint's timer queue.
    pub(super) armed: Option<Time>,
}

/// Separate acknowledged ranges of one message at most; a receiver keeps fewer.
const ACKED_RANGES_MAX: usize = 1024;
/// Packets in flight at most where packets are sealed: half of the receiver's replay window.
const SEALED_PACKETS_MAX: usize = 4096;
/// Time-outs in a row of a large message after which the path is taken to lose large datagrams.
const BLACK_HOLE_TIMEOUTS: u32 = 3;
/// What every IPv6 path carries: 1,280 bytes less the IPv6 and UDP headers. No session has smaller ones.
pub(super) const DATAGRAM_BYTES_MIN: usize = 1232;
// Whatever pointers a message has, there is room for some of it behind them.
const _: () = assert!(HEADER_BYTES + FURTHER_BYTES_MAX + TAG_BYTES < DATAGRAM_BYTES_MIN);

impl Link {
    pub(super) fn new(config: &Config, is_caller: bool, peer: SocketAddr, client: u64, now: Time) -> Self {
        Self {
            peer,
            local: None,
            client,
            session: 0,
            root: None,
            instance: 0,
            peer_references: false,
            peer_spans: false,
            incarnation: config.incarnation,
            peer_incarnation: 0,
            is_caller,
            is_native: config.native,
            next_packet: 1,
            largest_packet: 0,
            seal: None,
            rtt: Rtt::new(config.rto_min, config.rto_initial, config.rto_max),
            window: Window::new(64 << 10),
            datagram_bytes: usize::from(config.datagram_bytes).max(DATAGRAM_BYTES_MIN),
            heard: now,
            owed_since: None,
            credits: config.receive_buffer_bytes,
            sent_large: 0,
            unacked: 0,
            notes: VecDeque::new(),
            is_ready: false,
            has_new_timer: true,
            armed: None,
        }
    }

    /// Payload bytes of a full fragment.
    pub(super) fn fragment_bytes(&self) -> usize {
        self.datagram_bytes - HEADER_BYTES - self.tag_bytes()
    }

    fn tag_bytes(&self) -> usize {
        if self.seal.is_some() { TAG_BYTES } else { 0 }
    }

    /// The peer was heard in a packet of this session. To a caller an old packet, late or sent again by somebody else,
    /// says nothing about the callee as it is now; a callee answers it, so it keeps the session as well.
    pub(super) fn heard(&mut self, now: Time, header: &Header) {
        let is_newest = header.packet > self.largest_packet;
        if is_newest {
            self.largest_packet = header.packet;
            let sealed = if self.seal.is_some() { SEALED_PACKETS_MAX * self.fragment_bytes() } else { usize::MAX };
            self.window.grant((usize::from(header.credits) * CREDIT_BYTES).min(sealed));
        }
        if is_newest || !self.is_caller {
            self.is_heard(now);
        }
    }

    /// The peer is there now.
    pub(super) fn is_heard(&mut self, now: Time) {
        self.heard = now;
        self.owed_since = None;
    }

    /// The peer owes an answer from now on, if it did not already.
    pub(super) fn owes(&mut self, now: Time) {
        self.owed_since.get_or_insert(now);
    }

    /// Queues a packet without a message.
    pub(super) fn note(&mut self, kind: PacketType, about: impl Into<Exchange>, flags: Flags, body: Vec<u8>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push_back(Note { kind, about: about.into(), flags, body });
        }
    }

    /// Whether a quarter of what this end can buffer has come. Acknowledging more often wakes the sender for nothing;
    /// less often lets it run so far ahead that what it sent has left the processor's cache when it is received.
    pub(super) fn owes_ack(&self) -> bool {
        self.unacked >= self.credits / 4
    }

    /// Queues an acknowledgement of fragments of a message.
    pub(super) fn note_ack(&mut self, about: impl Into<Exchange>, status: AckStatus, ranges: Vec<(u32, u32)>) {
        let body = AckBody { status, largest_packet: self.largest_packet, ranges };
        self.note(PacketType::Ack, about, Flags::default(), body.to_bytes());
    }

    /// Takes back the acknowledgements of `rpc` that have not been sent; says how many.
    pub(super) fn withdraw_acks(&mut self, rpc: u64) -> u32 {
        let before = self.notes.len();
        let complete = AckStatus::Complete as u8;
        self.notes.retain(|note| {
            note.kind != PacketType::Ack || note.about.rpc != rpc || note.body.first() != Some(&complete)
        });
        u32::try_from(before - self.notes.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// Datagram bytes of the next note, and the pointer that it has of its own.
    pub(super) fn peek_note(&self) -> Option<(usize, Option<Pointer>)> {
        self.notes.front().map(|note| (HEADER_BYTES + note.body.len() + self.tag_bytes(), note.about.pointer))
    }

    pub(super) fn drop_notes(&mut self) {
        self.notes.clear();
    }

    /// Writes the next note.
    pub(super) fn put_note(&mut self, lowest: u64, out: &mut Datagrams) {
        let Some(note) = self.notes.pop_front() else {
            return;
        };
        let mut header = Header::new(note.kind);
        header.flags = note.flags;
        if note.about.leased && matches!(note.kind, PacketType::Cancel | PacketType::Refused) {
            header.flags = header.flags.with(Flags::LEASED);
        }
        header.rpc = note.about.rpc;
        header.lowest = lowest;
        if let Some(root) = self.root {
            header.pointers = 1;
            header.pointer = note.about.pointer.unwrap_or(root).to_bytes();
        }
        let header = self.finish(header, note.body.len());
        out.begin(&header, note.body.len() + self.tag_bytes());
        out.put(&note.body);
        self.seal_tail(HEADER_BYTES, note.body.len(), out);
    }

    /// Datagram bytes of the fragment `range` of a message.
    pub(super) fn fragment_datagram(&self, message: &Outbound, range: &Range<u32>) -> usize {
        HEADER_BYTES + message.head_bytes(range.start) + range.len() + self.tag_bytes()
    }

    /// Writes a fragment of a message; `header` carries what the message knows.
    pub(super) fn put_fragment(
        &mut self,
        now: Time,
        mut header: Header,
        message: &mut Outbound,
        range: Range<u32>,
        out: &mut Datagrams,
    ) {
        header.offset = range.start;
        header.message_len = message.message_len();
        if range.start == 0 {
            header.flags = header.flags.with(Flags::FIRST);
        }
        let pointers = message.message().pointers();
        header.set_pointers(pointers);
        let (further, body_len) = (message.head_bytes(range.start), range.len());
        if message.is_counted() && self.window.room() <= body_len && range.end < message.message_len() {
            // Nothing more can be sent before an acknowledgement.
            header.flags = header.flags.with(Flags::ACK_NOW);
        }
        let packet = self.next_packet;
        let header = self.finish(header, further + body_len);
        out.begin(&header, further + body_len + self.tag_bytes());
        if further > 0 {
            pointers.iter().skip(1).for_each(|pointer| out.put(&pointer.to_bytes()));
        }
        out.put_message(message.message(), range.clone(), self.seal.is_some());
        self.seal_tail(HEADER_BYTES + further, body_len, out);
        let counted = message.sent(now, packet, range);
        self.window.sent(counted);
    }

    fn finish(&mut self, mut header: Header, body_len: usize) -> [u8; HEADER_BYTES] {
        if self.is_caller {
            header.flags = header.flags.with(Flags::TO_CALLEE);
        }
        if self.seal.is_some() {
            header.flags = header.flags.with(Flags::SEALED);
        }
        header.client = self.client;
        header.instance = self.instance;
        header.incarnation = self.incarnation;
        header.session = self.session;
        header.packet = self.next_packet;
        header.credits = u16::try_from(self.credits / CREDIT_BYTES).unwrap_or(u16::MAX);
        header.body_len = u16::try_from(body_len + self.tag_bytes()).unwrap_or(u16::MAX);
        self.next_packet += 1;
        header.to_bytes()
    }

    fn seal_tail(&mut self, head: usize, body_len: usize, out: &mut Datagrams) {
        let packet = self.next_packet - 1;
        if let Some(seal) = &self.seal {
            out.seal_tail(head, body_len, |head, body| seal.seal(packet, head, body));
        }
    }

    /// Takes an acknowledgement of fragments of `message`; it was `asked` for long after they were sent, or not. Says whether it is a step forward: an acknowledgement of
    /// nothing new must not keep [`Link::on_timeout`] from finding out why.
    pub(super) fn on_ack(&mut self, now: Time, message: &mut Outbound, ack: &AckBody, asked: bool) -> bool {
        match ack.status {
            AckStatus::Complete => {
                let bytes = message.acked_all();
                self.window.acked(bytes);
                true
            }
            AckStatus::Discarded => {
                let bytes = message.restart(self.fragment_bytes());
                self.window.forget(bytes);
                false
            }
            AckStatus::Partial if ack.ranges.len() > 1 && message.acked_ranges() > ACKED_RANGES_MAX => false,
            AckStatus::Partial => {
                let sent = self.next_packet.saturating_sub(1);
                let ack = &AckBody { largest_packet: ack.largest_packet.min(sent), ..ack.clone() };
                let timeout = self.rtt.timeout(0);
                let overdue = Time::from_nanos(now.as_nanos().saturating_sub(nanos(timeout)));
                let before = message.acked_bytes();
                let Acked { bytes, lost, lost_packet, sent_at } = message.acked(ack, overdue);
                self.window.acked(bytes);
                self.window.forget(lost);
                if let Some(packet) = lost_packet {
                    self.window.lost(packet, self.next_packet);
                }
                if let Some(sent_at) = sent_at.filter(|_| !asked) {
                    self.rtt.sample(now.since(sent_at));
                }
                message.acked_bytes() > before
            }
        }
    }

    /// A message timed out `timeouts` times in a row: perhaps the path loses large datagrams only. Another message may
    /// have found out before; this one's fragments count.
    pub(super) fn on_timeout(&mut self, message: &mut Outbound, timeouts: u32) {
        if message.is_acked() {
            return;
        }
        let safe = DATAGRAM_BYTES_MIN - HEADER_BYTES - self.tag_bytes();
        if timeouts >= BLACK_HOLE_TIMEOUTS && message.largest_fragment() > safe {
            self.shrink_datagrams();
        }
        // The datagrams may have been shrunk for another message since this one was cut.
        if message.largest_fragment() > self.fragment_bytes() {
            let bytes = message.restart_unacked(self.fragment_bytes());
            self.window.forget(bytes);
        }
    }

    /// Falls back to datagrams that every path carries.
    pub(super) fn shrink_datagrams(&mut self) {
        self.datagram_bytes = self.datagram_bytes.min(DATAGRAM_BYTES_MIN);
    }

    /// Decrypts a body in place. `None`: it is not what the peer sent in this session.
    pub(super) fn open<'a>(
        &mut self,
        header: &Header,
        header_bytes: &[u8],
        body: &'a mut [u8],
        must_be_sealed: bool,
    ) -> Option<&'a mut [u8]> {
        match &mut self.seal {
            Some(seal) if header.flags.has(Flags::SEALED) => seal.open(header.packet, header_bytes, body),
            Some(_) if must_be_sealed => None,
            Some(_) => Some(body),
            None => (!header.flags.has(Flags::SEALED)).then_some(body),
        }
    }

    /// The header of a fragment, as far as the session knows it.
    pub(super) fn message_header(kind: PacketType, method: MethodField, rpc: u64, lowest: u64) -> Header {
        let mut header = Header::new(kind);
        header.method = method;
        header.rpc = rpc;
        header.lowest = lowest;
        header
    }

    /// Whether the peer owes an answer for longer than `limit`.
    pub(super) fn is_silent(&self, now: Time, limit: Duration) -> bool {
        self.owed_since.is_some_and(|since| now.since(since) >= limit)
    }

    /// When [`Link::is_silent`] comes true.
    pub(super) fn silent_at(&self, limit: Duration) -> Option<Time> {
        self.owed_since.map(|since| since.plus(limit))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
