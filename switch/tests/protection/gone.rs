//! What becomes of calls, and of what they give, when an end of theirs is gone, or waits no more.

use crate::cases::NONE;
use crate::frames::{Named, address, frame, header};
use crate::world::World;
use bifrost_rpc::wire::control::{ReportKind, ReportLine};
use bifrost_rpc::wire::{Flags, PacketType};
use bifrost_switch::gatekeeper::calls::Cause;
use bifrost_switch::rules::Operations;

fn line(kind: ReportKind, named: Named) -> ReportLine {
    ReportLine { kind, session: named.session, client: named.client, rpc: named.rpc }
}

#[test]
fn a_session_that_its_callee_forgot_is_forgotten() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = world.call(0, 1, &[object]);
    world.settle();
    world.reply(1, named, &[]);
    world.settle();
    assert_eq!(world.calls.sizes().sessions, 1);
    let line = ReportLine { kind: ReportKind::SessionEnded, session: named.session, client: named.client, rpc: 0 };
    let (other, callee) = (world.nodes[2].holder(), world.nodes[1].holder());
    world.report(other, &line);
    assert_eq!(world.calls.sizes().sessions, 1, "it is not that one's to say");
    world.report(callee, &line);
    assert_eq!(world.calls.sizes().sessions, 0);
}

#[test]
fn a_held_call_was_never_released_when_its_callee_forgets_the_session() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = world.call(0, 1, &[object]);
    world.deliver(0);
    world.left();
    world.report(world.nodes[1].holder(), &line(ReportKind::SessionEnded, Named { rpc: 0, ..named }));
    assert_eq!(world.left(), [(PacketType::Refused, 9)]);
    world.settle();
    assert_eq!((world.rights(object, 0), world.rights(object, 1)), (Operations::ALL, NONE));
    assert_eq!((world.calls.sizes().calls, world.calls.sizes().sessions), (0, 0));
}

#[test]
fn a_caller_hears_what_was_never_released_before_it_hears_that_its_session_is_lost() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    world.call(0, 1, &[object]);
    world.settle();
    world.call(0, 1, &[object]);
    world.deliver(0);
    world.left();
    world.kill(1);
    assert_eq!(world.left(), [(PacketType::Refused, 9), (PacketType::Refused, 1)]);
}

#[test]
fn what_a_call_gives_is_freed_though_it_was_given_up_before_its_session_was_known() {
    let mut world = World::new(1);
    let result = world.object(1, 1);
    let named = Named { client: 1001, rpc: 50, session: 5, instance: world.nodes[1].instance() };
    let caller = world.nodes[0].holder();
    world.report(caller, &line(ReportKind::Abandoned, named));
    world.report(caller, &line(ReportKind::Abandoned, named));
    let reply = frame(header(PacketType::Reply, named, 1, Flags::default()), &[result], b"", address(1), address(0));
    world.send(1, reply);
    world.settle();
    assert_eq!((world.rows(), world.table.len(), world.calls.sizes().gifts), (0, 0, 0));
    assert_eq!(world.calls.sizes().nodes, 0, "that it was given up is forgotten");
}

#[test]
fn a_call_that_was_given_up_before_it_came_never_goes_on() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    world.left();
    let named = world.call(0, 1, &[object]);
    world.report(world.nodes[0].holder(), &line(ReportKind::Abandoned, named));
    world.settle();
    world.copy(0, named);
    world.settle();
    assert_eq!((world.left(), world.caused(Cause::Abandoned), world.caused(Cause::Ended)), (Vec::new(), 1, 1));
}

#[test]
fn calls_that_were_given_up_in_unknown_sessions_are_forgotten_with_these_or_with_their_node_and_are_few() {
    let mut world = World::new(1);
    let (caller, callee) = (world.nodes[0].holder(), world.nodes[1].holder());
    let named = |rpc| Named { client: 1001, rpc, session: 5, instance: 1001 };
    (0..5000).for_each(|rpc| world.report(caller, &line(ReportKind::Abandoned, named(rpc))));
    assert_eq!(world.calls.sizes().abandoned, 1024);
    world.report(callee, &line(ReportKind::SessionEnded, named(0)));
    assert_eq!((world.calls.sizes().abandoned, world.calls.sizes().nodes), (0, 0));
    world.report(caller, &line(ReportKind::Abandoned, named(1)));
    world.kill(0);
    assert_eq!((world.calls.sizes().abandoned, world.calls.sizes().nodes), (0, 0));
}
