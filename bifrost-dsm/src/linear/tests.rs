//! The checker, checked: by histories of which one knows, and against trying everything.

mod brute;

use super::*;
use proptest::prelude::*;

fn entry(client: u64, op: Op, begin: u64, end: u64, seen: Seen) -> Entry {
    Entry { client, op, begin, end: Some((end, seen)), latest: None }
}

fn pending(client: u64, op: Op, begin: u64) -> Entry {
    Entry { client, op, begin, end: None, latest: None }
}

fn alloc(len: usize) -> Entry {
    entry(0, Op::Alloc(vec![0; len]), 0, 1, Seen::Done)
}

fn write(client: u64, at: usize, data: &[u8], begin: u64, end: u64) -> Entry {
    entry(client, Op::Write(at, data.to_vec()), begin, end, Seen::Done)
}

fn read(client: u64, at: usize, data: &[u8], begin: u64, end: u64) -> Entry {
    entry(client, Op::Read(at, data.len()), begin, end, Seen::Bytes(data.to_vec()))
}

fn free(client: u64, begin: u64, end: u64) -> Entry {
    entry(client, Op::Free, begin, end, Seen::Done)
}

fn judge(entries: Vec<Entry>) -> Verdict {
    check(&History::new(entries).unwrap())
}

#[track_caller]
fn good(entries: Vec<Entry>) {
    assert_eq!(judge(entries), Verdict::Linearizable);
}

