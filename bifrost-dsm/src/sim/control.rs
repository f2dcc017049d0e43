//! A stand-in for the control plane: it leases, transfers, snapshots and declares nodes dead; it is replaced now and then,
//! and what its predecessor sent is still under way.

use super::Rule;
use super::plan::holder;
use super::world::{Event, World};
use crate::access::CallKey;
use crate::control::{Control, Stamp};
use crate::identity::Holder;
use crate::refusal::Refusal;
use bifrost_rpc::memory::ObjectId;

/// Its memory.
#[derive(Debug)]
pub(super) struct Governor {
    term: u64,
    sequence: u64,
    /// The incarnation of each node.
    incarnations: Vec<u32>,
    /// What it sent last, to be sent again by its successor.
    sent: Vec<Control>,
    calls: Vec<(CallKey, Holder, Holder)>,
    snapshots: u64,
    rounds: u32,
}

impl Governor {
    pub(super) fn new(nodes: u16) -> Self {
        let incarnations = vec![1; usize::from(nodes)];
        Self { term: 1, sequence: 0, incarnations, sent: Vec::new(), calls: Vec::new(), snapshots: 0, rounds: 40 }
    }

    pub(super) fn incarnation(&self, node: u16) -> u32 {
        self.incarnations[usize::from(node)]
    }

    /// The server has forgotten everything: a new term.
    pub(super) fn reset(&mut self) {
        (self.term, self.sequence) = (self.term + 1, 0);
        self.sent.clear();
    }

    fn stamp(&mut self) -> Stamp {
        self.sequence += 1;
        Stamp { term: self.term, sequence: self.sequence }
    }
}

impl World {
    /// The control plane does something, and again some time later.
    pub(super) fn govern(&mut self) {
        if self.governor.rounds == 0 {
            return;
        }
        self.governor.rounds -= 1;
        match self.rng.below(100) {
            0..=4 => self.succeed_governor(),
            5..=7 => self.node_dies(),
            8..=11 => self.process_dies(),
            _ => {
                if let Some(control) = self.draw_control() {
                    self.tell(control);
                }
            }
        }
        let pause = self.rng.between(5, 40);
        self.at(pause, Event::Govern);
    }

    /// Sends a message, perhaps twice.
    fn tell(&mut self, control: Control) {
        let stamp = self.governor.stamp();
        self.governor.sent.push(control.clone());
        let copies = 1 + u64::from(self.rng.chance(self.plan.double));
        for copy in 0..copies {
            // The first comes early enough for messages to be in order mostly; copies come whenever.
            let delay = self.rng.between(1, if copy == 0 { 12 } else { self.plan.delay * 4 });
            self.at(delay, Event::Control(stamp, control.clone()));
        }
    }

    /// Another takes over. It does not know which of the last messages arrived, and sends them again as its own.
    fn succeed_governor(&mut self) {
        self.governor.term += 1;
        self.governor.sequence = 0;
        let sent = std::mem::take(&mut self.governor.sent);
        let again = sent.len().saturating_sub(4);
        sent.into_iter().skip(again).for_each(|control| self.tell(control));
    }

    fn node_dies(&mut self) {
        let node = u16::try_from(self.rng.below(u64::from(self.plan.nodes))).unwrap_or(0);
        let dead = holder(node, self.governor.incarnation(node));
        self.governor.incarnations[usize::from(node)] += 1;
        let successor = holder(node, dead.incarnation + 1);
        // Its processes do not know, and go on sending.
        match self.rng.below(3) {
            0 => self.tell(Control::Cleanup { holder: dead }),
            1 => {
                self.tell(Control::EndIncarnation { holder: dead });
                self.tell(Control::Succeed { from: dead, to: successor });
            }
            _ => {
                self.tell(Control::EndIncarnation { holder: dead });
                self.tell(Control::Cleanup { holder: dead });
            }
        }
        self.start(node);
    }

    fn process_dies(&mut self) {
        let process = self.rng.index(self.processes.len());
        if self.processes[process].alive {
            self.kill(process);
            self.start(self.processes[process].node);
        }
    }

    fn some_holder(&mut self) -> Holder {
        let node = u16::try_from(self.rng.below(u64::from(self.plan.nodes))).unwrap_or(0);
        holder(node, self.governor.incarnation(node))
    }

    fn some_objects(&mut self, controlled_by: Option<Holder>) -> Vec<ObjectId> {
        let things = self.judge.things.iter();
        let own = things.filter(|thing| controlled_by.is_none_or(|holder| thing.control == Some(holder)));
        let mut objects: Vec<ObjectId> = own.map(|thing| thing.id).collect();
        while objects.len() > 2 {
            let drop = self.rng.index(objects.len());
            objects.remove(drop);
        }
        if self.rng.chance(50) && !self.pointers.is_empty() {
            objects.push(self.rng.pick(&self.pointers).0.object_id());
        }
        objects
    }

