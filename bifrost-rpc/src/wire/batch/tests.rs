//! Tests of batches.

use super::*;
use proptest::prelude::*;

fn op(op: MemoryOp, offset: u64, len: u64) -> BatchOp {
    BatchOp { op, argument: 0, object: 0, offset, len }
}

#[test]
fn a_batch_counts_as_its_strongest_operation() {
    use MemoryOp::{Free, Read, Write};
    let strongest = |ops: &[BatchOp]| Batch::new(ops.to_vec()).unwrap().strongest();
    assert_eq!(strongest(&[op(Read, 0, 1), op(Read, 1, 1)]), Read);
    assert_eq!(strongest(&[op(Write, 0, 1), op(Read, 1, 1)]), Write);
    assert_eq!(strongest(&[op(Read, 0, 1), op(Write, 0, 1), op(Free, 0, 0)]), Free);
    assert_eq!(strongest(&[op(MemoryOp::Alloc, 0, 1), op(MemoryOp::Alloc, 0, 2)]), MemoryOp::Alloc);
}

#[test]
fn a_batch_goes_as_what_it_is_or_as_something_stronger_but_makes_objects_only_as_alloc() {
    use MemoryOp::{Alloc, Free, Read, Write};
    let may = |own: MemoryOp| {
        [Alloc, Read, Write, Free].map(|sent_as| {
            let len = u64::from(own != Free);
            let mut body = Batch::new(vec![op(own, 0, len)]).unwrap().to_bytes();
            body.resize(body.len() + usize::from(matches!(own, Alloc | Write)), 0);
            BatchBody::new(body).unwrap().may_go_as(sent_as)
        })
    };
    assert_eq!(may(Alloc), [true, false, false, false]);
    assert_eq!(may(Read), [false, true, true, true]);
    assert_eq!(may(Write), [false, false, true, true]);
    assert_eq!(may(Free), [false, false, false, true]);
}

#[test]
fn batches_that_make_no_sense_are_refused() {
    use MemoryOp::{Alloc, Free, Read, Write};
    assert!(Batch::new(Vec::new()).is_err(), "empty");
    assert!(Batch::new(vec![op(Read, 0, 1); BATCH_MAX + 1]).is_err(), "too many");
    assert!(Batch::new(vec![op(Alloc, 0, 1), op(Alloc, 0, 1)]).is_ok(), "objects to be made");
    assert!(Batch::new(vec![op(Alloc, 1, 1)]).is_err(), "an object that begins elsewhere");
    assert!(Batch::new(vec![BatchOp { object: 7, ..op(Alloc, 0, 1) }]).is_err(), "an object that is there");
    assert!(Batch::new(vec![op(Alloc, 0, 1), op(Read, 0, 1)]).is_err(), "an allocation and a read");
    assert!(Batch::new(vec![op(Free, 0, 0), op(Alloc, 0, 1)]).is_err(), "an allocation at the end");
    assert!(Batch::new(vec![op(Free, 0, 0), op(Read, 0, 1)]).is_err(), "a read after the end");
    assert!(Batch::new(vec![op(Free, 0, 0), op(Free, 0, 0)]).is_err(), "ended twice");
    let other = BatchOp { object: 7, ..op(Free, 0, 0) };
    assert!(Batch::new(vec![other, op(Read, 0, 1), op(Free, 0, 0)]).is_ok(), "the end of another object");
    assert!(Batch::new(vec![op(Free, 0, 1)]).is_err(), "a range to be freed");
    assert!(Batch::new(vec![op(Write, u64::MAX, 1)]).is_err(), "past the end of all objects");
    let mut short = Batch::new(vec![op(Write, 0, 8)]).unwrap().to_bytes();
    assert!(BatchBody::new(short.clone()).is_err(), "data missing");
    short.extend_from_slice(&[7; 9]);
    assert!(BatchBody::new(short.clone()).is_err(), "too much data");
    short[32..40].copy_from_slice(&[0xFF; 8]);
    assert!(BatchBody::new(short.clone()).is_err(), "more than there can be");
}

