//! The run: virtual time, the queue of what happens next, and what each step does.

use super::Options;
use super::checker::{Checker, Entry, Rule};
use super::faults::Fault;
use super::hostile::Hostile;
use super::node::{Datagram, Job, Node, SERVICES, address, config, field};
use super::payload;
use super::plan::{Disruption, MS, Method, Plan, S, nanos};
use super::rng::Rng;
use super::trace::{Fate, Trace};
use crate::endpoint::{Config, Datagrams, Event, Request, Time, service_hash};
use crate::wire::{Header, PacketType};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Steps after which a run counts as endless.
const STEPS_MAX: u64 = 1_500_000;
/// How long a draining server waits for its clients.
const DRAIN_MAX: u64 = 5 * S;

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
    next_job: u64,
    /// Directions that are cut at the moment, by disruption.
    pub(super) cuts: Vec<(usize, usize, usize)>,
    pub(super) checker: Checker,
    pub(super) trace: Trace,
    pub(super) hostile: Hostile,
    /// Datagrams that nodes have sent.
    pub(super) packets: u64,
    packets_when_silent: u64,
    pub(super) is_over: bool,
}

impl World {
    pub(super) fn new(seed: u64, options: &Options) -> Self {
        let mut rng = Rng::new(super::rng::mix(seed ^ 0x00B1_F057));
        let plan = Plan::draw(&mut rng, options.faults);
        let config = config(&plan, options.checks());
        let nodes = (0..plan.clients + plan.servers).map(|id| Node::new(id, id >= plan.clients)).collect();
        let mut world = Self {
            checker: Checker::new(plan.clone()),
            hostile: Hostile::new(&plan, &mut rng),
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

    fn step(&mut self, step: Step) {
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
            Step::Settled => self.checker.check_ended(self.now),
            Step::Silent => self.packets_when_silent = self.packets,
            Step::Over => self.check_over(),
        }
    }

    fn time(&self) -> Time {
        Time::from_nanos(self.now)
    }

    fn start(&mut self, node: usize) {
        let config = self.config.clone();
        self.nodes[node].start(&self.plan, config, &mut self.rng);
    }

    fn stop(&mut self, node: usize) {
        for index in self.nodes[node].stop() {
            self.checker.entries[index].is_abandoned = true;
        }
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

    fn process_at(&mut self, node: usize, at: u64) {
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
            endpoint.handle(now, address(datagram.from), &mut datagram.bytes);
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
            let (now, segments) = (self.time(), self.rng.pick(&[1, 4, 64]));
            while let Some(transmit) =
                self.nodes[id].endpoint.as_mut().and_then(|endpoint| endpoint.poll_transmit(now, segments, &mut out))
            {
                is_quiet = false;
                let to = super::node::id_of(transmit.to);
                for datagram in out.to_vec().chunks(transmit.segment_bytes) {
                    self.packets += 1;
                    self.send(id, to, datagram.to_vec());
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

    /// Takes out the events; says whether there were any.
    fn take_events(&mut self, id: usize) -> bool {
        let mut any = false;
        while let Some(event) = self.nodes[id].endpoint.as_mut().and_then(crate::endpoint::Endpoint::poll_event) {
            any = true;
            self.on_event(id, event);
        }
        any
    }

    fn on_event(&mut self, id: usize, event: Event) {
        match event {
            Event::Answer { call, result } => {
                if let Some(index) = self.nodes[id].calls.remove(&call) {
                    self.trace.text(self.now, || match &result {
                        Ok(_) => format!("n{id} call #{index} is answered"),
                        Err(error) => format!("n{id} call #{index} FAILS: {error}"),
                    });
                    self.checker.ended(self.now, index, &result);
                } else {
                    self.checker.violate(self.now, Rule::EndedTwice, format!("{call:?} of n{id} ended again"));
                }
            }
            Event::Call { call, method, service, oneway, message, .. } => {
                let Some(called) = super::node::method_of(service, method) else {
                    return self.checker.violate(
                        self.now,
                        Rule::Payload,
                        format!("n{id} runs unknown method {method}"),
                    );
                };
                let at = (id, self.nodes[id].life);
                let Some(index) = self.checker.received(self.now, at, call.parts(), &message, called) else {
                    return;
                };
                let job = Job { call, index, method, oneway, is_started: false };
                self.take_job(id, job);
            }
            Event::Cancelled { call } => {
                let node = &mut self.nodes[id];
                node.jobs.retain(|_, job| job.call != call || job.is_started);
            }
        }
    }

    fn take_job(&mut self, id: usize, job: Job) {
        let (now, life, index) = (self.time(), self.nodes[id].life, job.index);
        let Some(endpoint) = self.nodes[id].endpoint.as_mut() else {
            return;
        };
        if self.rng.chance(self.plan.busy) && endpoint.refuse_busy(now, job.call, std::time::Duration::from_millis(1)) {
            self.trace.text(self.now, || format!("n{id} gives call #{index} back"));
            return self.checker.given_back(self.now, index);
        }
        self.trace.text(self.now, || format!("n{id} takes call #{index}"));
        self.next_job += 1;
        let number = self.next_job;
        self.nodes[id].jobs.insert(number, job);
        self.later(|rng, longest| rng.below(longest), Step::Start(id, life, number));
    }

    /// A step now or, as often, later.
    fn later(&mut self, after: impl FnOnce(&mut Rng, u64) -> u64, step: Step) {
        if self.plan.handler == 0 || self.rng.chance(500) {
            self.step(step);
        } else {
            let after = after(&mut self.rng, self.plan.handler);
            self.at(self.now + after, step);
        }
    }

    fn on_job(&mut self, id: usize, life: u32, number: u64, is_start: bool) {
        if self.nodes[id].life != life {
            return;
        }
        if self.nodes[id].pauses > 0 {
            // It goes on when the node does.
            let step = if is_start { Step::Start(id, life, number) } else { Step::Finish(id, life, number) };
            return self.at(self.now + 10 * MS, step);
        }
        let Some(job) = self.nodes[id].jobs.get_mut(&number) else {
            return;
        };
        let (index, call, method, oneway) = (job.index, job.call, job.method, job.oneway);
        if is_start {
            job.is_started = true;
            self.trace.text(self.now, || format!("n{id} call #{index} has its effect"));
            self.checker.effect(self.now, index);
            return self.later(|rng, longest| rng.below(longest), Step::Finish(id, life, number));
        }
        self.nodes[id].jobs.remove(&number);
        let bytes = payload::answer(Checker::key(index), self.checker.entries[index].answer_bytes);
        let (now, kind) = (self.time(), Checker::answer_kind(index));
        if let Some(endpoint) = self.nodes[id].endpoint.as_mut() {
            if oneway {
                endpoint.done(call);
            } else {
                endpoint.reply(now, call, kind, method, payload::message(bytes));
            }
        }
        // A job that ends while events are being taken out is followed up there as well; twice does no harm.
        self.process_at(id, self.now + 1);
    }

    fn issue(&mut self, planned: usize) {
        let call = self.plan.calls[planned];
        let now = self.time();
        if self.nodes[call.client].endpoint.is_none() || self.nodes[call.client].pauses > 0 {
            return;
        }
        let entry = Entry {
            service: call.service,
            request_bytes: call.bytes,
            answer_bytes: call.answer_bytes,
            deadline: call.deadline,
            ..Entry::new(call.client, call.server, call.method, self.now)
        };
        let index = self.checker.enter(entry);
        let service = SERVICES[call.service];
        let request = Request {
            method: field(service, call.method),
            service: service_hash(service),
            oneway: call.method == Method::Note,
            idempotent: call.method == Method::AddIdempotent,
            deadline: call.deadline,
            message: payload::message(payload::request(Checker::key(index), call.bytes)),
        };
        self.trace.text(self.now, || format!("n{} calls n{}: #{index} {call:?}", call.client, call.server));
        let node = &mut self.nodes[call.client];
        let life = node.life;
        let Some(endpoint) = node.endpoint.as_mut() else {
            return;
        };
        match endpoint.call(now, address(call.server), request) {
            Ok(id) => {
                node.calls.insert(id, index);
            }
            Err(error) => self.checker.ended(self.now, index, &Err(error)),
        }
        if let Some(after) = call.cancel_after {
            self.at(self.now + after, Step::Cancel(call.client, life, index));
        }
        self.drive(call.client);
    }

    fn cancel(&mut self, id: usize, life: u32, index: usize) {
        let now = self.time();
        let node = &mut self.nodes[id];
        if node.life != life || node.pauses > 0 || self.checker.entries[index].has_ended() {
            return;
        }
        let found = node.calls.iter().find(|(_, at)| **at == index).map(|(call, _)| *call);
        let (Some(call), Some(endpoint)) = (found, node.endpoint.as_mut()) else {
            return;
        };
        self.checker.entries[index].cancelled = true;
        endpoint.cancel(now, call);
        self.trace.text(self.now, || format!("n{id} cancels call #{index}"));
        self.drive(id);
    }

    fn disrupt(&mut self, index: usize) {
        let (_, until, what) = self.plan.disruptions[index];
        let now = self.time();
        self.trace.text(self.now, || format!("{what:?} begins"));
        match what {
            Disruption::Crash(node) => {
                self.nodes[node].down += 1;
                self.stop(node);
            }
            Disruption::Pause(node) => self.nodes[node].pauses += 1,
            Disruption::Cut(..) | Disruption::Close(_) => {}
            Disruption::Drain(node) => {
                let Some(endpoint) = self.nodes[node].endpoint.as_mut() else {
                    return;
                };
                endpoint.drain();
                let number = self.checker.begin(self.now, what);
                let step = Step::DrainPoll(node, self.nodes[node].life, number, self.now + DRAIN_MAX);
                return self.at(self.now + 20 * MS, step);
            }
        }
        let number = self.checker.begin(self.now, what);
        match what {
            Disruption::Cut(from, to, both) => {
                self.cuts.push((number, from, to));
                if both {
                    self.cuts.push((number, to, from));
                }
            }
            Disruption::Close(node) => {
                let can = self.nodes[node].pauses == 0;
                if let Some(endpoint) = self.nodes[node].endpoint.as_mut().filter(|_| can) {
                    endpoint.close(now);
                    self.drive(node);
                }
                return self.checker.end(self.now, number);
            }
            _ => {}
        }
        self.at(until, Step::Restore(number, what));
    }

    fn restore(&mut self, number: usize, what: Disruption) {
        self.trace.text(self.now, || format!("{what:?} ends"));
        self.checker.end(self.now, number);
        match what {
            Disruption::Crash(node) | Disruption::Drain(node) => {
                self.nodes[node].down -= 1;
                if self.nodes[node].down == 0 {
                    self.start(node);
                }
            }
            Disruption::Pause(node) => {
                self.nodes[node].pauses -= 1;
                self.nodes[node].process_at = None;
                self.process_at(node, self.now + 1);
            }
            Disruption::Cut(..) => self.cuts.retain(|(cut, _, _)| *cut != number),
            Disruption::Close(_) => {}
        }
    }

    /// A draining server ends when nothing is left to do, or it has waited long enough; its successor comes soon.
    fn drain_poll(&mut self, node: usize, life: u32, number: usize, latest: u64) {
        let server = &self.nodes[node];
        let Some(endpoint) = server.endpoint.as_ref().filter(|_| server.life == life) else {
            return self.checker.end(self.now, number);
        };
        let is_busy = endpoint.usage().served > 0 || !server.jobs.is_empty();
        if (is_busy || server.pauses > 0) && self.now < latest {
            return self.at(self.now + 20 * MS, Step::DrainPoll(node, life, number, latest));
        }
        self.nodes[node].down += 1;
        self.stop(node);
        let until = self.now + self.rng.below(S);
        self.at(until, Step::Restore(number, Disruption::Drain(node)));
    }

    /// When all is over nothing may be left.
    fn check_over(&mut self) {
        self.is_over = true;
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
