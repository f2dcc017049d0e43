//! How a control plane begins after another one: the log is replayed, memory servers and nodes are asked, the tables are set right.

use super::checks::Check;
use super::control::Peer;
use super::input::ServerTable;
use super::machine::Gatekeeper;
use super::members::{Candidate, Member, NodeId, State};
use super::output::{Holder, MemoryMessage};
use super::record::Record;
use super::then::Then;
use crate::rules::Scope;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::OutstandingCall;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Pages of calls that are read of a node.
const PAGES_MAX: u32 = 1 << 15;
/// A memory server that is silent while its table is read is dead after as many times what kills a silent node.
const TABLE_PATIENCE: u32 = 10;

/// How far the control plane is.
#[derive(Debug)]
pub(super) enum Phase {
    /// Its term is being written down.
    Starting,
    /// It finds out how the rack stands.
    Recovering(Recovery),
    /// It decides.
    Ready,
    /// Another one has taken over.
    Deposed,
}

/// What is still to be found out.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    servers: BTreeMap<u8, Time>,
    nodes: BTreeMap<NodeId, Asked>,
    /// Lives that have ended meanwhile; they are dealt with when all else is known.
    ended: Vec<(NodeId, u32)>,
    is_known: bool,
}

/// How far a node has told of its calls.
#[derive(Debug, Clone, Copy)]
struct Asked {
    session: u64,
    rpc: u64,
    pages: u32,
    since: Time,
}

impl Gatekeeper {
    /// Takes in the log, and begins the next term.
    pub(super) fn restart(&mut self, now: Time, records: impl IntoIterator<Item = Record>) {
        let mut term = 0;
        let mut replay = super::replay::Replay::default();
        for record in records {
            match record {
                Record::Term(begun) => term = term.max(begun),
                other => replay.take(other),
            }
        }
        self.outbox.set_term(term + 1);
        replay.put(self, now);
        // The tables are made to say so when all is known.
        let _ = self.forget_gone(self.config.nodes_max);
        if self.config.checks.makes(Check::TermLogged) {
            self.outbox.log_then(Record::Term(term + 1), Then::Begin);
        } else {
            self.outbox.log(Record::Term(term + 1));
            self.begin();
        }
    }

    /// First the switch: without its entries neither memory servers nor nodes are heard. Rights stay as they are meanwhile.
    pub(super) fn begin(&mut self) {
        self.outbox.reconcile(Scope::Described, Then::Ask);
    }

    /// Asks memory servers and nodes.
    pub(super) fn ask(&mut self, now: Time) {
        let mut recovery = Recovery::default();
        for (id, member) in self.members.iter().filter(|(_, member)| member.is_live()) {
            match member.server() {
                Some(server) => drop(recovery.servers.insert(server, now)),
                None => drop(recovery.nodes.insert(id, Asked { session: 0, rpc: 0, pages: 0, since: now })),
            }
        }
        let nodes: Vec<NodeId> = recovery.nodes.keys().copied().collect();
        let lives = self.ended_lives();
        lives.iter().for_each(|gone| self.calls.restore_ended(*gone));
        let has_come_back = |gone: &Holder| {
            let member = self.members.at(gone.node).and_then(|id| self.members.get(id));
            member.is_some_and(|member| member.is_live() && member.incarnation > gone.incarnation)
        };
        let ended: Vec<Holder> = lives.into_iter().filter(has_come_back).collect();
        let servers: Vec<u8> = recovery.servers.keys().copied().collect();
        if !self.config.checks.makes(Check::ReadBack) {
            recovery.servers.clear();
        }
        if !self.config.checks.makes(Check::AskNodes) {
            recovery.nodes.clear();
        }
        self.phase = Phase::Recovering(recovery);
        for server in servers {
            let Some(id) = self.members.server(server) else { continue };
            if let Some(peer) = self.members.get(id).and_then(Peer::of) {
                self.outbox.open_lane(server, (peer.port, peer.mac));
                // A life that joins hears of it when the one before has no right any more.
                for gone in &ended {
                    self.outbox.tell(server, MemoryMessage::Cleanup(*gone), Then::Nothing);
                }
                // From here on it refuses what the one before still says.
                self.fence_server(now, server, Then::Read(server));
            }
            self.begin_watch(now, id);
        }
        nodes.into_iter().for_each(|id| self.begin_watch(now, id));
        self.ask_nodes(now);
    }

