//! Around a call: write by the lessee, by the controller, access by a third node, after the reply, a reply of a node that was not called.

use crate::counts::Count;
use crate::frames::{Ask, PREFIX, made};
use crate::rack::Rack;
use crate::raw::{Heard, Raw, Session};
use crate::rights::SECRET;
use crate::service::{Keep, METHOD, NAME, call_message, look, reply_message};
use crate::{WAIT, until};
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::node::Node;
use bifrost_rpc::reference::Owned;
use bifrost_rpc::thrift;
use bifrost_rpc::wire::{Flags, Header, MemoryFields, MemoryStatus, PacketType, service_address};
use std::thread::JoinHandle;

/// An honest node calls one whose frames are made by hand, and lends it an object; a third one is there, too.
pub(crate) struct Lent {
    pub(crate) rack: Rack,
    pub(crate) owner: Node,
    pub(crate) object: Pointer,
    pub(crate) callee: Raw,
    pub(crate) session: Session,
    pub(crate) call: Heard,
    pub(crate) third: Raw,
    pub(crate) outcome: JoinHandle<thrift::Result<i64>>,
}

impl Lent {
    pub(crate) fn begin(rack: Rack) -> Self {
        let owner = rack.node(1);
        Self::of(rack, owner)
    }

    pub(crate) fn of(rack: Rack, owner: Node) -> Self {
        let (mut callee, third) = (rack.raw(2), rack.raw(3));
        callee.serve(NAME, METHOD);
        let session = callee.open_memory();
        let object = owner.memory().alloc_and_write(SECRET).unwrap();
        let caller = owner.clone();
        let outcome = std::thread::spawn(move || {
            let owned = Owned::<Vec<u8>>::adopt(object, &caller.memory());
            let outcome = look(&caller, owned.lend());
            let _ = owned.release();
            outcome
        });
        let call = callee.take_call();
        assert_eq!(call.header.pointer, object.to_bytes());
        assert!(call.header.flags.has(Flags::LEASED));
        let mut lent = Self { rack, owner, object, callee, session, call, third, outcome };
        lent.assert_readable();
        lent
    }

    /// The lease is in force: the callee reads what it was lent.
    pub(crate) fn assert_readable(&mut self) {
        let read = Ask::read(self.object, SECRET.len() as u64);
        assert_eq!(self.callee.ask(&self.session, &read).body, SECRET);
    }

    /// Ends the call as the callee does.
    pub(crate) fn end(&mut self) {
        let reply = self.callee.reply(&self.call, &reply_message(5));
        self.callee.send(&reply);
        until("the caller has its reply", || self.outcome.is_finished());
    }

    fn finish(mut self) {
        self.end();
        assert_eq!(self.outcome.join().unwrap().unwrap(), 5);
        self.rack.assert_unchanged(&self.owner, self.object, SECRET);
    }
}

#[test]
fn a_lessee_does_not_write() {
    let mut lent = Lent::begin(Rack::start());
    let write = Ask::write(lent.object, b"forged");
    let frame = lent.callee.request(&lent.session, &write);
    lent.rack.counted(Count::Verdict("dropped_no_access"), || lent.callee.send(&frame));
    lent.rack.let_pass(lent.callee.address(), &write);
    let frame = lent.callee.request(&lent.session, &write);
    lent.rack.counted(Count::Refusal("NoRight"), || lent.callee.send(&frame));
    lent.finish();
}

#[test]
fn a_lessee_does_not_free() {
    let mut lent = Lent::begin(Rack::start());
    let frame = lent.callee.request(&lent.session, &Ask::free(lent.object));
    lent.rack.counted(Count::Refusal("NoRight"), || lent.callee.send(&frame));
    lent.finish();
}

#[test]
fn a_third_node_does_not_read_what_is_lent() {
    let mut lent = Lent::begin(Rack::start());
    let session = lent.third.open_memory();
    let read = Ask::read(lent.object, SECRET.len() as u64);
    let frame = lent.third.request(&session, &read);
    lent.rack.counted(Count::Verdict("dropped_no_access"), || lent.third.send(&frame));
    lent.rack.let_pass(lent.third.address(), &read);
    let frame = lent.third.request(&session, &read);
    lent.rack.counted(Count::Refusal("NoRight"), || lent.third.send(&frame));
    lent.finish();
}

#[test]
fn a_lessee_does_not_read_after_its_reply() {
    let mut lent = Lent::begin(Rack::start());
    lent.end();
    let read = Ask::read(lent.object, SECRET.len() as u64);
    let frame = lent.callee.request(&lent.session, &read);
    lent.rack.counted(Count::Verdict("dropped_no_access"), || lent.callee.send(&frame));
    lent.rack.let_pass(lent.callee.address(), &read);
    let frame = lent.callee.request(&lent.session, &read);
    lent.rack.counted(Count::Refusal("NoRight"), || lent.callee.send(&frame));
    lent.rack.assert_unchanged(&lent.owner, lent.object, SECRET);
}

