//! Clones, multicast, resubmission, recirculation, digests.

use std::collections::BTreeSet;

use super::*;

fn clone(kind: &str, session: &str, list: &str) -> Value {
    primitive(kind, &[hex(session), hex(list)])
}

/// Writes where the packet is into its source address: instance type, port, replication id.
fn stamp() -> Vec<Value> {
    let standard = |name: &str| field("standard_metadata", name);
    let shifted = |name: &str, by: &str| op("<<", &standard(name), &hex(by));
    let word = field("scalars", "word");
    let all = op(
        "|",
        &op("|", &shifted("instance_type", "0x28"), &shifted("egress_rid", "0x18")),
        &op("|", &op("<<", &op("&", &word, &hex("0xff")), &hex("0x10")), &standard("ingress_port")),
    );
    vec![assign(&field("ethernet", "src"), &expression(&all))]
}

/// Instance type, replication id, kept word, ingress port.
fn stamped(bytes: &[u8]) -> (u8, u8, u8, u8) {
    (bytes[6], bytes[8], bytes[9], bytes[11])
}

#[test]
fn a_clone_is_the_packet_as_it_came_and_goes_first() {
    let ingress = [
        assign(&field("scalars", "word"), &hex("0x2a")),
        assign(&field("ethernet", "dst"), &hex("0xffffffffffff")),
        clone("clone_ingress_pkt_to_egress", "0x5", "0x1"),
        to_port("0x3"),
    ];
    let mut engine = load(&doing(&ingress, &stamp()));
    let packet = frame(0x1234, b"payload");
    assert_eq!(sent(&mut engine, 7, &packet).len(), 1, "without a session there is no clone");
    assert!(engine.set_mirror(5, Mirror { port: Some(9), group: None }));
    let out = sent(&mut engine, 7, &packet);
    assert_eq!(out.iter().map(|(port, _)| *port).collect::<Vec<_>>(), [9, 3]);
    assert_eq!(out[0].1[..6], packet[..6], "as it came");
    assert_eq!(stamped(&out[0].1), (1, 0, 0x2a, 7), "its metadata are those of the field list");
    assert_eq!(out[1].1[..6], [0xff; 6]);
    assert_eq!(stamped(&out[1].1), (0, 0, 0x2a, 7));
    assert_eq!(out[0].1[12..], packet[12..]);
    assert!(engine.delete_mirror(5));
    assert!(!engine.set_mirror(0x8000, Mirror::default()));
}

#[test]
fn a_clone_of_egress_is_the_packet_as_it_became() {
    let is_clone = op("==", &field("standard_metadata", "instance_type"), &hex("0x2"));
    let mut egress = vec![
        primitive(
            "_jump_if_zero",
            &[expression(&op("b2d", &Value::Null, &op("not", &Value::Null, &is_clone))), hex("0x3")],
        ),
        assign(&field("ethernet", "dst"), &hex("0x111111111111")),
        clone("clone_egress_pkt_to_egress", "0x0", "0x0"),
    ];
    egress.extend(stamp());
    let mut engine = load(&doing(&[to_port("0x3")], &egress));
    engine.set_mirror(0, Mirror { port: Some(9), group: None });
    let out = sent(&mut engine, 7, &frame(1, b""));
    assert_eq!(out.iter().map(|(port, _)| *port).collect::<Vec<_>>(), [3, 9]);
    assert_eq!(out[1].1[..6], [0x11; 6]);
    assert_eq!(stamped(&out[1].1), (2, 0, 0, 0), "no field list, no metadata");
}

#[test]
fn a_group_gets_a_copy_for_each_port_and_the_drop_takes_it_back() {
    let group = assign(&field("standard_metadata", "mcast_grp"), &hex("0x7"));
    let drop = primitive("mark_to_drop", &[json!({"type": "header", "value": "standard_metadata"})]);
    let mut engine = load(&doing(std::slice::from_ref(&group), &stamp()));
    assert_eq!(sent(&mut engine, 1, &frame(1, b"")), [], "an unknown group");
    let multicast = engine.multicast();
    multicast.create_group(7).unwrap();
    let node = multicast.create_node(0x21, BTreeSet::from([2, 4]), BTreeSet::new()).unwrap();
    multicast.associate(7, node).unwrap();
    let out = sent(&mut engine, 1, &frame(1, b"x"));
    assert_eq!(
        out.iter().map(|(port, bytes)| (*port, stamped(bytes))).collect::<Vec<_>>(),
        [(2, (5, 0x21, 0, 1)), (4, (5, 0x21, 0, 1))]
    );
    let mut engine = load(&doing(&[group, drop], &[]));
    engine.multicast().create_group(7).unwrap();
    assert_eq!(sent(&mut engine, 1, &frame(1, b"")), []);
}

