//! What runs above the endpoints: clients that make calls and give some up, servers that work on them.

use super::checker::{Checker, Entry, Rule};
use super::node::{Job, SERVICES, address, field};
use super::payload;
use super::plan::{CallPlan, MS, Method};
use super::rng::Rng;
use super::world::{Step, World};
use crate::endpoint::{CallError, CallId, Event, Request, service_hash};

impl World {
    /// Takes out the events; says whether there were any.
    pub(super) fn take_events(&mut self, id: usize) -> bool {
        let mut any = false;
        while let Some(event) = self.nodes[id].endpoint.as_mut().and_then(crate::endpoint::Endpoint::poll_event) {
            any = true;
            self.on_event(id, event);
        }
        any
    }

    /// Tells the control plane what the node has to report.
    pub(super) fn take_reports(&mut self, id: usize) {
        while let Some(line) = self.nodes[id].endpoint.as_mut().and_then(crate::endpoint::Endpoint::poll_report) {
            self.gate_hears(id, line);
        }
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
            Event::Call { call, method, service, oneway, message, pointers, references, .. } => {
                let Some(called) = super::node::method_of(service, method) else {
                    return self.checker.violate(
                        self.now,
                        Rule::Payload,
                        format!("n{id} runs unknown method {method}"),
                    );
                };
                self.gate_starts(id, call.parts(), !pointers.is_empty());
                let (at, by_value) = ((id, self.nodes[id].life), self.nodes[id].takes_values_only(&self.plan));
                let Some(index) = self.checker.received(self.now, at, call.parts(), &message, called) else {
                    return;
                };
                self.checker.received_pointers(self.now, index, &pointers, references, by_value);
                let job = Job { call, index, method, oneway, is_started: false, memory: None };
                self.take_job(id, job);
            }
            Event::MemoryAnnounced { operation, .. } => self.on_announced(id, &operation),
            Event::Memory { operation, body } => self.on_memory(id, &operation, body),
            Event::Cancelled { call } => {
                let node = &mut self.nodes[id];
                let before = node.jobs.len();
                node.jobs.retain(|_, job| job.call != call || job.is_started);
                if let Some(endpoint) = node.endpoint.as_mut().filter(|_| node.jobs.len() < before) {
                    endpoint.done(call);
                }
            }
            Event::MemorySessionEnded { .. } => {}
        }
    }

    pub(super) fn take_job(&mut self, id: usize, job: Job) {
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

    pub(super) fn on_job(&mut self, id: usize, life: u32, number: u64, is_start: bool) {
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
            self.memory_effect(id, number);
            return self.later(|rng, longest| rng.below(longest), Step::Finish(id, life, number));
        }
        let job = self.nodes[id].jobs.remove(&number);
        if let Some((_, object, _)) = job.and_then(|job| job.memory) {
            self.answer_memory(id, call, index, object);
            return self.process_at(id, self.now + 1);
        }
        let bytes = payload::answer(Checker::key(index), self.checker.entries[index].answer_bytes);
        let (now, kind) = (self.time(), Checker::answer_kind(index));
        if let Some(endpoint) = self.nodes[id].endpoint.as_mut() {
            if oneway {
                endpoint.done(call);
            } else {
                let message = payload::message(bytes, payload::answer_pointers(Checker::key(index)));
                let replied = endpoint.reply(now, call, kind, method, message);
                if let Err(error) = replied {
                    self.checker.violate(self.now, Rule::Payload, format!("call #{index} cannot be answered: {error}"));
                }
            }
        }
        // A job that ends while events are being taken out is followed up there as well; twice does no harm.
        self.process_at(id, self.now + 1);
    }

    pub(super) fn issue(&mut self, planned: usize) {
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
        if call.method.is_memory() {
            return self.issue_memory(index, &call);
        }
        let (service, key) = (SERVICES[call.service], Checker::key(index));
        let request = Request {
            method: field(service, call.method),
            service: service_hash(service),
            oneway: call.method == Method::Note,
            idempotent: call.method == Method::AddIdempotent,
            deadline: call.deadline,
            references: payload::takes_references(key),
            message: payload::message(payload::request(key, call.bytes), payload::request_pointers(key)),
        };
        self.trace.text(self.now, || format!("n{} calls n{}: #{index} {call:?}", call.client, call.server));
        let node = &mut self.nodes[call.client];
        let life = node.life;
        let Some(endpoint) = node.endpoint.as_mut() else {
            return;
        };
        let issued = endpoint.call(now, address(call.server), request);
        self.issued(index, &call, life, issued);
    }

    /// A call was made, or could not be.
    pub(super) fn issued(&mut self, index: usize, call: &CallPlan, life: u32, issued: Result<CallId, CallError>) {
        match issued {
            Ok(id) => {
                self.nodes[call.client].calls.insert(id, index);
            }
            Err(error) => self.checker.ended(self.now, index, &Err(error)),
        }
        if let Some(after) = call.cancel_after {
            self.at(self.now + after, Step::Cancel(call.client, life, index));
        }
        self.drive(call.client);
    }

    pub(super) fn cancel(&mut self, id: usize, life: u32, index: usize) {
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
}
