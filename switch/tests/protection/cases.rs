//! One thing at a time.

use crate::frames::{Named, address, answer, frame, header, parse, request};
use crate::world::{Rack, World, holder};
use bifrost_rpc::wire::{Flags, MemoryOp, MemoryStatus, PacketType, Pointer};
use bifrost_switch::gatekeeper::calls::{Cause, Stage};
use bifrost_switch::gatekeeper::{Answered, Holder, Reason};
use bifrost_switch::rules::Operations;
use std::collections::BTreeSet;
use std::time::Duration;

impl World {
    /// Has a node make an object.
    pub(crate) fn object(&mut self, node: usize, server: u8) -> Pointer {
        let frame = self.nodes[node].alloc(server);
        self.send(node, frame);
        self.settle();
        *self.nodes[node].pointers.last().unwrap()
    }

    /// Has a node call another; nothing is delivered yet.
    pub(crate) fn call(&mut self, from: usize, to: usize, pointers: &[Pointer]) -> Named {
        let callee = self.callee(to);
        let frame = self.nodes[from].call(&callee, PacketType::Call, pointers.to_vec());
        let (_, header, _, _) = parse(&frame);
        self.send(from, frame);
        Named { client: header.client, rpc: header.rpc, session: header.session, instance: header.instance }
    }

    pub(crate) fn copy(&mut self, node: usize, named: Named) {
        let asked = self.nodes[node].asked[&named.rpc].clone();
        let frame = self.nodes[node].copy(&asked);
        self.send(node, frame);
    }

    pub(crate) fn reply(&mut self, node: usize, named: Named, returned: &[Pointer]) {
        let frame = self.nodes[node].answer((named.client, named.rpc), PacketType::Reply, returned).unwrap();
        self.send(node, frame);
    }

    /// What has left since the last time: type, and the reason of a REFUSED.
    pub(crate) fn left(&mut self) -> Vec<(PacketType, u8)> {
        let sent = std::mem::take(&mut self.sent);
        let told = sent
            .iter()
            .map(|frame| parse(frame))
            .map(|(_, header, _, body)| (header.kind, if header.kind == PacketType::Refused { body[0] } else { 0 }));
        told.collect()
    }

    pub(crate) fn rights(&self, object: Pointer, node: usize) -> Operations {
        self.table.get(&(object, address(node))).copied().unwrap_or_default()
    }

    pub(crate) fn caused(&self, cause: Cause) -> u64 {
        self.calls.counts().causes.get(&cause).copied().unwrap_or(0)
    }

    pub(crate) fn rows(&self) -> usize {
        self.servers.iter().map(|server| server.rows().len()).sum()
    }
}

pub(crate) const NONE: Operations = Operations { read: false, write: false };

#[test]
fn a_call_goes_on_once_servers_and_then_tables_have_its_rights() {
    let mut world = World::new(1);
    let objects = [world.object(0, 1), world.object(0, 2)];
    world.left();
    world.call(0, 1, &objects);
    world.deliver(0);
    world.servers[0].step();
    world.server_answers(0);
    world.table_changes();
    world.tables_answer();
    assert_eq!(world.left(), [], "the other server has not answered");
    world.servers[1].step();
    world.server_answers(1);
    assert_eq!(world.left(), [], "the tables have not changed");
    world.table_changes();
    world.tables_answer();
    assert_eq!(world.left(), [(PacketType::Call, 0)]);
    for object in objects {
        assert_eq!((world.rights(object, 0), world.rights(object, 1)), (Operations::READ, Operations::READ));
    }
}

#[test]
fn copies_of_a_held_call_are_answered_held_and_the_newest_goes_on() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    world.left();
    let named = world.call(0, 1, &[object]);
    world.deliver(0);
    let asked = world.nodes[0].asked[&named.rpc].clone();
    let mut newest = header(PacketType::Call, named, 1, Flags::LEASED);
    newest.packet = 77;
    let newest = frame(newest, &asked.pointers, b"arguments", address(0), address(1));
    world.send(0, newest.clone());
    world.deliver(0);
    assert_eq!(world.left(), [(PacketType::Held, 0)]);
    world.settle();
    assert_eq!(world.sent, [newest]);
    world.copy(0, named);
    world.settle();
    assert_eq!(world.left(), [(PacketType::Call, 0); 2], "a copy of a released call goes on");
}

