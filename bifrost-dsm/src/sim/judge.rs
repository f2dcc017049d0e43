//! A plain model of what a memory server must do, with none of its tables: everything is a list that is searched.

use crate::access::CallKey;
use crate::control::{Control, Controlled, Stamp};
use crate::identity::{Client, Holder};
use crate::operation::{Action, Answer, Data, Outcome, Request, Step, Work};
use crate::pieces::Pieces;
use crate::refusal::Refusal;
use bifrost_rpc::memory::{MemoryOp, ObjectId};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) id: ObjectId,
    pub(super) bytes: Vec<u8>,
    pub(super) control: Option<Holder>,
    pub(super) freed: bool,
    pub(super) leases: Vec<(CallKey, Holder)>,
}

#[derive(Debug)]
pub(super) struct Judge {
    open: bool,
    boot: u32,
    pub(super) things: Vec<Thing>,
    snapshots: Vec<(u64, Kept)>,
    pub(super) clients: Vec<Client>,
    ended: Vec<Holder>,
    lowest: BTreeMap<Client, u64>,
    outcomes: BTreeMap<(Client, u64), Outcome>,
    /// Staged writes that were refused when they were announced, to be told in their turn.
    early: BTreeMap<(Client, u64), Refusal>,
    last: Stamp,
    controls: BTreeMap<Stamp, Result<Controlled, Refusal>>,
}

/// How much a control message changes, or why it is refused.
type Told = Result<u64, Refusal>;
/// The objects of a snapshot.
type Kept = Vec<(ObjectId, Vec<u8>)>;

impl Judge {
    pub(super) fn new(open: bool, boot: u32) -> Self {
        Self {
            open,
            boot,
            things: Vec::new(),
            snapshots: Vec::new(),
            clients: Vec::new(),
            ended: Vec::new(),
            lowest: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            early: BTreeMap::new(),
            last: Stamp { term: 0, sequence: 0 },
            controls: BTreeMap::new(),
        }
    }

    fn thing(&mut self, id: ObjectId) -> Option<&mut Thing> {
        self.things.iter_mut().find(|thing| thing.id == id)
    }

    pub(super) fn has_ended(&self, holder: Holder) -> bool {
        self.ended.iter().any(|ended| ended.node == holder.node && ended.incarnation >= holder.incarnation)
    }

    /// What must come of a packet at once, whatever it asks for; `None` if that is for [`Judge::executed`] to say.
    pub(super) fn arrives(&mut self, client: Client, id: u64, lowest: u64) -> Option<Outcome> {
        if self.has_ended(client.holder) {
            return Some(Err(Refusal::EndedIncarnation));
        }
        if !self.clients.contains(&client) {
            return Some(Err(Refusal::UnknownClient));
        }
        let known = self.lowest.entry(client).or_default();
        *known = lowest.max(*known);
        if id < *known { Some(Err(Refusal::Ended)) } else { self.outcomes.get(&(client, id)).cloned() }
    }

    /// An operation was executed just now, or refused. Returns what is wrong with that.
    pub(super) fn executed(
        &mut self,
        client: Client,
        request: &Request,
        outcome: &Outcome,
        may: impl Fn(&Refusal) -> bool,
    ) -> Option<String> {
        if self.outcomes.contains_key(&(client, request.id)) {
            return Some(format!("{client} #{} was executed before", request.id));
        }
        if let Some(refusal) = self.early.remove(&(client, request.id)) {
            self.keep(client, request, outcome);
            return (*outcome != Err(refusal)).then(|| format!("{outcome:?}, expected {refusal:?} as before"));
        }
        let Work::Batch(steps) = &request.work else {
            let step = &request.work.steps()[0];
            self.keep(client, request, outcome);
            return self.step(client.holder, step, outcome, &may);
        };
        self.keep(client, request, outcome);
        let one = steps.iter().all(|step| step.target == steps[0].target && step.action.operation() != MemoryOp::Alloc);
        if !self.open && !one {
            return (*outcome != Err(Refusal::SeveralObjects))
                .then(|| format!("a batch of several objects: {outcome:?}"));
        }
        match outcome {
            Ok(Answer::Batch(answers, refusal)) => {
                let answers = answers.iter().cloned().map(Ok).chain(refusal.map(Err));
                steps.iter().zip(answers).find_map(|(step, answer)| self.step(client.holder, step, &answer, &may))
            }
            Err(refusal) if may(refusal) => None,
            other => Some(format!("a batch: {other:?}")),
        }
    }

