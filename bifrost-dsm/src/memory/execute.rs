//! Operations on objects: what is checked, in which order, and what is done.

use super::{Memory, OBJECT_BYTES, Object};
use crate::access::Right;
use crate::checks::Check;
use crate::content::Content;
use crate::identity::Holder;
use crate::ledger::{Charge, trimmed};
use crate::operation::{Action, Answer, Data, Outcome, READ_TO_END_BYTES_MAX, Step, Work};
use crate::refusal::Refusal;
use crate::sent::{SentAnswer, SentBatch};
use crate::table::shrink;
use bifrost_rpc::memory::{ARGUMENT_MAX, MemoryOp, ObjectId, Pointer, READ_TO_END};
use std::collections::hash_map::Entry;
use std::ops::Range;

impl Memory {
    /// Executes an operation. `charge` accounts for the bytes that came with it.
    pub(super) fn execute(&mut self, holder: Holder, work: Work, mut charge: Charge) -> Outcome {
        match work {
            Work::One(step) => self.step(holder, step, &mut charge),
            Work::Batch(steps) => Ok(self.batch(holder, steps, &mut charge)),
            Work::Sent(batch) => {
                let answer = self.batch_as_sent(holder, &batch, &mut charge);
                self.keep_spent(batch.into_bytes());
                Ok(Answer::Sent(answer))
            }
        }
    }

