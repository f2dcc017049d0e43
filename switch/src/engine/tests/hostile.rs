//! Any frame, any JSON: no panic, no endless loop, and packets that are not touched come out as they went in.

use super::*;

/// A program that uses much of the language.
fn busy() -> Value {
    let stack = json!({"type": "header_stack", "value": "tag"});
    let last = json!({"type": "stack_field", "value": ["tag", "value"]});
    let word = field("scalars", "word");
    let ingress = [
        primitive("push", &[stack.clone(), last.clone()]),
        primitive("add_header", &[json!({"type": "header", "value": "tag[0]"})]),
        assign(&last, &expression(&op("<<", &field("ipv4", "ttl"), &field("ipv4", "tos")))),
        primitive("pop", &[stack, field("ipv4", "protocol")]),
        primitive(
            "register_write",
            &[json!({"type": "register_array", "value": "seen"}), field("ethernet", "type"), word.clone()],
        ),
        primitive(
            "register_read",
            &[word.clone(), json!({"type": "register_array", "value": "seen"}), field("ipv4", "ttl")],
        ),
        primitive("clone_ingress_pkt_to_egress", &[field("ethernet", "type"), hex("0x1")]),
        primitive("resubmit", &[expression(&op("&", &field("ethernet", "dst"), &hex("0x1")))]),
        assign(&field("standard_metadata", "egress_spec"), &field("ethernet", "src")),
        assign(&field("standard_metadata", "mcast_grp"), &field("ipv4", "id")),
        primitive("generate_digest", &[hex("0x0"), field("ipv4", "tos")]),
    ];
    let egress = [
        primitive("recirculate", &[expression(&op("&", &field("ethernet", "dst"), &hex("0x2")))]),
        primitive("clone_egress_pkt_to_egress", &[field("ipv4", "ttl"), hex("0x1")]),
        primitive("modify_field_rng_uniform", &[word.clone(), field("ipv4", "src"), field("ipv4", "dst")]),
        assign(&word, &expression(&op("/", &field("ipv4", "src"), &field("ipv4", "dst")))),
    ];
    let mut program = doing(&ingress, &egress);
    let input: Vec<Value> =
        ["dst", "flags", "offset"].iter().map(|name| field("ipv4", name)).chain([json!({"type": "payload"})]).collect();
    program["calculations"] = json!([{"name": "sum", "id": 0, "algo": "csum16", "input": input}]);
    program["checksums"] =
        json!([{"name": "sum", "id": 0, "target": ["ipv4", "checksum"], "type": "generic", "calculation": "sum"}]);
    let mut lookup = table(
        "lookup",
        "ternary",
        &[key("ternary", "ipv4", "dst"), key("lpm", "ethernet", "dst")],
        &[(0, "first")],
        default_entry(0, &[]),
        &json!("tbl_first"),
    );
    lookup["max_size"] = json!(1_000_000_000u64);
    program["pipelines"][0]["tables"].as_array_mut().unwrap().push(lookup);
    program["pipelines"][0]["init_table"] = json!("lookup");
    program
}

/// Some packet that reaches all of it.
fn seeds() -> [Vec<u8>; 3] {
    [ipv4([10, 0, 0, 1], b"payload"), frame(0x9000, &[0, 1, 0, 2, 0x80, 3, 9, 9]), frame(0x1234, b"")]
}

fn mutate(bytes: &mut Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) {
    for (at, kind, value) in edits {
        if bytes.is_empty() {
            return;
        }
        let at = at.index(bytes.len());
        match kind % 4 {
            0 => bytes[at] = *value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, *value),
        }
    }
}

fn edits(max: usize) -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 0..max)
}

/// Changes one value somewhere in a JSON tree.
fn disturb(value: &mut Value, path: &[prop::sample::Index], replacement: &Value) {
    let Some((first, rest)) = path.split_first() else {
        *value = replacement.clone();
        return;
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = first.index(items.len());
            disturb(&mut items[at], rest, replacement);
        }
        Value::Object(members) if !members.is_empty() => {
            let at = first.index(members.len());
            if let Some((_, member)) = members.iter_mut().nth(at) {
                disturb(member, rest, replacement);
            }
        }
        _ => *value = replacement.clone(),
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    let words = [
        "",
        "0x",
        "-0x1",
        "0xffffffffffffffffffffffffffffffffffff",
        "ipv4",
        "tag",
        "tbl_first",
        "lookup",
        "first",
        "default",
        "expression",
        "+",
        "lpm",
        "range",
        "payload",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![-1i64, 0, 1, 2, 7, 63, 64, 65, 128, 129, 2047, 1 << 20, i64::MAX])
            .prop_map(Value::from),
        Just(json!(1.5)),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(field("ipv4", "dst")),
        Just(json!(["ipv4", "flags"])),
        Just(op("*", &field("scalars", "wide"), &field("ipv4", "src"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn any_frame_is_processed(seed in 0usize..3, edits in edits(12), port in any::<u32>()) {
        let mut engine = load(&busy());
        engine.set_mirror(0x1234, Mirror { port: Some(1), group: Some(7) });
        engine.multicast().create_group(7).unwrap();
        let node = engine.multicast().create_node(1, [1, 2].into(), [0].into()).unwrap();
        engine.multicast().associate(7, node).unwrap();
        let mut packet = seeds()[seed].clone();
        mutate(&mut packet, &edits);
        let mut out = Outputs::default();
        engine.process(5, port, &packet, &mut out);
        prop_assert!(out.packets().len() <= limits::PASSES_MAX);
        engine.trace(5, port, &packet, &mut out);
    }

    /// A program that does nothing sends what came, whatever it parsed.
    #[test]
    fn what_is_parsed_is_sent_again(seed in 0usize..3, edits in edits(12)) {
        let mut engine = load(&doing(&[to_port("0x1")], &[]));
        let mut packet = seeds()[seed].clone();
        mutate(&mut packet, &edits);
        prop_assert_eq!(sent(&mut engine, 3, &packet), [(1, packet)]);
    }

    /// Text that is damaged.
    #[test]
    fn any_text_is_loaded_or_refused(edits in edits(4)) {
        let mut text = busy().to_string().into_bytes();
        mutate(&mut text, &edits);
        if let Ok(mut engine) = Engine::load(&String::from_utf8_lossy(&text), 1) {
            for packet in seeds() {
                sent(&mut engine, 3, &packet);
            }
        }
    }

    /// JSON with values where others are expected.
    #[test]
    fn any_json_is_loaded_or_refused(
        changes in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..14), replacement()), 1..4),
    ) {
        let mut program = busy();
        for (path, replacement) in &changes {
            disturb(&mut program, path, replacement);
        }
        if let Ok(mut engine) = Engine::load(&program.to_string(), 1) {
            for packet in seeds() {
                sent(&mut engine, 3, &packet);
            }
            let _ = engine.table_add("lookup", &[MatchParam::Ternary(vec![1; 4], vec![3; 4]), MatchParam::Lpm(vec![1; 6], 7)], "first", &[], 0);
            sent(&mut engine, 3, &seeds()[0]);
        }
    }
}
