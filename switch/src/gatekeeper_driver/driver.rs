//! The driver: a thread, and those of the switch that take packets in by themselves.

use super::asker::{Asker, Event, Events};
use super::changer::Changer;
use super::counts::Counts;
use super::followed::Followed;
use super::journal::Journal;
use super::log::Log;
use super::machine::Machine;
use super::run::Run;
use super::servers::{Place, Servers};
use super::waker::Waker;
use super::watch::PERIOD;
use crate::daemon::Frames;
use crate::gatekeeper::{Config, Gatekeeper};
use crate::runtime::SwitchControl;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::{FramePort, LinkError, Taker};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

/// Why a driver does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The way to the memory servers cannot be made.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// There are no random numbers.
    #[error("cannot draw random numbers: {0}")]
    Random(getrandom::Error),
}

/// What a driver connects the state machine to.
#[derive(Debug)]
pub struct Parts {
    /// The control plane's port, 510: packet-ins come from it, packet-outs go into it.
    pub port: Arc<dyn FramePort>,
    /// The switch's tables.
    pub switch: Arc<dyn SwitchControl>,
    /// What outlives the control plane. Its records were given to the state machine.
    pub log: Log,
    /// Where the control plane is.
    pub place: Place,
}

impl Driver<Gatekeeper> {
    /// Starts Gatekeeper, with what its log says.
    ///
    /// # Errors
    ///
    /// [`DriverError`].
    pub fn gatekeeper(mut parts: Parts, config: Config) -> Result<Self, DriverError> {
        let mut seed = [0; 48];
        getrandom::fill(&mut seed).map_err(DriverError::Random)?;
        let records = parts.log.take_records();
        Self::start(parts, |now| Gatekeeper::new(config, records, now, &seed))
    }
}

/// A control plane that runs. Dropping it ends it; the rack goes on forwarding.
#[derive(Debug)]
pub struct Driver<M: Machine> {
    events: Events<M>,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<M: Machine> Driver<M> {
    /// Starts the thread. `make` is told the time at which the state machine begins.
    ///
    /// # Errors
    ///
    /// [`DriverError`].
    pub fn start(parts: Parts, make: impl FnOnce(Time) -> M) -> Result<Self, DriverError> {
        let (sender, inbox) = channel();
        let clock = clock();
        let waker = Waker::new(Arc::clone(&parts.port), PERIOD);
        let events = Events::new(sender, Arc::clone(&waker));
        let tell = events.clone();
        // Once the driver has ended nobody is told.
        let tell = move |wrote| _ = tell.tell(Event::Wrote(wrote));
        let told = events.clone();
        let changed = move || _ = told.tell(Event::Tables);
        let is_stopped = Arc::new(AtomicBool::new(false));
        let is_local = parts.switch.is_local();
        let run = Run {
            servers: Servers::new(Arc::clone(&parts.port), &parts.place, waker)?,
            journal: Journal::start(parts.log, tell).map_err(DriverError::Thread)?,
            changer: Changer::start(parts.switch, move || time(clock), changed).map_err(DriverError::Thread)?,
            machine: make(time(clock)),
            port: Arc::clone(&parts.port),
            clock,
            events: events.clone(),
            inbox,
            patient: Vec::new(),
            counts: Counts::default(),
            followed: Followed::default(),
            is_stopped: Arc::clone(&is_stopped),
            left: Vec::new(),
            leaving: Frames::default(),
            waits_until: Time::ZERO,
        };
        let shared = Shared {
            run: Mutex::new(Some(run)),
            waker: Arc::clone(&events.waker),
            is_stopped: Arc::clone(&is_stopped),
        };
        let (shared, port) = (Arc::new(shared), parts.port);
        let thread = std::thread::Builder::new().name("bifrost-gatekeeper".into()).spawn(move || {
            // A switch that is slow to change its tables must not wait for that itself.
            if is_local {
                port.set_taker(Some(taker(&shared)));
            }
            shared.run();
            port.set_taker(None);
            shared.end();
        });
        Ok(Self { events, is_stopped, thread: Some(thread.map_err(DriverError::Thread)?) })
    }

    /// A handle by which others ask.
    #[must_use]
    pub fn asker(&self) -> Asker<M> {
        Asker::new(self.events.clone())
    }

    /// Whether it runs: not once the switch has ended, or another control plane has taken over.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it in good order: what is decided is written down.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        self.events.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

impl<M: Machine> Drop for Driver<M> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the driver's thread and those of the switch share.
struct Shared<M: Machine> {
    /// `None` once it has ended.
    run: Mutex<Option<Run<M>>>,
    waker: Arc<Waker>,
    is_stopped: Arc<AtomicBool>,
}

impl<M: Machine> Shared<M> {
    /// The driver's thread. It ends when it is told to, the port has ended, or the state machine has panicked elsewhere.
    fn run(&self) {
        let Some(()) = self.with(Run::begin) else { return };
        while !self.is_stopped.load(Ordering::Acquire) {
            let Some(wait) = self.with(Run::rest) else { return };
            let mut held = None;
            let goes_on = self.waker.receive(wait, &mut |packet| {
                if let Some(run) = held.get_or_insert_with(|| self.lock()) {
                    run.as_mut().into_iter().for_each(|run| run.on_packet(run.now(), packet));
                }
            });
            drop(held);
            if self.with(Run::turn).is_none() || !goes_on {
                return;
            }
        }
    }

    /// Lets nobody do anything more, and writes down what is decided.
    fn end(&self) {
        drop(self.run.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// `None`: the state machine has panicked.
    fn lock(&self) -> Option<MutexGuard<'_, Option<Run<M>>>> {
        self.run.lock().ok()
    }

    fn with<R>(&self, act: impl FnOnce(&mut Run<M>) -> R) -> Option<R> {
        self.lock()?.as_mut().map(act)
    }

    /// Takes in what has come, if nobody else does; says whether it did.
    fn take(&self) -> bool {
        let turn = |run: &mut Option<Run<M>>| run.as_mut().is_some_and(Run::turn_of_guest);
        let take = || self.run.try_lock().is_ok_and(|mut run| turn(&mut run));
        // A fault of the control plane ends the control plane, and not who carries packets.
        catch_unwind(AssertUnwindSafe(take)).unwrap_or_else(|_| {
            self.waker.wake();
            false
        })
    }
}

fn taker<M: Machine>(shared: &Arc<Shared<M>>) -> Taker {
    let shared: Weak<Shared<M>> = Arc::downgrade(shared);
    Arc::new(move || shared.upgrade().is_some_and(|shared| shared.take()))
}

#[expect(clippy::disallowed_methods, reason = "drivers mint the time")]
fn clock() -> Instant {
    Instant::now()
}

/// Nanoseconds since the clock was made, plus one second, so that no time is the origin.
pub(super) fn time(clock: Instant) -> Time {
    Time::from_nanos(1_000_000_000 + u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX / 2))
}

#[cfg(test)]
mod tests;