    fn batch(&mut self, holder: Holder, steps: Vec<Step>, charge: &mut Charge) -> Answer {
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            match self.step(holder, step, charge) {
                Ok(answer) => answers.push(answer),
                Err(refusal) => {
                    self.counters.refused(&refusal);
                    return Answer::Batch(answers, Some(refusal));
                }
            }
        }
        Answer::Batch(answers, None)
    }

    fn batch_as_sent(&mut self, holder: Holder, batch: &SentBatch, charge: &mut Charge) -> SentAnswer {
        let mut answer = SentAnswer::new(batch.count(), std::mem::take(&mut self.spare));
        let mut reads = batch.reads();
        for step in batch.steps() {
            let done = match step.action {
                Action::Read { offset, len } => {
                    reads = reads.saturating_sub(1);
                    self.read_into(holder, &step, (offset, len), reads, &mut answer)
                }
                _ => self.step(holder, step, charge).map(|done| {
                    answer.done(if let Answer::Allocated(made) = done { Some(made) } else { None });
                }),
            };
            if let Err(refusal) = done {
                self.counters.refused(&refusal);
                answer.refused(refusal);
                break;
            }
        }
        answer
    }

    /// Keeps the memory of a batch for the answer to the next. An outcome that is kept takes no more than it needs.
    fn keep_spent(&mut self, spent: Vec<u8>) {
        if !self.config.keeps_outcomes && SentAnswer::may_recycle(&spent) {
            self.spare = spent;
        } else if self.keeps_retired {
            self.retired.push_buffer(spent);
        }
    }

    fn step(&mut self, holder: Holder, step: Step, charge: &mut Charge) -> Outcome {
        let operation = step.action.operation();
        let written = step.action.data_len();
        let (target, unit) = (&step.target, step.unit_log2);
        let answer = match step.action {
            Action::Alloc { len } => self.alloc(holder, target, len, None),
            Action::AllocWrite { len, data } => {
                let charge = charge.split(written);
                self.alloc(holder, target, len, Some((data, charge)))
            }
            Action::Read { offset, len } => self.read(holder, target, unit, offset, len),
            Action::Write { offset, data } => self.write(holder, target, unit, (offset, data), charge.split(written)),
            Action::Free => self.free(holder, target),
        };
        match &answer {
            Ok(Answer::Data(data)) => self.counters.done(operation, data.len() as u64),
            Ok(_) => self.counters.done(operation, written),
            Err(_) => {}
        }
        answer
    }

    /// Refuses a pointer that is not of this server.
    fn is_ours(&self, pointer: &Pointer) -> Result<(), Refusal> {
        let ours = (pointer.prefix(), pointer.server()) == (self.config.prefix, self.config.server);
        if ours { Ok(()) } else { Err(Refusal::WrongServer) }
    }

    /// The object that a pointer names, if the holder may do this to it.
    pub(super) fn resolve(&self, holder: Holder, target: &Pointer, right: Right) -> Result<ObjectId, Refusal> {
        self.is_ours(target)?;
        let object = self.locate(target.object_id())?;
        self.access.permits(holder, object, right)?;
        Ok(object)
    }

    /// The object of an id, unless it is of an earlier boot.
    pub(super) fn locate(&self, object: ObjectId) -> Result<ObjectId, Refusal> {
        if !self.config.checks.makes(Check::BootNumber) {
            return Ok(ObjectId { boot: self.config.boot, ..object });
        }
        if object.boot < self.config.boot { Err(Refusal::ObjectLost) } else { Ok(object) }
    }

    /// Refuses an object of a length that this server does not make for this holder.
    pub(super) fn allows(&self, holder: Holder, target: &Pointer, len: u64) -> Result<(), Refusal> {
        let config = &self.config;
        self.is_ours(target)?;
        if len == 0 {
            return Err(Refusal::ZeroLength);
        }
        if len > config.object_bytes_max || usize::try_from(len).is_err() {
            return Err(Refusal::TooLarge { limit: config.object_bytes_max });
        }
        if self.objects.len() >= config.objects_max {
            return Err(Refusal::TooManyObjects { limit: config.objects_max as u64 });
        }
        if self.made == u32::MAX {
            return Err(Refusal::IdsExhausted);
        }
        self.access.quota(holder, len)
    }

    fn alloc(&mut self, holder: Holder, target: &Pointer, len: u64, data: Option<(Vec<u8>, Charge)>) -> Outcome {
        self.allows(holder, target, len)?;
        let charge = self.ledger.charge(OBJECT_BYTES)?;
        let content = self.content(len, data)?;
        self.made += 1;
        let object = ObjectId { boot: self.boot, counter: self.made };
        self.objects.insert(object, Object { content, snapshots: 0, _charge: charge });
        self.access.insert(object, len, holder);
        Ok(Answer::Allocated(target.with_object(object)))
    }

    /// The bytes of a new object: those given, and zeros.
    fn content(&self, len: u64, data: Option<(Vec<u8>, Charge)>) -> Result<Content, Refusal> {
        let chunk = self.config.chunk_bytes;
        let zeros = || {
            let bytes = usize::try_from(len).unwrap_or(usize::MAX);
            Ok(Content::zeros(bytes, chunk, self.ledger.charge(len)?))
        };
        match data {
            Some((data, charge)) if data.len() as u64 == len => Ok(Content::whole(trimmed(data), chunk, charge)),
            Some((data, _charge)) if (data.len() as u64) < len && !data.is_empty() => {
                let mut content = zeros()?;
                content.write(0, &data, 0, &self.ledger)?;
                Ok(content)
            }
            Some((data, _charge)) if !data.is_empty() => Err(Refusal::Incomplete),
            _ => zeros(),
        }
    }

    /// Bytes of an object as a range, if it has them and they are whole units.
    pub(super) fn range(
        &self,
        object: ObjectId,
        unit_log2: u8,
        offset: u64,
        len: u64,
    ) -> Result<Range<usize>, Refusal> {
        let content = &self.objects.get(&object).ok_or(Refusal::NoSuchObject)?.content;
        range_of(content, unit_log2, offset, len)
    }

    fn read(&self, holder: Holder, target: &Pointer, unit_log2: u8, offset: u64, len: u64) -> Outcome {
        let (object, content, range) = self.find(holder, target, unit_log2, (offset, len))?;
        Ok(Answer::Data(Data { object, offset, pieces: content.read(range, self.copied_max()) }))
    }

    /// Reads into an answer, to which so many more reads will come.
    fn read_into(
        &mut self,
        holder: Holder,
        step: &Step,
        (offset, len): (u64, u64),
        still: usize,
        answer: &mut SentAnswer,
    ) -> Result<(), Refusal> {
        let (object, content, range) = self.find(holder, &step.target, step.unit_log2, (offset, len))?;
        let (read, copied_max) = (range.len(), self.copied_max());
        match content.in_one(&range) {
            Some(bytes) if read <= copied_max && answer.takes_copies(read) => answer.copy(bytes, still),
            _ => answer.share(Data { object, offset, pieces: content.read(range, copied_max) }),
        }
        self.counters.done(MemoryOp::Read, read as u64);
        Ok(())
    }

    /// What a read is about: the object, its bytes, and the range of them that it is to read.
    fn find(
        &self,
        holder: Holder,
        target: &Pointer,
        unit_log2: u8,
        (offset, len): (u64, u64),
    ) -> Result<(ObjectId, &Content, Range<usize>), Refusal> {
        let object = self.resolve(holder, target, Right::Read)?;
        let content = &self.objects.get(&object).ok_or(Refusal::NoSuchObject)?.content;
        let len = match len.checked_sub(READ_TO_END) {
            Some(limit) if limit <= READ_TO_END_BYTES_MAX => rest_of(content, offset, limit)?,
            _ => len,
        };
        Ok((object, content, range_of(content, unit_log2, offset, len)?))
    }

    /// Bytes of a read that are copied at most. An outcome that is kept is to share them with the object.
    const fn copied_max(&self) -> usize {
        if self.config.keeps_outcomes { 0 } else { self.config.copied_bytes_max }
    }

    fn write(
        &mut self,
        holder: Holder,
        target: &Pointer,
        unit_log2: u8,
        (offset, data): (u64, Vec<u8>),
        charge: Charge,
    ) -> Outcome {
        let object = self.resolve(holder, target, Right::Write)?;
        let range = self.range(object, unit_log2, offset, data.len() as u64)?;
        self.put(object, range.start, data, charge)
    }

    /// Writes bytes that the object has.
    pub(super) fn put(&mut self, object: ObjectId, at: usize, data: Vec<u8>, charge: Charge) -> Outcome {
        let bounded = self.config.checks.makes(Check::PinnedBound);
        let limit = if bounded { self.config.pinned_bytes_max } else { u64::MAX };
        let pinnable = limit.saturating_sub(self.ledger.pinned());
        let too_many = Refusal::TooManyPinned { limit };
        let content = &mut self.objects.get_mut(&object).ok_or(Refusal::NoSuchObject)?.content;
        let small = data.len() < self.config.adopt_bytes_min && content.is_free();
        if data.len() < content.len() || small {
            let written = content.write(at, &data, pinnable, &self.ledger);
            written
                .map_err(|refusal| if matches!(refusal, Refusal::TooManyPinned { .. }) { too_many } else { refusal })?;
            if self.keeps_retired {
                self.retired.push_buffer(data);
            }
        } else {
            if content.would_pin() > pinnable {
                return Err(too_many);
            }
            let whole = Content::whole(trimmed(data), self.config.chunk_bytes, charge);
            let replaced = std::mem::replace(content, whole);
            self.retire(replaced);
        }
        Ok(Answer::Written)
    }

    fn free(&mut self, holder: Holder, target: &Pointer) -> Outcome {
        let object = self.resolve(holder, target, Right::Free)?;
        self.give_up(object);
        Ok(Answer::Freed)
    }

    /// Frees an object, now or when nothing holds it any more.
    pub(super) fn give_up(&mut self, object: ObjectId) {
        if self.access.set_freed(object, true) {
            self.settle_freed(object);
        }
    }

    /// Removes an object that is freed and that nothing holds.
    pub(super) fn settle(&mut self, object: ObjectId) {
        if self.access.is_freed(object) == Some(true) {
            self.settle_freed(object);
        }
    }

    fn settle_freed(&mut self, object: ObjectId) {
        let checks = self.config.checks;
        if self.access.is_leased(object) && checks.makes(Check::DeferredFree) {
            return;
        }
        if let Entry::Occupied(entry) = self.objects.entry(object) {
            if entry.get().snapshots > 0 && checks.makes(Check::SnapshotFree) {
                return;
            }
            let content = entry.remove().content;
            shrink(&mut self.objects);
            self.retire(content);
        }
        self.access.remove(object);
    }

    /// Lets go of a version.
    pub(super) fn retire(&mut self, content: Content) {
        if self.keeps_retired {
            self.retired.push(content);
        }
    }
}

