//! The state machine at work: what comes goes into it, and what it says is done.

use super::asker::{Event, Events, Patient};
use super::changer::{Changer, Done, Order};
use super::counts::Counts;
use super::driver::time;
use super::followed::{self, Followed};
use super::headers::{packet_in, packet_out};
use super::journal::{Journal, Wrote};
use super::machine::Machine;
use super::servers::Servers;
use super::watch::PERIOD;
use crate::daemon::Frames;
use crate::gatekeeper::{Input, Output, Reason};
use crate::rules::EntryChange;
use bifrost_rpc::FramePort;
use bifrost_rpc::endpoint::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Packets that are left to the driver's thread at most; then others take none in until it has been there.
const LEFT_MAX: usize = 1024;

/// The state machine and all that it is connected to. One thread at a time has it: the driver's, or one of the switch that brings packets.
pub(super) struct Run<M: Machine> {
    pub(super) machine: M,
    pub(super) port: Arc<dyn FramePort>,
    pub(super) servers: Servers,
    pub(super) changer: Changer,
    pub(super) journal: Journal,
    pub(super) clock: Instant,
    pub(super) events: Events<M>,
    pub(super) inbox: Receiver<Event<M>>,
    /// Those who wait for something to come true.
    pub(super) patient: Vec<Patient<M>>,
    pub(super) counts: Counts,
    pub(super) followed: Followed,
    pub(super) is_stopped: Arc<AtomicBool>,
    /// Packets that another thread leaves to the driver's.
    pub(super) left: Vec<Vec<u8>>,
    /// Packets that are to leave; empty in between.
    pub(super) leaving: Frames,
    /// Until when the driver's thread waits.
    pub(super) waits_until: Time,
}

impl<M: Machine> Run<M> {
    /// Does what is to be done before the first packet.
    pub(super) fn begin(&mut self) {
        self.servers.poll_here();
        self.carry_out(self.now());
    }

    /// How long the driver's thread may wait.
    pub(super) fn rest(&mut self) -> Duration {
        let now = self.now();
        let wait = self.due().map_or(PERIOD, |due| due.since(now)).min(self.servers.longest_wait());
        self.waits_until = now.plus(wait.min(PERIOD));
        wait
    }

    /// What the driver's thread does after each wait.
    pub(super) fn turn(&mut self) {
        self.servers.poll_here();
        for packet in std::mem::take(&mut self.left) {
            self.on_packet(self.now(), &packet);
        }
        self.on_answers(self.now());
        self.on_events();
        self.on_time();
        self.carry_out(self.now());
        let now = self.now();
        self.patient.retain_mut(|patient| !patient(&self.machine, now));
    }

    /// What another thread does that brings packets: those by which calls go on. It leaves the others, which may take long, to the driver's thread.
    /// Says whether it has taken any in.
    pub(super) fn turn_of_guest(&mut self) -> bool {
        if self.left.len() >= LEFT_MAX {
            return false;
        }
        self.servers.poll_here();
        let (waker, port) = (Arc::clone(&self.events.waker), Arc::clone(&self.port));
        waker.be_guest(|| {
            // One look at the clock for all that is done at once: it takes microseconds.
            let now = self.now();
            // That the port has ended the driver's thread finds by itself.
            port.receive(Duration::ZERO, &mut |packet| match packet_in(packet) {
                Some((Reason::Control | Reason::Stranger | Reason::Fenced, ..)) => self.left.push(packet.to_vec()),
                _ => self.on_packet(now, packet),
            });
            self.on_answers(now);
            // What came was taken in by this thread itself, mostly, which need not tell itself of it.
            if !self.servers.is_busy() {
                waker.forget_answers();
            }
            self.carry_out(now);
        });
        let is_early = self.due().is_some_and(|due| due < self.waits_until);
        if is_early || !self.left.is_empty() || self.is_stopped.load(Ordering::Acquire) {
            waker.wake();
        }
        true
    }

    pub(super) fn now(&self) -> Time {
        time(self.clock)
    }

    /// When something is due.
    fn due(&self) -> Option<Time> {
        let timers = self.machine.poll_timeout().into_iter().chain(self.servers.poll_timeout());
        timers.chain(self.changer.due()).min()
    }

    pub(super) fn on_packet(&mut self, now: Time, packet: &[u8]) {
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
        self.machine.handle(now, Input::Packet { reason, port, frame });
    }

    fn on_answers(&mut self, now: Time) {
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
                Event::Await(patient) => self.patient.push(patient),
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
    fn carry_out(&mut self, now: Time) {
        loop {
            let mut batches: Vec<(u64, Vec<EntryChange>)> = Vec::new();
            let mut changed: Vec<(u64, bool)> = Vec::new();
            while let Some(output) = self.machine.poll_output() {
                match output {
                    Output::Send { way, frame } => {
                        followed::packet_out(&frame);
                        self.leaving.push_parts(&[&packet_out(way), &frame]);
                    }
                    Output::Change { batch, changes } => batches.push((batch, changes)),
                    Output::Reconcile { batch, scope } => {
                        changed.extend(self.apply(std::mem::take(&mut batches)));
                        self.counts.reconciled += 1;
                        let entries = self.machine.entries();
                        changed.extend(self.order(Order::Reconcile { batch, entries, scope }));
                    }
                    output => self.carry_out_other(now, output),
                }
            }
            self.counts.packets_out += self.leaving.len() as u64;
            if !self.leaving.is_empty() {
                self.port.send(&mut self.leaving.iter());
                self.leaving.clear();
            }
            changed.extend(self.apply(batches));
            if changed.is_empty() {
                return;
            }
            for (batch, is_done) in changed {
                self.machine.handle(now, Input::Changed { batch, is_done });
            }
        }
    }

    fn carry_out_other(&mut self, now: Time, output: Output) {
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
