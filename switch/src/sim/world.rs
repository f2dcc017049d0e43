//! A run: virtual time, what is there, and what happens next.

use super::control::ControlPlane;
use super::fabric::Fabric;
use super::handlers::Handler;
use super::histories::Histories;
use super::lane::{Answer, Message};
use super::machine::Machine;
use super::plan::{Disruption, MS, Plan, S};
use super::rights::Rights;
use super::tasks::{Purpose, Task};
use super::{Broken, Options, Rule};
use crate::gatekeeper::Check;
use bifrost_rpc::endpoint::{CallId, Time};
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::sim::Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;

const STEPS_MAX: u64 = 2_000_000;
const BROKEN_MAX: usize = 8;
const TRACE_MAX: usize = 300;
/// Time for all to come to rest once nothing disturbs it: sessions end, and whoever was declared dead by mistake is back.
const REST: u64 = 14 * S;
/// Time for sessions to end after the last of the work, which takes long where object after object is lost; and for all of that.
const SESSIONS_END: u64 = 6 * S;
const REST_MAX: u64 = 2 * REST;
/// Time in which all nodes leave.
const LEAVING: u64 = 4 * S;

/// Something that happens.
#[derive(Debug)]
pub(super) enum Step {
    /// A frame reaches the switch by a port.
    Ingress(u16, Vec<u8>),
    /// A frame reaches a machine.
    Arrive(usize, Vec<u8>),
    /// A machine looks at its link and its timers.
    Process(usize),
    /// A packet-in reaches the control plane, if it is still this life of it.
    PacketIn(u64, Vec<u8>),
    /// What the control plane wants of the tables is done.
    Tables(u64),
    /// Records up to this number are on the disk.
    Logged(u64, u64),
    /// The control plane looks at its timers.
    Control,
    /// The control plane finds that the switch has lost its tables.
    TablesMissed(u64),
    /// A control message reaches a memory server.
    Told(Message),
    /// The answer to one reaches the control plane.
    Answered(Answer),
    /// A control message that was not answered is sent again.
    TellAgain(u64, u64),
    /// A memory server's table is read.
    ReadTable(u64, u8),
    /// A node begins something.
    Issue(usize),
    /// A call is given up, if it is still under way.
    Cancel(usize, u32, CallId),
    /// A handler goes on.
    Handler(usize),
    /// Who is hostile sends something.
    Attack,
    Disrupt(usize),
    Restore(Disruption),
    /// Nothing more is asked, and nothing disturbs.
    Quiet,
    /// All has come to rest.
    Rest,
    Over,
}

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) without: Option<Check>,
    pub(super) rng: Rng,
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Step>,
    serial: u64,
    pub(super) fabric: Fabric,
    pub(super) control: ControlPlane,
    pub(super) machines: Vec<Machine>,
    pub(super) tasks: Vec<Task>,
    pub(super) handlers: Vec<Handler>,
    /// What each node waits for, by its life.
    pub(super) waits: BTreeMap<(usize, u32, CallId), Purpose>,
    pub(super) rights: Rights,
    /// Rights to read that have begun at memory servers and not in the switch.
    pub(super) begun_rights: BTreeSet<(Pointer, Ipv6Addr)>,
    pub(super) histories: Histories<CallId>,
    /// The last frames that machines sent, for who is hostile.
    pub(super) captured: VecDeque<(u16, Vec<u8>)>,
    /// Objects that programs have heard of, for those who have no right to them.
    pub(super) heard_of: Vec<Pointer>,
    pub(super) is_quiet: bool,
    /// When something that a node waited for has ended last.
    pub(super) worked_at: u64,
    /// The nodes are leaving.
    pub(super) is_leaving: bool,
    is_over: bool,
    pub(super) calls: u64,
    pub(super) answered: u64,
    pub(super) packets: u64,
    pub(super) broken: Vec<Broken>,
    pub(super) traces: bool,
    pub(super) trace: VecDeque<String>,
}

