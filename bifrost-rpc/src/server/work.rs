//! Calls on their way through a server: run at once or queued for a worker, and answered.

use super::desk::Desk;
use super::queue::{Called, Job};
use super::shard::Shard;
use crate::buffer::MessageBuffer;
use crate::endpoint::{AnswerKind, Event, Time};
use crate::follow::{CallName, Running};
use crate::reference::Passing;
use crate::service::{Answer, CallContext};
use crate::wire::check_pointers;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// When a client whose call found the queue full is asked to try again.
const BUSY_RETRY: Duration = Duration::from_millis(1);

impl Shard {
    pub(super) fn on_event(self: &Arc<Self>, now: Time, event: Event, desk: &mut Desk) {
        match event {
            Event::Call { call, client, method, service, oneway, message, pointers, references, deadline, .. } => {
                let route = self.routes.methods.get(&method);
                let name = route.map(|route| route.name);
                let called =
                    Called { call, client, method, name, service, oneway, message, pointers, references, deadline };
                if route.is_some_and(|route| route.is_inline) {
                    self.run(now, called, desk);
                } else {
                    self.enqueue(now, Job { shard: Arc::clone(self), called });
                }
            }
            Event::Cancelled { call } => {
                if self.queue.remove(|job| job.called.call == call && Arc::ptr_eq(&job.shard, self)).is_some() {
                    self.never_runs(call);
                } else if let Some(handler) = self.memory_handler() {
                    handler.cancelled(call);
                }
            }
            Event::MemoryAnnounced { operation, bytes } => self.announce(&operation, bytes, desk),
            Event::Memory { ref operation, body } => self.run_memory(operation, body, desk),
            Event::MemorySessionEnded { session } => {
                if let Some(handler) = self.memory_handler() {
                    handler.session_ended(session);
                }
            }
            Event::Answer { .. } => {}
        }
    }

    fn enqueue(&self, now: Time, job: Job) {
        self.running.fetch_add(1, Ordering::AcqRel);
        if let Err(job) = self.queue.push(job) {
            if self.port.endpoint().refuse_busy(now, job.called.call, BUSY_RETRY) {
                self.running.fetch_sub(1, Ordering::AcqRel);
            } else {
                if let Err(job) = self.queue.push_over_limit(job) {
                    self.never_runs(job.called.call);
                }
            }
        }
    }

    /// Runs a job on a worker's thread and sends its answer.
    pub(super) fn run_job(&self, called: Called, desk: &mut Desk) {
        self.run(self.now(), called, desk);
        let now = self.now();
        let endpoint = self.answer_all(now, desk);
        self.finish(now, endpoint, desk, &self.port.socket);
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether an answer can be sent.
    fn check_answer(&self, reply: &MessageBuffer, references: bool) -> thrift::Result<()> {
        let (len, limit) = (reply.len(), self.limits.message_bytes_max);
        let error = match check_pointers(reply.pointers(), references) {
            Err(error) => error.to_string(),
            Ok(()) if len > limit => format!("an answer of {len} bytes, over the server's limit of {limit}"),
            Ok(()) => return Ok(()),
        };
        Err(thrift::new_application_error(thrift::ApplicationErrorKind::InternalError, error))
    }

    /// Runs a handler; its answer is left on the desk.
    fn run(&self, now: Time, job: Called, desk: &mut Desk) {
        let Some(service) = self.routes.services.get(job.service as usize) else { return };
        let context = CallContext {
            deadline: job.deadline.map(|deadline| deadline.since(now)),
            method: job.name,
            limits: self.limits,
            pointers: &job.pointers,
            references: job.references,
        };
        let mut reply = desk.buffer();
        let serving = self.routes.references.as_ref();
        reply.set_passing(serving.map(|serving| Passing::answer(serving, job.references)));
        let name = CallName { client: job.client, rpc: job.call.rpc() };
        let running = Running::begin(name, job.method);
        let called = catch_unwind(AssertUnwindSafe(|| service.call(&job.message, &context, &mut reply)));
        drop(running);
        let called = called.unwrap_or_else(|_panic| Err(crate::service::panicked()));
        let passing = reply.list_pointers();
        let answer = match called.and_then(|answer| self.check_answer(&reply, job.references).map(|()| answer)) {
            _ if job.oneway => None,
            Ok(Answer::Nothing) => {
                reply.clear();
                let error = crate::service::missing_result(job.name.unwrap_or_default());
                crate::service::write_failure(&job.message, error, &mut reply);
                Some((AnswerKind::Exception, reply.finish(), None))
            }
            Ok(Answer::Reply) => Some((AnswerKind::Reply, reply.finish(), passing)),
            Ok(Answer::Exception) => Some((AnswerKind::Exception, reply.finish(), None)),
            Err(error) => {
                reply.clear();
                crate::service::write_failure(&job.message, error, &mut reply);
                Some((AnswerKind::Exception, reply.finish(), None))
            }
        };
        desk.answers.push((job.call, job.method, answer));
        desk.recycle(job.message);
    }
}
