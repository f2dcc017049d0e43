use super::*;
use crate::runtime::{Runtime, Settings};
use crate::{PROGRAM, SharedEngine};

fn switch() -> (Runtime, Shape) {
    let engine = Engine::load(PROGRAM, 1).unwrap();
    let shape = Shape::of(&engine);
    (Runtime::new(SharedEngine::new(engine), PROGRAM, Settings::default()), shape)
}

#[test]
fn commands_fill_a_switch() {
    let (switch, shape) = switch();
    let text = "
# A rack's beginning.
table_set_default rack configure 0xfd 02:b1:f0:00:00:01
table_add l2 forward 02:00:00:00:00:01 => 1   # a node
table_add ipv4_route deliver 10.0.0.0/8 => 2 02:00:00:00:00:02
mc_mgrp_create 1
mc_node_create 0 1 2 3
mc_node_associate 1 0
mirroring_add 1 510
";
    assert_eq!(run(&switch, &shape, text), Ok(7));
    let l2 = switch.entries("l2").unwrap();
    let expected = EntryAction::Action { name: "forward".into(), data: vec![vec![0, 1]] };
    assert_eq!((l2.len(), &l2[0].action), (1, &expected));
    assert_eq!(l2[0].key, [MatchParam::Exact(vec![2, 0, 0, 0, 0, 1])]);
    assert_eq!(switch.entries("ipv4_route").unwrap()[0].key, [MatchParam::Lpm(vec![10, 0, 0, 0], 8)]);
    assert_eq!(switch.mirror(1).unwrap(), Mirror { port: Some(510), group: None });
    assert_eq!(switch.nodes().unwrap()[0].1.ports, BTreeSet::from([1, 2, 3]));
    let more = "table_modify l2 flood 0 => 1\ntable_delete ipv4_route 0\ntable_clear l2\ncounter_reset verdicts\n";
    assert_eq!(run(&switch, &shape, more), Ok(4));
    assert_eq!(["l2", "ipv4_route"].map(|table| switch.entry_count(table).unwrap()), [0, 0]);
}

#[test]
fn wrong_commands_say_where_and_what() {
    for (text, complaint) in [
        ("\nfill l2", "line 2: no command \"fill\" here"),
        ("table_add", "table expected"),
        ("table_add l3 forward 1 => 1", "no table \"l3\""),
        ("table_add l2 forward 1 =>", "action forward needs 1 values, and 0 follow"),
        ("table_add l2 forward => 1", "table l2 needs destination_mac for its key"),
        ("table_add l2 forward 1 2 => 1", "table l2 has 1 fields in its key, then comes =>"),
        ("table_add l2 forward x => 1", "destination_mac: \"x\" is no number and no address"),
        ("table_add l2 forward 1 => 512", "value 1 of forward: 512 does not fit into 9 bits"),
        ("table_add l2 forward 1 => 1 2", "nothing more expected, and \"2\" found"),
        ("table_add l2 deliver 1 => 1 2", "l2"),
        ("table_add l2 fly 1 => 1", "no action \"fly\""),
        ("table_add ipv4_route deliver 10.0.0.0/33 => 2 3", "a prefix has 0 to 32 bits"),
        ("mc_node_create 0 1 x", "\"x\" is no port"),
        ("mc_node_create 65536 1", "\"65536\" is no replication id"),
        ("mc_node_associate 1 0", "no such multicast"),
        ("mirroring_add 40000 1", "no mirroring session can have the number 40000"),
        ("mirroring_delete 3", "no mirroring session 3"),
        ("table_add l2 forward 1 => 1\ntable_add l2 forward 1 => 2", "line 2: "),
    ] {
        let (switch, shape) = switch();
        let error = run(&switch, &shape, text).unwrap_err().to_string();
        let is_said = error.contains(complaint) || complaint == "l2" && error.starts_with("line 1");
        assert!(is_said, "{text}: {error}");
    }
}