proptest! {
    #[test]
    fn batches_round_trip(ops in prop::collection::vec((2u8..=3, any::<u32>(), 0u64..300), 1..=BATCH_MAX), frees: bool) {
        let mut ops: Vec<BatchOp> = ops.into_iter()
            .map(|(number, offset, len)| op(MemoryOp::from_wire(number).unwrap(), u64::from(offset), len)).collect();
        if frees && ops.len() < BATCH_MAX {
            ops.push(op(MemoryOp::Free, 0, 0));
        }
        let batch = Batch::new(ops).unwrap();
        let mut body = batch.to_bytes();
        for (number, op) in (0u8..).zip(batch.ops()) {
            if op.op == MemoryOp::Write {
                body.extend(std::iter::repeat_n(number, usize::try_from(op.len).unwrap()));
            }
        }
        let read = BatchBody::new(body.clone()).unwrap();
        prop_assert_eq!((read.count(), read.strongest()), (batch.ops().len(), batch.strongest()));
        prop_assert!(read.ops().map(|(op, _)| op).eq(batch.ops().iter().copied()));
        for (number, (op, data)) in (0u8..).zip(read.ops()) {
            let len = if op.op == MemoryOp::Write { op.len } else { 0 };
            prop_assert_eq!(data.len() as u64, len);
            prop_assert!(data.iter().all(|byte| *byte == number));
        }
        prop_assert_eq!(read.ops().map(|(_, data)| data.len()).sum::<usize>(), read.data_bytes());
        prop_assert_eq!(read.into_bytes(), body);
    }

    #[test]
    fn batches_that_make_objects_round_trip(lens in prop::collection::vec(0u64..300, 1..=BATCH_MAX)) {
        let batch = Batch::new(lens.iter().map(|len| op(MemoryOp::Alloc, 0, *len)).collect()).unwrap();
        let mut body = batch.to_bytes();
        for (number, len) in (0u8..).zip(&lens) {
            body.extend(std::iter::repeat_n(number, usize::try_from(*len).unwrap()));
        }
        let read = BatchBody::new(body.clone()).unwrap();
        prop_assert!(read.ops().map(|(op, _)| op).eq(batch.ops().iter().copied()));
        for (number, (op, data)) in (0u8..).zip(read.ops()) {
            prop_assert!(data.len() as u64 == op.len && data.iter().all(|byte| *byte == number));
        }
        body.push(0);
        prop_assert!(BatchBody::new(body).is_err());
    }

    #[test]
    fn outcomes_round_trip(outcomes in prop::collection::vec((any::<u16>(), any::<u64>(), 0u64..300, any::<(u8, u8, u64)>()), 1..=BATCH_MAX)) {
        let made = |(prefix, server, object)| (object > 1 << 63).then(|| Pointer::new(prefix, server, object));
        let outcomes: Vec<BatchOutcome> = outcomes.into_iter()
            .map(|(code, detail, len, pointer)| BatchOutcome { status: MemoryStatus::from_wire(code), detail, len, made: made(pointer) })
            .collect();
        let mut body = outcomes_to_bytes(&outcomes);
        let data: u64 = outcomes.iter().map(|outcome| outcome.len).sum();
        body.resize(body.len() + usize::try_from(data).unwrap(), 9);
        let read: Vec<_> = parse_outcomes(&body).unwrap().collect();
        prop_assert_eq!(read.iter().map(|(outcome, _)| *outcome).collect::<Vec<_>>(), outcomes);
        prop_assert!(read.iter().all(|(outcome, place)| place.len() as u64 == outcome.len));
        body.push(0);
        prop_assert!(parse_outcomes(&body).is_err());
    }

    #[test]
    fn an_answer_is_made_step_by_step(
        outcomes in prop::collection::vec((any::<bool>(), 0usize..300, any::<bool>()), 0..=BATCH_MAX), left in 0usize..4, free: u64, room in 0usize..9000,
    ) {
        let outcome = |(fails, len, makes): &(bool, usize, bool)| match (fails, makes) {
            (true, _) => BatchOutcome::with(MemoryStatus::NoObject, 7),
            (false, true) => BatchOutcome { made: Some(Pointer::new(1, 2, 3)), ..BatchOutcome::with(MemoryStatus::Ok, 5) },
            (false, false) => BatchOutcome { len: *len as u64, ..BatchOutcome::with(MemoryStatus::Ok, 0) },
        };
        let mut outcomes: Vec<_> = outcomes.iter().map(outcome).collect();
        let count = (outcomes.len() + left).clamp(1, BATCH_MAX);
        let mut body = OutcomesBody::recycle(count, vec![0xEE; room]);
        for (at, outcome) in (0u8..).zip(&outcomes) {
            // Whatever is said first, the head stands in front of it.
            let data = vec![at; usize::try_from(outcome.len).unwrap()];
            if at % 2 == 0 {
                body.put_data(&data);
                body.push(outcome);
            } else {
                body.reserve(room);
                body.push(outcome);
                body.put_data(&data);
            }
        }
        body.set_free(free);
        let made = body.finish();
        outcomes.resize(count, BatchOutcome::with(MemoryStatus::NotDone, 0));
        for outcome in &mut outcomes {
            outcome.detail = if outcome.made.is_some() { free } else { outcome.detail };
        }
        let read: Vec<_> = parse_outcomes(&made).unwrap().collect();
        prop_assert_eq!(read.iter().map(|(outcome, _)| *outcome).collect::<Vec<_>>(), outcomes);
        for (at, (_, place)) in (0u8..).zip(read) {
            prop_assert!(made[place].iter().all(|byte| *byte == at));
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..400), count in 0u8..=80) {
        if let Some(head) = bytes.first_chunk_mut::<2>() {
            *head = [0, count];
        }
        let _ = parse_outcomes(&bytes).map(Iterator::count);
        let _ = BatchBody::new(bytes).map(|batch| batch.ops().count());
    }
}
