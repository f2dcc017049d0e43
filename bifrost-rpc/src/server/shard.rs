//! One receiving thread of a server: its socket, its endpoint, the handlers it runs itself.

use super::Routes;
use super::queue::{Job, Queue};
use crate::buffer::{Message, MessageBuffer};
use crate::endpoint::{AnswerKind, Config, Datagrams, Endpoint, Event, MemoryReply, ServedCall, Stats, Time, Usage};
use crate::io::{Clock, Port, RECEIVE_BYTES, Received, Socket, Timer};
use crate::memory::MemoryHandler;
use crate::protocol::Limits;
use crate::reference::Passing;
use crate::service::{Answer, CallContext};
use crate::wire::{MethodField, check_pointers};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread whose socket fails tries again after this time.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
/// Datagrams in a row from one peer that make it a busy one.
const BUSY_STREAK: u32 = 128;
/// How often busy peers are looked at; one that sent nothing since the last time is busy no more.
const BUSY_CHECK: Duration = Duration::from_secs(2);
/// When a client whose call found the queue full is asked to try again.
const BUSY_RETRY: Duration = Duration::from_millis(1);
/// Small buffers that a thread keeps for its next answers.
const SPARE_MAX: usize = 64;
/// Larger buffers go back to the endpoint.
const SPARE_BYTES_MAX: usize = 16 * 1024;

/// A socket with its endpoint and threads.
pub(super) struct Shard {
    port: Port,
    address: SocketAddr,
    timer: Timer,
    routes: Arc<Routes>,
    queue: Arc<Queue<Job>>,
    is_stopped: AtomicBool,
    /// Calls given to workers and not answered.
    running: AtomicUsize,
    pause: (Mutex<()>, Condvar),
    busy: Mutex<Vec<Arc<BusyPeer>>>,
    busy_max: usize,
    limits: Limits,
}