#[track_caller]
fn bad(entries: Vec<Entry>) -> Violation {
    match judge(entries) {
        Verdict::Violated(violation) => *violation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_happens_one_after_the_other_is_judged_so() {
    good(vec![alloc(4), write(1, 1, b"ab", 2, 3), read(2, 0, b"\0ab\0", 4, 5), free(1, 6, 7)]);
    good(vec![]);
}

#[test]
fn operations_under_way_together_come_in_either_order() {
    for seen in [b"\0\0", b"aa", b"bb"] {
        good(vec![alloc(2), write(1, 0, b"aa", 2, 9), write(2, 0, b"bb", 3, 8), read(3, 0, seen, 4, 7)]);
    }
}

#[test]
fn a_write_never_answered_may_have_happened_at_any_later_time_or_not() {
    let lost = || pending(1, Op::Write(0, b"aa".to_vec()), 2);
    good(vec![alloc(2), lost(), read(2, 0, b"\0\0", 3, 4), read(2, 0, b"aa", 50, 51)]);
    good(vec![alloc(2), lost(), read(2, 0, b"\0\0", 3, 4), read(2, 0, b"\0\0", 50, 51)]);
    bad(vec![alloc(2), lost(), read(2, 0, b"aa", 3, 4), read(2, 0, b"\0\0", 50, 51)]);
    bad(vec![alloc(2), read(2, 0, b"aa", 1, 1), lost()]);
}

#[test]
fn a_late_read_does_not_stand_before_a_write_that_ended_early() {
    let lost = Entry { latest: Some(2), ..pending(0, Op::Write(0, vec![2]), 2) };
    good(vec![alloc(2), lost, read(0, 0, &[2], 6, 15), read(0, 1, &[0], 15, 15)]);
}

#[test]
fn a_stale_read_is_found_and_explained() {
    let violation = bad(vec![
        alloc(2),
        read(3, 0, b"\0\0", 2, 3),
        write(1, 0, b"aa", 4, 5),
        read(2, 0, b"\0\0", 6, 7),
        read(3, 0, b"aa", 8, 9),
    ]);
    assert_eq!(violation.operations.len(), 3, "alloc, write and the stale read");
    let text = violation.to_string();
    assert!(text.contains("#2 cannot follow: it saw 00 at byte 0, where #1 had put 61"), "{text}");
}

#[test]
fn a_torn_read_is_found() {
    bad(vec![alloc(4), write(1, 0, b"aaaa", 2, 9), read(2, 0, b"aa\0\0", 3, 4)]);
    bad(vec![alloc(4), write(1, 0, b"aaaa", 2, 3), write(1, 0, b"bbbb", 4, 9), read(2, 0, b"aabb", 5, 6)]);
}

#[test]
fn reads_that_disagree_on_the_order_of_writes_are_found() {
    bad(vec![
        alloc(1),
        write(1, 0, b"a", 2, 20),
        write(2, 0, b"b", 2, 20),
        read(3, 0, b"a", 3, 4),
        read(3, 0, b"b", 5, 6),
        read(4, 0, b"a", 7, 8),
    ]);
}

#[test]
fn a_lost_update_is_found() {
    bad(vec![alloc(2), write(1, 0, b"a", 2, 3), write(2, 1, b"b", 2, 3), read(3, 0, b"a\0", 4, 5)]);
}

#[test]
fn a_write_that_takes_effect_twice_is_found() {
    bad(vec![
        alloc(1),
        write(1, 0, b"a", 2, 3),
        write(2, 0, b"b", 4, 5),
        read(3, 0, b"b", 6, 7),
        read(3, 0, b"a", 8, 9),
    ]);
}

#[test]
fn a_read_after_the_free_is_found() {
    bad(vec![alloc(1), free(1, 2, 3), read(2, 0, b"\0", 4, 5)]);
    good(vec![alloc(1), free(1, 2, 4), read(2, 0, b"\0", 3, 5)]);
    good(vec![alloc(1), free(1, 2, 3), entry(2, Op::Read(0, 1), 4, 5, Seen::Gone)]);
    bad(vec![alloc(1), entry(2, Op::Read(0, 1), 4, 5, Seen::Gone)]);
    bad(vec![alloc(1), free(1, 2, 3), free(2, 4, 5)]);
}

#[test]
fn restored_bytes_come_back_even_after_a_free() {
    let restore = entry(9, Op::Restore(b"x".to_vec()), 6, 7, Seen::Done);
    good(vec![alloc(1), free(1, 2, 3), restore, read(2, 0, b"x", 8, 9)]);
}

#[test]
fn one_clients_writes_come_in_the_order_it_issued_them() {
    // Both are under way at once, so only the issue order speaks against this.
    bad(vec![alloc(1), write(1, 0, b"a", 2, 20), write(1, 0, b"b", 3, 20), read(2, 0, b"a", 21, 22)]);
    good(vec![alloc(1), write(1, 0, b"a", 2, 20), write(1, 0, b"b", 3, 20), read(2, 0, b"b", 21, 22)]);
    // A write that was given up does not come after a later one.
    let lost = pending(1, Op::Write(0, b"a".to_vec()), 2);
    bad(vec![alloc(1), lost, write(1, 0, b"b", 3, 4), read(2, 0, b"b", 5, 6), read(2, 0, b"a", 7, 8)]);
}

#[test]
fn contradictory_histories_are_no_histories() {
    assert_eq!(History::new(vec![write(1, 0, b"a", 5, 4)]), Err(HistoryError::Times(0)));
    assert_eq!(History::new(vec![write(1, 0, b"a", 5, 6), write(1, 0, b"a", 2, 3)]), Err(HistoryError::IssueOrder(1)));
    assert_eq!(History::new(vec![entry(1, Op::Read(0, 2), 1, 2, Seen::Done)]), Err(HistoryError::Answer(0)));
    assert_eq!(History::new(vec![entry(1, Op::Read(0, 2), 1, 2, Seen::Bytes(vec![1]))]), Err(HistoryError::Answer(0)));
}

/// A history that some real object could have had: operations take effect at a drawn time between beginning and end.
fn real(clients: u64, operations: usize, mut next: impl FnMut(u64) -> u64) -> Vec<Entry> {
    let mut object = [0; 16];
    let mut free_at: Vec<u64> = (0..clients).map(|_| 2).collect();
    let mut points = Vec::new();
    for _ in 0..operations {
        let client = next(clients);
        let slot = usize::try_from(client).unwrap();
        let begin = free_at[slot] + 1 + next(10);
        let (point, end) = (begin + 1 + next(20), begin + 25 + next(20));
        free_at[slot] = end;
        points.push((point, client, begin, end));
    }
    points.sort_unstable();
    let mut entries = vec![alloc(16)];
    for (_, client, begin, end) in points {
        let at = usize::try_from(next(12)).unwrap();
        let len = 1 + usize::try_from(next(4)).unwrap();
        if next(2) == 0 {
            let data: Vec<u8> = (0..len).map(|_| u8::try_from(next(256)).unwrap()).collect();
            object[at..at + len].copy_from_slice(&data);
            let answered = (next(50) > 0).then_some((end, Seen::Done));
            entries.push(Entry { client, op: Op::Write(at, data), begin, end: answered, latest: None });
        } else {
            entries.push(read(client, at, &object[at..at + len], begin, end));
        }
    }
    entries[1..].sort_by_key(|entry| entry.begin);
    entries
}

fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut rng = crate::sim::Rng::new(seed);
    move |n| rng.below(n)
}

#[test]
fn a_thousand_operations_of_eight_clients_are_judged() {
    for seed in 0..2 {
        let mut entries = real(8, 1000, random(seed));
        good(entries.clone());
        // One byte of one late read is wrong.
        let read = entries.iter_mut().rev().find(|entry| matches!(entry.op, Op::Read(..)));
        if let Some((_, Seen::Bytes(bytes))) = read.and_then(|entry| entry.end.as_mut()) {
            bytes[0] ^= 0x5a;
        }
        let violation = bad(entries);
        assert!(violation.to_string().lines().count() < 80, "{violation}");
    }
}

#[test]
fn what_is_too_complex_is_said_to_be() {
    let mut entries = vec![alloc(8)];
    for client in 0..8 {
        entries.push(write(client, 0, &client.to_be_bytes(), 2, 100));
    }
    entries.push(read(9, 0, b"nonsense", 2, 100));
    let history = History::new(entries).unwrap();
    assert!(matches!(check_within(&history, 50), Verdict::TooComplex { visited: 50 }));
}

#[test]
fn what_has_to_take_effect_by_some_time_does_not_later() {
    let late = |latest| {
        let write = Entry { latest, ..pending(1, Op::Write(0, vec![7]), 10) };
        vec![alloc(1), write, read(2, 0, &[0], 30, 40), read(2, 0, &[7], 50, 60)]
    };
    good(late(None));
    good(late(Some(40)));
    bad(late(Some(29)));
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let op = prop_oneof![
        4 => (0usize..3, 1usize..3, 1u8..4).prop_map(|(at, len, byte)| Op::Write(at, vec![byte; len])),
        5 => (0usize..3, 1usize..3).prop_map(|(at, len)| Op::Read(at, len)),
        1 => Just(Op::Free),
        1 => (1u8..4).prop_map(|byte| Op::Restore(vec![byte; 3])),
    ];
    (0u64..3, op, 2u64..30, 0u64..15, prop::collection::vec(0u8..4, 2), 0u8..10, prop::option::of(0u64..15)).prop_map(
        |(client, op, begin, takes, bytes, kind, latest)| {
            let seen = match (&op, kind) {
                (_, 2) => Seen::Gone,
                (Op::Read(_, len), _) => Seen::Bytes(bytes[..*len].to_vec()),
                _ => Seen::Done,
            };
            let latest = latest.filter(|_| kind <= 1).map(|after| begin + after);
            Entry { client, op, begin, end: (kind > 1).then_some((begin + takes, seen)), latest }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn the_verdict_is_that_of_trying_every_order(entries in prop::collection::vec(any_entry(), 0..6)) {
        let mut entries = entries;
        entries.sort_by_key(|entry| entry.begin);
        entries.insert(0, alloc(3));
        let expected = brute::has_order(&entries);
        let verdict = judge(entries);
        prop_assert_eq!(verdict.is_ok(), expected);
        if let Verdict::Violated(violation) = verdict {
            prop_assert!(!brute::has_order(&violation.operations), "what is shown is not wrong: {}", violation);
        }
    }

    #[test]
    fn what_a_real_object_does_is_linearizable(seed: u64, clients in 1u64..5, operations in 0usize..60) {
        prop_assert_eq!(judge(real(clients, operations, random(seed))), Verdict::Linearizable);
    }
}
