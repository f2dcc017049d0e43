//! The way of an operation: its packets to the server, what that does with them, and the answer's way back.

use super::Rule;
use super::world::{Event, World};
use crate::identity::Client;
use crate::memory::{Announce, Place, Staged};
use crate::operation::{Action, Answer, Data, Outcome, Request, Step, Submitted, Work};
use crate::pieces::Pieces;
use crate::refusal::Refusal;

const TRIES_MAX: u32 = 5;

impl World {
    /// Sends all packets of an operation; each may be lost, come twice, be late.
    pub(super) fn transmit(&mut self, operation: usize) {
        let issued = &self.operations[operation];
        let len =
            usize::try_from(issued.request.work.steps().iter().map(|s| s.action.data_len()).sum::<u64>()).unwrap_or(0);
        let staged = issued.fragment > 0 && matches!(issued.request.work, Work::One(_)) && len > issued.fragment;
        let offsets: Vec<usize> = if staged { (0..len).step_by(issued.fragment).collect() } else { vec![usize::MAX] };
        for at in offsets {
            let copies =
                if self.rng.chance(self.plan.loss) { 0 } else { 1 + u64::from(self.rng.chance(self.plan.double)) };
            for _ in 0..copies {
                let late = if self.rng.chance(60) { 6 } else { 1 };
                let delay = self.rng.between(1, self.plan.delay * late);
                self.at(delay, Event::Arrive(operation, at));
            }
        }
        let wait = self.plan.delay * 2 + self.rng.between(10, 40);
        self.at(wait, Event::Retry(operation));
    }

    pub(super) fn retry(&mut self, operation: usize) {
        let issued = &mut self.operations[operation];
        issued.tries += 1;
        let (tries, id) = (issued.tries, issued.request.id);
        let state = &mut self.processes[issued.process];
        if !state.alive || !state.outstanding.contains(&id) {
            return;
        }
        if tries >= TRIES_MAX || self.rng.chance(60) {
            // Given up: the outcome stays unknown.
            state.outstanding.remove(&id);
            let client = state.client;
            return self.note(|| format!("{client} gives up #{id}"));
        }
        self.transmit(operation);
    }

    /// A packet of an operation reaches the server.
    pub(super) fn arrive(&mut self, operation: usize, at: usize) {
        let issued = self.operations[operation].clone();
        let (client, request) = (self.processes[issued.process].client, issued.request);
        let expected = self.judge.arrives(client, request.id, request.lowest);
        if expected.is_none() {
            self.unfinished.insert((client, request.id), operation);
        }
        // What the packet's lowest outstanding id lets go is executed before what it asks for.
        self.memory.acknowledge(client, request.lowest, &[]);
        self.drain();
        let submitted = match &request.work {
            Work::One(step) if at != usize::MAX => self.fragment(client, &request, step, (at, issued.fragment)),
            _ => Some(self.memory.submit(client, request.clone())),
        };
        let Some(submitted) = submitted else {
            if let Some(expected) = expected {
                self.broke(Rule::Judge, format!("{client} #{} is staged, expected {expected:?}", request.id));
            }
            return;
        };
        self.note(|| format!("{client} #{} at {at}: {submitted:?}", request.id));
        match (submitted, expected) {
            (Submitted::Waiting, None) => {}
            (Submitted::Done(outcome), Some(expected)) if outcome == expected => self.outcome(operation, outcome),
            (Submitted::Done(outcome), None) => self.executed(operation, outcome),
            (other, expected) => {
                self.broke(Rule::Judge, format!("{client} #{}: {other:?}, expected {expected:?}", request.id));
            }
        }
    }

