//! Batches as they came.

use super::*;
use crate::operation::SentBatch;
use bifrost_rpc::memory::{Batch, BatchBody, BatchOp, MemoryOp};
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

proptest! {
    #[test]
    fn a_batch_as_it_came_does_what_its_steps_do(
        ops in prop::collection::vec((2u8..=4, 0usize..3, 0u64..5, 0u64..5), 1..6), makes: bool, open: bool,
    ) {
        let rigs = [(); 2].map(|()| if open { Rig::open() } else { Rig::plain() });
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
        let (id, work) = (rig.next(), Work::Sent(sent));
        prop_assert_eq!(rig.submit(A, id, work.clone()), other.submit(A, id, steps));
        prop_assert_eq!(rig.memory.metrics(), other.memory.metrics());
        prop_assert_eq!(rig.submit(A, id, work.clone()), other.submit(A, id, work), "again");
    }
}
