//! The server by hand: one promise at a time.

mod bounds;
mod delivered;
mod rights;
mod sent;
mod steps;

use super::*;
use crate::config::BATCH_STEPS_MAX;
use crate::control::{Control, Controlled, Stamp};
use crate::identity::{Holder, Node};
use crate::operation::{Action, Answer, READ_TO_END_BYTES_MAX, Request, Step, Submitted, Work};
use bifrost_rpc::memory::{PREFIX_DEFAULT, Pointer, READ_TO_END};

const KIB: u64 = 1 << 10;

fn holder(node: u16) -> Holder {
    Holder { node: Node(std::net::Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, node)), incarnation: 1 }
}

fn client(node: u16) -> Client {
    Client { holder: holder(node), id: u64::from(node) }
}

/// A server with two clients, and the ids and stamps that they used.
struct Rig {
    memory: Memory,
    id: u64,
    sequence: u64,
    baseline: u64,
}

const A: u16 = 1;
const B: u16 = 2;

impl Rig {
    fn new(config: Config) -> Self {
        let mut memory = Memory::new(config);
        memory.open(client(A)).unwrap();
        memory.open(client(B)).unwrap();
        let baseline = memory.metrics().used_bytes;
        Self { memory, id: 0, sequence: 0, baseline }
    }

    fn plain() -> Self {
        Self::new(Config::default())
    }

    fn open() -> Self {
        Self::new(Config { open: true, ..Config::default() })
    }

    fn next(&mut self) -> u64 {
        self.id += 1;
        self.id
    }

    fn submit(&mut self, node: u16, id: u64, work: Work) -> Submitted {
        self.memory.submit(client(node), Request { id, lowest: 1, work })
    }

    /// One step, answered at once. Its record is acknowledged, so that only objects take memory.
    fn step(&mut self, node: u16, target: Pointer, action: Action) -> Outcome {
        let id = self.next();
        let submitted = self.submit(node, id, Work::One(step(target, action)));
        self.memory.acknowledge(client(node), id + 1, &[]);
        match submitted {
            Submitted::Done(outcome) => outcome,
            Submitted::Waiting => panic!("it waits"),
        }
    }

    fn alloc(&mut self, node: u16, data: &[u8]) -> Pointer {
        match self.step(node, nowhere(), Action::AllocWrite { len: data.len() as u64, data: data.to_vec() }) {
            Ok(Answer::Allocated(pointer)) => pointer,
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, node: u16, target: Pointer, offset: u64, len: u64) -> Result<Vec<u8>, Refusal> {
        match self.step(node, target, Action::Read { offset, len })? {
            Answer::Data(data) => Ok(data.to_vec()),
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, node: u16, target: Pointer, offset: u64, data: &[u8]) -> Result<(), Refusal> {
        self.step(node, target, Action::Write { offset, data: data.to_vec() }).map(|_| ())
    }

    fn free(&mut self, node: u16, target: Pointer) -> Result<(), Refusal> {
        self.step(node, target, Action::Free).map(|_| ())
    }

    fn control(&mut self, control: Control) -> Result<u64, Refusal> {
        self.sequence += 1;
        let stamp = Stamp { term: 1, sequence: self.sequence };
        self.memory.control(stamp, &control).map(|Controlled { changed }| changed)
    }

    /// Bytes in use beyond those of the two clients.
    fn used(&self) -> u64 {
        self.memory.metrics().used_bytes - self.baseline
    }
}

fn nowhere() -> Pointer {
    Pointer::new(PREFIX_DEFAULT, 1, 0)
}

fn step(target: Pointer, action: Action) -> Step {
    Step { target, previous: 0, unit_log2: 0, action }
}

fn write_after(target: Pointer, previous: u64, data: &[u8]) -> Work {
    Work::One(Step { previous, ..step(target, Action::Write { offset: 0, data: data.to_vec() }) })
}

#[test]
fn what_is_written_is_read_and_freeing_gives_everything_back() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"hello");
    rig.write(A, pointer, 1, b"ipp").unwrap();
    assert_eq!(rig.read(A, pointer, 0, 5).unwrap(), b"hippo");
    assert_eq!(rig.used(), 5 + OBJECT_BYTES);
    rig.free(A, pointer).unwrap();
    assert_eq!(rig.read(A, pointer, 0, 5), Err(Refusal::NoSuchObject));
    assert_eq!(rig.used(), 0);
}

