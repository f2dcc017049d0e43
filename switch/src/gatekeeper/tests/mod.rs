//! The state machine in a world that does what it says: a switch's tables, memory servers, a log, and nodes.

mod death;
mod joining;
mod living;
mod node;
mod properties;
mod restart;
mod services;

use super::*;
use crate::rules::rack::Mac;
use crate::rules::topology::{Fabric, Topology};
use crate::rules::{Entries, Intent, Key as EntryKey, Match, Scope, Sizes, Table};
use bifrost_rpc::Key;
use bifrost_rpc::control::{ControlPacket, ControlSeal, NodeKey, SealedControl};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{
    Announce, ControlMessage, MemoryServer, NodeKind, Serve, ServeState, Welcome, gatekeeper_address,
};
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{MethodField, Pointer, RACK_PORT};
use node::{Node, address};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::Duration;

const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 0);
const SWITCH: [u8; 6] = [2, 0xb1, 0xf0, 0, 0, 1];

fn rules() -> Intent {
    let fabric = Fabric {
        prefix: PREFIX,
        memory_prefix: 0xfd,
        mac: Mac(SWITCH),
        flood: BTreeSet::from([1]),
        places: Vec::new(),
    };
    Intent::new(Topology::new(fabric), Sizes::default()).unwrap()
}

fn open_rack() -> Config {
    Config { is_open_to_all: true, ..Config::new(rules()) }
}