#[test]
fn a_call_that_a_server_refuses_leaves_no_lease_anywhere_and_never_runs() {
    let mut world = World::new(1);
    let (one, two) = (world.object(0, 1), world.object(0, 2));
    world.left();
    // It is freed at its server, and nobody else knows yet.
    let free = world.nodes[0].free(two);
    world.send(0, free);
    world.deliver(0);
    let named = world.call(0, 1, &[one, two]);
    let at = world.net.len() - 1;
    world.deliver(at);
    world.settle();
    assert!(world.left().contains(&(PacketType::Refused, 11)));
    assert_eq!(world.rights(one, 0), Operations::ALL);
    assert_eq!(world.calls.sizes().calls, 0);
    let again = header(PacketType::Call, named, 1, Flags::LEASED);
    world.send(0, frame(again, &[one, two], b"arguments", address(0), address(1)));
    world.settle();
    assert_eq!(world.left(), [(PacketType::Refused, 11)], "each time it asks");
}

#[test]
fn a_reply_gives_what_its_callee_controlled_and_nothing_else() {
    let mut world = World::new(1);
    let (argument, result) = (world.object(0, 1), world.object(1, 2));
    let third = world.object(2, 1);
    let named = world.call(0, 1, &[argument]);
    world.settle();
    world.heirs.get_mut(&result).unwrap().insert(world.nodes[0].holder());
    world.reply(1, named, &[result, argument, third]);
    world.settle();
    assert_eq!((world.rights(result, 0), world.rights(result, 1)), (Operations::ALL, NONE));
    assert_eq!((world.rights(argument, 0), world.rights(argument, 1)), (Operations::ALL, NONE));
    assert_eq!((world.rights(third, 0), world.rights(third, 2)), (NONE, Operations::ALL));
    assert_eq!(world.calls.sizes().gifts, 0, "accepted");
    world.check_quiet();
}

#[test]
fn an_answer_with_pointers_to_a_call_without_any_gives_them() {
    let mut world = World::new(1);
    let result = world.object(1, 1);
    let named = Named { client: 1001, rpc: 50, session: 5, instance: world.nodes[1].instance() };
    let reply = frame(header(PacketType::Reply, named, 1, Flags::default()), &[result], b"", address(1), address(0));
    world.send(1, reply.clone());
    world.settle();
    assert_eq!((world.rights(result, 0), world.rights(result, 1)), (Operations::ALL, NONE));
    // A late copy goes on and changes nothing, even if its sender has come to control the object again.
    world.left();
    world.send(1, reply);
    world.settle();
    assert_eq!(world.left(), [(PacketType::Reply, 0)]);
    assert_eq!(world.calls.counts().ended, 1);
}

#[test]
fn what_an_answer_gave_to_a_caller_that_gave_up_is_freed_whichever_comes_first() {
    for reply_is_first in [true, false] {
        let mut world = World::new(1);
        let (argument, result) = (world.object(0, 1), world.object(1, 1));
        let named = world.call(0, 1, &[argument]);
        world.settle();
        let cancel = world.nodes[0].cancel(named.rpc).unwrap();
        if reply_is_first {
            let reports = std::mem::take(&mut world.nodes[0].reports);
            world.reply(1, named, &[result]);
            world.settle();
            world.nodes[0].reports = reports;
        }
        world.send(0, cancel);
        world.settle();
        if !reply_is_first {
            world.reply(1, named, &[result]);
        }
        world.settle();
        assert_eq!(world.rows(), 1, "{reply_is_first}");
        assert_eq!(world.calls.sizes().gifts + world.calls.sizes().calls, 0);
        world.heirs.get_mut(&argument).unwrap().insert(world.nodes[0].holder());
        world.check_quiet();
    }
}

#[test]
fn a_node_that_calls_itself_and_gives_up_keeps_what_it_passed() {
    let mut world = World::new(1);
    let (argument, result) = (world.object(0, 1), world.object(0, 1));
    let named = world.call(0, 0, &[argument]);
    world.settle();
    let cancel = world.nodes[0].cancel(named.rpc).unwrap();
    world.send(0, cancel);
    world.settle();
    world.reply(0, named, &[result, argument]);
    world.settle();
    assert_eq!((world.rows(), world.rights(argument, 0)), (1, Operations::ALL));
}

