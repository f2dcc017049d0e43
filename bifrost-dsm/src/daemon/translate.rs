//! Operations and answers, from the transport's words into the memory server's and back.

use crate::config::BATCH_STEPS_MAX;
use crate::memory::{Announce, Place};
use crate::operation::{Action, Answer, Outcome, Request, Step, Work};
use crate::pieces::Pieces;
use crate::refusal::Refusal;
use crate::sent::{SentAnswer, SentBatch};
use bifrost_rpc::buffer::{Message, MessageBuffer};
use bifrost_rpc::memory::{BatchBody, MemoryOp, MemoryOperation, MemoryReply, Pointer};
use bytes::Bytes;

/// What a batch reads of fewer bytes than this is copied behind the head of its answer, whatever it is sent from; and what is
/// written, while the memory is locked.
const SMALL_BYTES: usize = 4096;

/// The pointer that an operation is on. That of an ALLOC may leave prefix and server to the server.
fn target(operation: &MemoryOperation, (prefix, server): (u8, u8)) -> Pointer {
    match operation.fields.pointer.at_rest() {
        pointer if operation.op() == MemoryOp::Alloc && pointer == Pointer::default() => {
            Pointer::new(prefix, server, 0)
        }
        pointer => pointer,
    }
}

/// What is to be reserved for data that are about to come; `None` where an operation has none.
pub(super) fn announce_of(operation: &MemoryOperation, bytes: u32, place: (u8, u8)) -> Option<Announce> {
    let fields = &operation.fields;
    let kind = match operation.op() {
        _ if fields.is_batch => Place::Batch,
        MemoryOp::Alloc => Place::New { len: fields.len },
        MemoryOp::Write => Place::At(fields.offset),
        MemoryOp::Read | MemoryOp::Free => return None,
    };
    Some(Announce {
        id: operation.rpc,
        lowest: operation.lowest,
        target: target(operation, place),
        previous: 0,
        unit_log2: fields.pointer.argument(),
        place: kind,
        len: u64::from(bytes),
    })
}

/// What an operation asks.
pub(super) struct Asked {
    pub(super) request: Request,
    /// Of how many steps it is.
    pub(super) steps: usize,
    /// The body of a batch that nothing needs any more.
    pub(super) spent: Option<Vec<u8>>,
}

/// What is asked. The order of writes is the transport's affair.
pub(super) fn asked(operation: &MemoryOperation, body: Vec<u8>, place: (u8, u8)) -> Result<Asked, Refusal> {
    let target = target(operation, place);
    let (id, lowest) = (operation.rpc, operation.lowest);
    if operation.fields.is_batch {
        let batch = SentBatch::new(target, batch_of(operation.op(), body)?);
        let steps = batch.count();
        if batch.data_bytes() < SMALL_BYTES {
            return Ok(Asked { request: Request { id, lowest, work: Work::Sent(batch) }, steps, spent: None });
        }
        // More is copied before the memory is locked.
        let work = Work::Batch(batch.steps().collect());
        return Ok(Asked { request: Request { id, lowest, work }, steps, spent: Some(batch.into_bytes()) });
    }
    let unit_log2 = operation.fields.pointer.argument();
    let work = Work::One(Step { target, previous: 0, unit_log2, action: action(operation, body) });
    Ok(Asked { request: Request { id, lowest, work }, steps: 1, spent: None })
}

fn action(operation: &MemoryOperation, body: Vec<u8>) -> Action {
    let (offset, len) = (operation.fields.offset, operation.fields.len);
    match operation.op() {
        MemoryOp::Alloc if body.is_empty() => Action::Alloc { len },
        MemoryOp::Alloc => Action::AllocWrite { len, data: body },
        MemoryOp::Read => Action::Read { offset, len },
        MemoryOp::Write => Action::Write { offset, data: body },
        MemoryOp::Free => Action::Free,
    }
}

/// A batch that was sent as an operation of this kind: whoever let it pass has seen no stronger one.
fn batch_of(sent_as: MemoryOp, body: Vec<u8>) -> Result<BatchBody, Refusal> {
    let count = body.first_chunk().map_or(0, |count| usize::from(u16::from_be_bytes(*count)));
    if count == 0 || count > BATCH_STEPS_MAX {
        return Err(Refusal::BatchLength { limit: BATCH_STEPS_MAX as u64 });
    }
    let batch = BatchBody::new(body).map_err(|_malformed| Refusal::Incomplete)?;
    if batch.may_go_as(sent_as) { Ok(batch) } else { Err(Refusal::Incomplete) }
}

/// The answer that says why not.
pub(super) fn refused(refusal: Refusal) -> MemoryReply {
    MemoryReply::with(refusal.status(), refusal.detail())
}

/// The answer to an operation of so many steps, which has left so many bytes free.
pub(super) fn reply_of(outcome: Outcome, steps: usize, free: u64) -> MemoryReply {
    match outcome {
        Ok(Answer::Allocated(pointer)) => MemoryReply::allocated_leaving(pointer, free),
        Ok(Answer::Data(data)) => MemoryReply::data(match data.pieces {
            Pieces::One(piece) => Message::from(piece),
            several @ Pieces::Several(_) => message(Vec::new(), vec![several]),
        }),
        Ok(Answer::Written | Answer::Freed) => MemoryReply::done(),
        Ok(Answer::Batch(answers, refusal)) => sent(SentAnswer::of(answers, refusal, steps), free),
        Ok(Answer::Sent(answer)) => sent(answer, free),
        Err(refusal) => refused(refusal),
    }
}

/// The answer to a batch: how each step ended, then what was read.
fn sent(answer: SentAnswer, free: u64) -> MemoryReply {
    let (head, data) = answer.into_parts(free);
    MemoryReply::data(message(head, data.into_iter().map(|data| data.pieces).collect()))
}

/// A message of what was read: large pieces are sent from the object's memory.
fn message(mut head: Vec<u8>, data: Vec<Pieces>) -> Message {
    // Exactly what it needs: nobody accounts for more.
    let lens = data.iter().map(|pieces| pieces.iter().map(Bytes::len).sum::<usize>());
    head.reserve_exact(lens.filter(|len| *len < SMALL_BYTES).sum());
    let mut message = MessageBuffer::recycle(Vec::new());
    *message.tail_mut() = head;
    for pieces in data {
        match pieces {
            Pieces::One(piece) => message.put_shared(piece),
            Pieces::Several(pieces) => pieces.into_iter().for_each(|piece| message.put_shared(piece)),
        }
    }
    message.finish()
}