    /// A staged write waits although it has not come: it was refused, for what is so now.
    pub(super) fn refused_early(&mut self, client: Client, id: u64, step: &Step) {
        let things = self.things.clone();
        if let Err(refusal) = self.expect(client.holder, step, None) {
            self.early.insert((client, id), refusal);
        }
        self.things = things;
    }

    fn keep(&mut self, client: Client, request: &Request, outcome: &Outcome) {
        if !request.work.only_reads() {
            self.outcomes.insert((client, request.id), unpinned(outcome));
        }
    }

    fn step(&mut self, holder: Holder, step: &Step, got: &Outcome, may: &impl Fn(&Refusal) -> bool) -> Option<String> {
        if got.as_ref().is_err_and(may) {
            return None;
        }
        let made = match got {
            Ok(Answer::Allocated(pointer)) => Some(pointer.object_id()),
            _ => None,
        };
        if made.is_some_and(|made| self.things.iter().any(|thing| thing.id == made)) {
            return Some(format!("{made:?} was made twice"));
        }
        let expected = self.expect(holder, step, made);
        let same = match (&expected, got) {
            (Ok(bytes), Ok(Answer::Data(data))) => *bytes == Some(data.to_vec()),
            (Ok(bytes), Ok(_)) => bytes.is_none(),
            (Err(a), Err(b)) => a == b,
            _ => false,
        };
        (!same).then(|| format!("{holder} {step:?}: {got:?}, expected {expected:?}"))
    }

    /// Does a step, if it may be done.
    fn expect(&mut self, holder: Holder, step: &Step, made: Option<ObjectId>) -> Result<Option<Vec<u8>>, Refusal> {
        let zeros = |len: &u64| vec![0; usize::try_from(*len).unwrap_or(0)];
        let bytes = match &step.action {
            Action::Alloc { len } => Some(zeros(len)),
            Action::AllocWrite { data, .. } => Some(data.clone()),
            _ => None,
        };
        if let Some(bytes) = bytes {
            let (id, control) = (made.unwrap_or_default(), Some(holder));
            self.things.push(Thing { id, bytes, control, freed: false, leases: Vec::new() });
            return Ok(None);
        }
        let (open, id) = (self.open, step.target.object_id());
        if id.boot < self.boot {
            return Err(Refusal::ObjectLost);
        }
        let thing = self.thing(id).ok_or(Refusal::NoSuchObject)?;
        let lessee = thing.leases.iter().any(|(_, callee)| *callee == holder);
        let reads = matches!(step.action, Action::Read { .. });
        if !(reads && lessee) {
            if thing.freed {
                return Err(Refusal::NoSuchObject);
            }
            if !open && thing.control != Some(holder) {
                return Err(Refusal::NoRight);
            }
            if !open && matches!(step.action, Action::Write { .. }) && !thing.leases.is_empty() {
                return Err(Refusal::Leased);
            }
        }
        let len = thing.bytes.len() as u64;
        match &step.action {
            Action::Read { offset, len: want } if offset + want <= len => {
                let at = usize::try_from(*offset).unwrap_or(0);
                Ok(Some(thing.bytes[at..at + usize::try_from(*want).unwrap_or(0)].to_vec()))
            }
            Action::Write { offset, data } if offset + data.len() as u64 <= len => {
                let at = usize::try_from(*offset).unwrap_or(0);
                thing.bytes[at..at + data.len()].copy_from_slice(data);
                Ok(None)
            }
            Action::Free => {
                thing.freed = true;
                self.sweep();
                Ok(None)
            }
            _ => Err(Refusal::PastEnd { len }),
        }
    }

