//! A run: virtual time, processes and their endpoints, the network between them.

use super::client::Known;
use super::plan::{Disruption, Plan, S};
use super::record::Record;
use super::{Missing, Options};
use crate::daemon::SharedMemory;
use crate::sim::{Broken, Rule};
use bifrost_rpc::endpoint::{CallId, Endpoint, Time, Usage};
use bifrost_rpc::sim::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv6Addr, SocketAddr};

const STEPS_MAX: u64 = 3_000_000;
const BROKEN_MAX: usize = 8;
const TRACE_MAX: usize = 200;

/// Something that happens.
#[derive(Debug)]
pub(super) enum Step {
    /// A datagram of a process reaches another's socket.
    Arrive(usize, usize, Vec<u8>),
    /// A process looks at its socket and its timers.
    Process(usize),
    /// A client issues something.
    Issue(usize),
    /// A client gives this operation up.
    Cancel(usize),
    Disrupt(usize),
    Restore(Disruption),
    /// The control plane ends an incarnation at a server.
    End(usize, usize, u32, bool),
    /// By now all operations have ended; what is known is freed.
    Settled,
    /// A client frees an object; so many attempts are left.
    Free(Known, u32),
    /// The clients leave.
    Leave,
    Over,
}

/// A process.
#[derive(Debug)]
pub(super) struct Process {
    /// `None` while it is down.
    pub(super) endpoint: Option<Endpoint>,
    /// Of a server.
    pub(super) store: Option<SharedMemory>,
    /// How often it has started.
    pub(super) life: u32,
    /// Reasons for it to be down, and to stand still.
    pub(super) down: u32,
    pub(super) pauses: u32,
    pub(super) inbox: VecDeque<(usize, Vec<u8>)>,
    pub(super) inbox_bytes: usize,
    pub(super) process_at: Option<u64>,
    /// Datagrams sent.
    pub(super) sent: u64,
    /// Operations under way, by their place in the record.
    pub(super) calls: BTreeMap<CallId, usize>,
    /// Operations that it has still to issue.
    pub(super) left: u64,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) without: Option<Missing>,
    pub(super) rng: Rng,
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Step>,
    serial: u64,
    pub(super) processes: Vec<Process>,
    /// The incarnation of each machine, and whether it has been ended.
    pub(super) machines: Vec<(u32, bool)>,
    /// What the control plane has ended: machine and incarnation.
    pub(super) ended: Vec<(usize, u32)>,
    pub(super) cuts: Vec<(usize, usize)>,
    /// Objects that clients know of.
    pub(super) known: Vec<Known>,
    pub(super) record: Record,
    pub(super) packets: u64,
    pub(super) is_settled: bool,
    is_over: bool,
    pub(super) broken: Vec<Broken>,
    pub(super) traces: bool,
    pub(super) trace: VecDeque<String>,
}

impl World {
    pub(super) fn new(seed: u64, options: &Options) -> Self {
        let mut rng = Rng::new(seed ^ 0xD5_0000);
        let plan = Plan::draw(&mut rng, options);
        let mut world = Self {
            processes: Vec::new(),
            machines: vec![(1, false); plan.machines],
            without: options.without,
            rng,
            now: 0,
            queue: BTreeMap::new(),
            serial: 0,
            ended: Vec::new(),
            cuts: Vec::new(),
            known: Vec::new(),
            record: Record::default(),
            packets: 0,
            is_settled: false,
            is_over: false,
            broken: Vec::new(),
            traces: options.traces,
            trace: VecDeque::new(),
            plan,
        };
        world.schedule();
        world
    }

