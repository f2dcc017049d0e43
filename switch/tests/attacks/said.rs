//! What Gatekeeper says in the sessions of a rack with a key: it is heard at once, and nobody else can say it, with the switch bypassed too.

use crate::frames::{address, addresses, frame, mac, packet};
use crate::leases::Lent;
use crate::rack::Rack;
use crate::raw::Raw;
use crate::seal::{self, Secret};
use crate::service::{Keep, METHOD, NAME, look, look_over, reply_message, to_service};
use crate::{WAIT, until};
use bifrost_rpc::node::Node;
use bifrost_rpc::reference::Owned;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, Header, PacketType, Refusal, RefusedBody};
use bifrost_rpc::{Channel, thrift};

const KEY: Secret = [11; 32];

fn rack() -> Rack {
    Rack::with_key(Some(KEY))
}

#[test]
fn who_may_not_pass_a_pointer_hears_so_in_a_sealed_session() {
    let rack = rack();
    let (owner, thief, server) = (rack.node(1), rack.node(2), rack.node(3));
    let keep = Keep::start(&server);
    let object = owner.memory().alloc_and_write(&b"own"[..]).unwrap();
    let owned = Owned::<Vec<u8>>::adopt(object, &thief.memory());
    let error = look(&thief, owned.lend()).unwrap_err();
    let _ = owned.release();
    assert!(error.to_string().contains("may not pass"), "{error}");
    assert!(keep.looked.try_recv().is_err(), "the call has run");
    rack.assert_unchanged(&owner, object, b"own");
}

/// Lends an object of the node's own in a call.
fn lend(node: &Node, channel: &Channel) -> thrift::Result<i64> {
    let object = node.memory().alloc_and_write(&b"lent"[..]).unwrap();
    let owned = Owned::<Vec<u8>>::adopt(object, &node.memory());
    look_over(channel, owned.lend())
}

#[test]
fn what_was_never_released_is_issued_elsewhere_by_itself_in_a_sealed_session() {
    let rack = rack();
    let (owner, mut first, second) = (rack.node(1), rack.raw(2), rack.node(3));
    first.serve(NAME, METHOD);
    let channel = to_service(&owner);
    let caller = (owner.clone(), channel.clone());
    let outcome = std::thread::spawn(move || lend(&caller.0, &caller.1));
    let call = first.take_call();
    first.send(&first.reply(&call, &reply_message(5)));
    assert_eq!(outcome.join().unwrap().unwrap(), 5);
    rack.declare_dead(2);
    let keep = Keep::start(&second);
    keep.go.send(()).unwrap();
    // The next one begins in the session that there is.
    assert_eq!(lend(&owner, &channel).unwrap(), 4);
    assert_eq!(keep.looked.try_recv().unwrap().unwrap(), b"lent");
}

/// A refusal of a call that runs, as Gatekeeper would say it to the caller.
fn refusal(lent: &Lent, number: u64) -> (Header, Vec<u8>) {
    let of = &lent.call.header;
    let header = Header {
        flags: Flags::LEASED,
        method: of.method,
        client: of.client,
        rpc: of.rpc,
        instance: of.instance,
        session: of.session,
        packet: number,
        ..Header::new(PacketType::Refused)
    };
    (header, RefusedBody { refusal: Refusal::NoRight, packet: 0 }.to_bytes())
}

/// From where Gatekeeper speaks to the caller: the place of the callee.
fn in_its_name(lent: &Lent) -> FrameAddresses {
    let asked = lent.call.addresses;
    FrameAddresses {
        source_mac: mac(9),
        destination_mac: mac(1),
        source: asked.destination,
        destination: asked.source,
        source_port: asked.destination_port,
        destination_port: asked.source_port,
    }
}

/// The life of the honest node that calls.
fn life(owner: &Node) -> Secret {
    seal::from_control(&KEY, "n1", address(1), owner.incarnation())
}

