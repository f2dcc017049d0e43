//! Operations on memory that a switch drops without a word, and others that only take long.

use super::memory::{OBJECT, end, operations, reply, start};
use super::*;
use crate::wire::{MemoryOp, MemoryStatus, Pointer};
use bytes::Bytes;

const LIMIT: Duration = Duration::from_secs(5);
const OTHER: Pointer = Pointer::new(0xFD, 3, 78);

fn pair_waiting(peer_timeout: Duration) -> Pair {
    let config = Config { operation_timeout: LIMIT, peer_timeout, ..config() };
    let mut pair = Pair::new(config.clone(), config);
    pair.server.serve_memory();
    pair
}

fn pair() -> Pair {
    pair_waiting(Duration::from_secs(10))
}

fn ask(pair: &mut Pair, op: MemoryOp, pointer: Pointer, len: usize) -> CallId {
    let body = if op == MemoryOp::Write { vec![1; len] } else { Vec::new() };
    let request = MemoryRequest {
        pointer,
        op,
        argument: 0,
        is_batch: false,
        offset: 0,
        len: len as u64,
        body: Bytes::from(body).into(),
        place: None,
        deadline: None,
    };
    start(pair, request)
}

/// What a switch does in which nobody has a right to [`OBJECT`].
fn is_dropped(header: &Header) -> bool {
    let pointer = Pointer::from_bytes(header.pointer);
    let is_guarded = matches!(MemoryOp::from_wire(pointer.operation()), Some(MemoryOp::Read | MemoryOp::Write));
    header.flags.has(Flags::TO_CALLEE) && header.pointers == 1 && is_guarded && pointer.at_rest() == OBJECT
}

impl Pair {
    /// Time passes, and the server does all that it is asked for.
    fn go_on(&mut self, time: Duration, mut lose: impl FnMut(&Header) -> bool) {
        let until = self.now.plus(time);
        while self.now < until {
            self.exchange(&mut lose);
            for (operation, _) in operations(self) {
                let answer = match operation.op() {
                    MemoryOp::Alloc => MemoryReply::allocated(OTHER),
                    MemoryOp::Read => {
                        let len = usize::try_from(operation.fields.len).unwrap();
                        MemoryReply::data(Bytes::from(vec![2; len]).into())
                    }
                    _ => MemoryReply::done(),
                };
                reply(self, &operation, answer);
            }
            self.exchange(&mut lose);
            self.pass(Duration::from_millis(20));
        }
    }

    fn is_done(&mut self) -> bool {
        end(self).unwrap().unwrap().status() == MemoryStatus::Ok
    }
}

fn is_unanswered(result: Option<Result<MemoryAnswer, CallError>>) -> bool {
    let Some(Err(error)) = result else { return false };
    let CallError::Unanswered { waited } = error else { return false };
    assert!(error.may_have_run() && error.to_string().contains("may have refused it"), "{error}");
    assert!(waited >= LIMIT && waited < LIMIT + Duration::from_secs(2), "{waited:?}");
    true
}

#[test]
fn what_is_dropped_without_a_word_ends_in_a_session_that_lives_on() {
    for op in [MemoryOp::Read, MemoryOp::Write] {
        for (len, is_busy) in [(10, false), (10, true), (300_000, false), (300_000, true)] {
            let mut pair = pair();
            ask(&mut pair, op, OBJECT, len);
            for _ in 0..49 {
                if is_busy {
                    ask(&mut pair, MemoryOp::Read, OTHER, 10);
                }
                pair.go_on(Duration::from_millis(100), is_dropped);
                assert!(pair.answer().is_none() || is_busy, "too early");
            }
            while pair.answer().is_some() {}
            pair.go_on(Duration::from_secs(5), is_dropped);
            assert!(is_unanswered(end(&mut pair)), "{op:?} of {len}, {is_busy}");
            for op in [MemoryOp::Read, MemoryOp::Write] {
                ask(&mut pair, op, OTHER, len);
                pair.go_on(Duration::from_secs(1), is_dropped);
                assert!(pair.is_done());
            }
            let (client, server) = (pair.client.usage(), pair.server.usage());
            assert_eq!((client.caller_sessions, server.callee_sessions), (1, 1), "the session is the same");
            assert_eq!(client.calls, 0);
        }
    }
}

