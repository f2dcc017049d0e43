//! The machinery of a channel: threads that wait share one socket, one of them receives for all.

mod timing;

use super::later::Later;
use super::on_end::OnEnd;
use super::scratch::{SCRATCH, SPARE_BYTES_MAX, Scratch};
use crate::endpoint::{
    Answered, CallError, CallId, Config, Datagrams, Endpoint, Event, Landing, QuickMap, Request, Stats, Time,
};
use crate::io::{Clock, KnowsCalls, Link, LinkSocket, Port, PortSocket, Received, Socket, Timer};
use crate::wire::Pointer;
use crate::wire::control::OutstandingCall;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

type Outcome = Result<Answered, CallError>;

/// A waiting thread that does not receive, or whose receive nobody can end, looks at the time this often even when nothing arrives;
/// deadlines are kept to within twice that.
const TICK: Duration = Duration::from_millis(10);
/// Time between the starts of two calls after which what has come unheard is taken in before the second.
const PAUSE: Duration = Duration::from_millis(1);

#[derive(Debug)]
struct Waiters {
    /// Whether a thread is receiving for all.
    has_leader: bool,
    /// The call for whose end it waits, if it does nothing else meanwhile.
    led: Option<Led>,
    /// Threads that wait to be told.
    followers: usize,
    /// Other calls whose end somebody wants to know; with the end, once it has come.
    calls: QuickMap<CallId, Option<Outcome>>,
}

/// A call for whose end a thread receives.
#[derive(Debug)]
struct Led {
    call: CallId,
    /// Its end, where another thread has seen it.
    end: Option<Outcome>,
}

impl Waiters {
    /// The thread receives for all from now on, until this call has ended.
    fn lead(&mut self, call: CallId) {
        self.has_leader = true;
        self.led = Some(Led { call, end: None });
    }

    /// Leaves the end of a call for who wants to know it.
    fn leave(&mut self, call: CallId, end: Outcome) {
        match &mut self.led {
            Some(led) if led.call == call => led.end = Some(end),
            _ => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    *slot = Some(end);
                }
            }
        }
    }

    /// Whether the end that the receiving thread waits for has been left for it: it would receive on in vain.
    fn is_led_in_vain(&self) -> bool {
        self.led.as_ref().is_some_and(|led| led.end.is_some())
    }
}

/// A call that was started and not sent.
struct Begun<'a, T> {
    call: CallId,
    /// What came of expecting its end.
    expected: T,
    endpoint: MutexGuard<'a, Endpoint>,
    now: Time,
}

/// A socket, its endpoint, and those who wait for it.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) port: Port,
    peer: SocketAddr,
    pub(super) timer: Timer,
    pub(super) later: Later,
    sequence: AtomicI32,
    /// When the last call was started, in nanoseconds.
    started: AtomicU64,
    waiters: Mutex<Waiters>,
    changed: Condvar,
    /// Why the socket failed for good.
    failure: OnceLock<String>,
    on_end: OnEnd,
}

impl Core {
    /// Makes the socket, at this address of the machine if one is given, and starts the timer thread. Behind a switch, or where
    /// links route by pointers, each datagram has to be one packet.
    pub(super) fn start(
        peer: SocketAddr,
        local: Option<IpAddr>,
        is_behind_switch: bool,
        mut config: Config,
        on_end: OnEnd,
    ) -> io::Result<Arc<Self>> {
        let mut socket = Socket::connect(peer, local)?;
        config.datagram_bytes = socket.datagram_bytes();
        if config.native {
            socket = Socket::unconnected(peer, local)?;
        }
        if config.native || is_behind_switch {
            socket = socket.behind_switch();
        }
        Self::over(socket.into(), peer, config, on_end)
    }

    /// As [`Core::start`], on a link: memory operations are always routed by their pointers there.
    pub(super) fn start_on(link: &Link, peer: SocketAddr, mut config: Config, on_end: OnEnd) -> io::Result<Arc<Self>> {
        config.native = true;
        // Memory servers have many addresses.
        let is_memory = match peer.ip() {
            IpAddr::V6(ip) => Pointer::from_bytes(ip.octets()).is_routable(),
            IpAddr::V4(_) => return Err(io::Error::new(io::ErrorKind::Unsupported, "a link carries IPv6 only")),
        };
        let socket = LinkSocket::connect(link, (!is_memory).then_some(peer))?;
        config.datagram_bytes = socket.datagram_bytes();
        Self::over(socket.into(), peer, config, on_end)
    }

