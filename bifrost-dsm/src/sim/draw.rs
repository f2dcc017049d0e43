//! What processes ask for.

use super::judge::Thing;
use super::world::{Event, Issued, World};
use crate::operation::{Action, Request, Step, Work};
use bifrost_rpc::memory::{ObjectId, PREFIX_DEFAULT, Pointer};

impl World {
    pub(super) fn issue(&mut self, process: usize) {
        let state = &self.processes[process];
        if !state.alive || state.left == 0 {
            return;
        }
        if state.outstanding.len() < 3 {
            let work = self.draw_work(process);
            self.issue_work(process, work);
        }
        let pause = self.rng.between(1, 25);
        self.at(pause, Event::Issue(process));
    }

    fn issue_work(&mut self, process: usize, mut work: Work) {
        let state = &mut self.processes[process];
        (state.left, state.next_id) = (state.left - 1, state.next_id + 1);
        let id = state.next_id - 1;
        let steps = match &mut work {
            Work::One(step) => std::slice::from_mut(step),
            Work::Batch(steps) => steps.as_mut_slice(),
            Work::Sent(_) => &mut [],
        };
        let mut wrote = Vec::new();
        for step in steps {
            step.previous = state.writes.get(&step.target.object_id()).copied().unwrap_or(0);
            if matches!(step.action, Action::Write { .. }) {
                wrote.push(step.target.object_id());
            }
        }
        state.writes.extend(wrote.into_iter().map(|object| (object, id)));
        state.outstanding.insert(id);
        let request = Request { id, lowest: state.lowest(), work };
        let client = state.client;
        self.note(|| format!("{client} issues {request:?}"));
        let record = self.record.issue(client.id, &request, self.now);
        let fragment = if self.rng.chance(500) { 0 } else { usize::try_from(self.plan.bytes / 3).unwrap_or(1).max(1) };
        self.operations.push(Issued { process, request, fragment, record, tries: 0 });
        self.issued += 1;
        self.transmit(self.operations.len() - 1);
    }

    /// An object to work on: mostly one the node has something to do with, now and then any that ever was.
    fn draw_pointer(&mut self, process: usize) -> Option<(Pointer, u64)> {
        let mine = self.processes[process].client.holder;
        let near =
            |thing: &Thing| thing.control == Some(mine) || thing.leases.iter().any(|(_, callee)| *callee == mine);
        let near: Vec<ObjectId> = self.judge.things.iter().filter(|thing| near(thing)).map(|thing| thing.id).collect();
        let from: Vec<(Pointer, u64)> = match self.rng.below(10) {
            0 => self.pointers.clone(),
            _ if self.plan.open => self.pointers.iter().rev().take(4).copied().collect(),
            _ => self.pointers.iter().filter(|(pointer, _)| near.contains(&pointer.object_id())).copied().collect(),
        };
        (!from.is_empty()).then(|| self.rng.pick(&from))
    }

    fn draw_work(&mut self, process: usize) -> Work {
        let Some((target, len)) = self.draw_pointer(process).filter(|_| !self.rng.chance(120)) else {
            let first = self.draw_alloc();
            if !self.rng.chance(250) {
                return Work::One(first);
            }
            let more = self.rng.between(0, 2);
            return Work::Batch(std::iter::once(first).chain((0..more).map(|_| self.draw_alloc())).collect());
        };
        let action = self.draw_action(len);
        let first = Step { target, previous: 0, unit_log2: 0, action };
        if !self.rng.chance(120) || matches!(first.action, Action::Free) {
            return Work::One(first);
        }
        let (other, len) = match self.draw_pointer(process).filter(|_| self.rng.chance(300)) {
            Some(other) => other,
            None => (target, len),
        };
        let action = self.draw_action(len);
        Work::Batch(vec![first, Step { target: other, previous: 0, unit_log2: 0, action }])
    }

    fn draw_alloc(&mut self) -> Step {
        let len = self.rng.between(1, self.plan.bytes);
        let action = match self.rng.chance(500) {
            true => Action::Alloc { len },
            false => Action::AllocWrite { len, data: self.data(len) },
        };
        Step { target: Pointer::new(PREFIX_DEFAULT, 1, 0), previous: 0, unit_log2: 0, action }
    }

    fn draw_action(&mut self, len: u64) -> Action {
        let (offset, part) = if self.rng.chance(400) {
            (0, len)
        } else {
            let offset = self.rng.below(len);
            (offset, self.rng.between(1, len - offset + u64::from(self.rng.clone().chance(50))))
        };
        match self.rng.below(100) {
            0..=3 => Action::Free,
            4..=50 => Action::Read { offset, len: part },
            _ => Action::Write { offset, data: self.data(part) },
        }
    }

    fn data(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.rng.next().to_le_bytes()[0]).collect()
    }
}