    /// Removes what is freed and held by nothing.
    fn sweep(&mut self) {
        let snapshots = &self.snapshots;
        let kept = |id: ObjectId| snapshots.iter().any(|(_, objects)| objects.iter().any(|(object, _)| *object == id));
        self.things.retain(|thing| !thing.freed || !thing.leases.is_empty() || kept(thing.id));
    }

    /// A control message came. Returns what must come of it.
    pub(super) fn control(&mut self, stamp: Stamp, control: &Control, free: bool) -> Result<Controlled, Refusal> {
        if stamp.term < self.last.term {
            return Err(Refusal::OldTerm { term: self.last.term });
        }
        if let Some(before) = self.controls.get(&stamp) {
            return *before;
        }
        let expected = if stamp.term == self.last.term { self.last.sequence + 1 } else { 1 };
        if stamp.sequence != expected {
            return Err(Refusal::OutOfSequence { expected });
        }
        self.last = stamp;
        let told = if free { self.apply(control) } else { Err(Refusal::OutOfMemory { free: 0 }) };
        let told = told.map(|changed| Controlled { changed });
        self.controls.insert(stamp, told);
        told
    }

    fn apply(&mut self, control: &Control) -> Told {
        match control {
            Control::Grant { object, to } => self.grant(*object, *to),
            Control::Revoke { object, from } => {
                Ok(self.thing(*object).filter(|t| t.control == Some(*from)).map_or(0, |t| {
                    t.control = None;
                    1
                }))
            }
            Control::Reclaim { objects, from } => Ok(self.reclaim(objects, *from)),
            Control::Lease { call, caller, callee, objects } => self.lease(*call, *caller, *callee, objects),
            Control::Release { call } => Ok(self.release(|lease| lease.0 == *call)),
            Control::Reply { call, from, to, returned } => {
                let mut moved = 0;
                for thing in self.things.iter_mut().filter(|t| returned.contains(&t.id) && t.control == Some(*from)) {
                    moved += u64::from(from != to);
                    thing.control = Some(*to);
                }
                Ok(moved + self.release(|lease| lease.0 == *call))
            }
            Control::Succeed { from, to } => Ok(self.succeed(*from, *to)),
            Control::EndIncarnation { holder } => Ok(self.end(*holder)),
            Control::Cleanup { holder } => Ok(self.cleanup(*holder)),
            Control::Snapshot { id, objects } => self.snapshot(*id, objects),
            Control::Restore { id } => self.restore(*id),
            Control::DropSnapshot { id } => {
                let objects = self.snapshots.iter().filter(|(other, _)| other == id).map(|(_, objects)| objects.len());
                let count = objects.sum::<usize>() as u64;
                self.snapshots.retain(|(other, _)| other != id);
                self.sweep();
                Ok(count)
            }
        }
    }

    fn reclaim(&mut self, objects: &[ObjectId], from: Holder) -> u64 {
        let mut freed = 0;
        for thing in self.things.iter_mut().filter(|t| objects.contains(&t.id) && t.control == Some(from)) {
            freed += u64::from(!thing.freed);
            thing.freed = true;
        }
        self.sweep();
        freed
    }

    fn grant(&mut self, object: ObjectId, to: Holder) -> Told {
        if object.boot < self.boot {
            return Err(Refusal::ObjectLost);
        }
        let thing = self.thing(object).filter(|thing| !thing.freed).ok_or(Refusal::NoSuchObject)?;
        if thing.control.is_some_and(|control| control != to) {
            return Err(Refusal::NoRight);
        }
        Ok(u64::from(thing.control.replace(to).is_none()))
    }