#[test]
fn nobody_else_says_what_gatekeeper_says() {
    let rack = rack();
    let (owner, cable) = rack.node_on_cable(1);
    let lent = Lent::of(rack, owner);
    // Well above all that Gatekeeper has said in its term.
    let number = |count: u64| 1 << 32 | (1 << 20 | count);
    let (header, body) = refusal(&lent, number(0));
    let own = lent.callee.called.unwrap();
    let forged = [
        packet(Header { packet: 0, ..header }, &body),
        packet(Header { flags: header.flags.with(Flags::FROM_CONTROL), ..header }, &body),
        // As the callee could say it, and others: with the session's keys, its own life's, another life's, another rack's.
        seal::seal(&own[1], Header { flags: header.flags.with(Flags::FROM_CONTROL), ..header }, &body),
        seal::seal(&own[0], Header { packet: 1 << 20, ..header }, &body),
        seal::say(&seal::from_control(&KEY, "n2", address(2), lent.callee.incarnation), header, &body),
        seal::say(&seal::from_control(&KEY, "n1", address(1), lent.owner.incarnation() + 1), header, &body),
        seal::say(&seal::from_control(&[12; 32], "n1", address(1), lent.owner.incarnation()), header, &body),
        // With the right one, what Gatekeeper never says.
        seal::say(&life(&lent.owner), Header { kind: PacketType::Reply, ..header }, &reply_message(666)),
        seal::say(&life(&lent.owner), Header { kind: PacketType::Close, ..header }, &[]),
    ];
    for datagram in &forged {
        cable.put(&frame(&in_its_name(&lent), datagram));
    }
    // Frames are taken in the order in which they come: the reply comes after them.
    let reply = lent.callee.reply(&lent.call, &reply_message(5));
    lent.callee.send(&reply);
    assert_eq!(lent.outcome.join().unwrap().unwrap(), 5);
}

/// What the test above would see if one of them were heard.
#[test]
fn what_is_sealed_for_the_callers_life_is_heard() {
    let rack = rack();
    let (owner, cable) = rack.node_on_cable(1);
    let lent = Lent::of(rack, owner);
    let (header, body) = refusal(&lent, 1 << 32 | 1 << 20);
    cable.put(&frame(&in_its_name(&lent), &seal::say(&life(&lent.owner), header, &body)));
    let error = lent.outcome.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("may not pass"), "{error}");
}

/// What a callee's own end hears: a CANCEL in another's name, and one that was recorded.
#[test]
fn a_call_is_not_cancelled_by_who_cannot_seal_for_its_callee() {
    let rack = rack();
    let (server, cable) = rack.node_on_cable(1);
    let keep = Keep::start(&server);
    let mut caller: Raw = rack.raw(2);
    let (memory, session) = (caller.open_memory(), caller.open_service(NAME, METHOD));
    let object = crate::frames::made(&caller.ask(&memory, &crate::frames::Ask::alloc(b"lent")).header);
    let (of, call) = caller.call(&session, &crate::service::call_message(object), &[object]);
    // As Gatekeeper would say it before the call has come: it would never run.
    let header = Header {
        flags: Flags::TO_CALLEE.with(Flags::LEASED),
        client: of.client,
        rpc: of.rpc,
        instance: of.instance,
        incarnation: of.incarnation,
        session: of.session,
        packet: 1 << 32 | 1 << 20,
        ..Header::new(PacketType::Cancel)
    };
    let others = [
        seal::from_control(&KEY, "n2", address(2), caller.incarnation),
        seal::from_control(&KEY, "n1", address(1), server.incarnation() + 1),
    ];
    let to = FrameAddresses { destination_mac: mac(1), ..addresses(2, session.to) };
    for key in &others {
        cable.put(&frame(&to, &seal::say(key, header, &[])));
    }
    cable.put(&frame(&to, &packet(Header { packet: 0, ..header }, &[])));
    caller.send(&call);
    assert_eq!(keep.looked.recv_timeout(WAIT).unwrap().unwrap(), b"lent");
    keep.go.send(()).unwrap();
    let rpc = of.rpc;
    until("the reply", || caller.has_heard(|heard| heard.header.kind == PacketType::Reply && heard.header.rpc == rpc));
}