    fn schedule(&mut self) {
        for id in 0..self.plan.clients + self.plan.servers {
            self.processes.push(Process {
                endpoint: None,
                store: None,
                life: 0,
                down: 0,
                pauses: 0,
                inbox: VecDeque::new(),
                inbox_bytes: 0,
                process_at: None,
                sent: 0,
                calls: BTreeMap::new(),
                left: self.plan.operations,
            });
            self.start(id);
        }
        for client in 0..self.plan.clients {
            let at = self.rng.below(self.plan.pause);
            self.at(at, Step::Issue(client));
        }
        let disruptions = self.plan.disruptions.clone();
        disruptions.iter().enumerate().for_each(|(index, (at, _, _))| self.at(*at, Step::Disrupt(index)));
        let lease = u64::try_from(self.plan.lease.as_nanos()).unwrap_or(u64::MAX);
        let last = disruptions.iter().map(|(_, until, _)| *until).max().unwrap_or(0);
        let settled = last.max(self.stops_issuing()) + 3 * lease;
        self.at(settled, Step::Settled);
        self.at(settled + 4 * lease, Step::Leave);
        self.at(settled + 7 * lease, Step::Over);
    }

    /// When clients stop issuing operations at the latest.
    pub(super) fn stops_issuing(&self) -> u64 {
        self.plan.operations * self.plan.pause * 4 + 10 * S
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
            if self.broken.len() >= BROKEN_MAX {
                return;
            }
            if self.is_over {
                let found = self.record.judge();
                return self.broken.extend(found);
            }
        }
        self.broke(Rule::Ends, format!("no end after {STEPS_MAX} steps"));
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Arrive(from, to, bytes) => self.arrive(from, to, bytes),
            Step::Process(id) => self.process(id),
            Step::Issue(client) => self.issue(client),
            Step::Cancel(operation) => self.cancel(operation),
            Step::Disrupt(index) => self.disrupt(index),
            Step::Restore(what) => self.restore(what),
            Step::End(server, machine, incarnation, frees) => self.end_incarnation(server, machine, incarnation, frees),
            Step::Settled => self.settle(),
            Step::Free(known, attempts) => self.free(known, attempts),
            Step::Leave => self.leave(),
            Step::Over => self.finish(),
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

    pub(super) fn is_server(&self, id: usize) -> bool {
        id >= self.plan.clients
    }

    /// The machine that a client runs on.
    pub(super) fn machine(&self, client: usize) -> usize {
        client % self.plan.machines
    }

    /// A machine's address; servers have machines of their own.
    pub(super) fn host(&self, id: usize) -> Ipv6Addr {
        let host = if self.is_server(id) { 100 + id } else { self.machine(id) };
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::try_from(host).unwrap_or(0) + 1)
    }

    pub(super) fn address(&self, id: usize) -> SocketAddr {
        SocketAddr::from((self.host(id), 7400 + u16::try_from(id).unwrap_or(0)))
    }

    /// A process starts, or starts anew.
    pub(super) fn start(&mut self, id: usize) {
        let incarnation = if self.is_server(id) { 1 } else { self.machines[self.machine(id)].0 };
        let mut endpoint = Endpoint::new(self.plan.endpoint(incarnation, self.without), self.rng.bytes());
        self.processes[id].life += 1;
        if self.is_server(id) {
            endpoint.serve_memory();
            self.open_store(id);
        }
        self.processes[id].endpoint = Some(endpoint);
        self.note(|| format!("process {id} starts"));
    }

    /// A process dies, with all it knew.
    pub(super) fn stop(&mut self, id: usize) {
        self.note(|| format!("process {id} dies"));
        let process = &mut self.processes[id];
        process.endpoint = None;
        process.inbox.clear();
        process.inbox_bytes = 0;
        process.process_at = None;
        process.calls.clear();
        if self.is_server(id) {
            self.close_store(id);
        }
    }

    /// The clients leave, and say so.
    fn leave(&mut self) {
        let now = self.time();
        for id in 0..self.plan.clients {
            if let Some(endpoint) = self.processes[id].endpoint.as_mut() {
                endpoint.close(now);
            }
            self.drive(id);
        }
    }

    /// When all is over nothing may be left.
    fn finish(&mut self) {
        self.is_over = true;
        for id in 0..self.processes.len() {
            let usage = self.processes[id].endpoint.as_ref().map(Endpoint::usage).unwrap_or_default();
            if usage != Usage::default() {
                self.broke(Rule::Memory, format!("process {id} still holds {usage:?}"));
            }
        }
        for id in self.plan.clients..self.processes.len() {
            self.check_empty(id);
        }
    }
}