#[test]
fn a_read_to_the_end_needs_no_length() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"hello");
    assert_eq!(rig.read(A, pointer, 0, READ_TO_END).unwrap(), b"hello");
    assert_eq!(rig.read(A, pointer, 3, READ_TO_END).unwrap(), b"lo");
    for beyond in [5, 6, u64::MAX - READ_TO_END] {
        assert_eq!(rig.read(A, pointer, beyond, READ_TO_END), Err(Refusal::PastEnd { len: 5 }));
    }
    assert_eq!(rig.read(A, pointer, 0, READ_TO_END - 1), Err(Refusal::PastEnd { len: 5 }));
    assert_eq!(rig.read(A, pointer, 0, READ_TO_END + 5).unwrap(), b"hello");
    assert_eq!(rig.read(A, pointer, 0, READ_TO_END + 4), Err(Refusal::PastEnd { len: 5 }));
    assert_eq!(rig.read(A, pointer, 1, READ_TO_END + 4).unwrap(), b"ello");
    let len = READ_TO_END_BYTES_MAX + 1;
    let Ok(Answer::Allocated(large)) = rig.step(A, nowhere(), Action::Alloc { len }) else { panic!("no room") };
    assert_eq!(rig.read(A, large, 0, READ_TO_END), Err(Refusal::PastEnd { len }));
    assert_eq!(rig.read(A, large, 1, READ_TO_END).unwrap().len() as u64, len - 1);
}

#[test]
fn a_whole_object_write_takes_the_buffer_over() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, &[1; 8192]);
    let data = vec![2; 8192];
    let address = data.as_ptr();
    rig.step(A, pointer, Action::Write { offset: 0, data }).unwrap();
    match rig.step(A, pointer, Action::Read { offset: 0, len: 8192 }).unwrap() {
        Answer::Data(data) => assert_eq!((data.pieces().len(), data.pieces()[0].as_ptr()), (1, address)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_copy_of_an_operation_gets_the_first_ones_answer() {
    let mut rig = Rig::plain();
    let alloc = || Work::One(step(nowhere(), Action::Alloc { len: 8 }));
    let first = rig.submit(A, 1, alloc());
    assert_eq!(rig.submit(A, 1, alloc()), first);
    assert_eq!(rig.memory.metrics().objects, 1);
    let Submitted::Done(Ok(Answer::Allocated(pointer))) = first else { panic!("{first:?}") };
    let write = |data: &[u8]| write_after(pointer, 0, data);
    rig.submit(A, 2, write(b"aaaaaaaa"));
    rig.submit(A, 3, write(b"bbbbbbbb"));
    assert_eq!(rig.submit(A, 2, write(b"aaaaaaaa")), Submitted::Done(Ok(Answer::Written)));
    assert_eq!(rig.submit(A, 4, Work::One(step(pointer, Action::Free))), Submitted::Done(Ok(Answer::Freed)));
    assert_eq!(rig.submit(A, 4, Work::One(step(pointer, Action::Free))), Submitted::Done(Ok(Answer::Freed)));
    assert_eq!(rig.memory.metrics().duplicates, 3);
    rig.memory.acknowledge(client(A), 5, &[]);
    assert_eq!(rig.submit(A, 2, write(b"aaaaaaaa")), Submitted::Done(Err(Refusal::Ended)));
    assert_eq!(rig.used(), 0);
}

#[test]
fn a_write_waits_for_the_one_before_it() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"....");
    assert_eq!(rig.submit(A, 11, write_after(pointer, 10, b"late")), Submitted::Waiting);
    assert_eq!(rig.submit(A, 11, write_after(pointer, 10, b"late")), Submitted::Waiting, "a copy waits, too");
    assert_eq!(rig.memory.poll_answer(), None);
    assert_eq!(rig.submit(A, 10, write_after(pointer, 0, b"soon")), Submitted::Done(Ok(Answer::Written)));
    assert_eq!(rig.memory.poll_answer(), Some((client(A), 11, Ok(Answer::Written))));
    assert_eq!(rig.memory.poll_answer(), None);
    rig.id = 12;
    assert_eq!(rig.read(A, pointer, 0, 4).unwrap(), b"late");
}