#[test]
fn a_call_that_was_given_up_is_settled_when_servers_have_freed_what_it_gave() {
    let mut world = World::new(1);
    let (argument, result) = (world.object(0, 1), world.object(1, 2));
    let named = world.call(0, 1, &[argument]);
    world.settle();
    world.nodes[0].cancel(named.rpc);
    let lines = std::mem::take(&mut world.nodes[0].reports);
    world.reply(1, named, &[result]);
    world.settle();
    let key = (named.client, named.rpc);
    assert!(world.calls.is_settled(key));
    lines.iter().for_each(|line| world.report(world.nodes[0].holder(), line));
    assert!(!world.calls.is_settled(key), "another control plane would not be told of it again");
    world.settle();
    assert!(world.calls.is_settled(key));
}

#[test]
fn a_lessee_passes_on_and_what_is_freed_meanwhile_stays_readable_until_the_last_lease_ends() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let outer = world.call(0, 1, &[object]);
    world.settle();
    let inner = world.call(1, 2, &[object]);
    world.settle();
    let free = world.nodes[0].free(object);
    world.send(0, free);
    world.settle();
    assert_eq!([0, 1, 2].map(|node| world.rights(object, node)), [NONE, Operations::READ, Operations::READ]);
    world.reply(1, outer, &[]);
    world.settle();
    assert_eq!([1, 2].map(|node| world.rights(object, node)), [NONE, Operations::READ]);
    world.reply(2, inner, &[]);
    world.settle();
    assert_eq!((world.table.len(), world.rows(), world.calls.sizes().objects), (0, 0, 0));
}

#[test]
fn a_node_that_calls_itself_reads_and_writes_again_afterwards() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = world.call(0, 0, &[object]);
    world.settle();
    assert_eq!(world.rights(object, 0), Operations::READ);
    world.reply(0, named, &[]);
    world.settle();
    assert_eq!(world.rights(object, 0), Operations::ALL);
}

#[test]
fn two_calls_with_one_pointer_end_one_by_one() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let calls = [world.call(0, 1, &[object]), world.call(0, 1, &[object])];
    world.settle();
    world.reply(1, calls[0], &[]);
    world.settle();
    assert_eq!((world.rights(object, 0), world.rights(object, 1)), (Operations::READ, Operations::READ));
    world.reply(1, calls[1], &[]);
    world.settle();
    assert_eq!((world.rights(object, 0), world.rights(object, 1)), (Operations::ALL, NONE));
}

#[test]
fn the_death_of_a_callee_tells_held_calls_from_released_ones() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let released = world.call(0, 1, &[object]);
    world.settle();
    let held = world.call(0, 1, &[object]);
    world.deliver(0);
    world.left();
    world.kill(1);
    let mut left = world.left();
    left.sort_by_key(|(_, reason)| *reason);
    assert_eq!(left, [(PacketType::Refused, 1), (PacketType::Refused, 9)]);
    world.settle();
    // Copies that are still on their way are told the same; a call that nobody has seen never ran.
    let copy = |named| {
        frame(header(PacketType::Call, named, 1, Flags::LEASED), &[object], b"arguments", address(0), address(1))
    };
    for (named, reason) in [(released, 1), (held, 9), (Named { rpc: held.rpc + 9, ..held }, 9)] {
        world.left();
        world.send(0, copy(named));
        world.settle();
        assert_eq!(world.left(), [(PacketType::Refused, reason)]);
    }
    assert_eq!(world.rights(object, 0), Operations::ALL);
}

#[test]
fn the_death_of_a_caller_ends_its_calls_and_frees_what_they_would_give() {
    let mut world = World::new(1);
    let (argument, result) = (world.object(0, 1), world.object(1, 2));
    let named = world.call(0, 1, &[argument]);
    world.settle();
    world.kill(0);
    world.settle();
    assert_eq!(world.rights(argument, 1), Operations::READ, "its callee goes on");
    world.reply(1, named, &[result]);
    world.settle();
    assert_eq!((world.rows(), world.table.len()), (0, 0));
}