impl World {
    pub(super) fn new(seed: u64, options: &Options) -> Self {
        let mut rng = Rng::new(seed ^ 0x6a7e_0000);
        let plan = Plan::draw(&mut rng);
        let mut world = Self {
            without: options.without,
            rng,
            now: MS,
            queue: BTreeMap::new(),
            serial: 0,
            fabric: Fabric::new(),
            control: ControlPlane::default(),
            machines: (0..plan.machines()).map(|index| Machine::new(index, plan.nodes)).collect(),
            tasks: Vec::new(),
            handlers: Vec::new(),
            waits: BTreeMap::new(),
            rights: Rights::default(),
            begun_rights: BTreeSet::new(),
            histories: Histories::default(),
            captured: VecDeque::new(),
            heard_of: Vec::new(),
            is_quiet: false,
            worked_at: 0,
            is_leaving: false,
            is_over: false,
            calls: 0,
            answered: 0,
            packets: 0,
            broken: Vec::new(),
            traces: options.traces,
            trace: VecDeque::new(),
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.start_control();
        for index in 0..self.machines.len() {
            self.start(index);
        }
        for node in 0..self.plan.nodes {
            self.machines[node].tasks_left = self.plan.tasks;
            let at = self.now + self.rng.below(self.plan.pause);
            self.at(at, Step::Issue(node));
        }
        let disruptions = self.plan.disruptions.clone();
        disruptions.iter().enumerate().for_each(|(index, (at, ..))| self.at(*at, Step::Disrupt(index)));
        if self.plan.hostile.is_some() {
            self.at(self.now, Step::Attack);
        }
        let quiet = self.plan.quiet_at;
        self.at(quiet, Step::Quiet);
        self.at(quiet + REST, Step::Rest);
    }

    /// All should have come to rest by now, unless something was still being done a moment ago.
    fn rest_or_wait(&mut self) {
        let rest = (self.worked_at + SESSIONS_END).min(self.plan.quiet_at + REST_MAX);
        if self.now < rest {
            return self.at(rest, Step::Rest);
        }
        self.rest();
        self.at(self.now + LEAVING, Step::Over);
    }

    pub(super) fn at(&mut self, at: u64, step: Step) {
        self.serial += 1;
        self.queue.insert((at.max(self.now), self.serial), step);
    }

    pub(super) fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some(((at, _), step)) = self.queue.pop_first() else { return };
            self.now = at;
            self.step(step);
            if self.broken.len() >= BROKEN_MAX || self.is_over {
                return;
            }
        }
        self.broke(Rule::Ends, format!("no end after {STEPS_MAX} steps"));
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ingress(port, frame) => self.switch(port, &frame),
            Step::Arrive(machine, frame) => self.arrive(machine, frame),
            Step::Process(machine) => self.process(machine),
            Step::PacketIn(life, packet) => self.packet_in(life, &packet),
            Step::Tables(life) => self.change_tables(life),
            Step::Logged(life, number) => self.logged(life, number),
            Step::Control => self.control_timeout(),
            Step::TablesMissed(life) => self.tables_missed(life),
            Step::Told(message) => self.told(message),
            Step::Answered(answer) => self.told_answer(answer),
            Step::TellAgain(lane, sequence) => self.tell(lane, sequence),
            Step::ReadTable(lane, server) => self.read_table(lane, server),
            Step::Issue(node) => self.issue(node),
            Step::Cancel(node, life, call) => self.cancel(node, life, call),
            Step::Handler(handler) => self.handle_on(handler),
            Step::Attack => self.attack(),
            Step::Disrupt(index) => self.disrupt(index),
            Step::Restore(what) => self.restore(what),
            Step::Quiet => self.quiet(),
            Step::Rest => self.rest_or_wait(),
            Step::Over => {
                self.is_over = true;
                self.finish();
            }
        }
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if self.trace.len() == TRACE_MAX && !self.traces {
            self.trace.pop_front();
        }
        let at = std::time::Duration::from_nanos(self.now);
        self.trace.push_back(format!("{at:>14.6?}  {}", text()));
    }

    pub(super) fn broke(&mut self, rule: Rule, text: impl Into<String>) {
        let at = std::time::Duration::from_nanos(self.now);
        self.broken.push(Broken { rule, text: format!("at {at:?}: {}", text.into()) });
    }

    pub(super) fn time(&self) -> Time {
        Time::from_nanos(self.now)
    }
}
