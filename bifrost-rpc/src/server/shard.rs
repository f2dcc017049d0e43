//! One receiving thread of a server: its socket, its endpoint, the handlers it runs itself.

use super::Routes;
use super::queue::{Job, Queue};
use crate::buffer::MessageBuffer;
use crate::endpoint::{AnswerKind, Config, Datagrams, Endpoint, Event, Stats, Time, Usage};
use crate::io::{Clock, Port, RECEIVE_BYTES, Received, Socket, Timer};
use crate::service::{Answer, CallContext};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A waiting thread looks this often whether it is to stop.
const STOP_TICK: Duration = Duration::from_millis(100);
/// When a client whose call found the queue full is asked to try again.
const BUSY_RETRY: Duration = Duration::from_millis(1);

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
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shard {
    pub(super) fn bind(
        address: SocketAddr,
        shared: bool,
        config: &Config,
        routes: &Arc<Routes>,
        queue: &Arc<Queue<Job>>,
    ) -> io::Result<Self> {
        let socket = Socket::bind(address, shared)?;
        socket.set_receive_timeout(Some(STOP_TICK))?;
        let address = socket.local_addr()?;
        let mut config = config.clone();
        config.receive_buffer_bytes = socket.receive_buffer_bytes();
        config.datagram_bytes = socket.datagram_bytes();
        let mut endpoint = Endpoint::new(config, crate::io::seed()?);
        for (field, route) in &routes.methods {
            // Collisions were refused when the routes were made.
            let _ = endpoint.serve(*field, route.service);
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
        })
    }

    /// Starts the receiving and the timer thread.
    pub(super) fn spawn(shard: &Arc<Self>) -> io::Result<[JoinHandle<()>; 2]> {
        let (receiving, keeping) = (Arc::clone(shard), Arc::clone(shard));
        let receive = std::thread::Builder::new().name("bifrost-io".into());
        let time = std::thread::Builder::new().name("bifrost-timer".into());
        Ok([receive.spawn(move || receiving.receive())?, time.spawn(move || keeping.keep_time())?])
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

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    pub(super) fn drain(&self) {
        self.port.endpoint().drain();
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.timer.stop();
    }

    pub(super) fn pause(&self, time: Duration) {
        let guard = self.pause.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.pause.1.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner));
    }

    fn keep_time(&self) {
        let mut batch = Datagrams::new();
        self.timer.run(|| {
            let due = self.port.run_timers();
            self.port.flush(&mut batch);
            due
        });
    }

    fn receive(self: &Arc<Self>) {
        let mut buffer = vec![0; RECEIVE_BYTES];
        let mut batch = Datagrams::new();
        let mut events = Vec::new();
        while !self.is_stopped.load(Ordering::Acquire) {
            match self.port.socket.receive(&mut buffer) {
                Ok(Received::Bytes(bytes, from)) => {
                    let now = self.now();
                    let mut endpoint = self.port.endpoint();
                    endpoint.handle(now, from, &mut buffer[..bytes]);
                    while let Some(event) = endpoint.poll_event() {
                        events.push(event);
                    }
                    drop(endpoint);
                    events.drain(..).for_each(|event| self.on_event(event));
                    self.port.flush(&mut batch);
                    self.timer.wake_by(self.port.endpoint().poll_timeout());
                }
                Ok(Received::Nothing) => {}
                // Nothing is known to cause this on a bound socket; do not spin on it.
                Err(_) => self.pause(STOP_TICK),
            }
        }
    }

    fn on_event(self: &Arc<Self>, event: Event) {
        match event {
            Event::Call { call, method, service, oneway, message, deadline, .. } => {
                let is_inline = self.routes.methods.get(&method).is_some_and(|route| route.is_inline);
                let shard = Arc::clone(self);
                let job = Job { shard, call, method, service, oneway, message, deadline };
                if is_inline {
                    self.run(&job);
                    self.port.endpoint().recycle(job.message);
                } else {
                    self.enqueue(job);
                }
            }
            Event::Cancelled { call } => {
                if self.queue.remove(|job| job.call == call && Arc::ptr_eq(&job.shard, self)).is_some() {
                    self.running.fetch_sub(1, Ordering::AcqRel);
                }
            }
            Event::Answer { .. } => {}
        }
    }

    fn enqueue(&self, job: Job) {
        self.running.fetch_add(1, Ordering::AcqRel);
        if let Err(job) = self.queue.push(job) {
            self.running.fetch_sub(1, Ordering::AcqRel);
            self.port.endpoint().refuse_busy(self.now(), job.call, BUSY_RETRY);
        }
    }

    /// Runs a job on a worker's thread and sends what there is to send.
    pub(super) fn run_job(&self, job: Job) {
        self.run(&job);
        self.port.endpoint().recycle(job.message);
        self.port.flush(&mut Datagrams::new());
        self.timer.wake_by(self.port.endpoint().poll_timeout());
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    fn run(&self, job: &Job) {
        let now = self.now();
        let method = self.routes.methods.get(&job.method).map(|route| route.name);
        let context = CallContext { deadline: job.deadline.map(|deadline| deadline.since(now)), method };
        let Some(service) = self.routes.services.get(job.service as usize) else { return };
        let mut reply = self.port.endpoint().buffer();
        let answer = service.call(&job.message, &context, &mut reply);
        self.answer(job, answer, reply);
    }

    fn answer(&self, job: &Job, answer: thrift::Result<Answer>, mut reply: MessageBuffer) {
        let now = self.now();
        let kind = match answer {
            _ if job.oneway => return self.port.endpoint().done(job.call),
            Ok(Answer::Reply) => AnswerKind::Reply,
            Ok(Answer::Exception) => AnswerKind::Exception,
            Ok(Answer::Nothing) => return self.port.endpoint().done(job.call),
            Err(error) => {
                reply.clear();
                crate::service::write_failure(error, &mut reply);
                AnswerKind::Exception
            }
        };
        self.port.endpoint().reply(now, job.call, kind, job.method, reply.finish());
    }
}