#[test]
fn a_call_whose_deadline_passes_while_it_is_held_never_goes_on() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    world.left();
    let named = Named { client: 1001, rpc: 60, session: 5, instance: world.nodes[1].instance() };
    let mut call = header(PacketType::Call, named, 1, Flags::LEASED);
    call.deadline_us = 5_000;
    world.send(0, frame(call, &[object], b"", address(0), address(1)));
    world.deliver(0);
    world.pass_time(Duration::from_millis(4));
    assert_eq!(world.left(), []);
    world.pass_time(Duration::from_millis(2));
    world.settle();
    assert_eq!(world.left(), [(PacketType::Refused, 9)]);
    assert_eq!((world.rights(object, 0), world.caused(Cause::Deadline)), (Operations::ALL, 1));
}

#[test]
fn the_callee_of_a_cancelled_call_is_asked_each_second_until_it_is_done() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = world.call(0, 1, &[object]);
    world.settle();
    let cancel = world.nodes[0].cancel(named.rpc).unwrap();
    world.send(0, cancel);
    world.settle();
    world.left();
    for _ in 0..3 {
        world.pass_time(Duration::from_secs(1));
        assert_eq!(world.left(), [(PacketType::Cancel, 0)]);
    }
    world.nodes[1].done((named.client, named.rpc));
    world.settle();
    assert_eq!((world.rights(object, 0), world.calls.poll_timeout()), (Operations::ALL, None));
}

#[test]
fn busy_ends_nothing_since_a_copy_may_be_on_its_way() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = world.call(0, 1, &[object]);
    world.settle();
    let busy = header(PacketType::Refused, named, 1, Flags::LEASED);
    let body = [2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    world.send(1, frame(busy, &[], &body, address(1), address(0)));
    world.settle();
    assert_eq!(world.rights(object, 1), Operations::READ);
    world.reply(1, named, &[]);
    world.settle();
    assert_eq!(world.rights(object, 1), NONE);
}

#[test]
fn answers_of_nodes_that_were_not_called_change_nothing() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = world.call(0, 1, &[object]);
    world.settle();
    let other = world.nodes[2].instance();
    for named in [named, Named { instance: other, ..named }] {
        for kind in [PacketType::Reply, PacketType::Exception, PacketType::Done, PacketType::Refused] {
            let body: &[u8] = if kind == PacketType::Refused { &[6; 16] } else { &[] };
            world.send(2, frame(header(kind, named, 1, Flags::LEASED), &[], body, address(2), address(0)));
        }
    }
    world.left();
    world.settle();
    assert_eq!((world.left(), world.caused(Cause::NotCalled)), (Vec::new(), 8));
    assert_eq!(world.rights(object, 1), Operations::READ);
}

#[test]
fn a_node_passes_only_what_it_controls_or_leases_under_its_own_name() {
    let mut world = World::new(1);
    let (own, foreign) = (world.object(0, 1), world.object(2, 1));
    world.left();
    world.call(0, 1, &[own, foreign]);
    world.settle();
    assert_eq!(world.left(), [(PacketType::Refused, 11)]);
    assert_eq!(world.rights(foreign, 1), NONE);
    let named = world.call(0, 1, &[own]);
    world.settle();
    world.left();
    for lie in [named, Named { session: 99, ..named }, Named { rpc: named.rpc + 1, ..named }] {
        world.send(2, frame(header(PacketType::Call, lie, 1, Flags::LEASED), &[foreign], b"", address(2), address(1)));
    }
    world.settle();
    assert_eq!((world.left(), world.caused(Cause::Foreign)), (Vec::new(), 3));
}

#[test]
fn late_copies_of_answers_to_alloc_change_nothing() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    let named = Named { client: 1001, rpc: 1, session: 0, instance: 0 };
    let asked = request(MemoryOp::Alloc, Pointer::new(0xfd, 1, 0), named, 1, address(0));
    let late = answer(&asked, Some(object), MemoryStatus::Ok);
    let free = world.nodes[0].free(object);
    world.send(0, free);
    world.settle();
    world.net.push((Reason::Alloc, 100, late));
    world.settle();
    assert_eq!((world.table.len(), world.calls.sizes().objects), (0, 0));
    let forged = answer(&asked, Some(Pointer::new(0xfd, 1, 1 << 32 | 99)), MemoryStatus::Ok);
    world.net.push((Reason::Alloc, 100, forged));
    world.settle();
    assert_eq!((world.table.len(), world.caused(Cause::NotAsked)), (0, 1));
}