/// A peer that sends so much that it has a connected socket and a thread of its own: the system then need not look up
/// the route for each answer, and other peers' calls run beside its.
#[derive(Debug)]
struct BusyPeer {
    socket: Socket,
    /// Datagrams taken in.
    received: AtomicU32,
    /// What `received` was when it was last looked at.
    seen: AtomicU32,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shard {
    pub(super) fn new(
        socket: Socket,
        config: &Config,
        limits: Limits,
        busy_max: usize,
        routes: &Arc<Routes>,
        queue: &Arc<Queue<Job>>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let mut config = config.clone();
        config.receive_buffer_bytes = socket.receive_buffer_bytes();
        config.datagram_bytes = socket.datagram_bytes();
        let mut endpoint = Endpoint::new(config, crate::io::seed()?);
        for (field, route) in &routes.methods {
            // Collisions were refused when the routes were made.
            let _ = endpoint.serve(*field, route.service);
        }
        for (number, service) in (0..).zip(&routes.services) {
            if !service.understands_references() {
                endpoint.takes_values_only(number);
            }
        }
        if routes.memory.is_some() {
            endpoint.serve_memory();
        }
        let clock = Clock::new();
        Ok(Self {
            port: Port::new(socket, clock, endpoint),
            address,
            timer: Timer::new(clock),
            routes: Arc::clone(routes),
            queue: Arc::clone(queue),
            is_stopped: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            pause: (Mutex::new(()), Condvar::new()),
            busy: Mutex::new(Vec::new()),
            busy_max,
            limits,
        })
    }

    /// Starts the receiving and the timer thread.
    pub(super) fn spawn(shard: &Arc<Self>) -> io::Result<[JoinHandle<()>; 2]> {
        let (receiving, keeping) = (Arc::clone(shard), Arc::clone(shard));
        let receive = std::thread::Builder::new().name("bifrost-io".into());
        let time = std::thread::Builder::new().name("bifrost-timer".into());
        Ok([
            receive.spawn(move || receiving.receive(&receiving.port.socket, None))?,
            time.spawn(move || keeping.keep_time())?,
        ])
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn now(&self) -> Time {
        self.port.clock.now()
    }

    pub(super) fn stats(&self) -> Stats {
        self.port.endpoint().stats()
    }

    pub(super) fn usage(&self) -> Usage {
        self.port.endpoint().usage()
    }

    pub(super) fn memory_handler(&self) -> Option<&dyn MemoryHandler> {
        self.routes.memory.as_deref()
    }

    /// Something begins that a server shutting down waits for.
    pub(super) fn begins(&self) {
        self.running.fetch_add(1, Ordering::AcqRel);
    }

    /// It has ended.
    pub(super) fn ends(&self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    pub(super) fn drain(&self) {
        self.port.endpoint().drain();
    }

    pub(super) fn farewell(&self) {
        self.port.endpoint().farewell(self.now());
        self.port.flush(&mut Datagrams::new());
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.port.socket.shut_down();
        self.busy().iter().for_each(|peer| peer.socket.shut_down());
        self.timer.stop();
    }

    fn busy(&self) -> MutexGuard<'_, Vec<Arc<BusyPeer>>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a peer a socket and a thread of its own.
    fn make_busy(self: &Arc<Self>, peer: SocketAddr) {
        let mut busy = self.busy();
        let is_stopped = self.is_stopped.load(Ordering::Acquire);
        if is_stopped || busy.len() >= self.busy_max || busy.iter().any(|other| other.socket.peer() == Some(peer)) {
            return;
        }
        // Where it cannot be had, the peer goes on being served with the others.
        let Ok(socket) = Socket::join_for(self.address, peer) else { return };
        if self.port.drain(&socket, &mut vec![0; RECEIVE_BYTES], usize::MAX).is_err() {
            return;
        }
        let (received, seen) = (AtomicU32::new(0), AtomicU32::new(u32::MAX));
        let peer = Arc::new(BusyPeer { socket, received, seen });
        let (shard, own) = (Arc::clone(self), Arc::clone(&peer));
        let thread = std::thread::Builder::new().name("bifrost-busy".into());
        let receive = move || {
            shard.receive(&own.socket, Some(&own));
            shard.busy().retain(|other| !Arc::ptr_eq(other, &own));
        };
        if thread.spawn(receive).is_ok() {
            busy.push(peer);
            self.timer.wake_by(Some(self.now().plus(BUSY_CHECK)));
        }
    }

    /// Ends the sockets of peers that are busy no more. Returns when to look again.
    fn check_busy(&self) -> Option<Time> {
        let busy = self.busy();
        for peer in busy.iter() {
            let received = peer.received.load(Ordering::Relaxed);
            if peer.seen.swap(received, Ordering::Relaxed) == received {
                peer.socket.shut_down();
            }
        }
        (!busy.is_empty()).then(|| self.now().plus(BUSY_CHECK))
    }

    pub(super) fn pause(&self, time: Duration) {
        let guard = self.pause.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.pause.1.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner));
    }

    fn keep_time(self: &Arc<Self>) {
        let mut desk = Desk::default();
        let mut check = None;
        self.timer.run(|| {
            let due = self.port.run_timers();
            self.port.flush(&mut desk.batch);
            let now = self.now();
            // A session that has ended leaves calls that need not run, and memory set aside for operations.
            let endpoint = self.port.endpoint();
            if endpoint.has_events() {
                self.serve_own(now, endpoint, &mut desk);
            }
            if check.is_none_or(|check| check <= now) {
                check = self.check_busy();
            }
            match (due, check) {
                (Some(due), Some(check)) => Some(due.min(check)),
                (due, check) => due.or(check),
            }
        });
    }

    /// Serves what comes in at a socket: the shard's own, or that of a busy peer.
    fn receive(self: &Arc<Self>, socket: &Socket, busy: Option<&BusyPeer>) {
        let mut buffer = vec![0; RECEIVE_BYTES];
        let mut desk = Desk::default();
        let mut streak = (self.address, 0);
        let mut place = None;
        while !self.is_stopped.load(Ordering::Acquire) {
            let Ok((mut endpoint, now, received)) = self.port.receive(socket, place.take(), &mut buffer) else {
                if busy.is_some() {
                    // The peer is served with the others again.
                    return;
                }
                // Nothing is known to cause this on a bound socket; do not spin on it.
                self.pause(FAILURE_PAUSE);
                continue;
            };
            // Only a busy peer's socket receives in place: others may see a message continue at another socket.
            place = busy.and_then(|_| endpoint.take_landing());
            let is_welcome = endpoint.expects_more() | self.serve(now, endpoint, socket, &mut desk);
            match (received, busy) {
                (Received::Ended, _) | (Received::Bytes(0, ..), Some(_)) => break,
                (Received::Bytes(..), Some(peer)) => _ = peer.received.fetch_add(1, Ordering::Relaxed),
                // Datagrams of strangers make nobody busy.
                (Received::Bytes(..), None) if !is_welcome => {}
                (Received::Bytes(_, from, _), None) if streak.0 == from => {
                    streak.1 += 1;
                    if streak.1 == BUSY_STREAK {
                        self.make_busy(from);
                        streak.1 = 0;
                    }
                }
                (Received::Bytes(_, from, _), None) => streak = (from, 0),
                (Received::Nothing, _) => {}
            }
        }
        if let Some(place) = place {
            // Nothing was received into it, so there is nothing to handle.
            let _ = self.port.endpoint().give_landing(self.now(), place, None);
        }
    }

    /// Runs or queues the calls that have come, and sends what there is to send. Says whether there were any.
    fn serve<'a>(
        self: &'a Arc<Self>,
        now: Time,
        mut endpoint: MutexGuard<'a, Endpoint>,
        socket: &Socket,
        desk: &mut Desk,
    ) -> bool {
        let mut has_calls = false;
        loop {
            while let Some(event) = endpoint.poll_event() {
                desk.events.push(event);
            }
            if desk.events.is_empty() {
                break;
            }
            has_calls = true;
            drop(endpoint);
            let mut events = std::mem::take(&mut desk.events);
            events.drain(..).for_each(|event| self.on_event(now, event, desk));
            desk.events = events;
            // An answer may let memory operations go that waited for it.
            endpoint = self.answer_all(now, desk);
        }
        self.finish(now, endpoint, desk, socket);
        has_calls
    }

