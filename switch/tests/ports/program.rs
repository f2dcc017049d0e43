//! A small program for tests: frames go by their destination, one table says where.

use bifrost_switch::SharedEngine;
use bifrost_switch::engine::{Engine, MatchParam};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The group of all ports that a test has.
pub const GROUP: u16 = 1;

fn assign(field: &str, value: &Value) -> Value {
    json!({"op": "assign", "parameters": [{"type": "field", "value": ["standard_metadata", field]}, value]})
}

/// Ethernet, and the table `l2`: exact destination → `forward(port)`, `flood(group)`; a miss is dropped.
pub fn json() -> String {
    let metadata = [
        ("ingress_port", 9),
        ("egress_spec", 9),
        ("egress_port", 9),
        ("instance_type", 32),
        ("packet_length", 32),
        ("mcast_grp", 16),
        ("egress_rid", 16),
        ("_padding", 5),
    ];
    let metadata: Vec<Value> = metadata.iter().map(|(name, bits)| json!([name, bits, false])).collect();
    let parameter = json!({"type": "runtime_data", "value": 0});
    json!({
        "__meta__": {"version": [2, 23]},
        "header_types": [
            {"name": "ethernet_t", "id": 0, "fields": [["dst", 48, false], ["src", 48, false], ["type", 16, false]]},
            {"name": "standard_metadata", "id": 1, "fields": metadata},
        ],
        "headers": [
            {"name": "ethernet", "id": 0, "header_type": "ethernet_t", "metadata": false},
            {"name": "standard_metadata", "id": 1, "header_type": "standard_metadata", "metadata": true},
        ],
        "parsers": [{"name": "parser", "id": 0, "init_state": "start", "parse_states": [{
            "name": "start", "id": 0, "transition_key": [],
            "parser_ops": [{"op": "extract", "parameters": [{"type": "regular", "value": "ethernet"}]}],
            "transitions": [{"type": "default", "value": null, "mask": null, "next_state": null}],
        }]}],
        "deparsers": [{"name": "deparser", "id": 0, "order": ["ethernet"]}],
        "actions": [
            {"name": "forward", "id": 0, "runtime_data": [{"name": "port", "bitwidth": 9}],
                "primitives": [assign("egress_spec", &parameter)]},
            {"name": "flood", "id": 1, "runtime_data": [{"name": "group", "bitwidth": 16}],
                "primitives": [assign("mcast_grp", &parameter)]},
            {"name": "refuse", "id": 2, "runtime_data": [], "primitives": [
                {"op": "mark_to_drop", "parameters": [{"type": "header", "value": "standard_metadata"}]}]},
        ],
        "pipelines": [
            {"name": "ingress", "id": 0, "init_table": "l2", "action_profiles": [], "conditionals": [], "tables": [{
                "name": "l2", "id": 0, "match_type": "exact", "type": "simple", "max_size": 64, "with_counters": true,
                "key": [{"match_type": "exact", "target": ["ethernet", "dst"], "mask": null, "name": "dst"}],
                "action_ids": [0, 1, 2], "actions": ["forward", "flood", "refuse"], "base_default_next": null,
                "next_tables": {"forward": null, "flood": null, "refuse": null},
                "default_entry": {"action_id": 2, "action_const": false, "action_data": [], "action_entry_const": false},
            }]},
            {"name": "egress", "id": 1, "init_table": null, "tables": [], "action_profiles": [], "conditionals": []},
        ],
        "checksums": [],
        "field_aliases": [
            ["intrinsic_metadata.mcast_grp", ["standard_metadata", "mcast_grp"]],
            ["intrinsic_metadata.egress_rid", ["standard_metadata", "egress_rid"]],
        ],
    })
    .to_string()
}

/// The MAC address of the node at a port.
pub fn mac(port: u16) -> [u8; 6] {
    let [high, low] = port.to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// The program, with an entry for the node at each of these ports, and broadcast for all of them.
pub fn engine(ports: &[u16]) -> SharedEngine {
    let mut engine = Engine::load(&json(), 1).unwrap();
    for &port in ports {
        add(&mut engine, mac(port), "forward", port);
    }
    add(&mut engine, [0xff; 6], "flood", GROUP);
    let all: BTreeSet<u32> = ports.iter().map(|&port| u32::from(port)).collect();
    engine.multicast().create_group(GROUP).unwrap();
    let node = engine.multicast().create_node(0, all, BTreeSet::new()).unwrap();
    engine.multicast().associate(GROUP, node).unwrap();
    SharedEngine::new(engine)
}

/// Adds an entry.
pub fn add(engine: &mut Engine, destination: [u8; 6], action: &str, data: u16) {
    let key = [MatchParam::Exact(destination.to_vec())];
    engine.table_add("l2", &key, action, &[data.to_be_bytes().to_vec()], 0).unwrap();
}

/// A frame from the node at one port to a MAC address.
pub fn frame(from: u16, to: [u8; 6], payload: &[u8]) -> Vec<u8> {
    [&to[..], &mac(from), &[0x88, 0xb5], payload].concat()
}