#[test]
fn no_object_is_made_at_a_memory_server_before_it_hears_of_calls() {
    let mut world = World::new(1);
    let made_before = world.nodes[1].alloc(2);
    world.send(1, made_before);
    world.deliver(0);
    world.rack.servers.remove(&2);
    let asked = world.nodes[1].alloc(2);
    world.send(1, asked.clone());
    world.settle();
    assert_eq!((world.calls.sizes().objects, world.rows() - 1, world.caused(Cause::ServerGone)), (0, 0, 2));
    world.rack.servers.insert(2);
    world.send(1, asked);
    world.settle();
    let result = *world.nodes[1].pointers.last().unwrap();
    world.heirs.get_mut(&result).unwrap().insert(world.nodes[0].holder());
    let named = world.call(0, 1, &[]);
    world.settle();
    world.reply(1, named, &[result]);
    world.settle();
    assert_eq!((world.rights(result, 0), world.rights(result, 1)), (Operations::ALL, NONE));
}

#[test]
fn what_a_memory_server_makes_in_a_life_that_has_not_joined_yet_is_not_known() {
    let mut world = World::new(1);
    let asked = world.nodes[0].alloc(1);
    world.send(0, asked.clone());
    world.deliver(0);
    world.net.clear();
    let made = answer(&asked, Some(Pointer::new(0xfd, 1, 2 << 32 | 1)), MemoryStatus::Ok);
    world.net.push((Reason::Alloc, 100, made.clone()));
    world.settle();
    assert_eq!((world.calls.sizes().objects, world.caused(Cause::ServerGone)), (0, 1));
    world.rack.boots.insert(1, 2);
    world.net.push((Reason::Alloc, 100, made));
    world.settle();
    assert_eq!(world.calls.sizes().objects, 1);
}

#[test]
fn the_failure_domain_is_whoever_shares_running_calls() {
    let mut world = World::new(1);
    let (first, second) = (world.object(0, 1), world.object(1, 1));
    let one = world.call(0, 1, &[first]);
    world.call(1, 2, &[second]);
    world.settle();
    let nodes = |numbers: &[usize]| numbers.iter().map(|number| address(*number)).collect::<BTreeSet<_>>();
    assert_eq!(world.calls.failure_domain(address(0)), nodes(&[0, 1, 2]));
    let running: Vec<_> = world.calls.running(None).map(|call| (call.stage, call.pointers)).collect();
    assert_eq!(running, [(Stage::Released, vec![first]), (Stage::Released, vec![second])]);
    world.reply(1, one, &[]);
    world.settle();
    assert_eq!(world.calls.failure_domain(address(0)), nodes(&[0]));
    assert_eq!(world.calls.failure_domain(address(2)), nodes(&[1, 2]));
}

#[test]
fn tables_that_do_not_take_a_right_send_the_call_back() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    world.left();
    world.call(0, 1, &[object]);
    world.deliver(0);
    world.servers[0].step();
    world.server_answers(0);
    let Some(crate::world::TableChange::Rights(ticket, _)) = world.changes.pop_front() else { panic!() };
    world.calls.handle_changed(world.now, &world.rack, ticket, false);
    world.take_steps();
    world.settle();
    assert_eq!(world.left(), [(PacketType::Refused, 2)]);
    assert_eq!(world.calls.sizes().calls, 0);
}

#[test]
fn another_control_plane_in_charge_ends_all_decisions() {
    let mut world = World::new(1);
    let object = world.object(0, 1);
    world.left();
    world.call(0, 1, &[object]);
    world.deliver(0);
    let (ticket, _) = world.servers[0].told.pop_front().unwrap();
    world.calls.handle_told(world.now, &world.rack, ticket, Answered::OldTerm);
    world.take_steps();
    assert!(world.left().is_empty() && world.changes.is_empty());
}

#[test]
fn an_incarnation_that_has_ended_is_cleaned_up_after_at_servers_that_come_later() {
    let mut world = World::new(1);
    world.kill(2);
    world.settle();
    world.restart_server(0);
    world.settle();
    let gone = holder(Holder { node: address(2), incarnation: 1 });
    assert_eq!(world.servers[0].memory.ended(), [gone]);
    let _: &Rack = &world.rack;
}