#[test]
fn a_write_that_is_refused_or_given_up_holds_up_none_after_it() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"....");
    assert_eq!(rig.submit(A, 11, write_after(pointer, 10, b"past")), Submitted::Waiting);
    let refused = rig.submit(A, 10, write_after(pointer, 0, b"too long"));
    assert_eq!(refused, Submitted::Done(Err(Refusal::PastEnd { len: 4 })));
    assert_eq!(rig.memory.poll_answer(), Some((client(A), 11, Ok(Answer::Written))));
    assert_eq!(rig.submit(A, 21, write_after(pointer, 20, b"next")), Submitted::Waiting);
    rig.memory.acknowledge(client(A), 21, &[]);
    assert_eq!(rig.memory.poll_answer(), Some((client(A), 21, Ok(Answer::Written))));
    assert_eq!(rig.submit(A, 31, write_after(pointer, 30, b"more")), Submitted::Waiting);
    rig.memory.cancel(client(A), 30);
    assert_eq!(rig.memory.poll_answer(), Some((client(A), 31, Ok(Answer::Written))));
}

#[test]
fn a_write_refused_before_its_turn_lets_none_after_it_overtake_the_one_before() {
    let mut rig = Rig::new(Config { capacity_bytes: 8 * KIB, ..Config::default() });
    let pointer = rig.alloc(A, b"....");
    // There is no room for the second, which shows before the first has come.
    assert_eq!(rig.submit(A, 11, write_after(pointer, 10, &[0; 9000])), Submitted::Waiting);
    assert_eq!(rig.submit(A, 12, write_after(pointer, 11, b"last")), Submitted::Waiting);
    let staged = Announce { previous: 12, ..announce(13, pointer, 9000) };
    assert_eq!(rig.memory.stage(client(A), staged), Staged::Waiting);
    assert_eq!(rig.memory.poll_answer(), None);
    assert_eq!(rig.submit(A, 10, write_after(pointer, 0, b"1st.")), Submitted::Done(Ok(Answer::Written)));
    let outcomes: Vec<_> =
        std::iter::from_fn(|| rig.memory.poll_answer()).map(|(_, id, outcome)| (id, outcome)).collect();
    assert!(matches!(outcomes[0], (11, Err(Refusal::OutOfMemory { .. }))));
    assert_eq!(outcomes[1], (12, Ok(Answer::Written)));
    assert_eq!(outcomes[2], (13, Err(Refusal::PastEnd { len: 4 })));
    rig.id = 20;
    assert_eq!(rig.read(A, pointer, 0, 4).unwrap(), b"last");
}

#[test]
fn a_client_that_ends_takes_what_it_had_unfinished_with_it() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"....");
    let used = rig.used();
    rig.submit(A, 11, write_after(pointer, 10, b"wait"));
    assert_eq!(rig.memory.stage(client(A), announce(12, pointer, 2)), Staged::Ready);
    rig.memory.land(client(A), 12, 0, b"x").unwrap();
    assert_eq!((rig.memory.metrics().waiting, rig.memory.metrics().staged), (1, 1));
    rig.memory.close(client(A));
    rig.memory.open(client(3)).unwrap();
    assert_eq!(rig.used(), used);
    assert_eq!(rig.submit(A, 13, write_after(pointer, 0, b"dead")), Submitted::Done(Err(Refusal::UnknownClient)));
}

fn announce(id: u64, target: Pointer, len: u64) -> Announce {
    Announce { id, lowest: 1, target, previous: 0, unit_log2: 0, place: Place::At(0), len }
}

