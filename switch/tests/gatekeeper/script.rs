//! A state machine that says what a test tells it, and tells the test what it hears.

use bifrost_rpc::endpoint::Time;
use bifrost_switch::gatekeeper::{Answered, Input, Output, Reason, Record, ServerTable};
use bifrost_switch::gatekeeper_driver::Machine;
use bifrost_switch::rules::{Entries, Intent};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What a machine has heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Packet(Reason, u16, Vec<u8>),
    Memory(u8, u64, Answered),
    Table(u8, ServerTable),
    Changed(u64, bool),
    SwitchRestarted,
    Logged(u64),
    LogFailed,
}

pub(crate) struct Script {
    pub(crate) rules: Intent,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) snapshot: Vec<Record>,
    /// For tests to count what they ask.
    pub(crate) asked: u32,
    heard: Sender<Heard>,
}

impl Script {
    pub(crate) fn new(rules: Intent) -> (Self, Receiver<Heard>) {
        let (heard, told) = channel();
        (Self { rules, outputs: VecDeque::new(), snapshot: Vec::new(), asked: 0, heard }, told)
    }
}

impl Machine for Script {
    fn handle(&mut self, _now: Time, input: Input<'_>) {
        let heard = match input {
            Input::Packet { reason, port, frame } => Heard::Packet(reason, port, frame.to_vec()),
            Input::Memory { server, sequence, answered } => Heard::Memory(server, sequence, answered),
            Input::Table { server, page } => Heard::Table(server, page),
            Input::Changed { batch, is_done } => Heard::Changed(batch, is_done),
            Input::SwitchRestarted => Heard::SwitchRestarted,
            Input::Logged(number) => Heard::Logged(number),
            Input::LogFailed => Heard::LogFailed,
        };
        // The test may have ended.
        let _ = self.heard.send(heard);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    fn handle_timeout(&mut self, _now: Time) {}

    fn entries(&self) -> Entries {
        self.rules.entries()
    }

    fn snapshot(&self) -> Vec<Record> {
        self.snapshot.clone()
    }
}
