//! CONTROL packets: who may say what, and what is answered.

use super::calls::Made;
use super::input::Reason;
use super::machine::Gatekeeper;
use super::members::{Admission, Member, NodeId, State};
use super::output::{Holder, Output, Way};
use bifrost_rpc::control::{ControlPacket, ControlSeal, NodeKey, SealedControl, SessionControlSeal};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::RACK_PORT;
use bifrost_rpc::wire::control::{ControlMessage, ControlRefusal, OutstandingCall};
use bifrost_rpc::wire::frame::{FrameAddresses, Mac};
use std::net::Ipv6Addr;

/// Answers *fenced* in a second at most.
const FENCES_A_SECOND: u32 = 256;

/// Where a packet came from, and its answer goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) port: u16,
    pub(super) mac: Mac,
    pub(super) address: Ipv6Addr,
}

impl Peer {
    /// Where a node gets what the control plane sends.
    pub(super) fn of(member: &Member) -> Option<Self> {
        let profile = &member.profile;
        Some(Self { port: profile.port, mac: profile.mac, address: *profile.addresses.first()? })
    }
}

impl Gatekeeper {
    pub(super) fn on_control(&mut self, now: Time, reason: Reason, port: u16, frame: &[u8]) {
        let Some((addresses, packet)) = SealedControl::of_frame(frame) else {
            self.counters.malformed += 1;
            return;
        };
        if packet.is_sealed != self.config.key.is_some() {
            self.counters.unauthentic += 1;
            return;
        }
        let peer = Peer { port, mac: addresses.source_mac, address: addresses.source };
        if packet.incarnation == 0 {
            let seal = packet.name.and_then(|name| self.announcing(name));
            match packet.open(seal.as_ref()) {
                Some(ControlPacket { number, message: ControlMessage::Announce(announce), .. }) => {
                    self.on_announce(now, peer, number, announce);
                }
                Some(_) => self.counters.strange += 1,
                None => self.counters.unauthentic += 1,
            }
        } else {
            self.on_request(now, reason, peer, &packet);
        }
    }

    /// A packet of a node that believes it is in the rack.
    fn on_request(&mut self, now: Time, reason: Reason, peer: Peer, packet: &SealedControl<'_>) {
        let found = self.members.at(peer.address).filter(|id| self.is_first_address(*id, peer.address));
        let opened = found.and_then(|id| Some((id, packet.open(self.living(id, packet.incarnation).as_ref())?)));
        let Some((id, packet)) = opened else {
            self.counters.unauthentic += 1;
            return;
        };
        let life = self.members.get(id).filter(|member| member.incarnation == packet.incarnation);
        // A node that the tables have lost is a stranger to them, but not here.
        let is_its =
            |member: &Member| member.is_live() && (member.profile.port, member.profile.mac) == (peer.port, peer.mac);
        if life.is_some_and(is_its) && reason != Reason::Fenced {
            self.on_message(now, id, packet.number, packet.message);
        } else if life.is_some_and(|member| member.state == State::Ended { is_dead: false })
            && packet.message == ControlMessage::Leave
        {
            // The answer was lost.
            self.send(peer, packet.number, packet.incarnation, Some(id), ControlMessage::Confirmed);
        } else if life.is_none_or(|member| matches!(member.state, State::Ended { .. } | State::Ending(_)))
            && life.is_none_or(|member| !is_leaving(member))
        {
            self.counters.fenced += 1;
            if self.fences.admits(now, FENCES_A_SECOND) {
                self.send(peer, packet.number, packet.incarnation, Some(id), ControlMessage::Fenced);
            }
        } else {
            self.counters.strange += 1;
        }
    }

    fn is_first_address(&self, id: NodeId, address: Ipv6Addr) -> bool {
        self.members.get(id).is_some_and(|member| member.profile.addresses.first() == Some(&address))
    }

    /// A message of a node that lives.
    fn on_message(&mut self, now: Time, id: NodeId, number: u64, message: ControlMessage) {
        // Only what is new is a sign of life: anything else may be a recording.
        match message {
            ControlMessage::Heartbeat => return self.on_heartbeat(now, id, number),
            ControlMessage::Outstanding { calls, more } => return self.on_outstanding(now, id, number, &calls, more),
            _ if !self.is_ready() => {
                // It comes again.
                self.counters.not_ready += 1;
                return;
            }
            // Of an earlier term: its number is forgotten, and it may be a recording.
            _ if number >> 32 != self.outbox.term() & u64::from(u32::MAX) => {
                self.counters.repeated += 1;
                return;
            }
            _ => {}
        }
        let Some(member) = self.members.get_mut(id) else { return };
        match member.requests.admit(number) {
            Admission::New => {
                self.note_heard(now, id);
                self.on_new(now, id, number, message);
            }
            Admission::Again(answer) => {
                self.counters.repeated += 1;
                self.tell(id, number, answer);
            }
            Admission::Drop => self.counters.repeated += 1,
        }
    }

