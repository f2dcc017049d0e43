//! Batches as they came.

use super::*;
use crate::operation::Data;
use crate::sent::{SentAnswer, SentBatch};
use bifrost_rpc::memory::{Batch, BatchBody, BatchOp, BatchOutcome, MemoryOp, MemoryStatus};
use bifrost_rpc::wire::outcomes_to_bytes;
use proptest::prelude::*;

/// A batch of these operations, whose data are all the same; `None` where they make no sense together.
fn body(ops: Vec<BatchOp>) -> Option<BatchBody> {
    let batch = Batch::new(ops).ok()?;
    let mut body = batch.to_bytes();
    for op in batch.ops().iter().filter(|op| matches!(op.op, MemoryOp::Write | MemoryOp::Alloc)) {
        body.resize(body.len() + usize::try_from(op.len).ok()?, b'x');
    }
    BatchBody::new(body).ok()
}

/// The answer to a batch of so many steps, as it is sent.
fn answer(submitted: Submitted, steps: usize, free: u64) -> Result<Vec<u8>, Refusal> {
    let Submitted::Done(outcome) = submitted else { panic!("it waits for nothing") };
    let whole = |sent: SentAnswer| {
        let (head, data) = sent.into_parts(free);
        [head, data.iter().flat_map(Data::to_vec).collect()].concat()
    };
    let (answers, refusal) = match outcome? {
        Answer::Sent(sent) => return Ok(whole(sent)),
        Answer::Batch(answers, refusal) => (answers, refusal),
        other => panic!("{other:?} is no answer to a batch"),
    };
    let done = BatchOutcome::with(MemoryStatus::Ok, 0);
    let outcome = |answer: &Answer| match answer {
        Answer::Data(data) => BatchOutcome { len: data.len() as u64, ..done },
        Answer::Allocated(made) => BatchOutcome { made: Some(*made), detail: free, ..done },
        _ => done,
    };
    let mut outcomes: Vec<_> = answers.iter().map(outcome).collect();
    outcomes.extend(refusal.map(|refusal| BatchOutcome::with(refusal.status(), refusal.detail())));
    outcomes.resize(steps, BatchOutcome::with(MemoryStatus::NotDone, 0));
    let read = |answer: &Answer| if let Answer::Data(data) = answer { data.to_vec() } else { Vec::new() };
    let expected = [outcomes_to_bytes(&outcomes), answers.iter().flat_map(read).collect()].concat();
    assert_eq!(whole(SentAnswer::of(answers, refusal, steps)), expected);
    Ok(expected)
}

#[test]
fn what_is_copied_and_what_is_shared_stays_in_order() {
    let config = Config { open: true, keeps_outcomes: false, copied_bytes_max: 4, ..Config::default() };
    let mut rig = Rig::new(config);
    let (a, b) = (rig.alloc(A, b"12345678"), rig.alloc(A, b"abcd"));
    let read = |object: Pointer, offset, len| BatchOp {
        op: MemoryOp::Read,
        argument: 0,
        object: object.object(),
        offset,
        len,
    };
    let sent = SentBatch::new(a, body(vec![read(b, 0, 2), read(a, 0, 8), read(b, 2, 2), read(a, 4, 4)]).unwrap());
    let (id, steps) = (rig.next(), sent.count());
    let answer = answer(rig.submit(A, id, Work::Sent(sent)), steps, 0).unwrap();
    assert!(answer.ends_with(b"ab12345678cd5678"), "{answer:?}");
}

/// Mostly a READ, so that many batches read several times.
fn kind() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(MemoryOp::Read), 2 => Just(MemoryOp::Write), 1 => Just(MemoryOp::Free)]
        .prop_map(|op| op as u8)
}

proptest! {
    #[test]
    fn a_batch_as_it_came_does_what_its_steps_do(
        ops in prop::collection::vec((kind(), 0usize..3, 0u64..3, 0u64..7), 1..6),
        makes in prop::bool::weighted(0.2), open in prop::bool::weighted(0.7), keeps_outcomes in prop::bool::weighted(0.3),
        copied_bytes_max in 0usize..9, free: u64,
    ) {
        let config = Config { open, keeps_outcomes, copied_bytes_max, ..Config::default() };
        let rigs = [(); 2].map(|()| Rig::new(config.clone()));
        let [(mut rig, a, b), (mut other, ..)] = rigs.map(|mut rig| {
            let (a, b) = (rig.alloc(A, b"12345678"), rig.alloc(A, b"abcd"));
            (rig, a, b)
        });
        let objects = [0, a.object(), b.object()];
        let op = |(kind, object, offset, len): (u8, usize, u64, u64)| match MemoryOp::from_wire(kind) {
            _ if makes => BatchOp { op: MemoryOp::Alloc, argument: 0, object: 0, offset: 0, len },
            Some(MemoryOp::Free) | None => {
                BatchOp { op: MemoryOp::Free, argument: 0, object: objects[object], offset: 0, len: 0 }
            }
            Some(op) => BatchOp { op, argument: 0, object: objects[object], offset, len },
        };
        let Some(body) = body(ops.into_iter().map(op).collect()) else { return Ok(()) };
        let sent = SentBatch::new(a, body);
        let steps = Work::Batch(sent.steps().collect());
        let count = sent.count();
        let answer = |submitted| answer(submitted, count, free);
        let (id, work) = (rig.next(), Work::Sent(sent));
        prop_assert_eq!(answer(rig.submit(A, id, work.clone())), answer(other.submit(A, id, steps)));
        prop_assert_eq!(rig.memory.metrics(), other.memory.metrics());
        prop_assert_eq!(answer(rig.submit(A, id, work.clone())), answer(other.submit(A, id, work)), "again");
    }
}
