//! The state machine as a whole: what goes in, what comes out, and what follows when something is done.

use super::calls::{Calls, Step};
use super::checks::Check;
use super::config::Config;
use super::counters::Counters;
use super::described::Described;
use super::directory::Who;
use super::input::{Answered, Input, Reason};
use super::members::{Members, Profile};
use super::outbox::{Outbox, Outcome};
use super::output::{Holder, Output};
use super::record::Record;
use super::recovery::Phase;
use super::services::Services;
use super::then::Then;
use super::token::Tokens;
use super::unconfirmed::Unconfirmed;
use super::unserved::Unserved;
use crate::rules::{Decision, EntryChange, Intent, Problem};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::gatekeeper_address;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, Header};
use std::net::Ipv6Addr;

/// The control plane of a rack, as a pure state machine: [`handle`](Self::handle) what happens, do what
/// [`poll_output`](Self::poll_output) says, and call [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) wants it.
#[derive(Debug)]
pub struct Gatekeeper {
    pub(super) config: Config,
    pub(super) described: Described,
    pub(super) rules: Intent,
    pub(super) outbox: Outbox<Then>,
    pub(super) members: Members,
    pub(super) services: Services,
    pub(super) unserved: Unserved,
    pub(super) calls: Calls,
    pub(super) unconfirmed: Unconfirmed,
    pub(super) phase: Phase,
    pub(super) tokens: Tokens,
    pub(super) nonces: Nonces,
    pub(super) counters: Counters,
    pub(super) fences: Rate,
    pub(super) queries: u64,
    /// Packets that were sealed for ends of sessions.
    pub(super) said: u64,
    /// Its own address.
    pub(super) address: Ipv6Addr,
}

/// Nonces of sealed packets: none comes twice, in this life or another.
#[derive(Debug)]
pub(super) struct Nonces {
    prefix: [u8; 16],
    count: u64,
}

impl Nonces {
    pub(super) fn draw(&mut self) -> [u8; 24] {
        self.count += 1;
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&self.prefix);
        nonce[16..].copy_from_slice(&self.count.to_be_bytes());
        nonce
    }
}

/// How often something is done in a second at most.
#[derive(Debug, Default)]
pub(super) struct Rate {
    since: Time,
    count: u32,
}

impl Rate {
    pub(super) fn admits(&mut self, now: Time, a_second: u32) -> bool {
        if now.since(self.since).as_secs() >= 1 {
            *self = Self { since: now, count: 0 };
        }
        self.count += 1;
        self.count <= a_second
    }
}

impl Gatekeeper {
    /// A control plane that begins, with what the log of those before it says, in its order. `seed` is 48 random bytes that no other life has.
    pub fn new(config: Config, records: impl IntoIterator<Item = Record>, now: Time, seed: &[u8; 48]) -> Self {
        let mut config = config;
        let machines = config.rules.take_machines();
        let rules = config.rules.clone();
        let (secret, prefix) = seed.split_at(32);
        let mut gatekeeper = Self {
            described: Described::new(machines, &config),
            outbox: Outbox::new(0),
            members: Members::default(),
            services: Services::default(),
            unserved: Unserved::new(config.unserved_max, config.unserved),
            calls: Calls::new(config.calls),
            unconfirmed: Unconfirmed::default(),
            phase: Phase::Starting,
            tokens: Tokens::new(&std::array::from_fn(|at| secret[at])),
            nonces: Nonces { prefix: std::array::from_fn(|at| prefix[at]), count: 0 },
            counters: Counters::default(),
            fences: Rate::default(),
            queries: 0,
            said: 0,
            address: gatekeeper_address(rules.topology().fabric().prefix),
            config,
            rules,
        };
        gatekeeper.calls.checks = gatekeeper.config.checks;
        gatekeeper.restart(now, records);
        gatekeeper
    }