    fn on_heartbeat(&mut self, now: Time, id: NodeId, number: u64) {
        let Some(member) = self.members.get_mut(id) else { return };
        if number <= member.last_beat {
            self.counters.repeated += 1;
            return;
        }
        member.last_beat = number;
        self.note_heard(now, id);
        let alive = ControlMessage::Alive { term: self.outbox.term(), servers: self.members.live_servers() };
        self.tell(id, number, alive);
    }

    fn on_outstanding(&mut self, now: Time, id: NodeId, number: u64, calls: &[OutstandingCall], more: bool) {
        let Some(member) = self.members.get_mut(id).filter(|member| number != 0 && member.query == number) else {
            self.counters.repeated += 1;
            return;
        };
        // Each question is answered once.
        member.query = 0;
        self.note_heard(now, id);
        self.on_calls_told(now, id, calls, more);
    }

    fn on_new(&mut self, now: Time, id: NodeId, number: u64, message: ControlMessage) {
        match message {
            ControlMessage::Serve(serve) => self.on_serve(now, id, number, serve),
            ControlMessage::Report(lines) => {
                let holder = self.members.get(id).and_then(|member| member.holders().next());
                if let Some(holder) = holder {
                    let each = |line| self.with_calls(|calls, who| calls.handle_report(now, who, holder, line));
                    lines.iter().for_each(each);
                }
                self.confirm_later(id, number, &lines);
            }
            ControlMessage::Leave => self.end(now, id, false, Some(number)),
            _ => self.refuse(id, number, ControlRefusal::Malformed),
        }
    }

    /// Answers a node's request, now and whenever it comes again.
    pub(super) fn answer(&mut self, id: NodeId, number: u64, answer: ControlMessage) {
        if let Some(member) = self.members.get_mut(id) {
            member.requests.answer(number, &answer);
        }
        self.tell(id, number, answer);
    }

    pub(super) fn refuse(&mut self, id: NodeId, number: u64, refusal: ControlRefusal) {
        self.counters.refused += 1;
        self.answer(id, number, ControlMessage::Refused(refusal));
    }

    /// Sends something to a node in its present life.
    pub(super) fn tell(&mut self, id: NodeId, number: u64, message: ControlMessage) {
        let Some(member) = self.members.get(id) else { return };
        let incarnation = member.incarnation;
        if let Some(peer) = Peer::of(member) {
            self.send(peer, number, incarnation, Some(id), message);
        }
    }

    /// Sends a packet in a life of a node.
    fn send(&mut self, peer: Peer, number: u64, incarnation: u32, id: Option<NodeId>, message: ControlMessage) {
        let seal = id.and_then(|id| self.living(id, incarnation));
        self.send_sealed(peer, &ControlPacket { number, incarnation, message }, seal.as_ref());
    }

    /// Answers an announcement.
    pub(super) fn answer_announcement(&mut self, peer: Peer, name: &str, number: u64, message: ControlMessage) {
        let seal = self.announcing(name);
        self.send_sealed(peer, &ControlPacket { number, incarnation: 0, message }, seal.as_ref());
    }

    fn send_sealed(&mut self, peer: Peer, packet: &ControlPacket, seal: Option<&ControlSeal>) {
        let addresses = FrameAddresses {
            source_mac: self.rules.topology().fabric().mac.0,
            destination_mac: peer.mac,
            source: self.address,
            destination: peer.address,
            source_port: RACK_PORT,
            destination_port: RACK_PORT,
        };
        let nonce = self.nonces.draw();
        let frame = packet.to_frame(&addresses, seal.map(|seal| (seal, nonce)));
        self.outbox.put(Output::Send { way: Way::Port(peer.port), frame });
    }

    /// Sends a packet of the control plane's own in a sealed session: sealed for the end that it goes to, if there is a key.
    pub(super) fn say(&mut self, way: Way, to: Holder, packet: &Made) {
        let id = self.members.at(to.node);
        let frame = match id.and_then(|id| self.in_sessions(id, to.incarnation)) {
            Some(seal) => {
                self.said += 1;
                let number = (self.outbox.term() << 32).saturating_add(self.said);
                packet.sealed(&seal, number, self.nonces.draw())
            }
            None => packet.frame(),
        };
        self.outbox.put(Output::Send { way, frame });
    }

    fn in_sessions(&self, id: NodeId, incarnation: u32) -> Option<SessionControlSeal> {
        let (key, member) = (self.config.key.as_ref()?, self.members.get(id)?);
        let key = NodeKey::new(key, &member.profile.name).in_sessions(*member.profile.addresses.first()?, incarnation);
        Some(SessionControlSeal::new(&key))
    }

    fn announcing(&self, name: &str) -> Option<ControlSeal> {
        Some(NodeKey::new(self.config.key.as_ref()?, name).announcing())
    }

    fn living(&self, id: NodeId, incarnation: u32) -> Option<ControlSeal> {
        let (key, member) = (self.config.key.as_ref()?, self.members.get(id)?);
        let address = member.profile.addresses.first()?;
        Some(NodeKey::new(key, &member.profile.name).living(*address, incarnation))
    }
}

fn is_leaving(member: &Member) -> bool {
    matches!(&member.state, State::Ending(ending) if ending.leave.is_some())
}
