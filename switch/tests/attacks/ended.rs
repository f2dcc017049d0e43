//! Incarnations that have ended, and nodes that were declared dead.

use crate::counts::Count;
use crate::frames::{Ask, address, made};
use crate::rights::{SECRET, Theft};
use crate::service::{METHOD, NAME, call_message};
use bifrost_rpc::wire::control::ControlMessage;

#[test]
fn who_was_declared_dead_does_nothing_more() {
    let Theft { rack, owner, object, mut thief, session } = Theft::begin();
    let own = made(&thief.ask(&session, &Ask::alloc(b"mine")).header);
    rack.declare_dead(2);
    for asked in
        [Ask::read(own, 4), Ask::write(own, b"evil"), Ask::alloc(b"more"), Ask::free(own), Ask::write(object, b"evil")]
    {
        let frame = thief.request(&session, &asked);
        rack.counted(Count::Verdict("dropped_blocked"), || thief.send(&frame));
    }
    let heartbeat = thief.control(99, 1, ControlMessage::Heartbeat);
    rack.counted(Count::Control("control_fenced"), || thief.send(&heartbeat));
    assert_eq!(rack.count(Count::Verdict("fenced")), 1);
    // The first line is down: the memory server has ended the incarnation.
    rack.unblock();
    for asked in [Ask::read(own, 4), Ask::write(object, b"evil")] {
        rack.let_pass(address(2), &asked);
        let frame = thief.request(&session, &asked);
        rack.counted(Count::Refusal("EndedIncarnation"), || thief.send(&frame));
    }
    rack.assert_unchanged(&owner, object, SECRET);
}

#[test]
fn an_ended_incarnation_does_nothing_more() {
    let Theft { rack, owner, object, mut thief, session: before } = Theft::begin();
    let mut service = rack.raw(3);
    service.serve(NAME, METHOD);
    rack.declare_dead(2);
    thief.join();
    assert_eq!(thief.incarnation, 2);
    let session = thief.open_memory();
    let own = made(&thief.ask(&session, &Ask::alloc(b"mine")).header);
    assert_eq!(thief.ask(&session, &Ask::read(own, 4)).body, b"mine");
    // What follows says that it is of the first life. The switch reads no incarnations: the second life may do this.
    thief.incarnation = 1;
    let old = thief.open_memory();
    for asked in [Ask::read(own, 4), Ask::write(own, b"evil")] {
        let frame = thief.request(&old, &asked);
        rack.counted(Count::Refusal("EndedIncarnation"), || thief.send(&frame));
        let frame = thief.request(&session, &asked);
        rack.counted(Count::Refusal("UnknownClient"), || thief.send(&frame));
    }
    let frame = thief.request(&before, &Ask::read(own, 4));
    rack.counted(Count::Refusal("EndedIncarnation"), || thief.send(&frame));
    for asked in [Ask::alloc(b"more"), Ask::free(own)] {
        let frame = thief.request(&old, &asked);
        rack.counted(Count::Control("dropped_wrong_incarnation"), || thief.send(&frame));
    }
    let called = crate::raw::Session { instance: 3, to: address(3), ..session };
    let called = crate::raw::Session { method: bifrost_rpc::wire::MethodField::new(NAME, METHOD), ..called };
    let (_, call) = thief.call(&called, &call_message(own), &[own]);
    rack.counted(Count::Control("dropped_wrong_incarnation"), || thief.send(&call));
    let heartbeat = thief.control(99, 1, ControlMessage::Heartbeat);
    rack.counted(Count::Control("control_fenced"), || thief.send(&heartbeat));
    thief.incarnation = 2;
    assert_eq!(thief.ask(&session, &Ask::read(own, 4)).body, b"mine");
    rack.assert_unchanged(&owner, object, SECRET);
}
