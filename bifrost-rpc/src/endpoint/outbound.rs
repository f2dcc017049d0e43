//! A message on its way out: which bytes were sent, which arrived, which are to be sent again.

use super::time::Time;
use crate::buffer::Message;
use crate::wire::{AckBody, further_bytes};
use rangemap::RangeSet;
use std::collections::VecDeque;
use std::ops::Range;

/// A later packet that arrived this many packets after one that did not makes it lost.
const REORDER_PACKETS: u64 = 3;
/// Messages of one fragment up to this size are not counted in the window: a page, or a few short objects in one batch.
const UNCOUNTED_BYTES_MAX: usize = 4096;

#[derive(Debug, Clone, Copy)]
struct Sent {
    packet: u64,
    start: u32,
    end: u32,
    at: Time,
}

/// What an acknowledgement changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Acked {
    /// Bytes that left the flight because they arrived.
    pub(super) bytes: usize,
    /// Bytes that left the flight because they are lost.
    pub(super) lost: usize,
    /// The highest packet number among the lost.
    pub(super) lost_packet: Option<u64>,
    /// When the newest packet acknowledged was sent.
    pub(super) sent_at: Option<Time>,
}

/// A message being sent.
#[derive(Debug)]
pub(super) struct Outbound {
    message: Message,
    len: u32,
    /// Payload bytes of a full fragment, which are more than `head`.
    fragment: u32,
    /// Bytes of the further pointers, which fragment 0 carries in front.
    head: u32,
    /// The first byte never sent.
    next: u32,
    /// Bytes to send again.
    again: RangeSet<u32>,
    acked: RangeSet<u32>,
    flight: VecDeque<Sent>,
    /// Whether any packet of it was ever sent.
    pub(super) transmitted: bool,
    /// Packets sent, to tell a first transmission.
    pub(super) packets: u32,
    /// When the newest packet was sent.
    pub(super) sent_at: Time,
    /// A message without bytes is one empty fragment, to be sent.
    empty_due: bool,
    /// The peer has all of it.
    is_complete: bool,
    /// Nothing was heard of it for several time-outs: one fragment at a time is sent until something is.
    is_probing: bool,
}

