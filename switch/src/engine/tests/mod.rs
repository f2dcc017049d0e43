//! Whole programs, written by hand as a compiler would write them.

mod copies;
mod forwarding;
mod hostile;
mod language;
mod refusals;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn field(header: &str, name: &str) -> Value {
    json!({"type": "field", "value": [header, name]})
}

fn hex(digits: &str) -> Value {
    json!({"type": "hexstr", "value": digits})
}

fn op(name: &str, left: &Value, right: &Value) -> Value {
    json!({"type": "expression", "value": {"op": name, "left": left, "right": right}})
}

/// An expression as a primitive's parameter.
fn expression(value: &Value) -> Value {
    json!({"type": "expression", "value": value})
}

fn primitive(name: &str, parameters: &[Value]) -> Value {
    json!({"op": name, "parameters": parameters})
}

fn assign(to: &Value, value: &Value) -> Value {
    primitive("assign", &[to.clone(), value.clone()])
}

fn parameter(index: usize) -> Value {
    json!({"type": "runtime_data", "value": index})
}

fn action(id: usize, name: &str, parameters: &[u32], primitives: &[Value]) -> Value {
    let data: Vec<Value> =
        parameters.iter().map(|width| json!({"name": format!("p{width}"), "bitwidth": width})).collect();
    json!({"name": name, "id": id, "runtime_data": data, "primitives": primitives})
}

/// A table that goes on to `next` whatever happens.
fn table(name: &str, kind: &str, key: &[Value], actions: &[(usize, &str)], default: Value, next: &Value) -> Value {
    let ids: Vec<usize> = actions.iter().map(|(id, _)| *id).collect();
    let names: Vec<&str> = actions.iter().map(|(_, name)| *name).collect();
    let nexts: serde_json::Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), next.clone())).collect();
    let mut table = json!({
        "name": name, "id": 0, "match_type": kind, "type": "simple", "max_size": 64, "with_counters": true, "key": key,
        "action_ids": ids, "actions": names, "base_default_next": next, "next_tables": nexts,
    });
    if !default.is_null() {
        table["default_entry"] = default;
    }
    table
}

fn default_entry(action: usize, data: &[&str]) -> Value {
    json!({"action_id": action, "action_const": false, "action_data": data, "action_entry_const": false})
}

fn key(kind: &str, header: &str, name: &str) -> Value {
    json!({"match_type": kind, "target": [header, name], "mask": null, "name": format!("{header}.{name}")})
}

/// A table without a key, as compilers make them for an action call.
fn call(name: &str, id: usize, action: &str, next: &Value) -> Value {
    table(
        name,
        "exact",
        &[],
        &[(id, action)],
        json!({"action_id": id, "action_const": true, "action_data": [], "action_entry_const": true}),
        next,
    )
}

fn state(name: &str, ops: &[Value], key: &[Value], transitions: &[Value]) -> Value {
    json!({"name": name, "id": 0, "parser_ops": ops, "transition_key": key, "transitions": transitions})
}

fn extract(header: &str) -> Value {
    json!({"op": "extract", "parameters": [{"type": "regular", "value": header}]})
}

fn to(value: Value, next: Value) -> Value {
    let kind = if value == "default" { "default" } else { "hexstr" };
    let value = if kind == "default" { Value::Null } else { value };
    json!({"type": kind, "value": value, "mask": null, "next_state": next})
}