fn seed(n: u8) -> [u8; 48] {
    [n; 48]
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What was to be done and is put off.
#[derive(Debug, Default)]
struct Held {
    log: bool,
    tables: bool,
    memory: bool,
    logged: Option<u64>,
    batches: Vec<u64>,
    messages: Vec<(u8, u64)>,
}

/// The rack around the state machine.
#[derive(Debug)]
struct World {
    gatekeeper: Gatekeeper,
    now: Time,
    switch: Entries,
    records: Vec<Record>,
    sent: Vec<(Way, Vec<u8>)>,
    told: Vec<(u8, MemoryMessage)>,
    events: Vec<&'static str>,
    servers: BTreeMap<u8, ServerTable>,
    /// Memory servers whose control front is silent.
    silent: BTreeSet<u8>,
    held: Held,
    is_deposed: bool,
    switch_refuses: u32,
}

impl World {
    fn new(config: Config) -> Self {
        Self::of(config, Vec::new(), Entries::default(), Time::from_nanos(1_000_000_000))
    }

    fn of(config: Config, records: Vec<Record>, switch: Entries, now: Time) -> Self {
        let n = u8::try_from(records.len() % 251).unwrap();
        let mut world = Self {
            gatekeeper: Gatekeeper::new(config, records.clone(), now, &seed(n)),
            now,
            switch,
            records,
            sent: Vec::new(),
            told: Vec::new(),
            events: Vec::new(),
            servers: BTreeMap::new(),
            silent: BTreeSet::new(),
            held: Held::default(),
            is_deposed: false,
            switch_refuses: 0,
        };
        world.run();
        world
    }

    /// The control plane ends without a word, and another begins with its log.
    fn restart(self, config: Config) -> Self {
        let mut next = Self::of(config, self.records, self.switch, self.now);
        next.servers = self.servers;
        next.silent = self.silent;
        next.run();
        next
    }

    /// Does all that is to be done.
    fn run(&mut self) {
        while let Some(output) = self.gatekeeper.poll_output() {
            match output {
                Output::Send { way, frame } => self.sent.push((way, frame)),
                Output::Change { batch, changes } => {
                    self.events.push("tables");
                    let is_done = self.switch_refuses == 0;
                    if is_done {
                        changes.iter().for_each(|change| self.switch.apply(change));
                    }
                    self.switch_refuses = self.switch_refuses.saturating_sub(1);
                    self.changed(batch, is_done);
                }
                Output::Reconcile { batch, scope } => {
                    let mut wanted = self.gatekeeper.rules().entries();
                    if scope == Scope::Described {
                        wanted.rows.retain(|key, _| !key.table.is_control_planes());
                        let own = self.switch.rows.iter().filter(|(key, _)| key.table.is_control_planes());
                        wanted.rows.extend(own.map(|(key, row)| (*key, row.clone())));
                    }
                    let is_done = self.switch_refuses == 0;
                    if is_done {
                        self.switch = wanted;
                    }
                    self.switch_refuses = self.switch_refuses.saturating_sub(1);
                    self.changed(batch, is_done);
                }
                Output::Memory { server, sequence, message, .. } => {
                    if message != MemoryMessage::Release((0, 0)) {
                        self.events.push("server");
                        self.told.push((server, message));
                    }
                    match self.held.memory || self.silent.contains(&server) {
                        true => self.held.messages.push((server, sequence)),
                        false => self.answered(server, sequence),
                    }
                }
                Output::ReadTable { server } => {
                    if let Some(page) = self.servers.get(&server).cloned().filter(|_| !self.silent.contains(&server)) {
                        self.gatekeeper.handle(self.now, Input::Table { server, page });
                    }
                }
                Output::Server { .. } => {}
                Output::Deposed => self.is_deposed = true,
                Output::Log { number, record } => {
                    self.events.push("log");
                    self.records.push(record);
                    match self.held.log {
                        true => self.held.logged = Some(number),
                        false => self.gatekeeper.handle(self.now, Input::Logged(number)),
                    }
                }
            }
        }
    }

    fn changed(&mut self, batch: u64, is_done: bool) {
        match self.held.tables {
            true => self.held.batches.push(batch),
            false => self.gatekeeper.handle(self.now, Input::Changed { batch, is_done }),
        }
    }

    fn answered(&mut self, server: u8, sequence: u64) {
        let answered = Answered::Applied(0);
        self.gatekeeper.handle(self.now, Input::Memory { server, sequence, answered });
    }

    /// What was put off is done.
    fn let_go(&mut self) {
        let held = std::mem::take(&mut self.held);
        held.logged.into_iter().for_each(|number| self.gatekeeper.handle(self.now, Input::Logged(number)));
        for batch in held.batches {
            self.gatekeeper.handle(self.now, Input::Changed { batch, is_done: true });
        }
        held.messages.into_iter().for_each(|(server, sequence)| self.answered(server, sequence));
        self.run();
    }

    /// Time passes, with all that is due in it.
    fn wait(&mut self, time: Duration) {
        let end = self.now.plus(time);
        while let Some(due) = self.gatekeeper.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.gatekeeper.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    /// Time passes while these nodes live.
    fn wait_with(&mut self, nodes: &mut [&mut Node], time: Duration) {
        let end = self.now.plus(time);
        while self.now < end {
            for node in nodes.iter_mut() {
                self.ask(node, ControlMessage::Heartbeat);
            }
            self.wait(ms(100));
        }
    }

    /// Why the data plane hands a node's CONTROL packet over.
    fn reason(&self, node: &Node) -> Reason {
        let source = node.announce.addresses[0].to_bits();
        let has = |table: Table, is_it: &dyn Fn(&EntryKey) -> bool| {
            self.switch.rows.keys().any(|key| key.table == table && is_it(key))
        };
        let covers = |field: Option<Match>| match field {
            Some(Match::Lpm(value, bits)) => bits == 0 || (value ^ source) >> (128 - u32::from(bits)) == 0,
            _ => false,
        };
        let mac = u128::from(Mac(node.mac).to_bits());
        let is_admitted = |key: &EntryKey| {
            key.fields().take(2).eq([Match::Exact(node.port.into()), Match::Exact(mac)]) && covers(key.fields().nth(2))
        };
        match (has(Table::PortSecurity, &is_admitted), has(Table::BlockedSource, &|key| covers(key.fields().next()))) {
            (false, _) => Reason::Stranger,
            (true, true) => Reason::Fenced,
            (true, false) => Reason::Control,
        }
    }

    fn packet(&mut self, reason: Reason, port: u16, frame: &[u8]) {
        self.gatekeeper.handle(self.now, Input::Packet { reason, port, frame });
        self.run();
    }

    /// A node says something, and gets these answers.
    fn say(&mut self, node: &Node, number: u64, message: ControlMessage) -> Vec<ControlMessage> {
        self.sent.clear();
        let (reason, frame) = (self.reason(node), node.frame(number, message));
        self.packet(reason, node.port, &frame);
        self.heard(node)
    }

    /// A node asks something new.
    fn ask(&mut self, node: &mut Node, message: ControlMessage) -> Vec<ControlMessage> {
        let term = self.gatekeeper.status(self.now).term;
        node.number = (term << 32 | node.number & u64::from(u32::MAX)) + 1;
        self.say(node, node.number, message)
    }

    /// What a node was sent and could open.
    fn heard(&self, node: &Node) -> Vec<ControlMessage> {
        self.heard_with_numbers(node).into_iter().map(|(_, message)| message).collect()
    }

    fn heard_with_numbers(&self, node: &Node) -> Vec<(u64, ControlMessage)> {
        let to_it = self.sent.iter().filter(|(way, _)| *way == Way::Port(node.port));
        let open = |frame: &Vec<u8>| {
            let (addresses, sealed) = SealedControl::of_frame(frame)?;
            let is_its = addresses.destination == node.announce.addresses[0] && addresses.destination_mac == node.mac;
            let packet = sealed.open(node.seal().as_ref()).filter(|_| is_its)?;
            (packet.incarnation == node.incarnation).then_some((packet.number, packet.message))
        };
        to_it.filter_map(|(_, frame)| open(frame)).collect()
    }

    /// A node announces itself until it is in.
    fn join(&mut self, node: &mut Node) -> Welcome {
        let answers = self.announce(node);
        let [ControlMessage::Welcome(welcome)] = &answers[..] else { panic!("{answers:?}") };
        node.incarnation = welcome.incarnation;
        welcome.clone()
    }

    fn announce_once(&mut self, node: &mut Node) -> Vec<ControlMessage> {
        let announce = ControlMessage::Announce(node.announce.clone());
        self.ask(node, announce)
    }

    /// A node announces itself, with the token of the challenge.
    fn announce(&mut self, node: &mut Node) -> Vec<ControlMessage> {
        node.announce.token = None;
        let answers = self.announce_once(node);
        let [ControlMessage::Challenge(token)] = answers[..] else { return answers };
        node.announce.token = Some(token);
        self.announce_once(node)
    }

    fn serve(&mut self, node: &mut Node, instance: u32, service: &str) -> Vec<ControlMessage> {
        self.ask(node, serve(instance, service, ServeState::Open))
    }

    fn state_of(&self, name: &str) -> Option<ResourceState> {
        let status = self.gatekeeper.status(self.now);
        status.resources.iter().find(|found| found.name == name).map(|found| found.state)
    }

    /// The nodes to which new sessions of a service go, by port.
    fn places(&self, service: &str) -> BTreeSet<u16> {
        let number = self.switch.rows.iter().find_map(|(key, row)| match row.action {
            crate::rules::Action::Serve { service: number, .. } if *key == method_key(service) => Some(number),
            _ => None,
        });
        let places = self.switch.rows.iter().filter(|(key, _)| {
            key.table == Table::RpcPlace && key.fields().next() == number.map(|number| Match::Exact(number.into()))
        });
        places.filter_map(|(_, row)| port_of(&row.action)).collect()
    }

    /// The switch says what the rules do.
    fn assert_tables(&self) {
        let actions = |entries: &Entries| -> BTreeMap<EntryKey, crate::rules::Action> {
            entries.rows.iter().map(|(key, row)| (*key, row.action)).collect()
        };
        assert_eq!(actions(&self.switch), actions(&self.gatekeeper.rules().entries()));
    }
}

fn method_key(service: &str) -> EntryKey {
    let field = MethodField::new(service, "run");
    let fields = [Match::Exact(field.name_len().into()), Match::Exact(u128::from_be_bytes(*field.bytes()))];
    EntryKey::of(Table::RpcService, fields).unwrap()
}

fn port_of(action: &crate::rules::Action) -> Option<u16> {
    match action {
        crate::rules::Action::Deliver { port, .. } | crate::rules::Action::DeliverTo { port, .. } => Some(*port),
        _ => None,
    }
}

fn serve(instance: u32, service: &str, state: ServeState) -> ControlMessage {
    let methods = vec![(MethodField::new(service, "run"), 0)];
    ControlMessage::Serve(Serve { service: service.to_owned(), instance, state, methods, more: false })
}
