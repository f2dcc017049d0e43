//! What a control plane takes over after a restart.

use crate::cases::NONE;
use crate::frames::{Named, address, frame, header, parse};
use crate::world::{TableChange, World};
use bifrost_dsm as dsm;
use bifrost_rpc::wire::control::OutstandingCall;
use bifrost_rpc::wire::{Flags, Header, PacketType, Pointer};
use bifrost_switch::gatekeeper::ServerObject;
use bifrost_switch::gatekeeper::calls::{Calls, Limits};
use bifrost_switch::rules::Operations;
use std::time::Duration;

#[test]
fn a_restart_takes_over_what_servers_and_nodes_know() {
    let mut world = World::new(1);
    let (known, forgotten) = (world.object(0, 1), world.object(0, 2));
    let named = world.call(0, 1, &[known]);
    let lost = world.call(0, 1, &[forgotten]);
    world.settle();
    restart(&mut world);
    tells(&mut world, 0, named);
    tells(&mut world, 1, named);
    world.nodes[1].served.remove(&(lost.client, lost.rpc));
    world.calls.restored(world.now, &world.rack);
    world.take_steps();
    world.settle();
    world.check_quiet();
    assert_eq!((world.rights(known, 1), world.rights(forgotten, 1)), (Operations::READ, NONE));
    world.reply(1, named, &[]);
    world.settle();
    world.check_quiet();
    assert_eq!(world.rights(known, 0), Operations::ALL);
}

/// A node tells of a call, as one of its ends.
fn tells(world: &mut World, node: usize, named: Named) {
    let Named { client, rpc, session, instance } = named;
    let is_callee = world.nodes[node].instance() == instance;
    let line = OutstandingCall { is_callee, is_answered: false, session, client, rpc, instance };
    let teller = world.nodes[node].holder();
    world.calls.restore_call(world.now, &world.rack, teller, &line);
}

/// All have told; the tables say what follows.
fn restored(world: &mut World) {
    world.calls.restored(world.now, &world.rack);
    world.table.clear();
    let grants = world.calls.rights().collect();
    world.changes.push_back(TableChange::Rights(u64::MAX, grants));
    world.take_steps();
    world.settle();
    world.left();
}

/// The state machine starts anew, with what the servers have.
fn restart(world: &mut World) {
    world.calls = Calls::new(Limits::default());
    let of = |of: dsm::Holder| (of.node.0, of.incarnation);
    for server in &world.servers {
        world.calls.restore_made(server.memory.config().server, server.memory.newest().to_bits());
        for row in server.rows() {
            world.calls.restore_object(&ServerObject {
                pointer: server.pointer(row.object),
                control: row.control.map(of),
                freed: row.freed,
                leases: row.leases.iter().map(|(call, callee)| ((call.client, call.rpc), of(*callee))).collect(),
                given_by: row.given_by.map(|call| (call.client, call.rpc)),
            });
        }
    }
}

#[test]
fn a_call_that_only_its_caller_knows_after_a_restart_is_leased_anew() {
    let mut world = World::new(1);
    let objects = [world.object(0, 1), world.object(0, 2)];
    let named = world.call(0, 1, &objects);
    world.deliver(0);
    // One server has leased when the control plane ends.
    world.servers[0].step();
    world.servers.iter_mut().for_each(|server| (server.told.clear(), server.answered.clear()).0);
    restart(&mut world);
    tells(&mut world, 0, named);
    restored(&mut world);
    world.copy(0, named);
    world.settle();
    assert_eq!(world.left(), [(PacketType::Call, 0)]);
    world.check();
    world.reply(1, named, &[]);
    world.settle();
    world.check_quiet();
}

/// A copy of a call comes, whoever its caller still knows.
fn comes_again(world: &mut World, named: Named, pointers: &[Pointer]) {
    let call = Header { deadline_us: 5_000, ..header(PacketType::Call, named, 1, Flags::LEASED) };
    world.send(0, frame(call, pointers, b"arguments", address(0), address(1)));
}

