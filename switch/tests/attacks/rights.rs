//! Read, write and free without a right, and after free.

use crate::counts::Count;
use crate::frames::{Ask, made, parse};
use crate::rack::Rack;
use crate::raw::{Raw, Session};
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::node::Node;
use bifrost_rpc::wire::{Batch, BatchOp, Flags, Header, MemoryFields, MemoryOp, MemoryStatus};

pub(crate) const SECRET: &[u8] = b"what nobody else may see";

/// An honest node with an object, and a node that has no right to it.
pub(crate) struct Theft {
    pub(crate) rack: Rack,
    pub(crate) owner: Node,
    pub(crate) object: Pointer,
    pub(crate) thief: Raw,
    pub(crate) session: Session,
}

impl Theft {
    pub(crate) fn begin() -> Self {
        let rack = Rack::start();
        let (owner, mut thief) = (rack.node(1), rack.raw(2));
        let object = owner.memory().alloc_and_write(SECRET).unwrap();
        let session = thief.open_memory();
        Self { rack, owner, object, thief, session }
    }

    /// Tries something: it is stopped at the switch, and where that lets it pass, at the memory server.
    fn is_stopped_twice(&mut self, asked: &Ask<'_>) {
        let frame = self.thief.request(&self.session, asked);
        self.rack.counted(Count::Verdict("dropped_no_access"), || self.thief.send(&frame));
        self.rack.let_pass(self.thief.address(), asked);
        let frame = self.thief.request(&self.session, asked);
        self.rack.counted(Count::Refusal("NoRight"), || self.thief.send(&frame));
        let heard = self.thief.wait_for("a refusal", |heard| heard.header.session == self.session.session);
        assert_eq!(MemoryFields::of(&heard.header).status, MemoryStatus::Denied);
        self.rack.assert_unchanged(&self.owner, self.object, SECRET);
    }
}

/// The frames of these tests are such as are answered where there is a right.
#[test]
fn who_controls_an_object_reads_writes_and_frees_it() {
    let Theft { rack, mut thief, session, .. } = Theft::begin();
    let object = made(&thief.ask(&session, &Ask::alloc(b"mine")).header);
    assert_eq!(thief.ask(&session, &Ask::read(object, 4)).body, b"mine");
    let status = |heard: crate::raw::Heard| MemoryFields::of(&heard.header).status;
    assert_eq!(status(thief.ask(&session, &Ask::write(object, b"ours"))), MemoryStatus::Ok);
    assert_eq!(thief.ask(&session, &Ask::read(object, 4)).body, b"ours");
    assert_eq!(status(thief.ask(&session, &Ask::free(object))), MemoryStatus::Ok);
    assert_eq!(rack.count(Count::Verdict("dropped_no_access")), 0);
}

#[test]
fn nobody_reads_without_a_grant() {
    let mut theft = Theft::begin();
    theft.is_stopped_twice(&Ask::read(theft.object, SECRET.len() as u64));
}

#[test]
fn nobody_writes_without_a_grant() {
    let mut theft = Theft::begin();
    theft.is_stopped_twice(&Ask::write(theft.object, b"forged"));
}

#[test]
fn nobody_frees_without_a_grant() {
    let mut theft = Theft::begin();
    let asked = Ask::free(theft.object);
    // The switch shows it to Gatekeeper, which leaves the judgement to the memory server.
    let frame = theft.thief.request(&theft.session, &asked);
    theft.rack.counted(Count::Refusal("NoRight"), || theft.thief.send(&frame));
    assert_eq!(theft.rack.count(Count::Verdict("free")), 2, "the request, and its answer");
    theft.rack.assert_unchanged(&theft.owner, theft.object, SECRET);
}

#[test]
fn nobody_reads_what_was_freed() {
    let Theft { rack, owner, object, mut thief, session } = Theft::begin();
    let own = made(&thief.ask(&session, &Ask::alloc(b"mine")).header);
    let read = Ask::read(own, 4);
    assert_eq!(thief.ask(&session, &read).body, b"mine");
    assert_eq!(MemoryFields::of(&thief.ask(&session, &Ask::free(own)).header).status, MemoryStatus::Ok);
    let frame = thief.request(&session, &read);
    rack.counted(Count::Verdict("dropped_no_access"), || thief.send(&frame));
    rack.let_pass(thief.address(), &read);
    let frame = thief.request(&session, &read);
    rack.counted(Count::Refusal("NoSuchObject"), || thief.send(&frame));
    let write = Ask::write(own, b"gone");
    let frame = thief.request(&session, &write);
    rack.counted(Count::Verdict("dropped_no_access"), || thief.send(&frame));
    rack.assert_unchanged(&owner, object, SECRET);
}

/// A batch, with the operation `sent_as` in its pointer.
fn batch(thief: &mut Raw, session: &Session, object: Pointer, sent_as: MemoryOp, op: BatchOp, data: &[u8]) -> Vec<u8> {
    let body = [&Batch::new(vec![op]).unwrap().to_bytes()[..], data].concat();
    let asked = Ask { op: sent_as, object, len: 0, data: &body };
    let header = thief.operation(session, &asked);
    thief.put_in_frame(session, &asked, Header { flags: header.flags.with(Flags::BATCH), ..header })
}

/// The switch reads a batch's operation in the pointer.
#[test]
fn a_batch_does_no_more_than_its_pointer_says() {
    let Theft { rack, mut thief, session, .. } = Theft::begin();
    let own = made(&thief.ask(&session, &Ask::alloc(b"mine")).header);
    let free = BatchOp { op: MemoryOp::Free, argument: 0, object: 0, offset: 0, len: 0 };
    let write = BatchOp { op: MemoryOp::Write, len: 4, ..free };
    for (op, data) in [(free, &b""[..]), (write, b"evil")] {
        let hidden = batch(&mut thief, &session, own, MemoryOp::Read, op, data);
        rack.counted(Count::Refusal("Incomplete"), || thief.send(&hidden));
        assert_eq!(thief.ask(&session, &Ask::read(own, 4)).body, b"mine");
    }
    let plain = batch(&mut thief, &session, own, MemoryOp::Write, write, b"ours");
    let rpc = parse(&plain).unwrap().1.rpc;
    thief.exchange("the answer", &plain, |heard| heard.header.rpc == rpc);
    assert_eq!(thief.ask(&session, &Ask::read(own, 4)).body, b"ours");
}