    /// As [`Shard::serve`], on a thread that received nothing.
    pub(super) fn serve_own<'a>(self: &'a Arc<Self>, now: Time, endpoint: MutexGuard<'a, Endpoint>, desk: &mut Desk) {
        self.serve(now, endpoint, &self.port.socket, desk);
    }

    /// Gives a memory operation back undone.
    pub(super) fn give_back(&self, call: ServedCall, retry: Duration) {
        self.port.endpoint().refuse_busy(self.now(), call, retry);
        self.port.flush(&mut Datagrams::new());
        self.ends();
    }

    /// Sends what there is to send, and has the timer thread awake by when something is due.
    fn finish<'a>(&'a self, now: Time, endpoint: MutexGuard<'a, Endpoint>, desk: &mut Desk, socket: &Socket) {
        let due = if endpoint.wants_transmit() {
            self.port.flush_locked(now, endpoint, &mut desk.batch, socket)
        } else {
            endpoint.poll_timeout()
        };
        self.timer.wake_by(due);
    }

    /// Gives the endpoint the answers on the desk.
    pub(super) fn answer_all(&self, now: Time, desk: &mut Desk) -> MutexGuard<'_, Endpoint> {
        let mut endpoint = self.port.endpoint();
        for (call, method, answer) in desk.answers.drain(..) {
            match answer {
                Some((kind, message, passing)) => {
                    let is_kept = endpoint.reply(now, call, kind, method, message);
                    // What nobody waits for is not given away, but freed.
                    if let (Ok(true), Some(passing)) = (is_kept, passing) {
                        passing.give_up();
                    }
                }
                None => endpoint.done(call),
            }
        }
        for (call, reply) in desk.memory.drain(..) {
            endpoint.answer_memory(now, call, reply);
        }
        for spent in desk.large.drain(..) {
            endpoint.recycle(spent);
        }
        endpoint
    }

    fn on_event(self: &Arc<Self>, now: Time, event: Event, desk: &mut Desk) {
        match event {
            Event::Call { call, method, service, oneway, message, pointers, references, deadline, .. } => {
                let route = self.routes.methods.get(&method);
                let shard = Arc::clone(self);
                let job = Job { shard, call, method, service, oneway, message, pointers, references, deadline };
                if route.is_some_and(|route| route.is_inline) {
                    self.run(now, job, desk);
                } else {
                    self.enqueue(now, job);
                }
            }
            Event::Cancelled { call } => {
                if self.queue.remove(|job| job.call == call && Arc::ptr_eq(&job.shard, self)).is_some() {
                    self.running.fetch_sub(1, Ordering::AcqRel);
                } else if let Some(handler) = self.memory_handler() {
                    handler.cancelled(call);
                }
            }
            Event::MemoryAnnounced { operation, bytes } => self.announce(&operation, bytes, desk),
            Event::Memory { operation, body } => self.run_memory(&operation, body, desk),
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
            if self.port.endpoint().refuse_busy(now, job.call, BUSY_RETRY) {
                self.running.fetch_sub(1, Ordering::AcqRel);
            } else {
                self.queue.push_over_limit(job);
            }
        }
    }

    /// Runs a job on a worker's thread and sends its answer.
    pub(super) fn run_job(&self, job: Job, desk: &mut Desk) {
        self.run(self.now(), job, desk);
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
    fn run(&self, now: Time, job: Job, desk: &mut Desk) {
        let Some(service) = self.routes.services.get(job.service as usize) else { return };
        let method = self.routes.methods.get(&job.method).map(|route| route.name);
        let context = CallContext {
            deadline: job.deadline.map(|deadline| deadline.since(now)),
            method,
            limits: self.limits,
            pointers: &job.pointers,
            references: job.references,
        };
        let mut reply = desk.buffer();
        let serving = self.routes.references.as_ref();
        reply.set_passing(serving.map(|serving| Passing::answer(serving, job.references)));
        let called = catch_unwind(AssertUnwindSafe(|| service.call(&job.message, &context, &mut reply)));
        let called = called.unwrap_or_else(|_panic| Err(crate::service::panicked()));
        let passing = reply.list_pointers();
        let answer = match called.and_then(|answer| self.check_answer(&reply, job.references).map(|()| answer)) {
            _ if job.oneway => None,
            Ok(Answer::Nothing) => {
                reply.clear();
                let error = crate::service::missing_result(method.unwrap_or_default());
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

/// An answer's message, what it is, and what it gives away.
type Written = (AnswerKind, Message, Option<Passing>);

/// What a thread that runs handlers has at hand.
#[derive(Debug, Default)]
pub(super) struct Desk {
    batch: Datagrams,
    events: Vec<Event>,
    /// Answers to be given to the endpoint; none to a oneway call.
    answers: Vec<(ServedCall, MethodField, Option<Written>)>,
    /// Answers to memory operations.
    pub(super) memory: Vec<(ServedCall, MemoryReply)>,
    /// Small buffers for the next answers.
    spare: Vec<Vec<u8>>,
    /// Large buffers, which the endpoint receives into.
    large: Vec<Vec<u8>>,
}

impl Desk {
    fn buffer(&mut self) -> MessageBuffer {
        self.spare.pop().map_or_else(MessageBuffer::new, MessageBuffer::recycle)
    }

    fn recycle(&mut self, spent: Vec<u8>) {
        if spent.capacity() > SPARE_BYTES_MAX {
            self.large.push(spent);
        } else if self.spare.len() < SPARE_MAX {
            self.spare.push(spent);
        }
    }
}