    fn over(socket: PortSocket, peer: SocketAddr, mut config: Config, on_end: OnEnd) -> io::Result<Arc<Self>> {
        if !socket.can_wake() {
            socket.set_receive_timeout(Some(TICK))?;
        }
        config.receive_buffer_bytes = socket.receive_buffer_bytes();
        config.reports = Port::reports(&socket);
        let clock = Clock::new();
        let endpoint = Endpoint::new(config, crate::io::seed()?);
        let waiters = Waiters { has_leader: false, led: None, followers: 0, calls: QuickMap::default() };
        let core = Arc::new(Self {
            port: Port::new(socket, clock, endpoint),
            peer,
            timer: Timer::new(clock),
            later: Later::default(),
            started: AtomicU64::new(0),
            sequence: AtomicI32::new(0),
            waiters: Mutex::new(waiters),
            changed: Condvar::new(),
            failure: OnceLock::new(),
            on_end,
        });
        let asked: Weak<dyn KnowsCalls> = Arc::<Self>::downgrade(&core);
        core.port.register(asked);
        let on_time = Arc::clone(&core);
        std::thread::Builder::new().name("bifrost-timer".into()).spawn(move || on_time.keep_time())?;
        Ok(core)
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The socket's number, to be polled with others.
    pub(super) fn socket_fd(&self) -> Option<i32> {
        self.port.socket.as_fd()
    }

    pub(super) fn stats(&self) -> Stats {
        self.port.stats()
    }

    pub(super) fn next_sequence(&self) -> i32 {
        self.sequence.fetch_add(1, Ordering::Relaxed) & i32::MAX
    }

    /// Takes a message's memory back.
    pub(super) fn recycle(&self, spent: Vec<u8>) {
        if spent.capacity() > SPARE_BYTES_MAX {
            return self.port.endpoint().recycle(spent);
        }
        Self::recycle_small(spent);
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a call. With `is_awaited`, its end is kept for [`Core::wait`].
    pub(super) fn begin(&self, request: Request, is_awaited: bool) -> Result<CallId, CallError> {
        self.begin_with(is_awaited, |endpoint, now, peer| endpoint.call(now, peer, request))
    }

    /// As [`Core::begin`], for whatever `start` makes of the endpoint.
    pub(super) fn begin_with(
        &self,
        is_awaited: bool,
        start: impl FnOnce(&mut Endpoint, Time, SocketAddr) -> Result<CallId, CallError>,
    ) -> Result<CallId, CallError> {
        let expect = |call| {
            if is_awaited {
                self.expect(call)
            }
        };
        let Begun { call, endpoint, now, .. } = self.begin_unsent(start, expect)?;
        self.send(now, endpoint);
        Ok(call)
    }

    /// Starts a call and waits for its end.
    pub(super) fn run(
        &self,
        start: impl FnOnce(&mut Endpoint, Time, SocketAddr) -> Result<CallId, CallError>,
    ) -> Outcome {
        let Begun { call, expected: leads, endpoint, now } =
            self.begin_unsent(start, |call| self.expect_or_lead(call))?;
        // Nothing is returned from between the send and the receive: see `Socket`.
        let received = SCRATCH.with_borrow_mut(|scratch| {
            // What was held is sent as well.
            let due = self.port.flush_locked(now, endpoint, &mut scratch.batch, &self.port.socket);
            self.timer.wake_by(due);
            leads.then(|| self.lead(call, scratch))
        });
        let ended = received.and_then(|received| self.end_lead(call, received).ok());
        ended.unwrap_or_else(|| self.wait(call))
    }

    /// Starts a call, and tells `expect` which it is before anybody can have seen its end. What is to be sent has not been sent.
    fn begin_unsent<T>(
        &self,
        start: impl FnOnce(&mut Endpoint, Time, SocketAddr) -> Result<CallId, CallError>,
        expect: impl FnOnce(CallId) -> T,
    ) -> Result<Begun<'_, T>, CallError> {
        self.check_socket()?;
        let now = self.port.clock.now();
        self.listen_after_pause(now);
        let mut endpoint = self.port.endpoint();
        let call = start(&mut endpoint, now, self.peer)?;
        let expected = expect(call);
        self.begin_put_off(now, &mut endpoint);
        Ok(Begun { call, expected, endpoint, now })
    }

    /// Whether the socket works.
    pub(super) fn check_socket(&self) -> Result<(), CallError> {
        match self.failure.get().cloned() {
            Some(message) => Err(CallError::Socket { message, may_have_run: false }),
            None => Ok(()),
        }
    }

    /// Somebody wants to know the call's end. The endpoint must not be free yet, so that nobody has seen it.
    pub(super) fn expect(&self, call: CallId) {
        self.waiters().calls.insert(call, None);
    }

    /// The same, where this thread is to wait for it at once. Says whether it is to receive for all.
    fn expect_or_lead(&self, call: CallId) -> bool {
        let mut waiters = self.waiters();
        let leads = !waiters.has_leader;
        if leads {
            waiters.lead(call)
        } else {
            _ = waiters.calls.insert(call, None)
        }
        leads
    }

    /// Sends what is to be sent.
    pub(super) fn send(&self, now: Time, endpoint: MutexGuard<'_, Endpoint>) {
        let due = SCRATCH
            .with_borrow_mut(|scratch| self.port.flush_locked(now, endpoint, &mut scratch.batch, &self.port.socket));
        self.timer.wake_by(due);
    }

    /// Whether the server of a request's service understands references; opens a session by a request if there is none.
    pub(super) fn peer_references(&self, service: u64, request: impl FnOnce() -> Request) -> Result<bool, CallError> {
        let lately = self.port.clock.lately();
        let known = self.port.endpoint().peer_references(lately, self.peer, service);
        if let Some(references) = known {
            return Ok(references);
        }
        let request = request();
        let asked = self.begin_with(true, |endpoint, now, peer| Ok(endpoint.ask_session(now, peer, request)))?;
        Ok(matches!(self.wait(asked)?, Answered::Session { references: true }))
    }

    /// Whether a batch may make objects, or name these, now.
    pub(super) fn may_span_objects(&self, objects: &[Pointer]) -> bool {
        self.port.endpoint().may_span_objects(self.peer, objects)
    }

    /// Nobody receives while no call is under way: a server's farewell may lie in the socket, and must be heard before
    /// a call is risked in the session that it ended.
    pub(super) fn listen_after_pause(&self, now: Time) {
        let before = self.started.load(Ordering::Relaxed);
        self.started.store(now.as_nanos(), Ordering::Relaxed);
        let has_paused = Duration::from_nanos(now.as_nanos().saturating_sub(before)) >= PAUSE;
        if has_paused && !self.port.socket.is_silent() {
            SCRATCH.with_borrow_mut(|scratch| self.take_in(scratch));
        }
    }

    /// Waits for the end of a call.
    pub(super) fn wait(&self, call: CallId) -> Outcome {
        self.send_held();
        let mut waiters = self.waiters();
        loop {
            if let Some(outcome) = waiters.calls.get_mut(&call).and_then(Option::take) {
                waiters.calls.remove(&call);
                return outcome;
            }
            if let Some(message) = self.failure.get().cloned() {
                waiters.calls.remove(&call);
                return Err(CallError::Socket { message, may_have_run: true });
            }
            if waiters.has_leader {
                waiters.followers += 1;
                waiters = self.changed.wait_timeout(waiters, TICK).unwrap_or_else(PoisonError::into_inner).0;
                waiters.followers -= 1;
                continue;
            }
            waiters.calls.remove(&call);
            waiters.lead(call);
            drop(waiters);
            let received = SCRATCH.with_borrow_mut(|scratch| self.lead(call, scratch));
            waiters = match self.end_lead(call, received) {
                Ok(outcome) => return outcome,
                Err(waiters) => waiters,
            };
        }
    }

    /// Somebody else may receive for all. The call's end, or, where nothing came, those who wait: the call's end is expected as that of
    /// others then.
    fn end_lead(
        &self,
        call: CallId,
        received: io::Result<Option<Outcome>>,
    ) -> Result<Outcome, MutexGuard<'_, Waiters>> {
        let mut waiters = self.waiters();
        waiters.has_leader = false;
        let left = waiters.led.take().and_then(|led| led.end);
        if waiters.followers > 0 {
            self.changed.notify_one();
        }
        let end = received.unwrap_or_else(|error| {
            self.fail(&error);
            None
        });
        end.or(left).ok_or_else(|| {
            waiters.calls.insert(call, None);
            waiters
        })
    }

