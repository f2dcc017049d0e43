//! How a node comes in: announcement, challenge, durable record, tables, welcome.

use super::checks::Check;
use super::control::Peer;
use super::machine::Gatekeeper;
use super::members::{Candidate, Member, NodeId, Profile, State};
use super::output::MemoryMessage;
use super::record::Record;
use super::then::Then;
use super::token::is_same;
use crate::rules::{EntryChange, Problem};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{
    ADDRESSES_MAX, ANNOUNCE_NONCE_BYTES, Announce, CONTROL_TOKEN_BYTES, ControlMessage, ControlRefusal, Welcome,
};

impl Gatekeeper {
    pub(super) fn on_announce(&mut self, now: Time, peer: Peer, number: u64, announce: Announce) {
        let (nonce, token) = (announce.nonce, announce.token);
        let profile = profile(announce, peer);
        let name = profile.name.clone();
        if profile.addresses.first() != Some(&peer.address) || !self.is_sound(&profile) {
            self.counters.malformed += 1;
            return;
        }
        let answer = match self.admit(&profile, nonce, token) {
            Announced::Welcome(id) => {
                self.note_heard(now, id);
                let Some(welcome) = self.welcome(id) else { return };
                welcome
            }
            Announced::Challenge(token) => ControlMessage::Challenge(token),
            Announced::Refused(refusal) => {
                self.counters.refused += 1;
                ControlMessage::Refused(refusal)
            }
            Announced::Begins => return self.begin_join(now, profile, nonce, number),
            Announced::Waits => return,
        };
        self.answer_announcement(peer, &name, number, answer);
    }

    /// What becomes of an announcement.
    fn admit(
        &self,
        profile: &Profile,
        nonce: [u8; ANNOUNCE_NONCE_BYTES],
        token: Option<[u8; CONTROL_TOKEN_BYTES]>,
    ) -> Announced {
        let found = self.members.find(&profile.name);
        let is_this_life = |member: &Member| member.nonce == nonce && member.profile == *profile;
        let life = found.and_then(|id| self.members.get(id).map(|member| (id, member)));
        if let Some((id, member)) = life.filter(|(_, member)| is_this_life(member) && member.incarnation != 0) {
            match member.state {
                State::Alive | State::Suspected if self.has_cleaned_up() => return Announced::Welcome(id),
                State::Alive | State::Suspected => return Announced::Refused(ControlRefusal::NotReady),
                State::Joining => return Announced::Waits,
                State::Ending(_) | State::Ended { .. } => {}
            }
        }
        // A life that is not written down would be lived twice.
        if !self.is_ready() || self.outbox.has_log_failed() {
            return Announced::Refused(ControlRefusal::NotReady);
        }
        if found.is_some_and(|id| self.members.candidates.contains_key(&id)) {
            return Announced::Waits;
        }
        let last = self.members.last_incarnation(&profile.name, &profile.addresses);
        let expected = self.tokens.token(profile, &nonce, last);
        if !token.is_some_and(|token| is_same(&token, &expected)) {
            return Announced::Challenge(expected);
        }
        self.may_join(profile, found, last).map_or_else(Announced::Refused, |()| Announced::Begins)
    }

    fn may_join(&self, profile: &Profile, found: Option<NodeId>, last: u32) -> Result<(), ControlRefusal> {
        self.described.check(profile)?;
        let is_elsewhere = |member: &Member| member.profile.port != profile.port;
        let in_the_way = self.members.in_the_way_of(profile);
        if in_the_way.iter().filter_map(|id| self.members.get(*id)).any(is_elsewhere)
            || self.members.candidates.values().any(|other| other.profile.excludes(profile))
        {
            return Err(ControlRefusal::Taken);
        }
        if self.is_lost_boot(profile) {
            return Err(ControlRefusal::Differs);
        }
        let addresses_new =
            profile.addresses.iter().filter(|address| !self.members.lives().contains_key(address)).count();
        let is_full = self.members.len() >= self.config.nodes_max && self.members.longest_gone().is_none();
        if (found.is_none() && is_full)
            || self.members.lives().len() + addresses_new > self.config.nodes_max * ADDRESSES_MAX
            || last == u32::MAX
        {
            return Err(ControlRefusal::Full);
        }
        // As it will be when all that is in its way has ended.
        let before = self.members.in_rules_besides(profile);
        let leaves = before.iter().filter_map(|id| Some(self.members.get(*id)?.profile.leaves()));
        self.rules.check(leaves.chain([profile.joins()])).map_err(|problems| refusal(&problems))
    }