/// Bytes of an object as a range, if it has them and they are whole units.
fn range_of(content: &Content, unit_log2: u8, offset: u64, len: u64) -> Result<Range<usize>, Refusal> {
    let has = content.len();
    if len == 0 {
        return Err(Refusal::ZeroLength);
    }
    let unit = 1u64 << unit_log2.min(ARGUMENT_MAX);
    if (offset | len) & (unit - 1) != 0 {
        return Err(Refusal::Misaligned { unit });
    }
    let start = usize::try_from(offset).ok();
    let end = offset.checked_add(len).and_then(|end| usize::try_from(end).ok()).filter(|end| *end <= has);
    start.zip(end).map(|(start, end)| start..end).ok_or(Refusal::PastEnd { len: has as u64 })
}

/// Bytes from an offset to the end of an object, if they are not too many for one answer, or for who asks: 0 asks for all.
fn rest_of(content: &Content, offset: u64, limit: u64) -> Result<u64, Refusal> {
    let has = content.len() as u64;
    let limit = if limit == 0 { READ_TO_END_BYTES_MAX } else { limit };
    let rest = has.checked_sub(offset).filter(|rest| (1..=limit).contains(rest));
    rest.ok_or(Refusal::PastEnd { len: has })
}

/// What a server without pinned versions would send of a read now.
#[cfg(feature = "_sim")]
impl Memory {
    pub(crate) fn sent(&self, data: &Data, at: usize) -> u8 {
        let pinned = data.pieces.iter().flat_map(|piece| piece.iter()).nth(at).copied().unwrap_or(0);
        let now = self.objects.get(&data.object).filter(|_| !self.config.checks.makes(Check::VersionPinning));
        let at = usize::try_from(data.offset).unwrap_or(0) + at;
        now.and_then(|object| object.content.read(at..at + 1, 0).first().map(|byte| byte[0])).unwrap_or(pinned)
    }

    /// What a server without staging would do with a fragment of a write.
    pub(crate) fn put_unstaged(&mut self, object: ObjectId, at: usize, fragment: &[u8]) {
        let has = self.objects.get(&object).map_or(0, |object| object.content.len());
        if let Ok(charge) = self.ledger.charge(fragment.len() as u64)
            && at + fragment.len() <= has
        {
            let _ = self.put(object, at, fragment.to_vec(), charge);
        }
    }

    /// The bytes of an object, for who judges a simulation.
    pub(crate) fn peek(&self, object: ObjectId) -> Option<Vec<u8>> {
        let content = &self.objects.get(&object)?.content;
        Some(content.read(0..content.len(), 0).concat())
    }
}
