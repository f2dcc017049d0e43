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
    world.nodes[1].served.clear();
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
    refuse(&mut world, named);
    assert_eq!((world.calls.sizes().calls, world.calls.sizes().sessions), (0, 0));
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
fn to_give_up_a_call_of_an_unknown_session_does_not_claim_it() {
    let mut world = World::new(1);
    let (named, _) = unseen(&mut world);
    let object = world.object(0, 1);
    lie(&mut world, PacketType::Cancel, named, &[]);
    assert_eq!((world.calls.sizes().sessions, world.calls.sizes().abandoned), (0, 1));
    world.call(0, 1, &[object]);
    world.settle();
    assert_eq!((world.rights(object, 1), world.caused(Cause::Foreign)), (Operations::READ, 0));
}
