//! How much memory live pointers take.

use crate::frames::{Named, PREFIX, address, answer, request};
use crate::world::World;
use bifrost_rpc::wire::{MemoryOp, MemoryStatus, Pointer};
use bifrost_switch::gatekeeper::Reason;
use bifrost_switch::gatekeeper::calls::Step;
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
fn make(world: &mut World, rules: &mut Intent, number: u32) {
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
}

#[test]
fn a_live_pointer_takes_little_memory_with_its_rules() {
    let mut rules = compile(&Source::new("rack.toml", RACK), &[], &Sizes::default()).unwrap();
    let mut world = World::new(1);
    let counted = allocation_counter::measure(|| (0..OBJECTS).for_each(|number| make(&mut world, &mut rules, number)));
    assert_eq!(world.calls.sizes().objects, usize::try_from(OBJECTS).unwrap());
    let each = u64::try_from(counted.bytes_current).unwrap() / u64::from(OBJECTS);
    assert!(each < BYTES_MAX, "{each} bytes for each pointer");
}