    /// A fragment of a write: announced by each, executed with the last.
    fn fragment(
        &mut self,
        client: Client,
        request: &Request,
        step: &Step,
        (at, len): (usize, usize),
    ) -> Option<Submitted> {
        let (place, data) = match &step.action {
            Action::Write { offset, data } => (Place::At(*offset), data),
            Action::AllocWrite { len, data } => (Place::New { len: *len }, data),
            _ => return None,
        };
        let announce = Announce {
            id: request.id,
            lowest: request.lowest,
            target: step.target,
            previous: step.previous,
            unit_log2: step.unit_log2,
            place,
            len: data.len() as u64,
        };
        let waiting = self.memory.metrics().waiting;
        match self.memory.stage(client, announce) {
            Staged::Done(outcome) => return Some(Submitted::Done(outcome)),
            Staged::Waiting => {
                if self.memory.metrics().waiting > waiting {
                    self.judge.refused_early(client, request.id, step);
                }
                return Some(Submitted::Waiting);
            }
            Staged::Ready => {}
        }
        let fragment = &data[at..(at + len).min(data.len())];
        match self.memory.land(client, request.id, at as u64, fragment) {
            Ok(true) => Some(self.memory.commit(client, request.id)),
            Ok(false) => None,
            Err(refusal) => Some(Submitted::Done(Err(refusal))),
        }
    }

    /// Takes the outcomes of operations that had to wait.
    pub(super) fn drain(&mut self) {
        while let Some((client, id, outcome)) = self.memory.poll_answer() {
            self.note(|| format!("{client} #{id} has waited: {outcome:?}"));
            match self.unfinished.get(&(client, id)).copied() {
                Some(operation) => self.executed(operation, outcome),
                None => self.broke(Rule::Judge, format!("{client} #{id} was not waiting")),
            }
        }
    }

    /// The server executed an operation just now.
    fn executed(&mut self, operation: usize, outcome: Outcome) {
        let issued = &self.operations[operation];
        let (client, record) = (self.processes[issued.process].client, issued.record);
        self.unfinished.remove(&(client, issued.request.id));
        let (tight, few_pins) = (self.plan.tight, self.plan.few_pins);
        let may = |refusal: &Refusal| match refusal {
            Refusal::OutOfMemory { .. } => tight,
            Refusal::TooManyPinned { .. } => few_pins,
            _ => false,
        };
        if let Some(wrong) = self.judge.executed(client, &issued.request, &outcome, may) {
            self.broke(Rule::Judge, wrong);
        }
        let answers = match &outcome {
            Ok(Answer::Batch(answers, _)) => answers.as_slice(),
            Ok(answer) => std::slice::from_ref(answer),
            Err(_) => &[],
        };
        let steps = self.operations[operation].request.work.steps();
        for (at, (step, answer)) in steps.iter().zip(answers).enumerate() {
            let Answer::Allocated(pointer) = answer else { continue };
            self.record.made(record + at, pointer.object_id());
            let len = if let Action::Alloc { len } = step.action { len } else { step.action.data_len() };
            self.pointers.push((*pointer, len));
        }
        self.outcome(operation, outcome);
    }

    /// An answer sets out; the bytes of a read go out little by little.
    fn outcome(&mut self, operation: usize, outcome: Outcome) {
        match outcome {
            Ok(Answer::Data(data)) => self.at(0, Event::Send(operation, data, Vec::new())),
            outcome if !self.rng.chance(self.plan.loss) => {
                let delay = self.rng.between(1, self.plan.delay);
                self.at(delay, Event::Answer(operation, outcome, None));
            }
            _ => {}
        }
    }

    pub(super) fn send(&mut self, operation: usize, data: Data, mut sent: Vec<u8>) {
        let part = self.rng.between(1, self.plan.bytes.div_ceil(2));
        for _ in 0..part {
            if sent.len() < data.len() {
                sent.push(self.memory.sent(&data, sent.len()));
            }
        }
        if sent.len() < data.len() {
            let pause = self.rng.between(1, self.plan.slow);
            return self.at(pause, Event::Send(operation, data, sent));
        }
        let delay = self.rng.between(1, self.plan.delay);
        if !self.rng.chance(self.plan.loss) {
            // The answer itself is as long as the read; nobody needs the pinned version any more.
            let data = Data { pieces: Pieces::One(sent.clone().into()), ..data };
            self.at(delay, Event::Answer(operation, Ok(Answer::Data(data)), Some(sent)));
        }
    }

    pub(super) fn answered(&mut self, operation: usize, outcome: &Outcome, read: Option<&[u8]>) {
        let issued = &self.operations[operation];
        let (record, steps) = (issued.record, issued.request.work.steps().len());
        let state = &mut self.processes[issued.process];
        if state.alive && state.outstanding.remove(&issued.request.id) {
            self.record.answer(record, steps, outcome, read, self.now);
        }
    }
}
