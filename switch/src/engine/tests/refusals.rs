//! What is refused when a program is loaded, and how that is told.

use super::*;

/// The message for a program after a change.
fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut program = doing(&[to_port("0x1")], &[]);
    change(&mut program);
    Engine::load(&program.to_string(), 1).map_or_else(|error| error.to_string(), |_| "none".to_owned())
}

#[test]
fn a_refusal_says_what_and_where() {
    type Change = Box<dyn FnOnce(&mut Value)>;
    let cases: Vec<(&str, Change)> = vec![
        (
            "__meta__.version: version 2.25 of the format (2.0 to 2.24 are) is not supported",
            Box::new(|p| p["__meta__"]["version"] = json!([2, 25])),
        ),
        ("meter_arrays[0]: `name` is missing", Box::new(|p| p["meter_arrays"] = json!([{}]))),
        (
            "actions[0].primitives[0]: the primitive `assume` is not supported",
            Box::new(|p| p["actions"][0]["primitives"][0]["op"] = json!("assume")),
        ),
        (
            "actions[0].primitives[0].parameters[0].value[1]: there is no field `egress_spek`",
            Box::new(|p| p["actions"][0]["primitives"][0]["parameters"][0]["value"][1] = json!("egress_spek")),
        ),
        ("header_types[1]: `max_length` is missing", Box::new(|p| p["header_types"][1]["fields"][0][1] = json!("*"))),
        (
            "header_types[1].max_length: there is no room for the field of variable length",
            Box::new(|p| {
                p["header_types"][1]["fields"][0][1] = json!("*");
                p["header_types"][1]["max_length"] = json!(8);
            }),
        ),
        (
            "header_types[1].fields[1]: a second field of variable length in a header is not supported",
            Box::new(|p| {
                p["header_types"][1]["fields"][0][1] = json!("*");
                p["header_types"][1]["fields"][1][1] = json!("*");
                p["header_types"][1]["max_length"] = json!(18);
            }),
        ),
        (
            "header_unions[0].header_ids[1]: the header is metadata, or is in a union already",
            Box::new(|p| p["header_unions"] = json!([{"name": "u", "id": 0, "header_ids": [2, 2]}])),
        ),
        (
            "header_union_stacks[0]: a stack of header unions is not supported",
            Box::new(|p| p["header_union_stacks"] = json!([{"name": "u"}])),
        ),
        (
            "header_types[1].fields[0][1]: bits: 4000, at most 2047",
            Box::new(|p| p["header_types"][1]["fields"][0][1] = json!(4000)),
        ),
        (
            "headers[2]: a header of 111 bits, which are no whole bytes",
            Box::new(|p| p["header_types"][1]["fields"][2][1] = json!(15)),
        ),
        (
            "headers[3].header_type: there is no header type `x`",
            Box::new(|p| p["headers"][3]["header_type"] = json!("x")),
        ),
        ("headers[3]: a second header id `2`", Box::new(|p| p["headers"][3]["id"] = json!(2))),
        (
            "header_stacks[0].header_ids[0]: the header is of another type than the stack",
            Box::new(|p| p["header_stacks"][0]["header_ids"][0] = json!(2)),
        ),
        (
            "parsers[0].init_state: there is no parser state `x`",
            Box::new(|p| p["parsers"][0]["init_state"] = json!("x")),
        ),
        (
            "parsers[0].parse_states[0].transitions[0].value: 1 bytes, where the transition key has 2",
            Box::new(|p| p["parsers"][0]["parse_states"][0]["transitions"][0]["value"] = json!("0x08")),
        ),
        (
            "parsers[0].parse_states[0].transitions[0].value: there is no set of values `0x0800`",
            Box::new(|p| p["parsers"][0]["parse_states"][0]["transitions"][0]["type"] = json!("parse_vset")),
        ),
        (
            "pipelines[0]: the control flow comes back to `tbl_first`",
            Box::new(|p| p["pipelines"][0]["tables"][0]["next_tables"]["first"] = json!("tbl_first")),
        ),
        (
            "pipelines[0].tables[0].next_tables.first: there is no table or condition `x`",
            Box::new(|p| p["pipelines"][0]["tables"][0]["next_tables"]["first"] = json!("x")),
        ),
        (
            "pipelines[1]: the control flow leads into another pipeline",
            Box::new(|p| {
                p["pipelines"][1]["tables"][0]["next_tables"]["second"] = json!("tbl_first");
                p["pipelines"][1]["init_table"] = json!("tbl_second");
            }),
        ),
        (
            "pipelines[0].tables[0].action_ids[0]: there is no action id `7`",
            Box::new(|p| p["pipelines"][0]["tables"][0]["action_ids"][0] = json!(7)),
        ),
        (
            "pipelines[0].tables[0].match_type: the table's match type does not suit its key",
            Box::new(|p| p["pipelines"][0]["tables"][0]["key"] = json!([key("ternary", "ipv4", "dst")])),
        ),
        (
            "pipelines[0].tables[0].key[0].match_type: the match type `optional` is not supported",
            Box::new(|p| p["pipelines"][0]["tables"][0]["key"] = json!([key("optional", "ipv4", "dst")])),
        ),
        (
            "pipelines[0].tables[0].default_entry.action_data: 1 values, where the action has 0 parameters",
            Box::new(|p| p["pipelines"][0]["tables"][0]["default_entry"]["action_data"] = json!(["0x1"])),
        ),
        (
            "register_arrays[0]: bytes of registers: 20000000000, at most 268435456",
            Box::new(|p| p["register_arrays"][0]["size"] = json!(10_000_000_000u64)),
        ),
        (
            "counter_arrays[0]: counters: 99999999999, at most 16777216",
            Box::new(|p| p["counter_arrays"][0]["size"] = json!(99_999_999_999u64)),
        ),
        (
            "actions[0].primitives[0].parameters[0].value: a jump backwards or out of the action is not supported",
            Box::new(|p| p["actions"][0]["primitives"] = json!([primitive("_jump", &[hex("0x0")])])),
        ),
        (
            "actions[0].primitives[0].parameters[1]: there is no field list `9`",
            Box::new(|p| {
                p["actions"][0]["primitives"] =
                    json!([primitive("clone_ingress_pkt_to_egress", &[hex("0x1"), hex("0x9")])])
            }),
        ),
        (
            "the program: there is no field `standard_metadata.egress_spec`",
            Box::new(|p| p["header_types"][4]["fields"][1][0] = json!("x")),
        ),
        (
            "checksums[0].target: a checksum in a field that is too wide",
            Box::new(|p| {
                p["header_types"][0]["fields"][2][1] = json!(136);
                p["calculations"] = json!([{"name": "sum", "id": 0, "algo": "csum16", "input": []}]);
                p["checksums"] = json!([{"name": "sum", "id": 0, "target": ["scalars", "wide"], "type": "generic", "calculation": "sum"}]);
            }),
        ),
        ("pipelines: an array expected", Box::new(|p| p["pipelines"] = json!(7))),
        (
            "the program: `actions` is missing",
            Box::new(|p| {
                p.as_object_mut().unwrap().remove("actions");
            }),
        ),
    ];
    for (expected, change) in cases {
        assert_eq!(refusal(change), expected);
    }
}