    fn draw_control(&mut self) -> Option<Control> {
        let (from, to) = (self.some_holder(), self.some_holder());
        // Without protection there are no leases: they would keep freed objects readable.
        let kind = if self.plan.open { self.rng.between(65, 99) } else { self.rng.below(100) };
        Some(match kind {
            0..=29 => {
                let call = CallKey { client: self.rng.below(3), rpc: self.governor.calls.len() as u64 };
                self.governor.calls.push((call, from, to));
                // Now and then a node passes what it has no right to.
                let honest = (!self.rng.chance(100)).then_some(from);
                Control::Lease { call, caller: from, callee: to, objects: self.some_objects(honest) }
            }
            30..=64 => {
                let at = self.rng.below(self.governor.calls.len().min(4) as u64);
                let len = self.governor.calls.len();
                let (call, caller, callee) =
                    *self.governor.calls.get(len.checked_sub(1 + usize::try_from(at).ok()?)?)?;
                if self.rng.chance(500) {
                    Control::Release { call }
                } else {
                    let returned = self.some_objects(None);
                    Control::Reply { call, from: callee, to: caller, returned }
                }
            }
            65..=79 => {
                self.governor.snapshots += 1;
                Control::Snapshot { id: self.governor.snapshots, objects: self.some_objects(None) }
            }
            80..=84 => Control::Restore { id: self.rng.between(1, self.governor.snapshots + 1) },
            85..=91 => Control::DropSnapshot { id: self.rng.between(1, self.governor.snapshots + 1) },
            92..=93 => Control::Reclaim { objects: self.some_objects(Some(from)), from },
            94..=95 => Control::Revoke { object: *self.some_objects(Some(from)).first()?, from },
            _ => Control::Grant { object: *self.some_objects(None).first()?, to },
        })
    }

    /// A control message reaches the server.
    pub(super) fn control(&mut self, stamp: Stamp, control: &Control) {
        let snapshot = match control {
            Control::Restore { id } => self.judge.snapshot_of(*id),
            _ => None,
        };
        let (before, there) = (self.memory.last_control(), self.unfreed());
        let got = self.memory.control(stamp, control);
        self.note(|| format!("{stamp:?} {control:?}: {got:?}"));
        let short = matches!(got, Err(Refusal::OutOfMemory { .. })) && self.plan.tight;
        let expected = self.judge.control(stamp, control, !short);
        if got != expected && !short {
            self.broke(Rule::Judge, format!("{stamp:?} {control:?}: {got:?}, expected {expected:?}"));
        }
        if matches!(got, Err(Refusal::OutOfSequence { .. })) && stamp.term == self.governor.term {
            self.at(15, Event::Control(stamp, control.clone()));
        }
        if let Some(objects) = snapshot.filter(|_| before < stamp && got.is_ok()) {
            self.restored(objects);
        }
        let still = self.unfreed();
        self.freed(there.into_iter().filter(|object| !still.contains(object)));
        self.compare();
    }

    fn unfreed(&self) -> Vec<ObjectId> {
        self.judge.things.iter().filter(|thing| !thing.freed).map(|thing| thing.id).collect()
    }

    /// Compares the whole access table with what it should be.
    fn compare(&mut self) {
        let (mut table, mut after) = (Vec::new(), None);
        loop {
            let page = self.memory.export(after, 3);
            table.extend(page.objects.into_iter().map(|row| (row.object, row.control, row.freed, row.leases)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut model: Vec<_> =
            self.judge.things.iter().map(|t| (t.id, t.control, t.freed, t.leases.clone())).collect();
        model.sort_by_key(|row| row.0);
        model.iter_mut().for_each(|row| row.3.sort_unstable());
        if table != model {
            self.broke(Rule::Judge, format!("the access table is {table:?}, expected {model:?}"));
        }
    }

    /// Has everything freed.
    pub(super) fn clear_up(&mut self) {
        self.governor.term += 1;
        self.governor.sequence = 0;
        let page = self.memory.export(None, usize::MAX);
        let mut controls: Vec<Control> =
            self.memory.snapshots().iter().map(|(id, _)| Control::DropSnapshot { id: *id }).collect();
        for row in &page.objects {
            controls.extend(row.leases.iter().map(|(call, _)| Control::Release { call: *call }));
            if row.control.is_none() && !row.freed {
                controls.push(Control::Grant { object: row.object, to: holder(0, 1) });
            }
        }
        for node in 0..self.plan.nodes {
            controls.push(Control::Cleanup { holder: holder(node, self.governor.incarnation(node)) });
        }
        for control in controls {
            let stamp = self.governor.stamp();
            self.control(stamp, &control);
        }
    }
}