    /// Receives for all until the call has ended, or its end has been left for it by another thread.
    #[inline(always)]
    fn lead(&self, call: CallId, scratch: &mut Scratch) -> io::Result<Option<Outcome>> {
        let mut place = None;
        loop {
            let (mut endpoint, now, received) = self.port.receive(&self.port.socket, place, scratch.buffer())?;
            // A receive that was ended brings no bytes.
            let is_idle = matches!(received, Received::Nothing | Received::Ended | Received::Bytes(0, ..));
            if is_idle {
                endpoint.handle_timeout(now);
            }
            place = if self.port.socket.takes_places() { endpoint.take_landing() } else { None };
            let wanted = self.deliver(&mut endpoint, Some(call));
            let due = self.port.flush_wanted(now, endpoint, &mut scratch.batch, &self.port.socket);
            self.timer.wake_by(due);
            // Without an end nothing may have come because another thread has seen it.
            if wanted.is_some() || is_idle || self.waiters().is_led_in_vain() {
                self.give_back(place);
                return Ok(wanted);
            }
        }
    }

    fn give_back(&self, place: Option<Landing>) {
        if let Some(place) = place {
            let now = self.port.clock.now();
            // Nothing was received into it, so there is nothing to handle.
            let _ = self.port.endpoint().give_landing(now, place, None);
        }
    }