    /// Asks the nodes for their calls, once it is known what the memory servers have leased.
    fn ask_nodes(&mut self, now: Time) {
        let Phase::Recovering(recovery) = &mut self.phase else { return };
        if !recovery.servers.is_empty() {
            return;
        }
        recovery.nodes.values_mut().for_each(|asked| asked.since = now);
        for id in recovery.nodes.keys().copied().collect::<Vec<_>>() {
            self.query(id, 0, 0);
        }
        self.check_recovery(now);
    }

    /// Whether no memory server does anything any more for lives before those that are there.
    pub(super) fn has_cleaned_up(&self) -> bool {
        match &self.phase {
            Phase::Recovering(recovery) => recovery.servers.is_empty(),
            phase => matches!(phase, Phase::Ready),
        }
    }

    /// Nobody could be heard before.
    fn begin_watch(&mut self, now: Time, id: NodeId) {
        if let Some(member) = self.members.get_mut(id) {
            member.last_heard = now;
        }
        self.members.set_timer(id, Some(now.plus(self.config.heartbeat / 2)));
    }

    /// A page of a memory server's table.
    pub(super) fn on_table(&mut self, now: Time, server: u8, page: &ServerTable) {
        let Phase::Recovering(recovery) = &mut self.phase else { return };
        let Some(since) = recovery.servers.get_mut(&server) else { return };
        *since = now;
        let Some(id) = self.members.server(server) else { return };
        let boot = self.members.get(id).and_then(|member| member.profile.memory).map(|memory| memory.boot);
        if boot != Some(page.boot) {
            // Another life of it, which has not announced itself yet.
            self.end(now, id, true, None);
            return;
        }
        let ended = page.ended.iter().map(|(node, incarnation)| Holder { node: *node, incarnation: *incarnation });
        ended.for_each(|gone| self.calls.restore_ended(gone));
        self.calls.restore_made(server, page.newest);
        page.objects.iter().for_each(|object| self.calls.restore_object(object));
        if !page.more {
            if let Phase::Recovering(recovery) = &mut self.phase {
                recovery.servers.remove(&server);
            }
            self.ask_nodes(now);
        }
    }

    /// A node tells which calls it knows.
    pub(super) fn on_calls_told(&mut self, now: Time, id: NodeId, told: &[OutstandingCall], more: bool) {
        let Some(teller) = self.members.get(id).and_then(|member| member.holders().next()) else { return };
        let Phase::Recovering(recovery) = &mut self.phase else { return };
        let is_asked = recovery.servers.is_empty();
        let Some(asked) = recovery.nodes.get_mut(&id).filter(|_| is_asked) else { return };
        asked.pages += 1;
        asked.since = now;
        let next = told.last().filter(|_| more && asked.pages < PAGES_MAX);
        if let Some(last) = next {
            (asked.session, asked.rpc) = (last.session, last.rpc);
        } else {
            recovery.nodes.remove(&id);
        }
        for call in told {
            self.with_calls(|calls, who| calls.restore_call(now, who, teller, call));
        }
        match next {
            Some(last) => self.query(id, last.session, last.rpc),
            None => self.check_recovery(now),
        }
    }

    /// Looks at a node that has not told all yet: it is asked again, or given up. `false`: it is not waited for.
    pub(super) fn look_at_asked(&mut self, now: Time, id: NodeId) -> bool {
        let patience = self.config.death();
        let Phase::Recovering(recovery) = &self.phase else { return false };
        let server = self.members.get(id).and_then(Member::server);
        let of_server = server.and_then(|server| recovery.servers.get(&server));
        let is_over = match (of_server, recovery.nodes.get(&id)) {
            (Some(since), _) => now.since(*since) >= patience * TABLE_PATIENCE,
            (None, Some(asked)) if recovery.servers.is_empty() => now.since(asked.since) >= patience,
            (None, _) => return false,
        };
        if is_over {
            self.end(now, id, true, None);
        } else if let Some(asked) = recovery.nodes.get(&id).copied() {
            self.query(id, asked.session, asked.rpc);
        }
        true
    }