/// A program with Ethernet, IPv4 and a stack of tags, and nothing that happens yet.
fn program() -> Value {
    json!({
        "__meta__": {"version": [2, 23]},
        "header_types": [
            {"name": "scalars_t", "id": 0, "fields": [["small", 5, false], ["word", 32, false], ["wide", 128, false], ["flag", 1, false], ["signed", 8, true], ["_padding", 2, false]]},
            {"name": "ethernet_t", "id": 1, "fields": [["dst", 48, false], ["src", 48, false], ["type", 16, false]]},
            {"name": "ipv4_t", "id": 2, "fields": [["version", 4, false], ["ihl", 4, false], ["tos", 8, false], ["length", 16, false], ["id", 16, false], ["flags", 3, false], ["offset", 13, false], ["ttl", 8, false], ["protocol", 8, false], ["checksum", 16, false], ["src", 32, false], ["dst", 32, false]]},
            {"name": "tag_t", "id": 3, "fields": [["last", 1, false], ["value", 15, false]]},
            {"name": "standard_metadata", "id": 4, "fields": [["ingress_port", 9, false], ["egress_spec", 9, false], ["egress_port", 9, false], ["instance_type", 32, false], ["packet_length", 32, false], ["enq_timestamp", 32, false], ["enq_qdepth", 19, false], ["deq_timedelta", 32, false], ["deq_qdepth", 19, false], ["ingress_global_timestamp", 48, false], ["egress_global_timestamp", 48, false], ["mcast_grp", 16, false], ["egress_rid", 16, false], ["checksum_error", 1, false], ["parser_error", 32, false], ["priority", 3, false], ["_padding", 3, false]]}
        ],
        "headers": [
            {"name": "scalars", "id": 0, "header_type": "scalars_t", "metadata": true},
            {"name": "standard_metadata", "id": 1, "header_type": "standard_metadata", "metadata": true},
            {"name": "ethernet", "id": 2, "header_type": "ethernet_t", "metadata": false},
            {"name": "ipv4", "id": 3, "header_type": "ipv4_t", "metadata": false},
            {"name": "tag[0]", "id": 4, "header_type": "tag_t", "metadata": false},
            {"name": "tag[1]", "id": 5, "header_type": "tag_t", "metadata": false},
            {"name": "tag[2]", "id": 6, "header_type": "tag_t", "metadata": false}
        ],
        "header_stacks": [{"name": "tag", "id": 0, "header_type": "tag_t", "header_ids": [4, 5, 6]}],
        "field_lists": [{"id": 1, "name": "kept", "elements": [field("scalars", "word"), field("standard_metadata", "ingress_port")]}],
        "errors": [["NoError", 1], ["PacketTooShort", 2], ["StackOutOfBounds", 4], ["BadTag", 9]],
        "parsers": [{"name": "parser", "id": 0, "init_state": "start", "parse_states": [
            state("start", &[extract("ethernet")], &[field("ethernet", "type")], &[
                to(json!("0x0800"), json!("ipv4")), to(json!("0x9000"), json!("tags")), to(json!("default"), Value::Null)]),
            state("ipv4", &[extract("ipv4")], &[], &[to(json!("default"), Value::Null)]),
            state("tags", &[json!({"op": "extract", "parameters": [{"type": "stack", "value": "tag"}]})],
                &[json!({"type": "stack_field", "value": ["tag", "last"]})],
                &[to(json!("0x00"), json!("tags")), to(json!("default"), Value::Null)]),
        ]}],
        "deparsers": [{"name": "deparser", "id": 0, "order": ["ethernet", "tag[0]", "tag[1]", "tag[2]", "ipv4"]}],
        "register_arrays": [{"name": "seen", "id": 0, "size": 8, "bitwidth": 16}],
        "counter_arrays": [{"name": "marks", "id": 0, "size": 4, "is_direct": false}],
        "learn_lists": [{"id": 1, "name": "learned", "elements": [field("ethernet", "src"), field("standard_metadata", "ingress_port")]}],
        "actions": [],
        "pipelines": [
            {"name": "ingress", "id": 0, "init_table": null, "tables": [], "action_profiles": [], "conditionals": []},
            {"name": "egress", "id": 1, "init_table": null, "tables": [], "action_profiles": [], "conditionals": []}
        ],
        "checksums": [],
        "field_aliases": [
            ["queueing_metadata.enq_timestamp", ["standard_metadata", "enq_timestamp"]],
            ["intrinsic_metadata.ingress_global_timestamp", ["standard_metadata", "ingress_global_timestamp"]],
            ["intrinsic_metadata.egress_global_timestamp", ["standard_metadata", "egress_global_timestamp"]],
            ["intrinsic_metadata.mcast_grp", ["standard_metadata", "mcast_grp"]],
            ["intrinsic_metadata.egress_rid", ["standard_metadata", "egress_rid"]]
        ]
    })
}

/// A program whose ingress and egress each run these primitives.
fn doing(ingress: &[Value], egress: &[Value]) -> Value {
    let mut program = program();
    program["actions"] = json!([action(0, "first", &[], ingress), action(1, "second", &[], egress)]);
    program["pipelines"][0]["init_table"] = json!("tbl_first");
    program["pipelines"][0]["tables"] = json!([call("tbl_first", 0, "first", &Value::Null)]);
    program["pipelines"][1]["init_table"] = json!("tbl_second");
    program["pipelines"][1]["tables"] = json!([call("tbl_second", 1, "second", &Value::Null)]);
    program
}

fn load(program: &Value) -> Engine {
    Engine::load(&program.to_string(), 1).unwrap()
}

/// The packets that come out for one that goes in.
fn sent(engine: &mut Engine, port: u32, packet: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut out = Outputs::default();
    engine.process(1_000, port, packet, &mut out);
    out.packets().map(|(port, bytes)| (port, bytes.to_vec())).collect()
}

/// An Ethernet frame.
fn frame(kind: u16, rest: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend_from_slice(&kind.to_be_bytes());
    frame.extend_from_slice(rest);
    frame
}

/// An IPv4 header with a right checksum, and a payload.
fn ipv4(destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut header = vec![0x45, 0, length[0], length[1], 0, 7, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 9];
    header.extend_from_slice(&destination);
    let checksum = u16::try_from(hash::Algorithm::Checksum16.of(&header, &[])).unwrap().to_be_bytes();
    header[10..12].copy_from_slice(&checksum);
    header.extend_from_slice(payload);
    frame(0x0800, &header)
}

fn to_port(port: &str) -> Value {
    assign(&field("standard_metadata", "egress_spec"), &hex(port))
}
