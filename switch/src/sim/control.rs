//! The control plane's process: the state machine, and what carries its outputs out.

use super::Rule;
use super::fabric::{CONTROL_PORT, HEADER_BYTES, PREFIX, SWITCH_MAC};
use super::lane::Lane;
use super::plan::{HEARTBEAT, US};
use super::store::right_in;
use super::world::{Step, World};
use crate::gatekeeper::{Config, Gatekeeper, Input, Output, Reason, Record, Way};
use crate::rules::rack::Mac;
use crate::rules::topology::{Fabric as Described, Topology};
use crate::rules::{Entries, EntryChange, Intent, Live, Scope, Sizes};
use bifrost_dsm::{Holder, Node};
use bifrost_rpc::memory::PREFIX_DEFAULT;
use std::collections::{BTreeMap, VecDeque};

/// What the tables are to be made to say.
enum TableWork {
    Change(u64, Vec<EntryChange>),
    Reconcile(u64, Entries, Scope),
}

/// The control plane's process.
#[derive(Default)]
pub(super) struct ControlPlane {
    pub(super) machine: Option<Gatekeeper>,
    /// How often it has started.
    pub(super) life: u64,
    pub(super) down: u32,
    pub(super) lanes: BTreeMap<u64, Lane>,
    /// The last number that a lane was given.
    pub(super) last_lane: u64,
    /// What the disk has.
    disk: Vec<Record>,
    /// What it was given, and has not written yet.
    unwritten: VecDeque<(u64, Record)>,
    tables: VecDeque<TableWork>,
    live: Option<Live>,
    /// When the last frame left, which do not overtake each other.
    last_out: u64,
    due: Option<u64>,
}

impl World {
    fn config(&self) -> Config {
        let fabric = Described {
            prefix: PREFIX,
            memory_prefix: PREFIX_DEFAULT,
            mac: Mac(SWITCH_MAC),
            flood: self.machines.iter().map(super::machine::Machine::port).collect(),
            places: Vec::new(),
        };
        let rules = Intent::new(Topology::new(fabric), Sizes::default());
        let rules = rules.unwrap_or_else(|problems| panic!("an empty rack has problems: {problems:?}"));
        let mut config = Config::new(rules);
        config.key = self.plan.key.clone();
        config.is_open_to_all = true;
        config.heartbeat = HEARTBEAT;
        if let Some(check) = self.without {
            config.checks = crate::gatekeeper::Checks::without(check);
        }
        config
    }

    /// A control plane starts from what the disk has.
    pub(super) fn start_control(&mut self) {
        let config = self.config();
        let mut seed = [0; 48];
        seed[..32].copy_from_slice(&self.rng.bytes());
        seed[32..].copy_from_slice(&self.rng.bytes()[..16]);
        self.control.life += 1;
        let (life, now) = (self.control.life, self.time());
        self.note(|| format!("control plane {life} starts"));
        self.control.machine = Some(Gatekeeper::new(config, self.control.disk.clone(), now, &seed));
        self.drive_control();
    }

    /// It dies. Of what the disk was given but has not confirmed, some may be there.
    pub(super) fn stop_control(&mut self) {
        let written = self.rng.index(self.control.unwritten.len() + 1);
        let control = &mut self.control;
        control.disk.extend(control.unwritten.drain(..).take(written).map(|(_, record)| record));
        control.life += 1;
        (control.machine, control.live, control.due) = (None, None, None);
        control.tables.clear();
        control.lanes.clear();
        self.note(|| "the control plane dies".to_owned());
    }

    fn input(&mut self, input: Input<'_>) {
        let now = self.time();
        if let Some(machine) = &mut self.control.machine {
            machine.handle(now, input);
            self.drive_control();
        }
    }

    pub(super) fn packet_in(&mut self, life: u64, packet: &[u8]) {
        let Some((header, frame)) = packet.split_first_chunk::<HEADER_BYTES>() else { return };
        if life != self.control.life {
            return;
        }
        match reason(header[0]) {
            Some(reason) => {
                let port = u16::from_be_bytes([header[2], header[3]]);
                self.input(Input::Packet { reason, port, frame });
            }
            None => self.broke(Rule::Ends, format!("a packet-in for reason {}", header[0])),
        }
    }

    pub(super) fn logged(&mut self, life: u64, number: u64) {
        if life != self.control.life {
            return;
        }
        let control = &mut self.control;
        while control.unwritten.front().is_some_and(|(of, _)| *of <= number) {
            control.disk.extend(control.unwritten.pop_front().map(|(_, record)| record));
        }
        self.input(Input::Logged(number));
    }

    pub(super) fn tables_missed(&mut self, life: u64) {
        if life == self.control.life {
            self.control.live = None;
            self.input(Input::SwitchRestarted);
        }
    }

    pub(super) fn memory_answered(&mut self, input: Input<'_>) {
        self.input(input);
    }

    pub(super) fn control_timeout(&mut self) {
        if self.control.due != Some(self.now) {
            return;
        }
        self.control.due = None;
        let now = self.time();
        if let Some(machine) = &mut self.control.machine {
            machine.handle_timeout(now);
            self.drive_control();
        }
    }