impl Outbound {
    /// `message` must be shorter than 4 GiB and have few enough pointers, which the endpoint sees to; `fragment` is larger
    /// than what the further pointers take.
    pub(super) fn new(message: Message, fragment: usize) -> Self {
        let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
        Self {
            head: u32::try_from(further_bytes(message.pointers().len())).unwrap_or(u32::MAX),
            message,
            len,
            fragment: u32::try_from(fragment).unwrap_or(u32::MAX).max(1),
            next: 0,
            again: RangeSet::new(),
            acked: RangeSet::new(),
            flight: VecDeque::new(),
            transmitted: false,
            packets: 0,
            sent_at: Time::ZERO,
            empty_due: len == 0,
            is_complete: false,
            is_probing: false,
        }
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    /// Takes the message out of what is not sent any more.
    pub(super) fn take_message(&mut self) -> Message {
        std::mem::replace(&mut self.message, Message::empty())
    }

    pub(super) fn message_len(&self) -> u32 {
        self.len
    }

    pub(super) fn is_single(&self) -> bool {
        self.len <= self.fragment_at(0)
    }

    /// Payload bytes of the longest fragment it is sent in.
    pub(super) fn largest_fragment(&self) -> usize {
        self.len.saturating_add(self.head).min(self.fragment) as usize
    }

    /// Bytes that the fragment from `start` on carries in front of those of the message.
    pub(super) fn head_bytes(&self, start: u32) -> usize {
        if start == 0 { self.head as usize } else { 0 }
    }

    /// Bytes of the message in a full fragment from `start` on.
    fn fragment_at(&self, start: u32) -> u32 {
        if start == 0 { self.fragment.saturating_sub(self.head).max(1) } else { self.fragment }
    }

    /// The end of a full fragment from `start` on.
    fn end_of(&self, start: u32) -> u32 {
        start.saturating_add(self.fragment_at(start))
    }

    /// Whether it takes part in the window.
    pub(super) fn is_counted(&self) -> bool {
        // Which of several fragments was lost is found by what is in flight.
        self.len as usize > UNCOUNTED_BYTES_MAX || !self.is_single()
    }

    /// Whether every byte was sent at least once and none is waiting to be sent again.
    pub(super) fn is_sent(&self) -> bool {
        (self.next == self.len || self.is_probing) && self.again.is_empty() && !self.empty_due
    }

    /// Whether every byte is known to have arrived.
    pub(super) fn is_acked(&self) -> bool {
        self.is_complete || (self.len > 0 && self.acked.gaps(&(0..self.len)).next().is_none())
    }

    /// How many separate ranges are known to have arrived.
    pub(super) fn acked_ranges(&self) -> usize {
        self.acked.iter().count()
    }

    /// Bytes known to have arrived.
    pub(super) fn acked_bytes(&self) -> u64 {
        self.acked.iter().map(|range| u64::from(range.end - range.start)).sum()
    }

    /// Bytes of the next fragment to send.
    pub(super) fn peek(&self) -> Option<Range<u32>> {
        if let Some(first) = self.again.first() {
            return Some(first.start..first.end.min(self.end_of(first.start)));
        }
        if (self.next < self.len && !self.is_probing) || self.empty_due {
            return Some(self.next..self.len.min(self.end_of(self.next)));
        }
        None
    }

    /// The fragment of [`Outbound::peek`] was sent. Returns the bytes that entered the flight.
    pub(super) fn sent(&mut self, now: Time, packet: u64, range: Range<u32>) -> usize {
        self.transmitted = true;
        self.packets = self.packets.saturating_add(1);
        self.sent_at = now;
        self.empty_due = false;
        if range.end > self.next {
            self.next = range.end;
        }
        if !self.again.is_empty() && !range.is_empty() {
            self.again.remove(range.clone());
        }
        if !self.is_counted() {
            return 0;
        }
        self.flight.push_back(Sent { packet, start: range.start, end: range.end, at: now });
        (range.end - range.start) as usize
    }

    /// Takes an acknowledgement of some bytes. Packets sent before `overdue` count as lost if they are not in it.
    pub(super) fn acked(&mut self, ack: &AckBody, overdue: Time) -> Acked {
        let before = if self.is_probing { self.acked_bytes() } else { 0 };
        for (start, end) in &ack.ranges {
            let end = (*end).min(self.len);
            if *start < end {
                self.acked.insert(*start..end);
                self.again.remove(*start..end);
            }
        }
        if self.is_probing && self.acked_bytes() > before {
            self.is_probing = false;
            let (acked, again) = (&self.acked, &mut self.again);
            acked.gaps(&(0..self.next)).for_each(|gap| again.insert(gap));
        }
        let mut outcome = Acked::default();
        let (acked, again) = (&self.acked, &mut self.again);
        self.flight.retain(|sent| {
            let bytes = (sent.end - sent.start) as usize;
            if acked.gaps(&(sent.start..sent.end)).next().is_none() {
                outcome.bytes += bytes;
                if sent.packet <= ack.largest_packet {
                    outcome.sent_at = outcome.sent_at.max(Some(sent.at));
                }
                return false;
            }
            let passed = sent.packet.saturating_add(REORDER_PACKETS) <= ack.largest_packet;
            if passed || (sent.at <= overdue && sent.packet < ack.largest_packet) {
                outcome.lost += bytes;
                outcome.lost_packet = outcome.lost_packet.max(Some(sent.packet));
                acked.gaps(&(sent.start..sent.end)).for_each(|gap| again.insert(gap));
                return false;
            }
            true
        });
        outcome
    }

    /// All of it arrived. Returns the bytes that left the flight.
    pub(super) fn acked_all(&mut self) -> usize {
        self.is_complete = true;
        if !self.again.is_empty() {
            self.again.clear();
        }
        self.next = self.len;
        self.empty_due = false;
        self.drain_flight()
    }

    /// The first byte not known to have arrived is sent again (of one fragment: all of it).
    pub(super) fn send_first_again(&mut self) -> usize {
        if self.is_complete {
            return 0;
        }
        if self.len == 0 {
            self.empty_due = true;
            return 0;
        }
        let gap = self.acked.gaps(&(0..self.next)).next();
        let Some(gap) = gap else { return 0 };
        let range = gap.start..gap.end.min(self.end_of(gap.start));
        let mut left = 0;
        self.flight.retain(|sent| {
            let hit = sent.start < range.end && range.start < sent.end;
            if hit {
                left += (sent.end - sent.start) as usize;
            }
            !hit
        });
        self.again.insert(range);
        left
    }

    /// The peer may not take the message now, though it takes others: it leaves the flight, and only its first missing
    /// fragment is sent again. Returns the bytes that left the flight.
    pub(super) fn probe(&mut self) -> usize {
        let left = self.drain_flight();
        self.again.clear();
        self.send_first_again();
        // Where all that was sent has arrived, the rest only waits for its turn.
        self.is_probing = !self.again.is_empty();
        left
    }

    /// Everything is sent again from the start, in fragments of `fragment` bytes. Returns the bytes that left the flight.
    pub(super) fn restart(&mut self, fragment: usize) -> usize {
        if self.transmitted {
            self.acked.clear();
            self.again.clear();
        }
        self.is_complete = false;
        self.is_probing = false;
        self.next = 0;
        self.empty_due = self.len == 0;
        self.refragment(fragment);
        self.drain_flight()
    }

    /// Everything not known to have arrived is sent again, in fragments of `fragment` bytes. Returns the bytes that
    /// left the flight.
    pub(super) fn restart_unacked(&mut self, fragment: usize) -> usize {
        self.refragment(fragment);
        if self.is_complete {
            return 0;
        }
        let acked = &self.acked;
        acked.gaps(&(0..self.next)).for_each(|gap| self.again.insert(gap));
        self.drain_flight()
    }

    fn refragment(&mut self, fragment: usize) {
        self.fragment = u32::try_from(fragment).unwrap_or(u32::MAX).max(1);
    }

    /// Bytes in flight, which leave it when the message is dropped.
    pub(super) fn drain_flight(&mut self) -> usize {
        self.flight.drain(..).map(|sent| (sent.end - sent.start) as usize).sum()
    }

    /// Memory the message holds.
    pub(super) fn bytes(&self) -> usize {
        self.message.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::MessageBuffer;
    use crate::wire::AckStatus;
    use proptest::prelude::*;

    fn message(len: usize) -> Message {
        let mut buffer = MessageBuffer::new();
        buffer.put_slice(&vec![7; len]);
        buffer.finish()
    }

    fn ack(largest_packet: u64, ranges: &[(u32, u32)]) -> AckBody {
        AckBody { status: AckStatus::Partial, largest_packet, ranges: ranges.to_vec() }
    }

    #[test]
    fn sends_each_fragment_once_and_lost_ones_again() {
        let mut out = Outbound::new(message(10_000), 3000);
        let mut packet = 0;
        while let Some(range) = out.peek() {
            packet += 1;
            out.sent(Time::ZERO, packet, range);
        }
        assert_eq!(packet, 4);
        // Packet 1 is missing, packet 4 arrived: three later, so lost.
        let outcome = out.acked(&ack(4, &[(3000, 10_000)]), Time::ZERO);
        assert_eq!((outcome.bytes, outcome.lost, outcome.lost_packet), (7000, 3000, Some(1)));
        assert_eq!(out.peek(), Some(0..3000));
        out.sent(Time::ZERO, 5, 0..3000);
        assert!(out.is_sent() && !out.is_acked());
        out.acked(&ack(5, &[(0, 10_000)]), Time::ZERO);
        assert!(out.is_acked());
    }

    #[test]
    fn a_lost_fragment_of_a_small_message_is_sent_again() {
        let mut out = Outbound::new(message(1263), 1104);
        for packet in 1..=2 {
            let range = out.peek().unwrap();
            out.sent(Time::ZERO, packet, range);
        }
        // What asked for this acknowledgement was packet 5.
        out.acked(&ack(5, &[(0, 1104)]), Time::ZERO);
        assert_eq!(out.peek(), Some(1104..1263));
    }

    #[test]
    fn an_empty_message_is_one_empty_fragment() {
        let mut out = Outbound::new(message(0), 1000);
        assert_eq!(out.peek(), Some(0..0));
        out.sent(Time::ZERO, 1, 0..0);
        assert_eq!(out.peek(), None);
        out.send_first_again();
        assert_eq!(out.peek(), Some(0..0));
    }

    proptest! {
        /// Whatever is lost, acknowledged or timed out, everything arrives in the end and the flight drains.
        #[test]
        fn everything_arrives(len in 0usize..30_000, fragment in 500usize..4000, fate in prop::collection::vec(any::<u8>(), 1..200)) {
            let mut out = Outbound::new(message(len), fragment);
            let mut there: RangeSet<u32> = RangeSet::new();
            let mut empty_arrived = false;
            let (mut packet, mut flight, mut largest, mut step) = (0u64, 0usize, 0u64, 0usize);
            while !(out.is_acked() || (len == 0 && empty_arrived)) {
                step += 1;
                prop_assert!(step < 5000, "does not end");
                // After the given fates nothing is lost any more.
                let fate = fate.get(step).copied().unwrap_or(255);
                match out.peek() {
                    Some(range) => {
                        packet += 1;
                        flight += out.sent(Time::ZERO, packet, range.clone());
                        if fate > 80 {
                            largest = packet;
                            if range.is_empty() { empty_arrived = true } else { there.insert(range) }
                        }
                    }
                    None => flight -= out.send_first_again(),
                }
                if fate % 5 == 0 {
                    let ranges: Vec<_> = there.iter().map(|r| (r.start, r.end)).collect();
                    let outcome = out.acked(&ack(largest, &ranges), Time::ZERO);
                    flight -= outcome.bytes + outcome.lost;
                }
            }
            prop_assert_eq!(out.drain_flight(), flight);
        }
    }
}