    /// Whether a memory server comes with a boot number that is over: what it has was given up.
    fn is_lost_boot(&self, profile: &Profile) -> bool {
        let Some(memory) = profile.memory else { return false };
        let before = self.members.server(memory.server).and_then(|id| self.members.get(id)?.profile.memory);
        before.is_some_and(|before| before.server == memory.server && memory.boot <= before.boot)
    }

    fn begin_join(&mut self, now: Time, profile: Profile, nonce: [u8; ANNOUNCE_NONCE_BYTES], number: u64) {
        let incarnation = self.members.last_incarnation(&profile.name, &profile.addresses).saturating_add(1);
        if self.members.find(&profile.name).is_none() {
            let changes = self.forget_gone(self.config.nodes_max.saturating_sub(1));
            self.outbox.change(changes, Then::Nothing);
        }
        let id = self.members.reserve(&profile);
        self.outbox.log_then(profile.record(incarnation, nonce), Then::JoinLogged(id, incarnation));
        let candidate = Candidate { profile, incarnation, nonce, number, is_logged: false };
        self.members.candidates.insert(id, candidate);
        if !self.config.checks.makes(Check::IncarnationLogged) {
            self.on_join_logged(now, id, incarnation);
        }
    }

    /// Forgets those that have been gone for longest, so that no more than these are remembered. One that was blocked is a stranger from
    /// then on: its end is on stable storage, and the next life at its addresses still has a higher incarnation.
    pub(super) fn forget_gone(&mut self, nodes_max: usize) -> Vec<EntryChange> {
        let mut changes = Vec::new();
        while self.members.len() > nodes_max
            && let Some(id) = self.members.longest_gone()
        {
            if self.members.get(id).is_some_and(|member| member.is_in_rules) {
                changes.extend(self.clear(id));
            }
            self.members.forget(id);
        }
        changes
    }

    pub(super) fn on_join_logged(&mut self, now: Time, id: NodeId, incarnation: u32) {
        let candidate = self.members.candidates.get_mut(&id).filter(|found| found.incarnation == incarnation);
        let Some(candidate) = candidate else { return };
        candidate.is_logged = true;
        let in_the_way = candidate.profile.clone();
        for other in self.members.in_the_way_of(&in_the_way) {
            self.end(now, other, true, None);
        }
        self.try_candidates(now);
    }

    /// Lets those join that nothing is in the way of any more.
    pub(super) fn try_candidates(&mut self, now: Time) {
        let is_free = |found: &Candidate| found.is_logged && self.members.in_the_way_of(&found.profile).is_empty();
        let free = self.members.candidates.iter().filter(|(_, found)| is_free(found)).map(|(id, _)| *id);
        for id in free.collect::<Vec<_>>() {
            self.install(now, id);
        }
    }

    fn install(&mut self, now: Time, id: NodeId) {
        let Some(candidate) = self.members.candidates.remove(&id) else { return };
        let (incarnation, number) = (candidate.incarnation, candidate.number);
        let changes = self.clear_for(&candidate.profile);
        self.outbox.change(changes, Then::Nothing);
        self.members.begin(id, candidate);
        if let Some(member) = self.members.get_mut(id) {
            member.query = number;
        }
        self.join_tables(now, id, incarnation);
    }

    /// A node is in the tables, so that a memory server's answers pass. Before anybody hears of it, it hears which incarnations have ended:
    /// until then nobody has a right to an object of it, and none is made there.
    pub(super) fn on_in_tables(&mut self, now: Time, id: NodeId, incarnation: u32) {
        let joining = self.members.life(id, incarnation).filter(|member| member.state == State::Joining);
        let Some(member) = joining else { return };
        let at = (member.profile.port, member.profile.mac);
        match member.profile.memory {
            Some(memory) => {
                self.outbox.open_lane(memory.server, at);
                self.calls.begin_server(memory.server);
                self.fence_server(now, memory.server, Then::ServerTold(id, incarnation));
            }
            None => self.on_joined(now, id, incarnation),
        }
    }

    /// Asks a memory server for a sign that it has heard all it was told so far.
    pub(super) fn fence_server(&mut self, now: Time, server: u8, then: Then) {
        // What the calls tell it comes first.
        while let Some(step) = self.calls.poll_step() {
            self.take_step(now, step);
        }
        // No call has these ids, so nothing is released.
        self.outbox.tell(server, MemoryMessage::Release((0, 0)), then);
    }

    /// Takes the entries away that nodes have left behind, and that are in a new one's way.
    fn clear_for(&mut self, profile: &Profile) -> Vec<EntryChange> {
        let mut changes = Vec::new();
        for id in self.members.leftovers_of(profile) {
            changes.extend(self.clear(id));
        }
        changes
    }

