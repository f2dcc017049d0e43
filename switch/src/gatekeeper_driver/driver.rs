//! The thread that owns the state machine.

use super::counts::Counts;
use super::followed::{self, Followed};
use super::headers::{packet_in, packet_out};
use super::journal::{Journal, Wrote};
use super::log::Log;
use super::machine::Machine;
use super::servers::{Place, Servers};
use super::tables::Tables;
use super::watch::Watch;
use crate::gatekeeper::{Config, Gatekeeper, Input, Output, Reason, ServerTable, Way};
use crate::rules::EntryChange;
use crate::runtime::Switch;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::{FramePort, LinkError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The thread looks about this often even when nothing comes.
const TICK: Duration = Duration::from_millis(10);
/// The same, while a memory server owes an answer, which another thread may have taken in.
const BUSY_TICK: Duration = Duration::from_millis(2);
/// Time for somebody who asks to be answered.
const ASK_WAIT: Duration = Duration::from_secs(10);

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
    pub switch: Arc<dyn Switch>,
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

type Work<M> = Box<dyn FnOnce(&mut M, Time, &Counts) + Send>;

/// What other threads tell the driver.
enum Event<M> {
    Wrote(Wrote),
    Table(u8, ServerTable),
    Ask(Work<M>),
}

/// A control plane that runs. Dropping it ends it; the rack goes on forwarding.
#[derive(Debug)]
pub struct Driver<M: Machine> {
    events: Sender<Event<M>>,
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
        let (events, inbox) = channel();
        let clock = clock();
        let tell = events.clone();
        // Once the driver has ended nobody is told.
        let tell = move |wrote| drop(tell.send(Event::Wrote(wrote)));
        let is_stopped = Arc::new(AtomicBool::new(false));
        let run = Run {
            servers: Servers::new(Arc::clone(&parts.port), &parts.place)?,
            journal: Journal::start(parts.log, tell).map_err(DriverError::Thread)?,
            watch: Watch::new(Arc::clone(&parts.switch)),
            tables: Tables::new(parts.switch),
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
        Asker { events: self.events.clone() }
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

/// Asks a control plane that runs. Cheap to clone.
#[derive(Debug)]
pub struct Asker<M> {
    events: Sender<Event<M>>,
}

impl<M> Clone for Asker<M> {
    fn clone(&self) -> Self {
        Self { events: self.events.clone() }
    }
}

impl<M: Machine> Asker<M> {
    /// Has something done with the state machine, in between packets; `None`: the control plane has ended.
    pub fn ask<R: Send + 'static>(&self, work: impl FnOnce(&mut M, Time, &Counts) -> R + Send + 'static) -> Option<R> {
        let (tell, told) = channel();
        let work: Work<M> = Box::new(move |machine, now, counts| {
            // Whoever asked may have given up.
            let _ = tell.send(work(machine, now, counts));
        });
        self.events.send(Event::Ask(work)).ok()?;
        told.recv_timeout(ASK_WAIT).ok()
    }
}

/// What the thread has.
struct Run<M: Machine> {
    machine: M,
    port: Arc<dyn FramePort>,
    servers: Servers,
    tables: Tables,
    watch: Watch,
    journal: Journal,
    clock: Instant,
    events: Sender<Event<M>>,
    inbox: Receiver<Event<M>>,
    counts: Counts,
    followed: Followed,
    is_stopped: Arc<AtomicBool>,
}

impl<M: Machine> Run<M> {
    fn run(mut self) {
        let port = Arc::clone(&self.port);
        self.carry_out();
        while !self.is_stopped.load(Ordering::Acquire) {
            let wait = self.wait();
            let goes_on = port.receive(wait, &mut |packet| self.on_packet(packet));
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
        let tick = if self.servers.is_busy() { BUSY_TICK } else { TICK };
        self.machine.poll_timeout().map_or(tick, |due| due.since(self.now()).min(tick))
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
                Event::Wrote(Wrote::Failed(error)) => self.counts.fault = Some(error.to_string()),
                Event::Table(server, page) => {
                    self.counts.pages += 1;
                    self.machine.handle(now, Input::Table { server, page });
                }
                Event::Ask(work) => {
                    self.counts.repeated = self.servers.repeated();
                    (self.counts.changes, self.counts.refused) = (self.tables.changes, self.tables.refused);
                    self.counts.fault = self.counts.fault.take().or(self.tables.fault.take());
                    work(&mut self.machine, now, &self.counts);
                }
            }
        }
    }

    fn on_time(&mut self) {
        let now = self.now();
        if self.watch.has_lost(now, &self.tables) {
            self.machine.handle(now, Input::SwitchRestarted);
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
                        changed.push((batch, self.tables.reconcile(&self.machine.entries(), scope)));
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
                let tell = move |page| drop(events.send(Event::Table(server, page)));
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
        let (numbers, changes): (Vec<u64>, Vec<_>) = batches.into_iter().unzip();
        numbers.into_iter().zip(self.tables.apply(&changes)).collect()
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
