//! The run: virtual time, the queue of what happens next, and what each step does.

use super::Options;
use super::checker::{Checker, Rule};
use super::faults::Fault;
use super::gate::{Gate, Key};
use super::hostile::Hostile;
use super::node::{Datagram, Node, address, config};
use super::plan::{Disruption, Plan, S, nanos};
use super::rng::Rng;
use super::trace::{Fate, Trace};
use crate::endpoint::{Config, Datagrams, Time};
use crate::wire::{Header, PacketType};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

/// Steps after which a run counts as endless.
const STEPS_MAX: u64 = 1_500_000;
/// How long a draining server waits for its clients.
pub(super) const DRAIN_MAX: u64 = 5 * S;

/// Something that happens.
#[derive(Debug)]
pub(super) enum Step {
    /// A datagram reaches a node's socket.
    Arrive(usize, Datagram),
    /// A node looks at its socket and its timers.
    Process(usize),
    /// A client makes a planned call.
    Issue(usize),
    /// A client gives the call of this index up.
    Cancel(usize, u32, usize),
    /// A server starts a job.
    Start(usize, u32, u64),
    /// A server has finished a job.
    Finish(usize, u32, u64),
    /// A planned disruption begins.
    Disrupt(usize),
    /// A disruption (by its number in the ledger) ends.
    Restore(usize, Disruption),
    /// A draining server looks whether it can go, at this time at the latest.
    DrainPoll(usize, u32, usize, u64),
    Replay,
    Forge,
    Rogue,
    /// The control plane has made up its mind about a held call.
    Decide(Key),
    /// The control plane asks after a call.
    Ask(Key),
    /// By now every call has ended.
    Settled,
    /// By now nobody says anything any more.
    Silent,
    /// The end.
    Over,
}

#[derive(Debug)]
struct Queued {
    at: u64,
    number: u64,
    step: Step,
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Queued {}

/// A run under way.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    config: Config,
    pub(super) rng: Rng,
    pub(super) now: u64,
    queue: BinaryHeap<Queued>,
    queued: u64,
    pub(super) nodes: Vec<Node>,
    pub(super) next_job: u64,
    /// Directions that are cut at the moment, by disruption.
    pub(super) cuts: Vec<(usize, usize, usize)>,
    pub(super) checker: Checker,
    pub(super) trace: Trace,
    pub(super) hostile: Hostile,
    pub(super) gate: Gate,
    /// Datagrams that nodes have sent.
    pub(super) packets: u64,
    packets_when_silent: u64,
    pub(super) is_over: bool,
}

impl World {
    pub(super) fn new(seed: u64, options: &Options) -> Self {
        let mut rng = Rng::new(super::rng::mix(seed ^ 0xB1F0));
        let plan = Plan::draw(&mut rng, options.faults);
        let config = config(&plan, options.checks());
        let nodes = (0..plan.clients + plan.servers).map(|id| Node::new(id, id >= plan.clients)).collect();
        let mut world = Self {
            checker: Checker::new(plan.clone()),
            hostile: Hostile::new(&plan, &mut rng),
            gate: Gate::default(),
            plan,
            config,
            rng,
            now: 0,
            queue: BinaryHeap::new(),
            queued: 0,
            nodes,
            next_job: 0,
            cuts: Vec::new(),
            trace: Trace::new(options.trace_lines),
            packets: 0,
            packets_when_silent: 0,
            is_over: false,
        };
        world.schedule();
        world
    }