#[test]
fn a_call_that_went_on_before_a_restart_is_never_said_not_to_have_run() {
    for is_late in [false, true] {
        let mut world = World::new(1);
        let object = world.object(0, 1);
        let named = world.call(0, 1, &[object]);
        world.settle();
        restart(&mut world);
        tells(&mut world, 0, named);
        restored(&mut world);
        comes_again(&mut world, named, &[object]);
        world.deliver(0);
        // That its outcome is unknown does not say that its leases have ended.
        world.under_way.clear();
        if is_late {
            world.pass_time(Duration::from_millis(6));
        } else {
            world.kill(1);
        }
        assert_eq!(world.left(), [(PacketType::Refused, 1)], "{is_late}");
    }
}

#[test]
fn after_a_restart_the_outcome_is_unknown_of_a_call_whose_callee_is_gone() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let known = world.call(0, 1, &[object]);
    world.settle();
    restart(&mut world);
    (world.rack.nodes[1].1, world.nodes[1].lives) = (false, false);
    tells(&mut world, 0, known);
    restored(&mut world);
    comes_again(&mut world, known, &[object]);
    world.settle();
    assert_eq!(world.left(), [(PacketType::Refused, 1)]);
}

#[test]
fn after_a_restart_the_outcome_is_unknown_of_each_call_of_a_session_whose_callee_is_gone() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    // Memory servers know of the callee of the second only.
    let (first, second) = (world.call(0, 1, &[]), world.call(0, 1, &[object]));
    assert_eq!(first.session, second.session);
    world.settle();
    restart(&mut world);
    (world.rack.nodes[1].1, world.nodes[1].lives) = (false, false);
    tells(&mut world, 0, first);
    tells(&mut world, 0, second);
    restored(&mut world);
    for (named, pointers) in [(first, &[][..]), (second, &[object])] {
        comes_again(&mut world, named, pointers);
        world.settle();
        assert_eq!(world.left(), [(PacketType::Refused, 1)], "{named:?}");
    }
}

#[test]
fn a_callee_that_dies_before_it_has_told_may_have_run_what_its_caller_told_of() {
    let mut world = World::new(1);
    let named = world.call(0, 1, &[]);
    world.settle();
    restart(&mut world);
    tells(&mut world, 0, named);
    world.rack.nodes[1].1 = false;
    restored(&mut world);
    comes_again(&mut world, named, &[]);
    world.settle();
    assert_eq!(world.left(), [(PacketType::Refused, 1)]);
    // One that it never told of never went on.
    comes_again(&mut world, Named { rpc: named.rpc + 1, ..named }, &[]);
    world.settle();
    assert_eq!(world.left(), [(PacketType::Refused, 9)]);
}

#[test]
fn what_a_call_gives_is_freed_though_its_caller_gave_it_up_before_a_restart() {
    let mut world = World::new(1);
    let (argument, result) = (world.object(0, 1), world.object(1, 2));
    let named = world.call(0, 1, &[argument]);
    world.settle();
    restart(&mut world);
    tells(&mut world, 1, named);
    restored(&mut world);
    world.reply(1, named, &[result]);
    world.settle();
    assert_eq!((world.rights(argument, 0), world.rows()), (Operations::ALL, 1));
    assert_eq!((world.calls.sizes().calls, world.calls.sizes().gifts), (0, 0));
}

