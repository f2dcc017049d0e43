//! What tutorials do: longest-prefix forwarding, access control, ECMP.

use super::*;

const CHECKSUM_INPUT: [&str; 11] =
    ["version", "ihl", "tos", "length", "id", "flags", "offset", "ttl", "protocol", "src", "dst"];

/// A router with an access list in front: the list's table goes on only where it allows.
fn router() -> Value {
    let mut program = program();
    let standard = |name: &str| field("standard_metadata", name);
    let decrement = op("&", &op("+", &field("ipv4", "ttl"), &hex("0xff")), &hex("0xff"));
    program["actions"] = json!([
        action(
            0,
            "drop",
            &[],
            &[primitive("mark_to_drop", &[json!({"type": "header", "value": "standard_metadata"})])]
        ),
        action(1, "allow", &[], &[]),
        action(
            2,
            "forward",
            &[9, 48],
            &[
                assign(&standard("egress_spec"), &parameter(0)),
                assign(&field("ethernet", "src"), &field("ethernet", "dst")),
                assign(&field("ethernet", "dst"), &parameter(1)),
                assign(&field("ipv4", "ttl"), &expression(&decrement)),
            ]
        ),
    ]);
    let lpm = table(
        "routes",
        "lpm",
        &[key("lpm", "ipv4", "dst")],
        &[(2, "forward"), (0, "drop")],
        default_entry(0, &[]),
        &Value::Null,
    );
    let mut acl = table(
        "access",
        "ternary",
        &[key("ternary", "ipv4", "src"), key("ternary", "ipv4", "protocol")],
        &[(0, "drop"), (1, "allow")],
        default_entry(1, &[]),
        &Value::Null,
    );
    acl["next_tables"] = json!({"drop": null, "allow": "routes"});
    let valid = op("d2b", &Value::Null, &field("ipv4", "$valid$"));
    let right = op("==", &standard("checksum_error"), &hex("0x0"));
    program["pipelines"][0]["init_table"] = json!("is_ipv4");
    program["pipelines"][0]["tables"] = json!([lpm, acl, call("tbl_drop", 0, "drop", &Value::Null)]);
    program["pipelines"][0]["conditionals"] = json!([
        {"name": "is_ipv4", "id": 0, "expression": op("and", &valid, &right), "true_next": "access", "false_next": "tbl_drop"}
    ]);
    let input: Vec<Value> = CHECKSUM_INPUT.iter().map(|name| field("ipv4", name)).collect();
    program["calculations"] = json!([{"name": "sum", "id": 0, "algo": "csum16", "input": input}]);
    program["checksums"] = json!([{
        "name": "sum", "id": 0, "target": ["ipv4", "checksum"], "type": "generic", "calculation": "sum", "verify": true, "update": true,
        "if_cond": op("d2b", &Value::Null, &field("ipv4", "$valid$")),
    }]);
    program
}

fn route(engine: &mut Engine, prefix: [u8; 4], length: u32, port: u8) -> u32 {
    let data = [vec![0, port], vec![4, 4, 4, 4, 4, port]];
    engine.table_add("routes", &[MatchParam::Lpm(prefix.to_vec(), length)], "forward", &data, 0).unwrap()
}