#[test]
fn a_node_that_was_not_called_does_not_reply() {
    let mut lent = Lent::begin(Rack::start());
    // From its own address, and from that of the service, which it does not serve.
    let forged = Heard { addresses: lent.call.addresses, ..lent.call.clone() };
    let mut own = forged.clone();
    own.addresses.destination = lent.third.address();
    let frame = lent.third.reply(&own, &reply_message(666));
    lent.rack.counted(Count::Control("dropped_not_called"), || lent.third.send(&frame));
    let frame = lent.third.reply(&forged, &reply_message(666));
    lent.rack.counted(Count::Verdict("dropped_not_admitted"), || lent.third.send(&frame));
    // One that serves it, too, has the address, and was not called all the same.
    lent.third.serve(NAME, METHOD);
    let frame = lent.third.reply(&forged, &reply_message(666));
    lent.rack.counted(Count::Control("dropped_not_called"), || lent.third.send(&frame));
    assert!(!lent.outcome.is_finished(), "the caller has taken it");
    lent.assert_readable();
    lent.finish();
}

/// A node whose frames are made by hand calls an honest one.
pub(crate) struct Lending {
    pub(crate) rack: Rack,
    server: Node,
    pub(crate) keep: Keep,
    pub(crate) caller: Raw,
    pub(crate) memory: Session,
    pub(crate) session: Session,
}

impl Lending {
    pub(crate) fn begin(rack: Rack) -> Self {
        let (server, mut caller) = (rack.node(1), rack.raw(2));
        let keep = Keep::start(&server);
        let (memory, session) = (caller.open_memory(), caller.open_service(NAME, METHOD));
        Self { rack, server, keep, caller, memory, session }
    }

    /// An object of the caller's.
    pub(crate) fn alloc(&mut self, bytes: &[u8]) -> Pointer {
        made(&self.caller.ask(&self.memory, &Ask::alloc(bytes)).header)
    }

    fn is_reply(header: &Header) -> impl Fn(&Heard) -> bool + use<> {
        let rpc = header.rpc;
        move |heard| heard.header.kind == PacketType::Reply && heard.header.rpc == rpc
    }
}

#[test]
fn the_controller_does_not_write_while_it_is_leased() {
    let mut lending = Lending::begin(Rack::start());
    let object = lending.alloc(b"lent");
    let (header, call) = lending.caller.call(&lending.session, &call_message(object), &[object]);
    lending.caller.send(&call);
    assert_eq!(lending.keep.looked.recv_timeout(WAIT).unwrap().unwrap(), b"lent");
    let write = Ask::write(object, b"late");
    let frame = lending.caller.request(&lending.memory, &write);
    lending.rack.counted(Count::Verdict("dropped_no_access"), || lending.caller.send(&frame));
    let entry = lending.rack.let_pass(lending.caller.address(), &write);
    let frame = lending.caller.request(&lending.memory, &write);
    lending.rack.counted(Count::Refusal("Leased"), || lending.caller.send(&frame));
    assert_eq!(lending.caller.ask(&lending.memory, &Ask::read(object, 4)).body, b"lent");
    lending.rack.stop(entry);
    lending.keep.go.send(()).unwrap();
    lending.caller.wait_for("the reply", Lending::is_reply(&header));
    // The call has ended: the same frame passes.
    let wrote = lending.caller.ask(&lending.memory, &write);
    assert_eq!(MemoryFields::of(&wrote.header).status, MemoryStatus::Ok);
    assert_eq!(lending.caller.ask(&lending.memory, &Ask::read(object, 4)).body, b"late");
}

#[test]
fn nobody_passes_what_he_may_not_pass() {
    let mut lending = Lending::begin(Rack::start());
    let object = lending.server.memory().alloc_and_write(SECRET).unwrap();
    // Its callee may read it: it would do for the caller what the caller may not.
    let (_, call) = lending.caller.call(&lending.session, &call_message(object), &[object]);
    lending.rack.counted(Count::Control("dropped_no_right"), || lending.caller.send(&call));
    assert!(lending.keep.looked.try_recv().is_err(), "the call has run");
    lending.rack.assert_unchanged(&lending.server, object, SECRET);
}

#[test]
fn no_call_comes_behind_another_packet() {
    let mut lending = Lending::begin(Rack::start());
    let object = lending.server.memory().alloc_and_write(SECRET).unwrap();
    let (header, call) = lending.caller.call(&lending.session, &call_message(object), &[object]);
    // The switch reads the first packet of a datagram.
    let ping = Header {
        kind: PacketType::Ping,
        flags: Flags::TO_CALLEE,
        method: bifrost_rpc::wire::MethodField::NONE,
        rpc: 0,
        pointers: 0,
        pointer: [0; 16],
        message_len: 0,
        ..header
    };
    let datagram = [&crate::frames::packet(ping, &[0; 8])[..], &call[62..]].concat();
    let to = service_address(PREFIX, NAME);
    let frame = crate::frames::frame(&crate::frames::addresses(lending.caller.number, to), &datagram);
    let before = lending.server.link().odd_frames();
    lending.caller.send(&frame);
    let stopped = || lending.server.link().odd_frames() == before + 1;
    let mut has_run = false;
    until("the datagram is dropped, or the call has run", || {
        has_run |= lending.keep.looked.try_recv().is_ok();
        has_run || stopped()
    });
    assert!(!has_run, "the callee reads an object that its caller may not pass");
    lending.rack.assert_unchanged(&lending.server, object, SECRET);
}
