//! Signs of life, suspicion, and how a life ends.

use super::checks::Check;
use super::machine::Gatekeeper;
use super::members::{Ending, Member, NodeId, State};
use super::output::Holder;
use super::then::Then;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::ControlMessage;

impl Gatekeeper {
    /// A node has given a sign of life.
    pub(super) fn note_heard(&mut self, now: Time, id: NodeId) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.last_heard = now;
        if member.state == State::Suspected {
            member.state = State::Alive;
        }
    }

    /// Suspects a node that is silent, asks it, and declares it dead in the end.
    pub(super) fn look_at(&mut self, now: Time, id: NodeId) {
        let (suspicion, death) = (self.config.suspicion(), self.config.death());
        let Some(last) = self.members.get(id).filter(|member| member.is_live()).map(|member| member.last_heard) else {
            return;
        };
        let silence = now.since(last);
        if silence >= death {
            self.end(now, id, true, None);
            return;
        }
        if self.look_at_asked(now, id) {
            self.rearm(id, now.plus(self.config.heartbeat / 2));
            return;
        }
        if silence < suspicion {
            self.members.set_timer(id, Some(last.plus(suspicion)));
            return;
        }
        if let Some(member) = self.members.get_mut(id) {
            member.state = State::Suspected;
        }
        self.members.set_timer(id, Some(now.plus(self.config.heartbeat / 2).min(last.plus(death))));
        self.query(id, 0, 0);
    }

    fn rearm(&mut self, id: NodeId, at: Time) {
        if self.members.get(id).is_some_and(Member::is_live) {
            self.members.set_timer(id, Some(at));
        }
    }

    /// Asks a node for the calls that it knows after one.
    pub(super) fn query(&mut self, id: NodeId, session: u64, rpc: u64) {
        self.queries += 1;
        let number = self.outbox.term() << 40 | self.queries;
        if let Some(member) = self.members.get_mut(id) {
            member.query = number;
            self.tell(id, number, ControlMessage::Query { session, rpc });
        }
    }

    /// Ends a node's present life. Nothing of it is believed from here on; what it has goes when that is written down.
    pub(super) fn end(&mut self, now: Time, id: NodeId, is_dead: bool, leave: Option<u64>) {
        let Some(member) = self.members.get_mut(id) else { return };
        if !member.is_live() && member.state != State::Joining {
            return;
        }
        member.state = State::Ending(Ending { is_dead, cleanups: 0, is_in_tables: true, leave });
        member.partial = None;
        let (record, incarnation, server) = (Self::ended_record(member, is_dead), member.incarnation, member.server());
        self.members.set_timer(id, None);
        if let Some(server) = server {
            self.outbox.close_lane(server);
        }
        self.outbox.log_then(record, Then::EndLogged(id, incarnation));
        self.forget_asked(now, id);
    }

    /// The tables change at once; the memory servers are told by the calls.
    pub(super) fn on_end_logged(&mut self, now: Time, id: NodeId, incarnation: u32) {
        if self.put_off(id, incarnation) {
            return;
        }
        let Some(member) = self.members.life(id, incarnation) else { return };
        let holders: Vec<Holder> = member.holders().collect();
        let (server, is_in_rules) = (member.server(), member.is_in_rules);
        let State::Ending(ending) = &mut member.state else { return };
        let is_dead = ending.is_dead;
        ending.cleanups = if server.is_some() { 0 } else { holders.len() };
        let gone = self.services.of_node(id);
        let services: Vec<String> =
            gone.into_iter().filter(|key| self.services.end(key).is_some()).map(|(_, service)| service).collect();
        let mut changes = match (is_in_rules, is_dead) {
            (false, _) => Vec::new(),
            (true, true) => self.block(id),
            (true, false) => self.clear(id),
        };
        services.iter().for_each(|service| changes.extend(self.assign(service)));
        self.outbox.change(changes, Then::EndedInTables(id, incarnation));
        match server {
            Some(server) => self.with_calls(|calls, who| calls.end_server(now, who, server)),
            None => holders.iter().for_each(|holder| self.with_calls(|calls, who| calls.end_node(now, who, *holder))),
        }
        self.release_unserved();
    }

    pub(super) fn on_ended_in_tables(&mut self, now: Time, id: NodeId, incarnation: u32) {
        if let Some(Member { state: State::Ending(ending), .. }) = self.members.life(id, incarnation) {
            ending.is_in_tables = false;
            self.conclude(now, id);
        }
    }

    /// All memory servers have cleaned up after a life.
    pub(super) fn on_cleaned(&mut self, now: Time, holder: Holder) {
        let Some(id) = self.members.at(holder.node) else { return };
        if let Some(Member { state: State::Ending(ending), .. }) = self.members.life(id, holder.incarnation) {
            ending.cleanups = ending.cleanups.saturating_sub(1);
            self.conclude(now, id);
        }
    }

    /// The end of a life is complete once tables and memory servers know of it.
    fn conclude(&mut self, now: Time, id: NodeId) {
        let Some(member) = self.members.get_mut(id) else { return };
        let State::Ending(ending) = &member.state else { return };
        let is_clean = ending.cleanups == 0 || !self.config.checks.makes(Check::CleanupFirst);
        if ending.is_in_tables || !is_clean {
            return;
        }
        let (is_dead, leave) = (ending.is_dead, ending.leave);
        member.state = State::Ended { is_dead };
        self.members.note_gone(id);
        if let Some(number) = leave {
            self.tell(id, number, ControlMessage::Confirmed);
        }
        *(if is_dead { &mut self.counters.died } else { &mut self.counters.left }) += 1;
        self.try_candidates(now);
    }
}
