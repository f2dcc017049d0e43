//! Control messages to memory servers: sent again under the same stamp until they are answered, lost, doubled and late.

use super::plan::MS;
use super::world::{Step, World};
use crate::gatekeeper::{Answered, Holder as NodeHolder, Input, MemoryMessage, ServerObject, ServerTable};
use bifrost_dsm::{CallKey, Control, Holder, Node, ObjectRow, Refusal, Stamp};
use bifrost_rpc::memory::{PREFIX_DEFAULT, Pointer};
use std::collections::BTreeMap;

const RESEND: u64 = 30 * MS;
/// Objects in a page, so that some tables have several.
const PAGE: usize = 3;
const ROWS: usize = 1 << 16;

/// The way to a memory server, from when the control plane says that it is there until it says that it is gone.
pub(super) struct Lane {
    server: u8,
    waiting: BTreeMap<u64, (u64, MemoryMessage)>,
    answered: BTreeMap<u64, Answered>,
    /// The number whose answer is told next.
    next: u64,
}

/// A control message on its way.
#[derive(Debug)]
pub(super) struct Message {
    lane: u64,
    server: u8,
    /// The server's life that it was sent to: another one does not know its session.
    life: u32,
    stamp: Stamp,
    message: MemoryMessage,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Answer {
    lane: u64,
    sequence: u64,
    answered: Answered,
}

impl World {
    pub(super) fn machine_of(&self, server: u8) -> usize {
        self.plan.nodes + usize::from(server) - 1
    }

    pub(super) fn set_lane(&mut self, server: u8, is_there: bool) {
        self.control.lanes.retain(|_, lane| lane.server != server);
        if is_there {
            self.control.last_lane += 1;
            let lane = Lane { server, waiting: BTreeMap::new(), answered: BTreeMap::new(), next: 1 };
            self.control.lanes.insert(self.control.last_lane, lane);
        }
    }

    fn lane_of(&self, server: u8) -> Option<u64> {
        self.control.lanes.iter().find(|(_, lane)| lane.server == server).map(|(number, _)| *number)
    }

    pub(super) fn push_message(&mut self, server: u8, term: u64, sequence: u64, message: MemoryMessage) {
        self.note(|| format!("to m{server}, {term}.{sequence}: {message:?}"));
        let Some(lane) = self.lane_of(server) else { return };
        if let Some(found) = self.control.lanes.get_mut(&lane) {
            found.waiting.insert(sequence, (term, message));
        }
        self.tell(lane, sequence);
    }

    /// Sends a message, and again after a while.
    pub(super) fn tell(&mut self, lane: u64, sequence: u64) {
        let Some(found) = self.control.lanes.get(&lane) else { return };
        let Some((term, message)) = found.waiting.get(&sequence).cloned() else { return };
        let server = found.server;
        let life = self.machines[self.machine_of(server)].life;
        let stamp = Stamp { term, sequence };
        if !self.rng.chance(self.plan.control.loss) {
            for after in self.plan.control.arrivals(&mut self.rng) {
                let message = Message { lane, server, life, stamp, message: message.clone() };
                self.at(self.now + after, Step::Told(message));
            }
        }
        self.at(self.now + RESEND, Step::TellAgain(lane, sequence));
    }

    /// A message reaches its server.
    pub(super) fn told(&mut self, message: Message) {
        let Message { lane, server, life, stamp, message } = message;
        let index = self.machine_of(server);
        let machine = &self.machines[index];
        if machine.life != life || machine.cuts > 0 {
            return;
        }
        if machine.pauses > 0 {
            let late = Message { lane, server, life, stamp, message };
            return self.at(self.now + 10 * MS, Step::Told(late));
        }
        let Some(store) = &machine.store else { return };
        let before = store.with(|memory| memory.last_control());
        let to_begin = self.rights_to_begin(&message);
        let outcome = store.control(stamp, &control_of(&message));
        if store.with(|memory| memory.last_control()) != before {
            self.was_told(server, &message, outcome.is_ok());
            self.note_begun(&to_begin);
        }
        let answered = match outcome {
            Ok(done) => Answered::Applied(done.changed),
            Err(Refusal::OldTerm { .. }) => Answered::OldTerm,
            Err(Refusal::OutOfSequence { .. }) => return,
            Err(refusal) => Answered::Refused(refusal.code()),
        };
        if !self.rng.chance(self.plan.control.loss) {
            for after in self.plan.control.arrivals(&mut self.rng) {
                self.at(self.now + after, Step::Answered(Answer { lane, sequence: stamp.sequence, answered }));
            }
        }
    }