    /// Takes out of the state machine what is to be done.
    fn drive_control(&mut self) {
        while let Some(output) = self.control.machine.as_mut().and_then(Gatekeeper::poll_output) {
            self.carry_out(output);
        }
        let due = self.control.machine.as_ref().and_then(Gatekeeper::poll_timeout).map(|due| due.as_nanos());
        if let Some(due) = due.map(|due| due.max(self.now + 1))
            && self.control.due.is_none_or(|before| due < before)
        {
            self.control.due = Some(due);
            self.at(due, Step::Control);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { way, frame } => self.send_from_control(way, &frame),
            Output::Change { batch, changes } => self.want_tables(TableWork::Change(batch, changes)),
            Output::Reconcile { batch, scope } => {
                let wanted = self.control.machine.as_ref().map(|machine| machine.rules().entries()).unwrap_or_default();
                self.want_tables(TableWork::Reconcile(batch, wanted, scope));
            }
            Output::Memory { server, term, sequence, message } => self.push_message(server, term, sequence, message),
            Output::ReadTable { server } => self.want_table(server),
            Output::Server { server, at } => self.set_lane(server, at.is_some()),
            Output::Deposed => self.broke(Rule::Ends, "deposed, though there is no other control plane"),
            Output::Log { number, record } => self.log(number, record),
        }
    }

    fn log(&mut self, number: u64, record: Record) {
        self.note_given_up(&record);
        self.note(|| format!("log {number}: {record:?}"));
        self.control.unwritten.push_back((number, record));
        let after = self.rng.between(1, self.plan.disk);
        self.at(self.now + after, Step::Logged(self.control.life, number));
    }

    /// What the control plane has given up is owed nothing.
    fn note_given_up(&mut self, record: &Record) {
        let Record::Ended { node, incarnation, .. } = record else { return };
        let Some(machine) = self.machines.iter().find(|machine| machine.name() == *node) else { return };
        match machine.server {
            Some(server) => _ = self.rights.servers_given_up.insert((server, machine.life)),
            None => {
                let life = Holder { node: Node(machine.address()), incarnation: *incarnation };
                self.rights.given_up.insert(life);
            }
        }
    }

    fn send_from_control(&mut self, way: Way, frame: &[u8]) {
        let (mode, port) = match way {
            Way::Route => (0, 0),
            Way::Port(port) => (1, port),
        };
        let [high, low] = port.to_be_bytes();
        let packet = [&[mode, 0, high, low, 0, 0, 0, 0], frame].concat();
        let after = self.rng.between(1, 20 * US);
        let at = (self.now + after).max(self.control.last_out + 1);
        self.control.last_out = at;
        self.at(at, Step::Ingress(CONTROL_PORT, packet));
    }

    fn want_tables(&mut self, work: TableWork) {
        self.control.tables.push_back(work);
        if self.control.tables.len() == 1 {
            self.change_tables_later();
        }
    }

    fn change_tables_later(&mut self) {
        let after = self.rng.between(1, self.plan.tables);
        self.at(self.now + after, Step::Tables(self.control.life));
    }

    /// The next of what is wanted of the tables is done.
    pub(super) fn change_tables(&mut self, life: u64) {
        if life != self.control.life {
            return;
        }
        let Some(work) = self.control.tables.pop_front() else { return };
        if !self.control.tables.is_empty() {
            self.change_tables_later();
        }
        let (batch, is_done) = match work {
            TableWork::Change(batch, changes) => {
                let (is_done, applied) = self.apply(&changes);
                applied.iter().for_each(|change| self.was_changed(change));
                (batch, is_done)
            }
            TableWork::Reconcile(batch, wanted, scope) => (batch, self.reconcile(&wanted, scope)),
        };
        if !is_done {
            self.note(|| format!("batch {batch} was refused"));
        }
        self.input(Input::Changed { batch, is_done });
    }

    fn apply(&mut self, changes: &[EntryChange]) -> (bool, Vec<EntryChange>) {
        let Some(mut live) = self.control.live.take() else { return (false, Vec::new()) };
        let installed = live.apply(&self.fabric.runtime, changes);
        self.control.live = Some(live);
        if let Some((change, error)) = installed.refused.first() {
            self.note(|| format!("the switch refuses {change}: {error}"));
        }
        (installed.refused.is_empty() && installed.left.is_empty(), installed.applied)
    }

    fn reconcile(&mut self, wanted: &Entries, scope: Scope) -> bool {
        // What changes is the difference to all tables, whatever part of it is wanted.
        let live = Live::read(&self.fabric.runtime, Scope::All);
        let live = live.unwrap_or_else(|error| panic!("the tables cannot be read: {error}"));
        let mut changes = live.changes(wanted, scope);
        changes.retain(|change| change.table().is_none_or(|table| scope == Scope::All || !table.is_control_planes()));
        self.control.live = Some(live);
        let (is_done, applied) = self.apply(&changes);
        let added = applied
            .iter()
            .filter_map(|change| if let EntryChange::Add(key, _) = change { right_in(key) } else { None });
        added.for_each(|(pointer, _, source)| _ = self.begun_rights.remove(&(pointer, source)));
        self.fabric.is_intact |= is_done && scope == Scope::All;
        self.note(|| format!("reconciled by {} changes", changes.len()));
        is_done
    }

    /// What the tables say.
    pub(super) fn tables(&self) -> Entries {
        let live = Live::read(&self.fabric.runtime, Scope::All);
        live.unwrap_or_else(|error| panic!("the tables cannot be read: {error}")).entries()
    }
}

fn reason(number: u8) -> Option<Reason> {
    use Reason::{Alloc, Control, Delivered, Fenced, Free, Held, Lease, Mirror, Stranger, Tracked, Unserved};
    let all = [Delivered, Mirror, Unserved, Tracked, Lease, Held, Alloc, Free, Control, Stranger, Fenced];
    all.into_iter().find(|reason| *reason as u8 == number)
}