    fn schedule(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.start(node));
        let plan = self.plan.clone();
        plan.calls.iter().enumerate().for_each(|(index, call)| self.at(call.at, Step::Issue(index)));
        plan.disruptions.iter().enumerate().for_each(|(index, (from, _, _))| self.at(*from, Step::Disrupt(index)));
        plan.replays.iter().for_each(|at| self.at(*at, Step::Replay));
        plan.forgeries.iter().for_each(|at| self.at(*at, Step::Forge));
        plan.rogue.iter().for_each(|at| self.at(*at, Step::Rogue));
        let lease = nanos(plan.lease);
        let settled = plan.calm + 2 * DRAIN_MAX + 2 * lease + 3 * nanos(plan.peer_timeout);
        self.at(settled, Step::Settled);
        self.at(settled + 2 * lease, Step::Silent);
        self.at(settled + 4 * lease, Step::Over);
    }

    pub(super) fn at(&mut self, at: u64, step: Step) {
        self.queued += 1;
        self.queue.push(Queued { at: at.max(self.now), number: self.queued, step });
    }

    /// Runs to the end, or to the first violation.
    pub(super) fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some(Queued { at, step, .. }) = self.queue.pop() else {
                return;
            };
            self.now = at;
            self.step(step);
            if self.is_over || !self.checker.violations.is_empty() {
                return;
            }
        }
        self.checker.violate(self.now, Rule::Livelock, format!("no end after {STEPS_MAX} steps"));
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Arrive(to, datagram) => self.arrive(to, datagram),
            Step::Process(node) => self.process(node),
            Step::Issue(call) => self.issue(call),
            Step::Cancel(node, life, index) => self.cancel(node, life, index),
            Step::Start(node, life, job) => self.on_job(node, life, job, true),
            Step::Finish(node, life, job) => self.on_job(node, life, job, false),
            Step::Disrupt(index) => self.disrupt(index),
            Step::Restore(number, what) => self.restore(number, what),
            Step::DrainPoll(node, life, number, latest) => self.drain_poll(node, life, number, latest),
            Step::Replay => self.replay(),
            Step::Forge => self.forge(),
            Step::Rogue => self.rogue(),
            Step::Decide(call) => self.decide(call),
            Step::Ask(call) => self.ask(call),
            Step::Settled => self.checker.check_ended(self.now),
            Step::Silent => self.packets_when_silent = self.packets,
            Step::Over => self.check_over(),
        }
    }

    pub(super) fn time(&self) -> Time {
        Time::from_nanos(self.now)
    }

    pub(super) fn start(&mut self, node: usize) {
        let config = self.config.clone();
        self.nodes[node].start(&self.plan, config, &mut self.rng);
    }

    pub(super) fn stop(&mut self, node: usize) {
        for index in self.nodes[node].stop() {
            self.checker.entries[index].is_abandoned = true;
        }
        self.gate_stopped(node);
    }

    fn arrive(&mut self, to: usize, datagram: Datagram) {
        let header = Header::parse(&datagram.bytes).ok();
        let from = datagram.from;
        let Some(node) = self.nodes.get_mut(to) else {
            return self.rogue_hears(&datagram.bytes);
        };
        let fate = if node.endpoint.is_none() {
            Fate::NobodyThere
        } else if node.inbox_bytes + datagram.bytes.len() > self.plan.network.socket_bytes {
            Fate::BufferFull
        } else {
            node.inbox_bytes += datagram.bytes.len();
            node.inbox.push_back(datagram);
            Fate::Arrived
        };
        self.trace.packet(self.now, from, to, header.as_ref(), fate);
        let late = self.rng.between(1, self.plan.network.process);
        self.process_at(to, self.now + late);
    }

    pub(super) fn process_at(&mut self, node: usize, at: u64) {
        let next = &mut self.nodes[node].process_at;
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            self.at(at, Step::Process(node));
        }
    }

    fn process(&mut self, id: usize) {
        let now = self.time();
        let node = &mut self.nodes[id];
        if node.process_at != Some(self.now) || node.pauses > 0 {
            return;
        }
        node.process_at = None;
        let life = node.life;
        let inbox = std::mem::take(&mut node.inbox);
        node.inbox_bytes = 0;
        let Some(mut endpoint) = node.endpoint.take() else {
            return;
        };
        let timers_first = self.rng.chance(300);
        if timers_first {
            endpoint.handle_timeout(now);
        }
        for mut datagram in inbox {
            if let Ok(header) = Header::parse(&datagram.bytes) {
                match header.kind {
                    PacketType::Cancel if datagram.is_genuine => {
                        // What came before has begun before it.
                        self.nodes[id].endpoint = Some(endpoint);
                        self.take_events(id);
                        let Some(again) = self.nodes[id].endpoint.take() else {
                            return;
                        };
                        endpoint = again;
                        self.checker.saw_cancel(id, life, header.session, header.rpc);
                    }
                    PacketType::Open => self.checker.saw_open(id, life, header.client, header.rpc),
                    _ => {}
                }
            }
            let is_server = self.nodes[id].is_server;
            let (from, local) = match datagram.route {
                Some(route) if !is_server => (SocketAddr::from((route, address(datagram.from).port())), None),
                route => (address(datagram.from), route),
            };
            endpoint.handle_at(now, from, local, &mut datagram.bytes);
        }
        if !timers_first {
            endpoint.handle_timeout(now);
        }
        self.nodes[id].endpoint = Some(endpoint);
        self.drive(id);
    }

    /// Takes out of an endpoint what it has to say, until it has no more.
    pub(super) fn drive(&mut self, id: usize) {
        let mut out = Datagrams::new();
        loop {
            let mut is_quiet = !self.take_events(id);
            self.take_reports(id);
            let (now, segments) = (self.time(), self.rng.pick(&[1, 4, 64]));
            while let Some(transmit) =
                self.nodes[id].endpoint.as_mut().and_then(|endpoint| endpoint.poll_transmit(now, segments, &mut out))
            {
                is_quiet = false;
                let to = super::node::id_of(transmit.to);
                let at_pointer = (transmit.to != address(to)).then(|| super::node::host(transmit.to));
                let route = transmit.from.or(at_pointer);
                for datagram in out.to_vec().chunks(transmit.segment_bytes) {
                    self.packets += 1;
                    self.send(id, (to, route), datagram.to_vec());
                }
            }
            if is_quiet {
                break;
            }
        }
        let Some(endpoint) = &self.nodes[id].endpoint else {
            return;
        };
        let (usage, life, timeout) = (endpoint.usage(), self.nodes[id].life, endpoint.poll_timeout());
        self.checker.check_usage(self.now, id, life, usage);
        if let Some(timeout) = timeout {
            let late = self.rng.between(1, self.plan.network.process);
            self.process_at(id, timeout.as_nanos().max(self.now) + late);
        }
    }

    /// When all is over nothing may be left.
    fn check_over(&mut self) {
        self.is_over = true;
        self.check_gate();
        for node in &self.nodes {
            let Some(endpoint) = &node.endpoint else {
                continue;
            };
            let (usage, timeout) = (endpoint.usage(), endpoint.poll_timeout());
            if usage != crate::endpoint::Usage::default() || timeout.is_some() {
                let detail = format!("n{} still holds {usage:?}, next time-out {timeout:?}", node.id);
                self.checker.violate(self.now, Rule::Leak, detail);
            }
        }
        let said = self.packets - self.packets_when_silent;
        if said > 0 {
            self.checker.violate(self.now, Rule::Leak, format!("{said} packets after everything had ended"));
        }
        let hostile = (self.plan.replays.len() + self.plan.forgeries.len() + 70 * self.plan.rogue.len()) as u64;
        let budget = self.checker.packet_budget(self.plan.faults.has(Fault::Duplication)) + 200 * hostile;
        if self.packets > budget {
            let detail = format!("{} packets, where {budget} should do", self.packets);
            self.checker.violate(self.now, Rule::Livelock, detail);
        }
    }
}