    /// Answers are told in the order of their numbers.
    pub(super) fn told_answer(&mut self, answer: Answer) {
        let Answer { lane, sequence, answered } = answer;
        let Some(found) = self.control.lanes.get_mut(&lane) else { return };
        if found.waiting.remove(&sequence).is_some() {
            found.answered.insert(sequence, answered);
        }
        loop {
            // What is told may end the lane.
            let Some(found) = self.control.lanes.get_mut(&lane) else { return };
            let Some(answered) = found.answered.remove(&found.next) else { return };
            let (server, sequence) = (found.server, found.next);
            found.next += 1;
            self.memory_answered(Input::Memory { server, sequence, answered });
        }
    }

    pub(super) fn want_table(&mut self, server: u8) {
        if let Some(lane) = self.lane_of(server) {
            let after = self.rng.between(1, 10 * MS);
            self.at(self.now + after, Step::ReadTable(lane, server));
        }
    }

    pub(super) fn read_table(&mut self, lane: u64, server: u8) {
        if !self.control.lanes.contains_key(&lane) {
            return;
        }
        let machine = &self.machines[self.machine_of(server)];
        let Some(store) = machine.store.as_ref().filter(|_| machine.pauses == 0 && machine.cuts == 0) else {
            return self.at(self.now + RESEND, Step::ReadTable(lane, server));
        };
        let (boot, newest, ended) =
            store.with(|memory| (memory.config().boot, memory.newest().to_bits(), memory.ended()));
        let rows = store.with(|memory| memory.export(None, ROWS).objects);
        let mut ended: Vec<_> = ended.iter().map(|gone| (gone.node.0, gone.incarnation)).collect();
        let mut pages: Vec<&[ObjectRow]> = rows.chunks(PAGE).collect();
        if pages.is_empty() {
            pages.push(&[]);
        }
        let last = pages.len() - 1;
        for (number, page) in pages.into_iter().enumerate() {
            let objects = page.iter().map(|row| object_of(server, row)).collect();
            let page = ServerTable { boot, newest, objects, ended: std::mem::take(&mut ended), more: number < last };
            self.memory_answered(Input::Table { server, page });
        }
    }
}

pub(super) fn holder_of(of: NodeHolder) -> Holder {
    Holder { node: Node(of.node), incarnation: of.incarnation }
}

fn object_of(server: u8, row: &ObjectRow) -> ServerObject {
    let lease = |(call, to): &(CallKey, Holder)| ((call.client, call.rpc), (to.node.0, to.incarnation));
    ServerObject {
        pointer: Pointer::new(PREFIX_DEFAULT, server, row.object.to_bits()),
        control: row.control.map(|control| (control.node.0, control.incarnation)),
        freed: row.freed,
        leases: row.leases.iter().map(lease).collect(),
        given_by: row.given_by.map(|call| (call.client, call.rpc)),
    }
}

fn control_of(message: &MemoryMessage) -> Control {
    let call = |(client, rpc): (u64, u64)| CallKey { client, rpc };
    let objects = |of: &[Pointer]| of.iter().map(|pointer| pointer.object_id()).collect();
    match message {
        MemoryMessage::Grant { object, to } => Control::Grant { object: object.object_id(), to: holder_of(*to) },
        MemoryMessage::Lease { call: of, caller, callee, objects: passed } => Control::Lease {
            call: call(*of),
            caller: holder_of(*caller),
            callee: holder_of(*callee),
            objects: objects(passed),
        },
        MemoryMessage::Release(of) => Control::Release { call: call(*of) },
        MemoryMessage::Reply { call: of, from, to, returned } => {
            Control::Reply { call: call(*of), from: holder_of(*from), to: holder_of(*to), returned: objects(returned) }
        }
        MemoryMessage::Cleanup(gone) => Control::Cleanup { holder: holder_of(*gone) },
        MemoryMessage::Revoke { object, from } => {
            Control::Revoke { object: object.object_id(), from: holder_of(*from) }
        }
        MemoryMessage::Reclaim { objects: of, from } => {
            Control::Reclaim { objects: objects(of), from: holder_of(*from) }
        }
    }
}
