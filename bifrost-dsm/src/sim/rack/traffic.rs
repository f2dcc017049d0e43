//! Datagrams between the processes of a run: what the network does to them, and what endpoints make of them.

use super::plan::{Disruption, MS, S};
use super::world::{Step, World};
use crate::sim::Rule;
use bifrost_rpc::endpoint::{Datagrams, Endpoint, Event};
use bifrost_rpc::wire::{AckBody, HEADER_BYTES, PacketType};

impl World {
    pub(super) fn arrive(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        let process = &mut self.processes[to];
        if process.endpoint.is_none() || process.inbox_bytes + bytes.len() > self.plan.network.socket_bytes {
            return;
        }
        process.inbox_bytes += bytes.len();
        process.inbox.push_back((from, bytes));
        let late = self.rng.between(1, self.plan.network.process);
        self.process_at(to, self.now + late);
    }

    pub(super) fn process_at(&mut self, id: usize, at: u64) {
        let next = &mut self.processes[id].process_at;
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            self.at(at, Step::Process(id));
        }
    }

    pub(super) fn process(&mut self, id: usize) {
        let now = self.time();
        let process = &mut self.processes[id];
        if process.process_at != Some(self.now) || process.pauses > 0 {
            return;
        }
        process.process_at = None;
        if process.endpoint.is_none() {
            return;
        }
        process.inbox_bytes = 0;
        let inbox = std::mem::take(&mut process.inbox);
        for (from, mut datagram) in inbox {
            self.sees_fragment(id, &datagram);
            let from = self.address(from);
            if let Some(endpoint) = self.processes[id].endpoint.as_mut() {
                endpoint.handle(now, from, &mut datagram);
            }
            self.take_events(id);
        }
        if let Some(endpoint) = self.processes[id].endpoint.as_mut() {
            endpoint.handle_timeout(now);
        }
        self.drive(id);
    }

    /// Takes out of an endpoint what it has to say, until it has no more.
    pub(super) fn drive(&mut self, id: usize) {
        let mut out = Datagrams::new();
        loop {
            let mut is_quiet = !self.take_events(id);
            let (now, segments) = (self.time(), self.rng.pick(&[1, 4, 64]));
            while let Some(transmit) =
                self.processes[id].endpoint.as_mut().and_then(|e| e.poll_transmit(now, segments, &mut out))
            {
                is_quiet = false;
                let to = (0..self.processes.len()).find(|to| self.address(*to) == transmit.to);
                for datagram in out.to_vec().chunks(transmit.segment_bytes) {
                    self.send(id, to, datagram.to_vec());
                }
            }
            if is_quiet {
                break;
            }
        }
        if let Some(due) = self.processes[id].endpoint.as_ref().and_then(Endpoint::poll_timeout) {
            let late = self.rng.between(1, self.plan.network.process);
            self.process_at(id, due.as_nanos().max(self.now) + late);
        }
    }

    fn send(&mut self, from: usize, to: Option<usize>, mut datagram: Vec<u8>) {
        let Some(to) = to.filter(|_| self.processes[from].endpoint.is_some()) else { return };
        self.packets += 1;
        self.unpin(from, &mut datagram);
        if self.traces {
            let header = bifrost_rpc::wire::Header::parse(&datagram);
            self.note(|| match header {
                Ok(h) => {
                    // Sealed ones do not say.
                    let body = datagram.get(HEADER_BYTES..).filter(|_| h.kind == PacketType::Ack);
                    let ack = body.and_then(|body| AckBody::parse(body).ok());
                    let ack = ack.map_or_else(String::new, |ack| format!(" {ack:?}"));
                    format!(
                        "{from} → {to} {:?} {:?} rpc {} +{}/{}{ack}",
                        h.kind, h.flags, h.rpc, h.offset, h.message_len
                    )
                }
                Err(error) => format!("{from} → {to} {error}"),
            });
        }
        if !self.cuts.contains(&(from, to)) && !self.rng.chance(self.plan.network.loss) {
            for after in self.plan.network.arrivals(&mut self.rng) {
                self.at(self.now + after, Step::Arrive(from, to, datagram.clone()));
            }
        }
        self.processes[from].sent += 1;
        let sent = self.processes[from].sent;
        if self.plan.deaths.contains(&(from, sent)) {
            self.processes[from].down += 1;
            self.stop(from);
            let after = self.rng.between(MS, S);
            self.at(self.now + after, Step::Restore(Disruption::Crash(from)));
        }
    }

    /// Takes out the events; says whether there were any.
    fn take_events(&mut self, id: usize) -> bool {
        let mut any = false;
        while let Some(event) = self.processes[id].endpoint.as_mut().and_then(Endpoint::poll_event) {
            any = true;
            match event {
                Event::Answer { call, result } => self.answered(id, call, result),
                Event::MemoryAnnounced { operation, bytes } => self.announced(id, &operation, bytes),
                Event::Memory { operation, body } => self.asked(id, &operation, body),
                Event::Cancelled { call } => self.cancelled(id, call),
                Event::MemorySessionEnded { session } => self.session_ended(id, session),
                _ => self.broke(Rule::Judge, "a call that nobody made"),
            }
        }
        any
    }
}