#[test]
fn a_router_forwards_by_the_longest_prefix_and_repairs_the_checksum() {
    let mut engine = load(&router());
    assert_eq!(sent(&mut engine, 1, &ipv4([10, 1, 2, 3], b"hello")), [], "no route");
    let wide = route(&mut engine, [10, 0, 0, 0], 8, 3);
    let narrow = route(&mut engine, [10, 1, 0, 0], 16, 4);
    let packet = ipv4([10, 1, 2, 3], b"hello");
    let out = sent(&mut engine, 1, &packet);
    assert_eq!(out.len(), 1);
    let (port, bytes) = &out[0];
    assert_eq!(*port, 4);
    assert_eq!(bytes[..12], [4, 4, 4, 4, 4, 4, 2, 0, 0, 0, 0, 1]);
    assert_eq!(bytes[22], 63, "the time to live");
    assert_eq!(hash::Algorithm::Checksum16.of(&bytes[14..34], &[]), 0, "a right checksum sums up to nothing");
    assert_eq!(bytes[34..], *b"hello");
    assert_eq!(sent(&mut engine, 1, &ipv4([10, 9, 2, 3], b""))[0].0, 3);
    assert_eq!(engine.table_count("routes", narrow), Ok(Count { packets: 1, bytes: packet.len() as u64 }));
    engine.table_delete("routes", narrow).unwrap();
    assert_eq!(sent(&mut engine, 1, &packet)[0].0, 3);
    engine.table_modify("routes", wide, "drop", &[]).unwrap();
    assert_eq!(sent(&mut engine, 1, &packet), []);
}

#[test]
fn a_wrong_checksum_and_anything_but_ipv4_is_dropped_where_the_program_says_so() {
    let mut engine = load(&router());
    route(&mut engine, [0, 0, 0, 0], 0, 3);
    let mut packet = ipv4([10, 1, 2, 3], b"hello");
    packet[30] ^= 1;
    assert_eq!(sent(&mut engine, 1, &packet), []);
    assert_eq!(sent(&mut engine, 1, &frame(0x86dd, &[0; 40])), []);
}

#[test]
fn an_access_list_takes_the_lowest_priority_number() {
    let mut engine = load(&router());
    route(&mut engine, [0, 0, 0, 0], 0, 3);
    let list = |source: [u8; 4], mask: [u8; 4], protocol: (u8, u8)| {
        [MatchParam::Ternary(source.to_vec(), mask.to_vec()), MatchParam::Ternary(vec![protocol.0], vec![protocol.1])]
    };
    let packet = ipv4([10, 1, 2, 3], b"");
    engine.table_add("access", &list([10, 0, 0, 0], [255, 0, 0, 0], (0, 0)), "drop", &[], 20).unwrap();
    assert_eq!(sent(&mut engine, 1, &packet), []);
    engine.table_add("access", &list([10, 0, 0, 9], [255; 4], (17, 255)), "allow", &[], 10).unwrap();
    assert_eq!(sent(&mut engine, 1, &packet).len(), 1);
    engine.table_clear("access", false).unwrap();
    engine.table_set_default("access", "drop", &[]).unwrap();
    assert_eq!(sent(&mut engine, 1, &packet), []);
    engine.table_reset_default("access").unwrap();
    assert_eq!(sent(&mut engine, 1, &packet).len(), 1);
}