    /// Takes in what happens.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        if matches!(self.phase, Phase::Deposed) {
            return;
        }
        match input {
            Input::Packet { reason, port, frame } => self.on_packet(now, reason, port, frame),
            Input::Memory { answered: Answered::OldTerm, .. } => self.depose(),
            Input::Memory { server, sequence, answered } => self.outbox.on_memory(server, sequence, answered),
            Input::Table { server, page } => self.on_table(now, server, &page),
            Input::Changed { batch, is_done } => {
                self.counters.batches_failed += u64::from(!is_done);
                self.outbox.on_changed(now, batch, is_done);
            }
            Input::SwitchRestarted if !self.config.checks.makes(Check::Repair) => {}
            Input::SwitchRestarted => self.outbox.on_switch_restarted(now),
            Input::Logged(number) => self.outbox.on_logged(number),
            Input::LogFailed => self.outbox.fail_log(),
        }
        self.proceed(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if matches!(self.phase, Phase::Deposed) {
            return;
        }
        self.outbox.handle_timeout(now);
        while let Some(id) = self.members.take_due(now) {
            self.look_at(now, id);
        }
        if self.is_ready() {
            self.counters.unserved_dropped += self.unserved.expire(now);
            self.with_calls(|calls, who| calls.handle_timeout(now, who));
        }
        self.proceed(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Time> {
        if matches!(self.phase, Phase::Deposed) {
            return None;
        }
        let of_calls = self.calls.poll_timeout().filter(|_| self.is_ready());
        let all = [self.outbox.poll_timeout(), self.members.next_timer(), self.unserved.poll_timeout(), of_calls];
        all.into_iter().flatten().min()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.poll()
    }

    /// Whether it decides; before that it only finds out how the rack stands.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// The rules of the rack, as they are now.
    pub fn rules(&self) -> &Intent {
        &self.rules
    }

    fn on_packet(&mut self, now: Time, reason: Reason, port: u16, frame: &[u8]) {
        self.counters.packets[reason as usize] += 1;
        match reason {
            Reason::Control | Reason::Stranger | Reason::Fenced => self.on_control(now, reason, port, frame),
            _ if !self.is_ready() => self.counters.not_ready += 1,
            Reason::Unserved => self.on_unserved(now, frame),
            Reason::Tracked | Reason::Lease | Reason::Held | Reason::Alloc | Reason::Free => {
                self.with_calls(|calls, who| calls.handle_packet(now, who, reason, port, frame));
            }
            // What answers control messages is the driver's, and copies are for tracing.
            Reason::Delivered | Reason::Mirror => {}
        }
    }

    fn on_unserved(&mut self, now: Time, frame: &[u8]) {
        let header = FrameAddresses::parse(frame).ok().and_then(|(_, datagram)| Header::parse(datagram).ok());
        let Some(header) = header.filter(|header| header.flags.has(Flags::TO_CALLEE)) else {
            self.counters.malformed += 1;
            return;
        };
        if self.is_served(header.method) {
            self.send_unserved(frame.to_vec());
        } else if !self.unserved.hold(now, (header.client, header.rpc), header.method, frame) {
            self.counters.unserved_dropped += 1;
        }
    }

    /// Sends on what came before its service, unless its sender's life has ended since.
    pub(super) fn send_unserved(&mut self, frame: Vec<u8>) {
        let sender = FrameAddresses::parse(&frame).ok().and_then(|(addresses, datagram)| {
            Some(Holder { node: addresses.source, incarnation: Header::parse(datagram).ok()?.incarnation })
        });
        if sender.is_some_and(|sender| self.calls.has_ended(sender)) {
            self.counters.unserved_dropped += 1;
        } else {
            self.send_on(frame);
        }
    }

    pub(super) fn with_calls(&mut self, act: impl FnOnce(&mut Calls, &Who<'_>)) {
        let memory_prefix = self.rules.topology().fabric().memory_prefix;
        let who = Who { members: &self.members, services: &self.services, memory_prefix };
        act(&mut self.calls, &who);
    }

    /// Does what follows from what is done, until nothing does.
    pub(super) fn proceed(&mut self, now: Time) {
        loop {
            if let Some(step) = self.calls.poll_step() {
                self.take_step(now, step);
            } else if let Some((then, outcome)) = self.outbox.next() {
                self.go_on(now, then, outcome);
            } else {
                break;
            }
        }
        self.confirm_settled();
    }

    pub(super) fn take_step(&mut self, now: Time, step: Step) {
        match step {
            Step::Tell { server, ticket, message } => self.outbox.tell(server, message, Then::Told(ticket)),
            Step::Change { ticket, decisions } => match self.rules.decide_rights(decisions) {
                Ok(changes) => self.outbox.change(changes, Then::Changed(ticket)),
                Err(_) => {
                    self.counters.rights_refused += 1;
                    self.with_calls(|calls, who| calls.handle_changed(now, who, ticket, false));
                }
            },
            Step::Send { way, frame } => self.outbox.put(Output::Send { way, frame }),
            Step::Say { way, to, packet } => self.say(way, to, &packet),
            Step::Cleaned(holder) => self.on_cleaned(now, holder),
        }
    }

    fn go_on(&mut self, now: Time, then: Then, outcome: Outcome) {
        match (then, outcome) {
            (Then::Begin, _) => self.begin(),
            (Then::Ask, _) => self.ask(now),
            (Then::Read(server), Outcome::Answered(_)) => self.outbox.put(Output::ReadTable { server }),
            (Then::Reconciled, _) => self.on_reconciled(now),
            (Then::JoinLogged(id, incarnation), _) => self.on_join_logged(now, id, incarnation),
            (Then::ServerTold(id, incarnation), Outcome::Answered(_)) => self.on_joined(now, id, incarnation),
            (Then::InTables(id, incarnation), _) => self.on_in_tables(now, id, incarnation),
            (Then::EndLogged(id, incarnation), _) => self.on_end_logged(now, id, incarnation),
            (Then::EndedInTables(id, incarnation), _) => self.on_ended_in_tables(now, id, incarnation),
            (Then::Served { node, incarnation, number }, _) => self.on_served(node, incarnation, number),
            (Then::Told(ticket), Outcome::Answered(answered)) => {
                self.with_calls(|calls, who| calls.handle_told(now, who, ticket, answered));
            }
            (Then::Changed(ticket), _) => self.with_calls(|calls, who| calls.handle_changed(now, who, ticket, true)),
            // What a memory server that is gone was told has no answer.
            (Then::Told(_) | Then::Read(_) | Then::ServerTold(..) | Then::Nothing, _) => {}
        }
    }

    /// Takes a decision that was checked before, or whose refusal the caller deals with.
    pub(super) fn decide(&mut self, decision: Decision) -> Result<Vec<EntryChange>, Vec<Problem>> {
        self.rules.decide(decision)
    }

    /// Sends a frame on as the forwarding tables have it.
    pub(super) fn send_on(&mut self, frame: Vec<u8>) {
        self.outbox.put(Output::Send { way: super::output::Way::Route, frame });
    }

    pub(super) fn depose(&mut self) {
        self.phase = Phase::Deposed;
        self.outbox.put(Output::Deposed);
    }

    /// Whether a profile has what it must have, apart from what others have.
    pub(super) fn is_sound(&self, profile: &Profile) -> bool {
        let fabric = self.rules.topology().fabric();
        match profile.memory {
            Some(memory) => {
                let root = bifrost_rpc::wire::Pointer::new(fabric.memory_prefix, memory.server, 0);
                memory.server != 0 && profile.addresses == [Ipv6Addr::from(root.to_bytes())]
            }
            None => !profile.addresses.contains(&self.address),
        }
    }
}