#[test]
fn an_expression_without_bound_is_refused_and_one_that_is_cut_is_not() {
    let word = field("scalars", "word");
    let shift = op("<<", &word, &word);
    let compare = op("==", &shift, &hex("0x0"));
    let message = refusal(|p| {
        p["actions"][0]["primitives"] = json!([assign(&word, &expression(&op("b2d", &Value::Null, &compare)))])
    });
    assert!(message.ends_with("bits is not supported"), "{message}");
    load(&doing(&[assign(&word, &expression(&shift))], &[]));
}

#[test]
fn a_type_error_is_refused() {
    let word = field("scalars", "word");
    let message =
        refusal(|p| p["actions"][0]["primitives"] = json!([assign(&word, &expression(&op("and", &word, &word)))]));
    assert_eq!(message, "actions[0].primitives[0].parameters[1].value.value.left: a boolean expected, not a number");
}

#[test]
fn deep_nesting_is_refused() {
    let mut text = "[".repeat(100_000);
    assert!(matches!(Engine::load(&text, 1), Err(LoadError::Syntax(_))));
    text = format!("{{\"header_types\":{}", "{\"a\":".repeat(100_000));
    assert!(matches!(Engine::load(&text, 1), Err(LoadError::Syntax(_))));
}

#[test]
fn entries_of_the_program_are_there_and_cannot_be_changed() {
    let mut program = doing(&[], &[]);
    let mut ports = table(
        "ports",
        "exact",
        &[key("exact", "standard_metadata", "ingress_port")],
        &[(2, "out")],
        Value::Null,
        &Value::Null,
    );
    let entry = |port: &str, data: &str| json!({"match_key": [{"match_type": "exact", "key": port}], "action_entry": {"action_id": 2, "action_data": [data]}, "priority": 1});
    ports["entries"] = json!([entry("0x0001", "0x2"), entry("0x0002", "0x1")]);
    program["actions"].as_array_mut().unwrap().push(action(
        2,
        "out",
        &[9],
        &[assign(&field("standard_metadata", "egress_spec"), &parameter(0))],
    ));
    program["pipelines"][0]["init_table"] = json!("ports");
    program["pipelines"][0]["tables"].as_array_mut().unwrap().push(ports);
    let mut engine = load(&program);
    assert_eq!(sent(&mut engine, 1, &frame(1, b""))[0].0, 2);
    let key = [MatchParam::Exact(vec![0, 3])];
    assert_eq!(engine.table_add("ports", &key, "out", &[vec![1]], 0), Err(TableError::ImmutableEntries));
    assert_eq!(engine.table_delete("ports", 0), Err(TableError::ImmutableEntries));
    assert_eq!(engine.table_clear("ports", true), Err(TableError::ImmutableEntries));
    engine.reset();
    assert_eq!(engine.table_len("ports"), Ok(2));
    program["pipelines"][0]["tables"][1]["entries"][1] = entry("0x0001", "0x1");
    let error = Engine::load(&program.to_string(), 1).unwrap_err().to_string();
    assert_eq!(error, "table ports: an entry of its own was refused: such an entry exists");
}