    /// A life ends while the control plane finds out: it is waited for no more.
    pub(super) fn forget_asked(&mut self, now: Time, id: NodeId) {
        let server = self.members.get(id).and_then(Member::server);
        if let Phase::Recovering(recovery) = &mut self.phase {
            recovery.nodes.remove(&id);
            match server.and_then(|server| recovery.servers.remove(&server)) {
                Some(_) => self.ask_nodes(now),
                None => self.check_recovery(now),
            }
        }
    }

    /// Puts the end of a life off until the control plane knows how the rack stands; `false`: it does.
    pub(super) fn put_off(&mut self, id: NodeId, incarnation: u32) -> bool {
        if let Phase::Recovering(recovery) = &mut self.phase {
            recovery.ended.push((id, incarnation));
            return true;
        }
        false
    }

    /// When all have told, leases that nobody knows are released and the tables are made to say what follows.
    fn check_recovery(&mut self, now: Time) {
        let Phase::Recovering(recovery) = &mut self.phase else { return };
        if recovery.is_known || !recovery.servers.is_empty() || !recovery.nodes.is_empty() {
            return;
        }
        recovery.is_known = true;
        self.with_calls(|calls, who| calls.restored(now, who));
        for decision in self.calls.rights().collect::<Vec<_>>() {
            // A right of who is not in the rules is one that ends at once.
            if self.rules.decide(decision).is_err() {
                self.counters.rights_refused += 1;
            }
        }
        self.outbox.reconcile(Scope::All, Then::Reconciled);
    }

    /// The last life of each address that has ended, as far as the log has it.
    fn ended_lives(&self) -> Vec<Holder> {
        let present: BTreeSet<Holder> = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_ended())
            .flat_map(|(_, member)| member.holders())
            .collect();
        let ended = |(node, last): (&Ipv6Addr, &u32)| {
            let is_present = present.contains(&Holder { node: *node, incarnation: *last });
            Holder { node: *node, incarnation: last.saturating_sub(u32::from(is_present)) }
        };
        // Memory servers hold no rights.
        let memory = u128::from(self.rules.topology().fabric().memory_prefix);
        let has_rights = |gone: &Holder| gone.incarnation > 0 && gone.node.to_bits() >> 88 != memory;
        self.members.lives().iter().map(ended).filter(has_rights).collect()
    }

    pub(super) fn on_reconciled(&mut self, now: Time) {
        let Phase::Recovering(recovery) = &mut self.phase else { return };
        let ended = std::mem::take(&mut recovery.ended);
        self.phase = Phase::Ready;
        // The one before may have been in the middle of it.
        for gone in self.ended_lives() {
            self.with_calls(|calls, who| calls.end_node(now, who, gone));
        }
        for (id, incarnation) in ended {
            self.on_end_logged(now, id, incarnation);
        }
    }

    /// What the log has to say for all to be known that it says now, in the fewest records: the log may begin anew with them.
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = vec![Record::Term(self.outbox.term())];
        let lived = self.members.lives().iter();
        records
            .extend(lived.map(|(address, incarnation)| Record::Lived { address: *address, incarnation: *incarnation }));
        // Who has what was another's comes after it: the ended ones first, as they went, and of one address the earlier lives.
        let mut members: Vec<&Member> =
            self.members.iter().map(|(_, member)| member).filter(|member| member.incarnation != 0).collect();
        members.sort_by_key(|member| {
            (!matches!(member.state, State::Ended { .. } | State::Ending(_)), member.gone(), member.incarnation)
        });
        for member in members {
            records.push(member.record());
            match &member.state {
                State::Ended { is_dead } => records.push(Self::ended_record(member, *is_dead)),
                State::Ending(ending) => records.push(Self::ended_record(member, ending.is_dead)),
                State::Joining | State::Alive | State::Suspected => {}
            }
        }
        let joining = |found: &Candidate| found.profile.record(found.incarnation, found.nonce);
        records.extend(self.members.candidates.values().map(joining));
        let mut offers: Vec<_> = self.services.iter().collect();
        offers.sort_by_key(|(_, offer)| offer.since);
        records.extend(offers.iter().filter_map(|(key, offer)| self.offer_record(key, offer)));
        records
    }
}