#[test]
fn after_some_packets_no_memory_is_allocated() {
    let mut engine = load(&router());
    route(&mut engine, [10, 0, 0, 0], 8, 3);
    let mut copying = doing(
        &[
            primitive("clone_ingress_pkt_to_egress", &[hex("0x1"), hex("0x1")]),
            assign(&field("standard_metadata", "mcast_grp"), &hex("0x7")),
            primitive("generate_digest", &[hex("0x0"), hex("0x1")]),
        ],
        &[],
    );
    copying["calculations"] = router()["calculations"].take();
    let mut copying = load(&copying);
    copying.set_mirror(1, Mirror { port: Some(9), group: None });
    copying.multicast().create_group(7).unwrap();
    let node = copying.multicast().create_node(1, [1, 2, 3].into(), [].into()).unwrap();
    copying.multicast().associate(7, node).unwrap();
    let (packet, mut out) = (ipv4([10, 1, 2, 3], &[7; 1400]), Outputs::default());
    let mut process = |engine: &mut Engine, copies: usize| {
        engine.process(1, 1, &packet, &mut out);
        assert_eq!(out.packets().len(), copies);
    };
    for _ in 0..3 {
        process(&mut engine, 1);
        process(&mut copying, 4);
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..10 {
            process(&mut engine, 1);
            process(&mut copying, 4);
        }
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn a_trace_tells_the_way_and_changes_nothing_of_the_result() {
    let mut engine = load(&router());
    let handle = route(&mut engine, [10, 0, 0, 0], 8, 3);
    let packet = ipv4([10, 1, 2, 3], b"hello");
    let mut out = Outputs::default();
    let events: Vec<String> = engine.trace(0, 1, &packet, &mut out).iter().map(|event| event.to_string()).collect();
    let expected = [
        "ingress: 39 bytes from port 1",
        "  parser state start",
        "    extract ethernet",
        "  parser state ipv4",
        "    extract ipv4",
        "  checksum sum: right",
        "  condition is_ipv4: true",
        "  table access: miss",
        "    action allow",
        &format!("  table routes: hit entry {handle}"),
        "    action forward",
        "egress: for port 3",
        "  emit ethernet",
        "  emit ipv4",
        "sent: 39 bytes to port 3",
    ];
    assert_eq!(events, expected);
    let traced: Vec<_> = out.packets().map(|(port, bytes)| (port, bytes.to_vec())).collect();
    assert_eq!(traced, sent(&mut engine, 1, &packet));
}

/// A group of next hops, chosen by a hash of both addresses.
fn ecmp() -> Value {
    let mut program = program();
    program["actions"] = json!([
        action(
            0,
            "drop",
            &[],
            &[primitive("mark_to_drop", &[json!({"type": "header", "value": "standard_metadata"})])]
        ),
        action(1, "forward", &[9], &[assign(&field("standard_metadata", "egress_spec"), &parameter(0))]),
    ]);
    let mut hops =
        table("hops", "lpm", &[key("lpm", "ipv4", "dst")], &[(0, "drop"), (1, "forward")], Value::Null, &Value::Null);
    hops["type"] = json!("indirect_ws");
    hops["action_profile"] = json!("paths");
    program["pipelines"][0]["tables"] = json!([hops]);
    program["pipelines"][0]["init_table"] = json!("hops");
    program["pipelines"][0]["action_profiles"] = json!([{"name": "paths", "id": 0, "max_size": 8, "selector": {
        "algo": "crc16", "input": [field("ipv4", "src"), field("ipv4", "dst")]}}]);
    program
}

#[test]
fn a_group_spreads_flows_and_keeps_each_on_its_path() {
    let mut engine = load(&ecmp());
    let members: Vec<u32> =
        (1..4u8).map(|port| engine.profile_add_member("paths", "forward", &[vec![port]]).unwrap()).collect();
    let group = engine.profile_create_group("paths").unwrap();
    let key = [MatchParam::Lpm(vec![10, 0, 0, 0], 8)];
    let entry = engine.table_add_indirect("hops", &key, &EntryAction::Group(group), 0).unwrap();
    assert_eq!(sent(&mut engine, 0, &ipv4([10, 0, 0, 1], b""))[0].0, 0, "an empty group does nothing");
    for &member in &members {
        engine.profile_join("paths", member, group).unwrap();
    }
    let mut ports = std::collections::BTreeSet::new();
    for last in 0..=255 {
        let packet = ipv4([10, 0, 0, last], b"");
        let expected = 1 + hash::Algorithm::Crc16.of(&packet[26..34], &[]) % 3;
        let port = sent(&mut engine, 0, &packet)[0].0;
        assert_eq!(u64::from(port), expected);
        ports.insert(port);
    }
    assert_eq!(ports.len(), 3);
    assert_eq!(engine.profile_delete_member("paths", members[0]), Err(TableError::MemberStillUsed));
    assert_eq!(engine.profile_delete_group("paths", group), Err(TableError::GroupStillUsed));
    engine.table_modify_indirect("hops", entry, &EntryAction::Member(members[1])).unwrap();
    engine.profile_delete_group("paths", group).unwrap();
    assert_eq!(engine.profile_delete_member("paths", members[1]), Err(TableError::MemberStillUsed));
    assert_eq!(sent(&mut engine, 0, &ipv4([10, 0, 0, 1], b""))[0].0, 2);
    engine.table_delete("hops", entry).unwrap();
    engine.profile_delete_member("paths", members[1]).unwrap();
    assert_eq!(engine.table_add("hops", &key, "drop", &[], 0), Err(TableError::WrongTableType));
}

#[test]
fn table_operations_report_what_bmv2_reports() {
    let mut engine = load(&router());
    let key = [MatchParam::Lpm(vec![10, 0, 0, 0], 8)];
    let data = [vec![0, 1], vec![0; 6]];
    let none: [MatchParam; 0] = [];
    let codes = [
        (engine.table_add("no", &key, "forward", &data, 0), TableError::InvalidTableName, 7),
        (engine.table_add("routes", &key, "allow", &data, 0), TableError::InvalidActionName, 8),
        (engine.table_add("routes", &key, "forward", &data[..1], 0), TableError::BadActionData, 26),
        (engine.table_add("routes", &none, "forward", &data, 0), TableError::BadMatchKey, 18),
        (engine.table_add("tbl_drop", &none, "drop", &[], 0), TableError::NoTableKey, 27),
    ];
    for (found, error, code) in codes {
        assert_eq!(found, Err(error));
        assert_eq!(error.code(), code);
    }
    engine.table_add("routes", &key, "forward", &data, 0).unwrap();
    assert_eq!(engine.table_add("routes", &key, "drop", &[], 0), Err(TableError::DuplicateEntry));
    for i in 1..64u8 {
        engine.table_add("routes", &[MatchParam::Lpm(vec![11, i, 0, 0], 16)], "drop", &[], 0).unwrap();
    }
    assert_eq!(
        engine.table_add("routes", &[MatchParam::Lpm(vec![12, 0, 0, 0], 8)], "drop", &[], 0),
        Err(TableError::TableFull)
    );
    assert_eq!(engine.table_set_default("tbl_drop", "drop", &[]), Err(TableError::DefaultEntryIsConst));
    assert_eq!(engine.table_delete("routes", 99), Err(TableError::InvalidHandle));
    let entry = engine.table_entry("routes", 0).unwrap();
    assert_eq!(entry.key, key);
    assert_eq!(entry.action, EntryAction::Action { name: "forward".into(), data: data.to_vec() });
    assert_eq!(engine.table_find("routes", &key, 0), Ok(entry));
    assert_eq!(engine.table_len("routes"), Ok(64));
    engine.reset();
    assert_eq!(engine.table_len("routes"), Ok(0));
}

#[test]
fn data_wider_than_its_parameter_is_refused_and_changes_nothing() {
    let mut engine = load(&router());
    let key = [MatchParam::Lpm(vec![10, 0, 0, 0], 8)];
    let (good, padded) = ([vec![1, 0xff], vec![0; 6]], [vec![0, 0, 1, 0xff], vec![0; 8]]);
    let entry = engine.table_add("routes", &key, "forward", &good, 0).unwrap();
    let default = engine.table_default("routes");
    for wide in [[vec![2, 0], vec![0; 6]], [vec![1, 0, 0], vec![0; 6]], [vec![0], vec![1, 0, 0, 0, 0, 0, 0]]] {
        let other = [MatchParam::Lpm(vec![11, 0, 0, 0], 8)];
        assert_eq!(engine.table_add("routes", &other, "forward", &wide, 0), Err(TableError::BadActionData), "{wide:?}");
        assert_eq!(engine.table_modify("routes", entry, "forward", &wide), Err(TableError::BadActionData));
        assert_eq!(engine.table_set_default("routes", "forward", &wide), Err(TableError::BadActionData));
    }
    assert_eq!((engine.table_len("routes"), engine.table_default("routes")), (Ok(1), default));
    let action = EntryAction::Action { name: "forward".into(), data: good.to_vec() };
    assert_eq!(engine.table_entry("routes", entry).unwrap().action, action);
    engine.table_modify("routes", entry, "forward", &padded).unwrap();
    assert_eq!(engine.table_entry("routes", entry).unwrap().action, action, "zeros in front are none of it");
}
