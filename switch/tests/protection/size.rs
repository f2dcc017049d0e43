//! How much memory live pointers take, and calls that have ended.

use crate::frames::{Named, PREFIX, address, answer, frame, header, request};
use crate::world::World;
use bifrost_rpc::wire::{Flags, Header, MemoryOp, MemoryStatus, PacketType, Pointer};
use bifrost_switch::gatekeeper::calls::Step;
use bifrost_switch::gatekeeper::{Answered, Reason};
use bifrost_switch::rules::{Intent, Sizes, Source, compile};

const OBJECTS: u32 = 100_000;
const BYTES_MAX: u64 = 400;
const RACK: &str = r#"
[rack]
prefix = "fd00:b1f0:0:1::/64"

[[node]]
name = "n1"
port = 1
mac = "02:00:00:00:00:01"
addresses = ["fd00:b1f0:0:1::1"]

[[memory]]
id = 1
port = 4
mac = "02:00:00:00:03:01"
"#;

/// Makes an object, with its entries in the rules.
fn make(world: &mut World, rules: &mut Intent, number: u32) -> Pointer {
    let named = Named { client: 1001, rpc: u64::from(number) + 1, session: 0, instance: 0 };
    let root = Pointer::new(PREFIX, 1, 0);
    let asked = request(MemoryOp::Alloc, root, named, 1, address(0));
    let object = Pointer::new(PREFIX, 1, 1 << 32 | (u64::from(number) + 1));
    let made = answer(&asked, Some(object), MemoryStatus::Ok);
    world.calls.handle_packet(world.now, &world.rack, Reason::Alloc, 1, &asked);
    world.calls.handle_packet(world.now, &world.rack, Reason::Alloc, 9, &made);
    while let Some(step) = world.calls.poll_step() {
        if let Step::Change { ticket, decisions } = step {
            let entries: usize = decisions.into_iter().map(|decision| rules.decide(decision).unwrap().len()).sum();
            assert_eq!(entries, 2, "to read and to write");
            world.calls.handle_changed(world.now, &world.rack, ticket, true);
        }
    }
    object
}

/// Has a packet of a call go on, and all be done that has to be done before.
fn go_on(world: &mut World, port: u16, packet: &[u8]) {
    world.calls.handle_packet(world.now, &world.rack, Reason::Lease, port, packet);
    let mut sent = 0;
    while let Some(step) = world.calls.poll_step() {
        match step {
            Step::Tell { ticket, .. } => {
                world.calls.handle_told(world.now, &world.rack, ticket, Answered::Applied(1));
            }
            Step::Change { ticket, .. } => world.calls.handle_changed(world.now, &world.rack, ticket, true),
            Step::Send { .. } => sent += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sent, 1, "it does not go on");
}

/// Passes an object in a call, which is answered.
fn call(world: &mut World, object: Pointer, rpc: u64) {
    let named = Named { client: 1001, rpc, session: 5, instance: 1001 };
    let asked = Header { lowest: rpc, ..header(PacketType::Call, named, 1, Flags::LEASED) };
    go_on(world, 1, &frame(asked, &[object], b"x", address(0), address(1)));
    let answered = header(PacketType::Reply, named, 1, Flags::LEASED);
    go_on(world, 2, &frame(answered, &[], b"x", address(1), address(0)));
}

#[test]
fn a_live_pointer_takes_little_memory_with_its_rules() {
    let mut rules = compile(&Source::new("rack.toml", RACK), &[], &Sizes::default()).unwrap();
    let mut world = World::new(1);
    let counted = allocation_counter::measure(|| {
        for number in 0..OBJECTS {
            make(&mut world, &mut rules, number);
        }
    });
    assert_eq!(world.calls.sizes().objects, usize::try_from(OBJECTS).unwrap());
    let each = u64::try_from(counted.bytes_current).unwrap() / u64::from(OBJECTS);
    assert!(each < BYTES_MAX, "{each} bytes for each pointer");
}

/// Makes so many calls; a thousand of them leave as much as all.
fn leave_no_trace(calls: u64) {
    let mut rules = compile(&Source::new("rack.toml", RACK), &[], &Sizes::default()).unwrap();
    let mut world = World::new(1);
    let object = make(&mut world, &mut rules, 0);
    (2..1000).for_each(|rpc| call(&mut world, object, rpc));
    let before = world.calls.sizes();
    let counted = allocation_counter::measure(|| (1000..calls).for_each(|rpc| call(&mut world, object, rpc)));
    assert_eq!(world.calls.sizes(), before);
    assert_eq!((before.calls, before.objects, before.sessions), (0, 1, 1));
    assert!(counted.bytes_current < 1000, "{} bytes for {calls} calls", counted.bytes_current);
}

#[test]
fn calls_that_have_ended_leave_no_trace() {
    leave_no_trace(20_000);
}

#[test]
#[ignore = "takes two minutes: cargo test -p bifrost-switch --test protection -- --ignored millions"]
fn millions_of_calls_that_have_ended_leave_no_trace() {
    leave_no_trace(3_000_000);
}
