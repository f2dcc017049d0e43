//! Sessions of which a node that has no part in them makes calls, before anything is known of them: whoever sees their packets can.

use crate::frames::{Named, address, frame, header};
use crate::world::World;
use bifrost_rpc::wire::{Flags, PacketType, Pointer};
use bifrost_switch::gatekeeper::calls::Cause;
use bifrost_switch::rules::Operations;

/// What node 2 says in the name of node 0, whose call to node 1 went by unseen.
fn lie(world: &mut World, kind: PacketType, named: Named, pointers: &[Pointer]) {
    world.send(2, frame(header(kind, named, 1, Flags::LEASED), pointers, b"", address(2), address(1)));
    let at = world.net.len() - 1;
    world.deliver(at);
}

/// Node 1 says that the session is not node 2's.
fn refuse(world: &mut World, named: Named) {
    let body = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    world.send(1, frame(header(PacketType::Refused, named, 1, Flags::LEASED), &[], &body, address(1), address(2)));
    world.settle();
}

/// Node 1 answers node 0's call with something that it has made.
fn answer(world: &mut World, named: Named, result: Pointer) {
    let heirs = world.heirs.get_mut(&result).unwrap();
    heirs.insert(world.nodes[0].holder());
    let reply = header(PacketType::Reply, named, 1, Flags::default());
    world.send(1, frame(reply, &[result], b"", address(1), address(0)));
    world.settle();
}

fn unseen(world: &mut World) -> (Named, Pointer) {
    let (instance, result) = (world.nodes[1].instance(), world.object(1, 2));
    (world.nodes[0].named(instance), result)
}

#[test]
fn a_session_is_its_callers_when_its_callee_has_refused_who_claimed_it() {
    let mut world = World::new(1);
    let (named, result) = unseen(&mut world);
    let object = world.object(0, 1);
    lie(&mut world, PacketType::Call, named, &[]);
    world.nodes[1].served.clear();
    refuse(&mut world, named);
    answer(&mut world, named, result);
    assert_eq!(world.rights(result, 0), Operations::ALL);
    world.call(0, 1, &[object]);
    world.settle();
    assert_eq!((world.rights(object, 1), world.caused(Cause::Foreign)), (Operations::READ, 0));
}

#[test]
fn a_session_is_its_callers_when_its_callee_answers_him_whoever_claimed_it() {
    for is_leasing in [false, true] {
        let mut world = World::new(1);
        let (named, result) = unseen(&mut world);
        let own = world.object(2, 1);
        let passed = if is_leasing { vec![own] } else { Vec::new() };
        lie(&mut world, PacketType::Call, named, &passed);
        world.settle();
        world.nodes[1].served.clear();
        // What was refused is lost. The answer ends what was claimed, and its copy gives.
        answer(&mut world, named, result);
        answer(&mut world, named, result);
        assert_eq!((world.rights(result, 0), world.rights(own, 2)), (Operations::ALL, Operations::ALL));
        assert_eq!((world.calls.sizes().calls, world.calls.sizes().sessions), (0, 1));
    }
}

#[test]
fn a_session_is_its_callers_when_who_claimed_it_has_nothing_under_way_in_it() {
    for kind in [PacketType::Call, PacketType::Cancel] {
        let mut world = World::new(1);
        let (named, _) = unseen(&mut world);
        let object = world.object(0, 1);
        // It may not pass that, and its callee never hears of it; or there is nothing to give up.
        let passed = if kind == PacketType::Call { vec![object] } else { Vec::new() };
        lie(&mut world, kind, named, &passed);
        let call = world.call(0, 1, &[object]);
        assert_eq!(call.session, named.session);
        world.settle();
        assert_eq!((world.rights(object, 1), world.caused(Cause::Foreign)), (Operations::READ, 0), "{kind:?}");
        // While that runs nobody else has it.
        lie(&mut world, kind, Named { rpc: 99, ..named }, &[]);
        assert_eq!(world.caused(Cause::Foreign), 1);
        world.reply(1, call, &[]);
        world.settle();
        // Nor when it was answered.
        lie(&mut world, kind, Named { rpc: 99, ..named }, &[]);
        assert_eq!(world.caused(Cause::Foreign), 2);
    }
}

#[test]
fn a_call_that_never_went_on_never_will_whoever_has_claimed_its_session_since() {
    let mut world = World::new(1);
    let (own, foreign) = (world.object(0, 1), world.object(2, 1));
    let named = world.call(0, 1, &[own, foreign]);
    let refused = world.nodes[0].asked[&named.rpc].clone();
    world.settle();
    assert!(world.left().contains(&(PacketType::Refused, 11)));
    lie(&mut world, PacketType::Cancel, named, &[]);
    // A late copy, after its session was another's.
    let copy = frame(header(PacketType::Call, refused.named, 1, Flags::LEASED), &[own], b"", address(0), address(1));
    world.left();
    world.send(0, copy);
    world.settle();
    assert_eq!((world.left(), world.rights(own, 1)), (Vec::new(), Operations::default()));
}