#[test]
fn a_staged_write_is_seen_when_all_has_come() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"......");
    assert_eq!(rig.memory.stage(client(A), announce(10, pointer, 6)), Staged::Ready);
    assert_eq!(rig.memory.land(client(A), 10, 4, b"ef"), Ok(false));
    assert_eq!(rig.memory.stage(client(A), announce(10, pointer, 6)), Staged::Ready, "again");
    assert_eq!(rig.memory.land(client(A), 10, 0, b"abc"), Ok(false));
    assert_eq!(rig.memory.commit(client(A), 10), Submitted::Done(Err(Refusal::Incomplete)));
    rig.id = 20;
    let now = rig.submit(A, 20, Work::One(step(pointer, Action::Read { offset: 0, len: 6 })));
    assert!(matches!(now, Submitted::Done(Ok(Answer::Data(data))) if data.to_vec() == b"......"));
    assert_eq!(rig.memory.land(client(A), 10, 2, b"cd"), Ok(true));
    assert_eq!(rig.memory.commit(client(A), 10), Submitted::Done(Ok(Answer::Written)));
    assert_eq!(rig.memory.commit(client(A), 10), Submitted::Done(Ok(Answer::Written)));
    assert_eq!(rig.memory.stage(client(A), announce(10, pointer, 6)), Staged::Done(Ok(Answer::Written)));
    assert_eq!(rig.read(A, pointer, 0, 6).unwrap(), b"abcdef");
}

#[test]
fn bytes_collected_elsewhere_take_the_reservation_over() {
    let mut rig = Rig::new(Config { capacity_bytes: 8 * KIB, ..Config::default() });
    let pointer = rig.alloc(A, &[0; 3000]);
    assert_eq!(rig.memory.stage(client(A), announce(10, pointer, 3000)), Staged::Ready);
    // There is no room for these bytes a third time.
    let write = Work::One(step(pointer, Action::Write { offset: 0, data: vec![1; 3000] }));
    assert_eq!(rig.submit(A, 10, write), Submitted::Done(Ok(Answer::Written)));
    assert_eq!(rig.memory.metrics().staged, 0);
}

#[test]
fn fragments_outside_the_write_are_refused() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"....");
    assert_eq!(rig.memory.land(client(A), 10, 0, b"x"), Err(Refusal::Incomplete));
    rig.memory.stage(client(A), announce(10, pointer, 4));
    for at in [3, 4, u64::MAX] {
        assert_eq!(rig.memory.land(client(A), 10, at, b"xy"), Err(Refusal::Incomplete));
    }
    assert_eq!(rig.memory.land(client(A), 10, 4, b""), Ok(false));
}

#[test]
fn a_batch_stops_at_what_is_refused_and_what_was_before_stands() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"....");
    let write = |offset, data: &[u8]| step(pointer, Action::Write { offset, data: data.to_vec() });
    let id = rig.next();
    let done = rig.submit(A, id, Work::Batch(vec![write(0, b"ab"), write(3, b"cd"), write(2, b"ef")]));
    let expected = Answer::Batch(vec![Answer::Written], Some(Refusal::PastEnd { len: 4 }));
    assert_eq!(done, Submitted::Done(Ok(expected)));
    assert_eq!(rig.read(A, pointer, 0, 4).unwrap(), b"ab..");
}

#[test]
fn a_batch_touches_several_objects_only_where_nobody_is_protected() {
    for (mut rig, open) in [(Rig::plain(), false), (Rig::open(), true)] {
        let (a, b) = (rig.alloc(A, b"a"), rig.alloc(A, b"b"));
        let read = |pointer| step(pointer, Action::Read { offset: 0, len: 1 });
        let id = rig.next();
        let done = rig.submit(A, id, Work::Batch(vec![read(a), read(b)]));
        assert_eq!(done == Submitted::Done(Err(Refusal::SeveralObjects)), !open);
    }
}

#[test]
fn metrics_count_operations_and_refusals() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"abcd");
    rig.read(A, pointer, 0, 3).unwrap();
    rig.read(B, pointer, 0, 3).unwrap_err();
    rig.write(A, pointer, 0, b"xy").unwrap();
    let metrics = rig.memory.metrics();
    assert_eq!((metrics.operations.allocs, metrics.operations.reads, metrics.operations.writes), (1, 1, 1));
    assert_eq!((metrics.read_bytes, metrics.written_bytes), (3, 6));
    assert_eq!(metrics.refusals, [("NoRight", 1)]);
}