#[test]
fn what_an_answer_gave_before_a_restart_is_freed_if_its_caller_gives_the_call_up_after_it() {
    for is_told in [false, true] {
        let mut world = World::new(1);
        let (argument, result) = (world.object(0, 1), world.object(1, 2));
        let named = world.call(0, 1, &[argument]);
        world.settle();
        // The answer is lost on its last way.
        world.nodes[0].cancel(named.rpc);
        let reports = std::mem::take(&mut world.nodes[0].reports);
        world.reply(1, named, &[result]);
        world.settle();
        assert_eq!((world.rows(), world.rights(result, 0)), (2, Operations::ALL));
        restart(&mut world);
        if is_told {
            tells(&mut world, 0, named);
            tells(&mut world, 1, named);
        }
        restored(&mut world);
        world.nodes[0].reports = reports;
        world.settle();
        assert_eq!(world.rows(), 1, "{is_told}");
        assert_eq!((world.calls.sizes().calls, world.calls.sizes().gifts), (0, 0));
    }
}

#[test]
fn copies_of_a_call_that_was_answered_before_a_restart_go_on_so_that_its_callee_answers_again() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = world.call(0, 1, &[object]);
    world.settle();
    world.reply(1, named, &[]);
    world.settle();
    restart(&mut world);
    tells(&mut world, 0, named);
    tells(&mut world, 1, named);
    restored(&mut world);
    for copy in 0..3 {
        comes_again(&mut world, named, &[object]);
        world.deliver(world.net.len() - 1);
        assert_eq!(world.left(), [(PacketType::Call, 0)], "copy {copy}");
    }
    world.settle();
    assert!(world.left().contains(&(PacketType::Reply, 0)));
    assert_eq!((world.calls.sizes().calls, world.rights(object, 0)), (0, Operations::ALL));
}

#[test]
fn a_oneway_call_that_had_run_before_a_restart_ends_when_a_copy_of_it_has_come() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let callee = world.callee(1);
    let sent = world.nodes[0].call(&callee, PacketType::Oneway, vec![object]);
    let (_, of, _, _) = parse(&sent);
    let named = Named { client: of.client, rpc: of.rpc, session: of.session, instance: of.instance };
    world.send(0, sent.clone());
    world.settle();
    world.nodes[1].done((named.client, named.rpc));
    world.settle();
    restart(&mut world);
    tells(&mut world, 0, named);
    let Named { client, rpc, session, instance } = named;
    let line = OutstandingCall { is_callee: true, is_answered: true, session, client, rpc, instance };
    let teller = world.nodes[1].holder();
    world.calls.restore_call(world.now, &world.rack, teller, &line);
    restored(&mut world);
    world.send(0, sent);
    world.settle();
    assert_eq!(
        world.left().iter().filter(|(kind, _)| *kind == PacketType::Oneway).count(),
        1,
        "for the acknowledgement"
    );
    assert_eq!((world.calls.sizes().calls, world.rights(object, 0)), (0, Operations::ALL));
}

#[test]
fn a_late_alloc_after_a_restart_does_not_bring_back_what_was_freed() {
    let mut world = World::new(1);
    let alloc = world.nodes[0].alloc(1);
    world.send(0, alloc.clone());
    world.settle();
    let object = world.servers[0].pointer(world.servers[0].rows()[0].object);
    let free = world.nodes[0].free(object);
    world.send(0, free);
    world.settle();
    restart(&mut world);
    restored(&mut world);
    world.send(0, alloc);
    world.settle();
    assert_eq!((world.calls.sizes().objects, world.table.len()), (0, 0));
}

#[test]
fn a_call_goes_on_after_a_restart_though_what_its_callee_serves_had_not_come_to_the_log() {
    for first in [0, 1] {
        let mut world = World::new(1);
        let object = world.object(0, 1);
        let named = world.call(0, 1, &[object]);
        world.settle();
        restart(&mut world);
        // Its instance is not known.
        world.rack.nodes[1].0 = 0;
        tells(&mut world, first, named);
        tells(&mut world, 1 - first, named);
        restored(&mut world);
        world.rack.nodes[1].0 = 1;
        assert_eq!(world.rights(object, 1), Operations::READ, "{first} tells first");
        world.reply(1, named, &[]);
        world.settle();
        assert_eq!((world.rights(object, 0), world.rights(object, 1)), (Operations::ALL, NONE));
    }
}