    /// Hands out the ends of calls; that of `wanted` is returned instead.
    fn deliver(&self, endpoint: &mut Endpoint, wanted: Option<CallId>) -> Option<Outcome> {
        self.port.hand_on(endpoint);
        let mut own = None;
        let mut others: Option<MutexGuard<'_, Waiters>> = None;
        while let Some(event) = endpoint.poll_event() {
            let Event::Answer { call, result } = event else { continue };
            if Some(call) == wanted {
                own = Some(result);
                continue;
            }
            others.get_or_insert_with(|| self.waiters()).leave(call, result);
        }
        if let Some(waiters) = others {
            if waiters.followers > 0 {
                self.changed.notify_all();
            }
            if waiters.is_led_in_vain() {
                // Not here: the endpoint is locked.
                self.timer.wake_by(Some(self.port.clock.now()));
            }
            drop(waiters);
            self.on_end.tell();
        }
        own
    }

    fn fail(&self, error: &io::Error) {
        // The first failure is the one that is told.
        let _ = self.failure.set(error.to_string());
        self.changed.notify_all();
    }

    /// Whether the call has ended.
    pub(super) fn is_done(&self, call: CallId) -> bool {
        let ended = |waiters: &Waiters| waiters.calls.get(&call).is_none_or(Option::is_some);
        if !ended(&self.waiters()) {
            SCRATCH.with_borrow_mut(|scratch| self.take_in(scratch));
        }
        ended(&self.waiters())
    }

    /// Nobody wants to know the call's end any more; it goes on.
    pub(super) fn forget(&self, call: CallId) {
        self.waiters().calls.remove(&call);
    }

    /// Gives a call up.
    pub(super) fn cancel(&self, call: CallId) {
        self.waiters().calls.remove(&call);
        let now = self.port.clock.now();
        let mut endpoint = self.port.endpoint();
        endpoint.cancel(now, call);
        self.deliver(&mut endpoint, None);
        drop(endpoint);
        self.port.flush(&mut Datagrams::new());
    }

    /// Waits for oneway calls to be delivered, for `linger` at most; then ends all sessions and the timer thread.
    pub(super) fn close(&self, linger: Duration) {
        // Not the thread's own: this may run while the thread ends and its own is gone.
        let mut scratch = Scratch::new();
        let now = self.port.clock.now();
        let until = now.plus(linger);
        self.begin_put_off(now, &mut self.port.endpoint());
        while self.port.endpoint().usage().calls > 0 && self.port.clock.now() < until {
            self.take_in(&mut scratch);
            let waiters = self.waiters();
            let pause = Duration::from_micros(500);
            drop(self.changed.wait_timeout(waiters, pause).unwrap_or_else(PoisonError::into_inner));
        }
        self.timer.stop();
        let now = self.port.clock.now();
        self.port.endpoint().close(now);
        self.port.flush(&mut scratch.batch);
    }
}

impl KnowsCalls for Core {
    fn outstanding(&self, after: (u64, u64), max: usize) -> Vec<OutstandingCall> {
        self.port.endpoint().outstanding(after, max)
    }
}
