//! The server behind a transport that hands on each operation once, in order, and collects fragments itself.

use super::*;
use bifrost_rpc::memory::SPENT_BYTES_MAX;

fn rig() -> Rig {
    Rig::new(Config { keeps_outcomes: false, open: true, ..Config::default() })
}

/// One step, and what its memory came to.
fn keeping(rig: &mut Rig, target: Pointer, action: Action) -> (Outcome, Option<Vec<u8>>) {
    let request = Request { id: rig.next(), lowest: 1, work: Work::One(step(target, action)) };
    match rig.memory.submit_keeping(client(A), request) {
        (Submitted::Done(outcome), retired) => (outcome, retired.into_spent().0),
        (Submitted::Waiting, _) => panic!("it waits"),
    }
}

#[test]
fn no_outcome_is_kept() {
    let mut rig = rig();
    let pointer = rig.alloc(A, &[1; 100]);
    let used = rig.used();
    for id in 100..200 {
        let done = rig.submit(A, id, write_after(pointer, 0, b"done"));
        assert_eq!(done, Submitted::Done(Ok(Answer::Written)));
    }
    assert_eq!(rig.used(), used);
}

#[test]
fn an_object_may_begin_with_bytes_and_go_on_with_zeros() {
    let mut rig = rig();
    let outcome = rig.step(A, nowhere(), Action::AllocWrite { len: 1_000_000, data: vec![7; 300_000] });
    let Ok(Answer::Allocated(pointer)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(rig.used(), 1_000_000 + OBJECT_BYTES);
    let all = rig.read(A, pointer, 0, 1_000_000).unwrap();
    assert!(all[..300_000].iter().all(|byte| *byte == 7) && all[300_000..].iter().all(|byte| *byte == 0));
    let longer = Action::AllocWrite { len: 2, data: vec![7; 3] };
    assert_eq!(rig.step(A, nowhere(), longer), Err(Refusal::Incomplete));
    rig.free(A, pointer).unwrap();
    assert_eq!(rig.used(), 0);
}

#[test]
fn a_batch_that_frees_several_objects_gives_out_the_first_few() {
    let mut rig = rig();
    // Small ones are not worth noting beside the first.
    for (len, more) in [(100, 0), (20_000, 2)] {
        let freed: Vec<_> = (1..=4_u8).map(|fill| step(rig.alloc(A, &vec![fill; len]), Action::Free)).collect();
        let request = Request { id: rig.next(), lowest: 1, work: Work::Batch(freed) };
        let (_, retired) = rig.memory.submit_keeping(client(A), request);
        let expected = [vec![2; len], vec![3; len]].into_iter().take(more).collect();
        assert_eq!(retired.into_spent(), (Some(vec![1; len]), expected));
        assert_eq!(rig.used(), 0);
    }
}

#[test]
fn what_is_too_large_to_be_used_again_is_not_given_out() {
    let mut rig = rig();
    for (len, is_given) in [(SPENT_BYTES_MAX, true), (SPENT_BYTES_MAX + 1, false)] {
        let pointer = rig.alloc(A, &vec![1; len]);
        assert_eq!(keeping(&mut rig, pointer, Action::Free).1.is_some(), is_given);
        assert_eq!(rig.used(), 0);
    }
}

#[test]
fn a_replaced_or_copied_buffer_is_given_out_to_be_used_again() {
    let mut rig = rig();
    let data = vec![1; 10_000];
    let address = data.as_ptr();
    let pointer = match rig.step(A, nowhere(), Action::AllocWrite { len: 10_000, data }) {
        Ok(Answer::Allocated(pointer)) => pointer,
        other => panic!("{other:?}"),
    };
    let whole = keeping(&mut rig, pointer, Action::Write { offset: 0, data: vec![2; 10_000] });
    let spent = whole.1.expect("what was replaced");
    assert_eq!((spent.as_ptr(), spent), (address, vec![1; 10_000]));
    let part = keeping(&mut rig, pointer, Action::Write { offset: 5, data: vec![3; 100] });
    assert_eq!(part.1, Some(vec![3; 100]), "what was copied");
    let read = keeping(&mut rig, pointer, Action::Read { offset: 0, len: 5000 }).0.unwrap();
    assert_eq!(keeping(&mut rig, pointer, Action::Write { offset: 0, data: vec![4; 10_000] }).1, None, "it is read");
    assert_eq!(keeping(&mut rig, pointer, Action::Free).1, Some(vec![4; 10_000]));
    assert_eq!(rig.used(), 10_000, "the version that is read");
    drop(read);
    assert_eq!(rig.used(), 0);
}

#[test]
fn a_short_read_is_copied_and_holds_on_to_nothing() {
    let mut rig = rig();
    let pointer = rig.alloc(A, &[1; 10_000]);
    let short = keeping(&mut rig, pointer, Action::Read { offset: 5, len: 4096 }).0.unwrap();
    let spent = keeping(&mut rig, pointer, Action::Write { offset: 0, data: vec![2; 10_000] }).1;
    assert_eq!(spent, Some(vec![1; 10_000]), "nobody reads it any more");
    assert!(matches!(short, Answer::Data(data) if data.to_vec() == [1; 4096]));
}

#[test]
fn what_is_announced_is_paid_for_once() {
    let mut rig =
        Rig::new(Config { capacity_bytes: 100 * KIB, keeps_outcomes: false, open: true, ..Config::default() });
    let pointer = rig.alloc(A, &[1; 40_000]);
    let used = rig.used();
    let id = rig.next();
    assert_eq!(rig.memory.stage(client(A), announce(id, pointer, 40_000)), Staged::Ready);
    assert_eq!(rig.used(), used + 40_000);
    let action = Action::Write { offset: 0, data: vec![2; 40_000] };
    let done = rig.submit(A, id, Work::One(step(pointer, action)));
    assert_eq!((done, rig.used()), (Submitted::Done(Ok(Answer::Written)), used));
    // A batch: its head is announced with its data.
    let id = rig.next();
    let batch = Announce { place: Place::Batch, ..announce(id, pointer, 50_040) };
    assert_eq!(rig.memory.stage(client(A), batch), Staged::Ready);
    let steps = vec![step(pointer, Action::Write { offset: 0, data: vec![3; 25_000] }); 2];
    assert!(matches!(rig.submit(A, id, Work::Batch(steps)), Submitted::Done(Ok(Answer::Batch(_, None)))));
    assert_eq!(rig.used(), used);
}

#[test]
fn what_is_withdrawn_is_given_back_and_may_come_again() {
    let mut rig = rig();
    let pointer = rig.alloc(A, &[1; 5000]);
    let used = rig.used();
    let id = rig.next();
    for _ in 0..3 {
        assert_eq!(rig.memory.stage(client(A), announce(id, pointer, 5000)), Staged::Ready);
        assert_eq!(rig.used(), used + 5000);
        rig.memory.withdraw(client(A), id);
        assert_eq!(rig.used(), used);
    }
    let action = Action::Write { offset: 0, data: vec![2; 5000] };
    assert_eq!(rig.submit(A, id, Work::One(step(pointer, action))), Submitted::Done(Ok(Answer::Written)));
}