/// Does something only where the packet is new.
fn once(does: Value) -> Vec<Value> {
    let is_new = op("==", &field("standard_metadata", "instance_type"), &hex("0x0"));
    vec![primitive("_jump_if_zero", &[expression(&op("b2d", &Value::Null, &is_new)), hex("0x2")]), does]
}

#[test]
fn a_resubmitted_packet_comes_again_as_it_was_with_the_metadata_of_its_list() {
    let mut ingress = once(primitive("resubmit", &[hex("0x1")]));
    ingress.push(assign(
        &field("scalars", "word"),
        &expression(&op("&", &op("+", &field("scalars", "word"), &hex("0x5")), &hex("0xffffffff"))),
    ));
    ingress.push(to_port("0x3"));
    let mut engine = load(&doing(&ingress, &stamp()));
    let out = sent(&mut engine, 7, &frame(1, b"data"));
    assert_eq!(out.len(), 1);
    assert_eq!(stamped(&out[0].1), (0, 0, 10, 7), "two passes, the second as a packet of its own");
}

#[test]
fn a_recirculated_packet_comes_again_as_it_would_have_been_sent() {
    let mut ingress =
        vec![assign(&field("scalars", "word"), &field("standard_metadata", "packet_length")), to_port("0x3")];
    ingress.extend([
        primitive("push", &[json!({"type": "header_stack", "value": "tag"}), hex("0x1")]),
        primitive("add_header", &[json!({"type": "header", "value": "tag[0]"})]),
    ]);
    let is_new = op("==", &field("standard_metadata", "instance_type"), &hex("0x0"));
    let mut egress = vec![assign(&field("scalars", "flag"), &expression(&op("b2d", &Value::Null, &is_new)))];
    // Only the first time: egress sees NORMAL both times, so the added tag tells.
    egress = vec![
        primitive(
            "_jump_if_zero",
            &[expression(&op("b2d", &Value::Null, &op("<", &field("scalars", "word"), &hex("0x12")))), hex("0x2")],
        ),
        primitive("recirculate", &[hex("0x1")]),
    ]
    .into_iter()
    .chain(egress)
    .collect();
    let mut engine = load(&doing(&ingress, &egress));
    let out = sent(&mut engine, 7, &frame(0x1111, b"ab"));
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].1.len(), 16 + 2 + 2, "a tag for each pass");
}

#[test]
fn a_packet_that_recirculates_for_ever_ends() {
    let mut engine = load(&doing(
        &[to_port("0x3"), clone("clone_ingress_pkt_to_egress", "0x1", "0x0")],
        &[primitive("recirculate", &[hex("0x1")])],
    ));
    engine.set_mirror(1, Mirror { port: Some(9), group: None });
    assert_eq!(sent(&mut engine, 7, &frame(1, b"")), []);
    let mut engine = load(&doing(&[primitive("resubmit", &[hex("0x1")])], &[]));
    assert_eq!(sent(&mut engine, 7, &frame(1, b"")), []);
}

#[test]
fn a_digest_carries_its_fields_in_whole_bytes() {
    let mut engine = load(&doing(&[primitive("generate_digest", &[hex("0x0"), hex("0x1")])], &[]));
    let mut out = Outputs::default();
    engine.process(0, 0x105, &frame(1, b""), &mut out);
    let digests: Vec<_> = out.digests().collect();
    assert_eq!(digests, [(1, &[2, 0, 0, 0, 0, 2, 1, 5][..])]);
    assert_eq!(out.packets().len(), 1);
}

#[test]
fn a_truncated_packet_is_cut_as_it_is_sent_and_its_copies_are_not() {
    let truncate = |bytes: &str| primitive("truncate", &[hex(bytes)]);
    let ingress = [
        clone("clone_ingress_pkt_to_egress", "0x5", "0x0"),
        truncate("0x12"),
        truncate("0x14"),
        primitive("add_header", &[json!({"type": "header", "value": "tag[0]"})]),
        to_port("0x3"),
    ];
    let mut engine = load(&doing(&ingress, &[]));
    engine.set_mirror(5, Mirror { port: Some(9), group: None });
    let packet = frame(1, b"payload");
    let out = sent(&mut engine, 7, &packet);
    assert_eq!(out[0], (9, packet.clone()));
    assert_eq!(out[1], (3, [&packet[..14], &[0, 0], &packet[14..16]].concat()), "the lesser of both, headers counted");
    let short = frame(1, b"");
    assert_eq!(sent(&mut engine, 7, &short)[1].1.len(), short.len() + 2, "nothing is appended");
}