    /// Takes away what a node has left behind.
    pub(super) fn clear(&mut self, id: NodeId) -> Vec<EntryChange> {
        let Some(member) = self.members.get_mut(id) else { return Vec::new() };
        member.is_in_rules = false;
        let leaves = member.profile.leaves();
        // It was there, so it can go.
        self.decide(leaves).unwrap_or_default()
    }

    pub(super) fn join_tables(&mut self, now: Time, id: NodeId, incarnation: u32) {
        let joining = self.members.life(id, incarnation).filter(|member| member.state == State::Joining);
        let Some(joins) = joining.map(|member| member.profile.joins()) else { return };
        match self.decide(joins) {
            Ok(changes) => {
                if let Some(member) = self.members.get_mut(id) {
                    member.is_in_rules = true;
                }
                self.outbox.change(changes, Then::InTables(id, incarnation));
            }
            Err(problems) => self.give_up_join(now, id, refusal(&problems)),
        }
    }

    /// Another node has taken what this one needs since its record was written.
    fn give_up_join(&mut self, now: Time, id: NodeId, refusal: ControlRefusal) {
        let Some(member) = self.members.get(id) else { return };
        let (name, number, peer) = (member.profile.name.clone(), member.query, Peer::of(member));
        self.counters.refused += 1;
        if let Some(peer) = peer {
            self.answer_announcement(peer, &name, number, ControlMessage::Refused(refusal));
        }
        self.end(now, id, false, None);
        self.try_candidates(now);
    }

    pub(super) fn on_joined(&mut self, now: Time, id: NodeId, incarnation: u32) {
        let joining = self.members.life(id, incarnation).filter(|member| member.state == State::Joining);
        let Some(member) = joining else { return };
        member.state = State::Alive;
        member.last_heard = now;
        let (name, number, peer) = (member.profile.name.clone(), std::mem::take(&mut member.query), Peer::of(member));
        self.members.set_timer(id, Some(now.plus(self.config.suspicion())));
        self.counters.joined += 1;
        if let (Some(peer), Some(welcome)) = (peer, self.welcome(id)) {
            self.answer_announcement(peer, &name, number, welcome);
        }
    }

    fn welcome(&self, id: NodeId) -> Option<ControlMessage> {
        let member = self.members.get(id)?;
        Some(ControlMessage::Welcome(Welcome {
            nonce: member.nonce,
            incarnation: member.incarnation,
            term: self.outbox.term(),
            heartbeat_ms: u32::try_from(self.config.heartbeat.as_millis()).unwrap_or(u32::MAX),
            servers: self.members.live_servers(),
        }))
    }

    /// A node's end, for the log.
    pub(super) fn ended_record(member: &Member, is_dead: bool) -> Record {
        Record::Ended { node: member.profile.name.clone(), incarnation: member.incarnation, is_dead }
    }

    /// Blocks a node that is dead. Where there is no room for that nothing of it stays, so that it is a stranger.
    pub(super) fn block(&mut self, id: NodeId) -> Vec<EntryChange> {
        let Some(dies) = self.members.get(id).map(|member| member.profile.dies()) else { return Vec::new() };
        self.decide(dies).unwrap_or_else(|_| self.clear(id))
    }
}

/// What becomes of an announcement.
enum Announced {
    /// It is of the present life of this node.
    Welcome(NodeId),
    /// It is to come again with this.
    Challenge([u8; CONTROL_TOKEN_BYTES]),
    /// It is not taken in.
    Refused(ControlRefusal),
    /// It is taken in.
    Begins,
    /// What it began is under way.
    Waits,
}

fn profile(announce: Announce, peer: Peer) -> Profile {
    Profile {
        name: announce.name,
        kind: announce.kind,
        capacity: announce.capacity,
        specification: announce.specification,
        addresses: announce.addresses,
        owns_service_addresses: announce.owns_service_addresses,
        memory: announce.memory,
        port: peer.port,
        mac: peer.mac,
    }
}

fn refusal(problems: &[Problem]) -> ControlRefusal {
    let is_taken = |problem: &Problem| {
        matches!(
            problem,
            Problem::NameTaken(_) | Problem::MacTaken(..) | Problem::AddressTaken(..) | Problem::ServerTaken(..)
        )
    };
    match problems {
        [Problem::Full { .. }, ..] => ControlRefusal::Full,
        problems if problems.iter().any(is_taken) => ControlRefusal::Taken,
        _ => ControlRefusal::Malformed,
    }
}