#[test]
fn writes_behind_one_that_was_dropped_are_done_when_it_has_ended() {
    let mut pair = pair();
    ask(&mut pair, MemoryOp::Write, OBJECT, 10);
    let drops_first = |header: &Header| is_dropped(header) && header.rpc == 1;
    pair.go_on(Duration::from_millis(20), is_dropped);
    ask(&mut pair, MemoryOp::Write, OBJECT, 10);
    pair.go_on(Duration::from_secs(12), drops_first);
    assert!(is_unanswered(end(&mut pair)) && pair.is_done());
}

#[test]
fn a_right_that_comes_late_is_not_too_late() {
    let mut pair = pair();
    ask(&mut pair, MemoryOp::Write, OBJECT, 5000);
    // The last asking before the limit is answered.
    pair.go_on(LIMIT - Duration::from_millis(1500), is_dropped);
    pair.go_on(Duration::from_secs(3), |_| false);
    assert!(pair.is_done() && pair.answer().is_none(), "done, once");
}

#[test]
fn an_operation_that_takes_long_is_waited_for() {
    let mut pair = pair();
    ask(&mut pair, MemoryOp::Write, OBJECT, 10);
    pair.exchange(|_| false);
    let (slow, _) = operations(&mut pair).pop().unwrap();
    for _ in 0..60 {
        ask(&mut pair, MemoryOp::Read, OTHER, 10);
        pair.go_on(Duration::from_secs(1), |_| false);
        assert!(pair.is_done() && pair.answer().is_none());
    }
    reply(&mut pair, &slow, MemoryReply::done());
    pair.go_on(Duration::from_secs(2), |_| false);
    assert!(pair.is_done());
}

#[test]
fn what_needs_a_decision_waits_for_who_decides() {
    for op in [MemoryOp::Alloc, MemoryOp::Free] {
        let mut pair = pair();
        // The control plane is away, to whom these are redirected.
        let is_lost = |header: &Header| {
            let asked = Pointer::from_bytes(header.pointer).operation();
            header.kind == PacketType::Memory && asked == op as u8
        };
        ask(&mut pair, op, if op == MemoryOp::Alloc { OBJECT.root() } else { OBJECT }, 0);
        for _ in 0..30 {
            ask(&mut pair, MemoryOp::Read, OTHER, 10);
            pair.go_on(Duration::from_secs(1), is_lost);
            assert!(pair.is_done() && pair.answer().is_none());
        }
        pair.go_on(Duration::from_secs(2), |_| false);
        assert!(pair.is_done());
    }
}

#[test]
fn while_the_server_is_silent_no_operation_is_taken_for_refused() {
    let mut pair = pair_waiting(Duration::from_secs(60));
    ask(&mut pair, MemoryOp::Read, OTHER, 10);
    pair.go_on(Duration::from_secs(1), |_| false);
    assert!(pair.is_done());
    // It stands still.
    ask(&mut pair, MemoryOp::Write, OBJECT, 10);
    pair.go_on(Duration::from_secs(20), |_| true);
    assert_eq!(pair.answer(), None);
    pair.go_on(Duration::from_secs(3), |_| false);
    assert!(pair.is_done());
}

#[test]
fn a_server_that_nothing_reaches_does_not_answer_whatever_it_says() {
    let mut pair = pair_waiting(Duration::from_secs(60));
    ask(&mut pair, MemoryOp::Read, OTHER, 10);
    pair.go_on(Duration::from_secs(1), |_| false);
    assert!(pair.is_done());
    ask(&mut pair, MemoryOp::Read, OTHER, 300_000);
    pair.exchange(|_| false);
    let (large, _) = operations(&mut pair).pop().unwrap();
    reply(&mut pair, &large, MemoryReply::data(Bytes::from(vec![2; 300_000]).into()));
    ask(&mut pair, MemoryOp::Write, OBJECT, 10);
    // The server sends what was asked for again and again; nothing comes to it.
    pair.go_on(Duration::from_secs(20), |header| header.flags.has(Flags::TO_CALLEE) || header.offset > 0);
    assert_eq!(pair.answer(), None);
    pair.go_on(Duration::from_secs(4), |_| false);
    assert!(pair.is_done() && pair.is_done());
}

#[test]
fn a_server_that_is_gone_is_lost_as_ever() {
    let mut pair = pair();
    ask(&mut pair, MemoryOp::Read, OTHER, 10);
    pair.go_on(Duration::from_secs(1), |_| false);
    assert!(pair.is_done());
    ask(&mut pair, MemoryOp::Write, OTHER, 10);
    pair.go_on(Duration::from_secs(12), |_| true);
    assert_eq!(pair.answer(), Some(Err(CallError::OutcomeUnknown(Lost::Silence))));
}