    fn lease(&mut self, call: CallKey, caller: Holder, callee: Holder, objects: &[ObjectId]) -> Told {
        for id in objects {
            if id.boot < self.boot {
                return Err(Refusal::ObjectLost);
            }
        }
        for id in objects {
            let thing = self.thing(*id).ok_or(Refusal::NoSuchObject)?;
            let controls = thing.control == Some(caller) && !thing.freed;
            let again = thing.leases.contains(&(call, callee));
            if !controls && !again && !thing.leases.iter().any(|(_, reader)| *reader == caller) {
                return Err(Refusal::NoRight);
            }
        }
        let mut added = 0;
        for id in objects {
            if let Some(thing) = self.thing(*id).filter(|thing| !thing.leases.iter().any(|(key, _)| *key == call)) {
                thing.leases.push((call, callee));
                added += 1;
            }
        }
        Ok(added)
    }

    fn release(&mut self, which: impl Fn(&(CallKey, Holder)) -> bool) -> u64 {
        let mut count = 0;
        for thing in &mut self.things {
            let before = thing.leases.len();
            thing.leases.retain(|lease| !which(lease));
            count += (before - thing.leases.len()) as u64;
        }
        self.sweep();
        count
    }

    fn succeed(&mut self, from: Holder, to: Holder) -> u64 {
        let mut moved = 0;
        for thing in &mut self.things {
            if thing.control == Some(from) && from != to {
                thing.control = Some(to);
                moved += 1;
            }
            for (_, callee) in thing.leases.iter_mut().filter(|(_, callee)| *callee == from && from != to) {
                *callee = to;
                moved += 1;
            }
        }
        moved
    }

    fn end(&mut self, holder: Holder) -> u64 {
        let changed = u64::from(!self.has_ended(holder));
        self.ended.push(holder);
        self.clients
            .retain(|client| client.holder.node != holder.node || client.holder.incarnation > holder.incarnation);
        changed
    }

    fn cleanup(&mut self, holder: Holder) -> u64 {
        let gone = |other: Holder| other.node == holder.node && other.incarnation <= holder.incarnation;
        let mut changed = self.end(holder);
        for thing in self.things.iter_mut().filter(|thing| thing.control.is_some_and(gone)) {
            (thing.control, thing.freed) = (None, true);
            changed += 1;
        }
        changed + self.release(|lease| gone(lease.1))
    }

    fn snapshot(&mut self, id: u64, objects: &[ObjectId]) -> Told {
        let mut objects = objects.to_vec();
        objects.sort_unstable();
        objects.dedup();
        if let Some((_, has)) = self.snapshots.iter().find(|(other, _)| *other == id) {
            let same = has.iter().map(|(object, _)| *object).eq(objects);
            return if same { Ok(0) } else { Err(Refusal::SnapshotExists) };
        }
        let mut taken = Vec::new();
        for id in objects {
            if id.boot < self.boot {
                return Err(Refusal::ObjectLost);
            }
            let thing = self.thing(id).filter(|thing| !thing.freed).ok_or(Refusal::NoSuchObject)?;
            taken.push((id, thing.bytes.clone()));
        }
        let count = taken.len() as u64;
        self.snapshots.push((id, taken));
        Ok(count)
    }

    fn restore(&mut self, id: u64) -> Told {
        let objects = self.snapshot_of(id).ok_or(Refusal::NoSuchSnapshot)?;
        let count = objects.len() as u64;
        for (id, bytes) in objects {
            if let Some(thing) = self.thing(id) {
                (thing.bytes, thing.freed) = (bytes, false);
            }
        }
        Ok(count)
    }

    /// What a snapshot has.
    pub(super) fn snapshot_of(&self, id: u64) -> Option<Kept> {
        self.snapshots.iter().find(|(other, _)| *other == id).map(|(_, objects)| objects.clone())
    }
}

/// An outcome with copies of what was read, which pin nothing.
fn unpinned(outcome: &Outcome) -> Outcome {
    let copy = |answer: &Answer| match answer {
        Answer::Data(data) => Answer::Data(Data { pieces: Pieces::One(data.to_vec().into()), ..data.clone() }),
        other => other.clone(),
    };
    match outcome {
        Ok(Answer::Batch(answers, refusal)) => Ok(Answer::Batch(answers.iter().map(copy).collect(), *refusal)),
        other => other.clone(),
    }
}
