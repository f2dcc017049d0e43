//! One receiving thread of a server: its socket, its endpoint, the handlers it runs itself.

use super::Routes;
use super::busy::{BusyPeer, Candidates};
use super::desk::Desk;
use super::queue::{Job, Queue};
use crate::endpoint::{Config, Datagrams, Endpoint, ServedCall, Stats, Time, Usage};
use crate::io::{Clock, Guest, KnowsCalls, Port, PortSocket, RECEIVE_BYTES, Received, Timer};
use crate::memory::MemoryHandler;
use crate::protocol::Limits;
use crate::wire::control::OutstandingCall;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread whose socket fails tries again after this time.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
/// A socket with its endpoint and threads.
pub(super) struct Shard {
    pub(super) port: Port,
    pub(super) address: SocketAddr,
    pub(super) timer: Timer,
    pub(super) routes: Arc<Routes>,
    pub(super) queue: Arc<Queue<Job>>,
    pub(super) is_stopped: AtomicBool,
    /// Calls given to workers and not answered.
    pub(super) running: AtomicUsize,
    pause: (Mutex<()>, Condvar),
    pub(super) busy: Mutex<Vec<Arc<BusyPeer>>>,
    pub(super) busy_max: usize,
    pub(super) limits: Limits,
    /// What threads of other servers have at hand here.
    guest_desk: Mutex<Desk>,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shard {
    pub(super) fn new(
        socket: PortSocket,
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
        config.reports = Port::reports(&socket);
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
        if let Some(memory) = &routes.memory {
            endpoint.serve_memory();
            if memory.spans_objects() {
                endpoint.spans_objects();
            }
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
            guest_desk: Mutex::default(),
        })
    }

    /// Starts the receiving and the timer thread.
    pub(super) fn spawn(shard: &Arc<Self>) -> io::Result<[JoinHandle<()>; 2]> {
        let asked: Weak<dyn KnowsCalls> = Arc::<Self>::downgrade(shard);
        shard.port.register(asked);
        if let PortSocket::Link(socket) = &shard.port.socket {
            let guest: Weak<dyn Guest> = Arc::<Self>::downgrade(shard);
            socket.set_guest(guest);
        }
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
        self.port.stats()
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

    /// A call is not run any more.
    pub(super) fn never_runs(&self, call: ServedCall) {
        let mut endpoint = self.port.endpoint();
        endpoint.done(call);
        self.port.hand_on(&mut endpoint);
        drop(endpoint);
        self.ends();
    }

    /// Nothing comes in any more: all sessions have ended.
    pub(super) fn end_sessions(&self) {
        let mut endpoint = self.port.endpoint();
        endpoint.end_sessions();
        self.port.hand_on(&mut endpoint);
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.port.socket.shut_down();
        self.busy().iter().for_each(|peer| peer.socket.shut_down());
        self.timer.stop();
    }

    pub(super) fn pause(&self, time: Duration) {
        let guard = self.pause.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.pause.1.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner));
    }

    fn keep_time(self: &Arc<Self>) {
        let mut desk = Desk::default();
        let mut check = None;
        self.timer.run(|| {
            self.port.run_timers();
            let due = self.port.flush(&mut desk.batch);
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
    pub(super) fn receive(self: &Arc<Self>, socket: &PortSocket, busy: Option<&BusyPeer>) {
        let mut buffer = vec![0; RECEIVE_BYTES];
        let mut desk = Desk::default();
        let mut candidates = Candidates::default();
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
                (Received::Bytes(_, from, _), None) => {
                    if self.busy_max > 0 && candidates.has_become_busy(from) {
                        self.make_busy(from);
                    }
                }
                (Received::Nothing, _) => {}
            }
        }
        if let Some(place) = place {
            // Nothing was received into it, so there is nothing to handle.
            let _ = self.port.endpoint().give_landing(self.now(), place, None);
        }
    }

    /// Runs or queues the calls that have come, and sends what there is to send. Says whether there were any.
    #[inline(always)]
    fn serve<'a>(
        self: &'a Arc<Self>,
        now: Time,
        mut endpoint: MutexGuard<'a, Endpoint>,
        socket: &PortSocket,
        desk: &mut Desk,
    ) -> bool {
        let mut has_calls = false;
        loop {
            endpoint.take_events(&mut desk.events);
            if desk.events.is_empty() {
                break;
            }
            has_calls = true;
            drop(endpoint);
            let mut events = std::mem::take(&mut desk.events);
            while let Some(event) = events.pop_front() {
                self.on_event(now, event, desk);
            }
            desk.events = events;
            // An answer may let memory operations go that waited for it.
            endpoint = self.answer_all(now, desk);
        }
        self.finish(now, endpoint, desk, socket);
        has_calls
    }

    /// As [`Shard::serve`], on a thread that received nothing.
    #[inline(never)]
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
    #[inline(always)]
    pub(super) fn finish<'a>(
        &'a self,
        now: Time,
        mut endpoint: MutexGuard<'a, Endpoint>,
        desk: &mut Desk,
        socket: &PortSocket,
    ) {
        self.port.hand_on(&mut endpoint);
        let due = self.port.flush_wanted(now, endpoint, &mut desk.batch, socket);
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
        while let Some(spent) = desk.large.pop() {
            endpoint.recycle(spent);
        }
        endpoint
    }
}

impl Guest for Shard {
    fn take(self: Arc<Self>, from: SocketAddr, to: Ipv6Addr, datagram: &mut [u8]) {
        if self.is_stopped.load(Ordering::Acquire) {
            return;
        }
        let now = self.now();
        let mut endpoint = self.port.endpoint();
        endpoint.handle_at(now, from, Some(to), datagram);
        let mut own = Desk::default();
        let mut desk = self.guest_desk.try_lock();
        self.serve_own(now, endpoint, desk.as_deref_mut().unwrap_or(&mut own));
    }
}

impl KnowsCalls for Shard {
    fn outstanding(&self, after: (u64, u64), max: usize) -> Vec<OutstandingCall> {
        self.port.endpoint().outstanding(after, max)
    }
}
