//! What a caller sends: notes, fragments of calls, which calls have ended.

use super::caller::{CallerSession, LEASE_PROBES};
use super::datagrams::Datagrams;
use super::link::Link;
use super::time::Time;
use crate::wire::{FinishedBody, Flags, PacketType, RANGES_MAX};
use std::time::Duration;

impl CallerSession {
    /// Tells the callee which calls have ended, if it is time.
    pub(super) fn report(&mut self, next_rpc: u64) {
        let mut ranges = Vec::new();
        let mut before = None;
        for rpc in self.calls.iter().map(|(rpc, _)| rpc).chain([next_rpc]) {
            if let Some(ended) = before.map(|before| before + 1).filter(|ended| *ended < rpc) {
                ranges.push((ended, rpc));
            }
            before = Some(rpc);
        }
        if ranges.is_empty() {
            self.link.note(PacketType::Ack, 0, Flags::default(), FinishedBody::default().to_bytes());
        }
        for ranges in ranges.chunks(RANGES_MAX) {
            let body = FinishedBody { ranges: ranges.to_vec() };
            self.link.note(PacketType::Ack, 0, Flags::default(), body.to_bytes());
        }
        self.reported();
    }

    pub(super) fn reported(&mut self) {
        self.unreported = 0;
        self.report_at = None;
        if self.link.unacked > 0 {
            let arriving = self.calls.values().filter_map(|call| call.answer.as_ref());
            self.link.unacked = arriving.map(|(_, inbound)| inbound.unacked).sum();
        }
    }

    /// Acknowledges all that has come of large answers.
    pub(super) fn ack_all(&mut self, next_rpc: u64) {
        if self.unreported > 0 {
            self.report(next_rpc);
        }
        for (rpc, call) in self.calls.iter_mut() {
            if let Some((_, inbound)) = call.answer.as_mut().filter(|(_, inbound)| inbound.unacked > 0) {
                inbound.unacked = 0;
                let ranges = inbound.ranges(64);
                self.link.note_ack(call.exchange(rpc), crate::wire::AckStatus::Partial, ranges);
            }
        }
        self.link.unacked = 0;
    }

    /// Whether something can be sent now.
    pub(super) fn can_send(&self) -> bool {
        self.link.has_notes() || (!self.outgoing.is_empty() && self.link.window.room() > 0)
    }

    /// Fills the batch with what is to be sent.
    pub(super) fn fill(&mut self, now: Time, next_rpc: u64, limits: (usize, usize), out: &mut Datagrams) {
        let lowest = self.lowest(next_rpc);
        while let Some((bytes, pointer)) = self.link.peek_note() {
            if !out.takes(bytes, self.link.route(pointer), limits) {
                return;
            }
            self.link.put_note(lowest, out);
        }
        let mut has_sent = false;
        'calls: while let Some(rpc) = self.outgoing.front().copied() {
            let Some(call) = self.calls.get_mut(rpc) else {
                self.outgoing.pop_front();
                continue;
            };
            while let Some(range) = call.out.peek() {
                if self.link.window.room() == 0 {
                    call.timer.get_or_insert(now.plus(self.link.rtt.timeout(call.backoff)));
                    break 'calls;
                }
                let route = self.link.route(call.memory.map(|memory| memory.pointer));
                if !out.takes(self.link.fragment_datagram(&call.out, &range), route, limits) {
                    break 'calls;
                }
                let kind = if call.oneway { PacketType::Oneway } else { PacketType::Call };
                let mut header = Link::message_header(kind, call.method, rpc, lowest);
                header.flags = call.flags();
                header.deadline_us = call.deadline.map_or(0, |deadline| micros(deadline.since(now)));
                if let Some(memory) = &call.memory {
                    memory.put(&mut header, false);
                }
                self.link.put_fragment(now, header, &mut call.out, range, out);
                has_sent = true;
            }
            call.queued = false;
            self.outgoing.pop_front();
            let after = self.link.rtt.timeout(call.backoff);
            call.timer = Some(now.plus(after.min(self.lease / LEASE_PROBES)));
        }
        if has_sent {
            self.link.owes(now);
            if self.unreported > 0 && self.calls.len() as u64 == next_rpc - lowest {
                self.reported();
            }
        }
    }
}

/// Microseconds for the deadline field: at least 1, at most what fits.
fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX).max(1)
}
