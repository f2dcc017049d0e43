//! The thread that owns the state machine.

use super::asker::{Asker, Event, Events};
use super::changer::{Changer, Done, Order};
use super::counts::Counts;
use super::followed::{self, Followed};
use super::headers::{packet_in, packet_out};
use super::journal::{Journal, Wrote};
use super::log::Log;
use super::machine::Machine;
use super::servers::{Place, Servers};
use super::waker::Waker;
use super::watch::PERIOD;
use crate::gatekeeper::{Config, Gatekeeper, Input, Output, Reason, Way};
use crate::rules::EntryChange;
use crate::runtime::SwitchControl;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::{FramePort, LinkError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
        let run = Run {
            servers: Servers::new(Arc::clone(&parts.port), &parts.place, waker)?,
            journal: Journal::start(parts.log, tell).map_err(DriverError::Thread)?,
            changer: Changer::start(parts.switch, move || time(clock), changed).map_err(DriverError::Thread)?,
            machine: make(time(clock)),
            port: parts.port,
            clock,
            events: events.clone(),
            inbox,
            counts: Counts::default(),
            followed: Followed::default(),
            is_stopped: Arc::clone(&is_stopped),
        };
        let thread = std::thread::Builder::new().name("bifrost-gatekeeper".into()).spawn(move || run.run());
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

/// What the thread has.
struct Run<M: Machine> {
    machine: M,
    port: Arc<dyn FramePort>,
    servers: Servers,
    changer: Changer,
    journal: Journal,
    clock: Instant,
    events: Events<M>,
    inbox: Receiver<Event<M>>,
    counts: Counts,
    followed: Followed,
    is_stopped: Arc<AtomicBool>,
}

impl<M: Machine> Run<M> {
    fn run(mut self) {
        let waker = Arc::clone(&self.events.waker);
        self.servers.poll_here();
        self.carry_out();
        while !self.is_stopped.load(Ordering::Acquire) {
            let wait = self.wait();
            let goes_on = waker.receive(wait, &mut |packet| self.on_packet(packet));
            self.on_answers();
            self.on_events();
            self.on_time();
            self.carry_out();
            if !goes_on {
                return;
            }
        }
    }

    fn now(&self) -> Time {
        time(self.clock)
    }

    /// How long nothing is due.
    fn wait(&self) -> Duration {
        let due = self.machine.poll_timeout().into_iter().chain(self.servers.poll_timeout()).chain(self.changer.due());
        due.min().map_or(PERIOD, |due| due.since(self.now())).min(self.servers.longest_wait())
    }

    fn on_packet(&mut self, packet: &[u8]) {
        self.counts.packets_in += 1;
        let Some((reason, port, frame)) = packet_in(packet) else {
            self.counts.malformed += 1;
            return;
        };
        if reason == Reason::Delivered && self.servers.deliver(port, frame) {
            self.counts.answers += 1;
            return;
        }
        followed::packet_in(reason, frame);
        self.machine.handle(self.now(), Input::Packet { reason, port, frame });
    }

    fn on_answers(&mut self) {
        let now = self.now();
        let (machine, followed) = (&mut self.machine, &mut self.followed);
        self.servers.poll(now, |server, sequence, answered| {
            followed.answered(server, sequence, &answered);
            machine.handle(now, Input::Memory { server, sequence, answered });
        });
    }

    fn on_events(&mut self) {
        while let Ok(event) = self.inbox.try_recv() {
            let now = self.now();
            match event {
                Event::Wrote(Wrote::Up(number)) => self.machine.handle(now, Input::Logged(number)),
                Event::Wrote(Wrote::Grown) => {
                    self.counts.snapshots += 1;
                    self.journal.replace(self.machine.snapshot());
                }
                // What has to be written down is not done from now on; all else goes on.
                Event::Wrote(Wrote::Failed(fault)) => {
                    self.counts.log_fault = Some(fault);
                    self.machine.handle(now, Input::LogFailed);
                }
                Event::Tables => self.on_tables(),
                Event::Table(server, page) => {
                    self.counts.pages += 1;
                    self.machine.handle(now, Input::Table { server, page });
                }
                Event::Ask(work) => {
                    self.counts.repeated = self.servers.repeated();
                    self.counts.senseless = self.servers.malformed();
                    work(&mut self.machine, now, &self.counts);
                }
            }
        }
    }

    fn on_tables(&mut self) {
        while let Some(done) = self.changer.poll() {
            for (batch, is_done) in self.note(done) {
                self.machine.handle(self.now(), Input::Changed { batch, is_done });
            }
        }
    }

    fn on_time(&mut self) {
        let now = self.now();
        if let Some(done) = self.changer.look(now) {
            self.note(done);
        }
        if self.machine.poll_timeout().is_some_and(|due| due <= now) {
            self.machine.handle_timeout(now);
        }
    }

    /// Does all that is to be done, and what follows from it.
    fn carry_out(&mut self) {
        loop {
            let mut frames: Vec<Vec<u8>> = Vec::new();
            let mut batches: Vec<(u64, Vec<EntryChange>)> = Vec::new();
            let mut changed: Vec<(u64, bool)> = Vec::new();
            while let Some(output) = self.machine.poll_output() {
                match output {
                    Output::Send { way, frame } => {
                        followed::packet_out(&frame);
                        frames.push(packet(way, &frame));
                    }
                    Output::Change { batch, changes } => batches.push((batch, changes)),
                    Output::Reconcile { batch, scope } => {
                        changed.extend(self.apply(std::mem::take(&mut batches)));
                        self.counts.reconciled += 1;
                        let entries = self.machine.entries();
                        changed.extend(self.order(Order::Reconcile { batch, entries, scope }));
                    }
                    output => self.carry_out_other(output),
                }
            }
            self.counts.packets_out += frames.len() as u64;
            if !frames.is_empty() {
                self.port.send(&mut frames.iter().map(Vec::as_slice));
            }
            changed.extend(self.apply(batches));
            if changed.is_empty() {
                return;
            }
            for (batch, is_done) in changed {
                self.machine.handle(self.now(), Input::Changed { batch, is_done });
            }
        }
    }

    fn carry_out_other(&mut self, output: Output) {
        let now = self.now();
        match output {
            Output::Memory { server, term, sequence, message } => {
                self.counts.messages += 1;
                self.followed.told(server, sequence, &message);
                self.servers.tell(now, server, term, sequence, message);
            }
            Output::Server { server, at } => {
                if let Err(fault) = self.servers.set(server, at) {
                    self.counts.fault = Some(fault);
                }
            }
            Output::ReadTable { server } => {
                let events = self.events.clone();
                // Once the driver has ended nobody is told.
                let tell = move |page| _ = events.tell(Event::Table(server, page));
                if let Err(error) = self.servers.read_table(server, tell) {
                    self.counts.fault = Some(error.to_string());
                }
            }
            Output::Log { number, record } => {
                self.counts.records += 1;
                self.journal.write(number, record);
            }
            Output::Deposed => {
                self.counts.fault = Some("another control plane has taken over".to_owned());
                self.is_stopped.store(true, Ordering::Release);
            }
            Output::Send { .. } | Output::Change { .. } | Output::Reconcile { .. } => {}
        }
    }

    fn apply(&mut self, batches: Vec<(u64, Vec<EntryChange>)>) -> Vec<(u64, bool)> {
        if batches.is_empty() {
            return Vec::new();
        }
        self.counts.batches += batches.len() as u64;
        self.order(Order::Apply(batches))
    }

    /// Has the tables changed; the batches that are done already.
    fn order(&mut self, order: Order) -> Vec<(u64, bool)> {
        self.changer.order(order).map_or_else(Vec::new, |done| self.note(done))
    }

    /// Takes in what has become of the tables; the batches that are done.
    fn note(&mut self, done: Done) -> Vec<(u64, bool)> {
        self.changer.note(&done);
        (self.counts.changes, self.counts.refused) = (done.changes, done.refused);
        self.counts.fault = done.fault.or(self.counts.fault.take());
        if done.has_lost {
            self.machine.handle(self.now(), Input::SwitchRestarted);
        }
        done.changed
    }
}

fn packet(way: Way, frame: &[u8]) -> Vec<u8> {
    [&packet_out(way), frame].concat()
}

#[expect(clippy::disallowed_methods, reason = "drivers mint the time")]
fn clock() -> Instant {
    Instant::now()
}

/// Nanoseconds since the clock was made, plus one second, so that no time is the origin.
fn time(clock: Instant) -> Time {
    Time::from_nanos(1_000_000_000 + u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX / 2))
}
