//! Parsers, header stacks, expressions, registers, counters, hashes.

use super::*;

/// The metadata field as it is after ingress, seen in the source address.
fn result(primitives: &[Value], header: &str, name: &str) -> u64 {
    let mut all = primitives.to_vec();
    all.push(assign(&field("ethernet", "src"), &field(header, name)));
    all.push(to_port("0x1"));
    let mut engine = load(&doing(&all, &[]));
    let out = sent(&mut engine, 3, &frame(0x9000, &[0x12, 0x34, 0x80, 0x05]));
    out[0].1[6..12].iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn scalar(name: &str, value: &Value) -> u64 {
    result(&[assign(&field("scalars", name), &expression(value))], "scalars", name)
}

#[test]
fn a_value_is_cut_to_the_field_that_it_goes_to() {
    assert_eq!(scalar("small", &hex("0xff")), 0x1f);
    assert_eq!(scalar("small", &op("-", &hex("0x0"), &hex("0x1"))), 0x1f);
    assert_eq!(scalar("small", &hex("-0x2")), 0x1e);
    assert_eq!(scalar("small", &op(">>", &hex("0x1ff"), &hex("0x4"))), 0x1f);
    assert_eq!(scalar("word", &op("two_comp_mod", &hex("0x181"), &hex("0x8"))), 0xffff_ff81);
    assert_eq!(scalar("word", &op("usat_cast", &hex("0x181"), &hex("0x8"))), 0xff);
    assert_eq!(scalar("word", &op("sat_cast", &op("-", &hex("0x0"), &hex("0x181")), &hex("0x8"))), 0xffff_ff80);
    assert_eq!(scalar("word", &op("/", &hex("0x181"), &hex("0x0"))), 0, "no crash");
    let choice = json!({"type": "expression", "value": {"op": "?", "cond": {"type": "bool", "value": false}, "left": hex("0x1"), "right": hex("0x2")}});
    assert_eq!(scalar("word", &choice), 2);
}

#[test]
fn a_signed_field_is_read_with_its_sign() {
    let set = assign(&field("scalars", "signed"), &hex("0xf0"));
    let halved = assign(&field("scalars", "word"), &expression(&op(">>", &field("scalars", "signed"), &hex("0x1"))));
    assert_eq!(result(&[set, halved], "scalars", "word"), 0xffff_fff8);
}

#[test]
fn a_fields_sign_may_be_written_as_a_number() {
    let mut program = program();
    program["header_types"][0]["fields"][0][2] = json!(0);
    program["header_types"][0]["fields"][4][2] = json!(1);
    load(&program);
    program["header_types"][0]["fields"][0][2] = json!("no");
    assert!(Engine::load(&program.to_string(), 1).is_err());
}

#[test]
fn fields_wider_than_machine_words_are_computed_with() {
    let set = assign(&field("scalars", "wide"), &hex("0x0123456789abcdef0011223344556677"));
    let high = assign(&field("scalars", "wide"), &expression(&op(">>", &field("scalars", "wide"), &hex("0x50"))));
    assert_eq!(result(&[set.clone(), high], "scalars", "wide"), 0x0123_4567_89ab);
    let squared = op("*", &field("scalars", "wide"), &field("scalars", "wide"));
    let low = assign(
        &field("scalars", "wide"),
        &expression(&op("&", &op(">>", &squared, &hex("0x60")), &hex("0xffffffffffff"))),
    );
    // Bits 96 to 144 of 0x0123456789abcdef0011223344556677².
    assert_eq!(result(&[set, low], "scalars", "wide"), 163_797_585_314_772);
}

#[test]
fn a_header_stack_is_parsed_to_its_last_element_pushed_and_popped() {
    let stack = json!({"type": "header_stack", "value": "tag"});
    let tags = frame(0x9000, &[0x00, 0x01, 0x80, 0x02, 0xaa]);
    let run = |primitives: &[Value]| {
        let mut all = primitives.to_vec();
        all.push(to_port("0x1"));
        sent(&mut load(&doing(&all, &[])), 3, &tags)[0].1[14..].to_vec()
    };
    assert_eq!(run(&[]), tags[14..]);
    assert_eq!(run(&[primitive("pop", &[stack.clone(), hex("0x1")])]), [0x80, 0x02, 0xaa]);
    let push = primitive("push", &[stack.clone(), hex("0x1")]);
    let add = primitive("add_header", &[json!({"type": "header", "value": "tag[0]"})]);
    assert_eq!(run(std::slice::from_ref(&push)), tags[14..], "what was pushed is not valid yet");
    assert_eq!(run(&[push, add]), [0, 0, 0x00, 0x01, 0x80, 0x02, 0xaa]);
    let last = json!({"type": "stack_field", "value": ["tag", "value"]});
    assert_eq!(run(&[assign(&last, &hex("0x7"))]), [0x00, 0x01, 0x80, 0x07, 0xaa]);
    let at = |index: &str| {
        let element = json!({"type": "expression", "value": {"op": "dereference_header_stack", "left": stack, "right": hex(index)}});
        json!({"type": "expression", "value": {"op": "access_field", "left": element, "right": 1}})
    };
    assert_eq!(run(&[assign(&expression(&at("0x0")), &expression(&at("0x1")))]), [0x00, 0x02, 0x80, 0x02, 0xaa]);
    assert_eq!(run(&[assign(&expression(&at("0x9")), &hex("0x1"))]), tags[14..], "out of bounds: nothing");
    let remove = primitive("remove_header", &[json!({"type": "header", "value": "tag[1]"})]);
    assert_eq!(run(&[remove]), [0x00, 0x01, 0xaa]);
    let copy = primitive(
        "assign_header",
        &[json!({"type": "header", "value": "tag[1]"}), json!({"type": "header", "value": "tag[2]"})],
    );
    assert_eq!(run(&[copy]), [0x00, 0x01, 0xaa], "a copy of an invalid header is invalid");
}

#[test]
fn a_parser_error_stops_the_parser_and_is_told() {
    let error = assign(&field("ethernet", "src"), &field("standard_metadata", "parser_error"));
    let mut engine = load(&doing(&[error.clone(), to_port("0x1")], &[]));
    let code = |engine: &mut Engine, packet: &[u8]| sent(engine, 3, packet)[0].1.get(11).copied();
    assert_eq!(code(&mut engine, &frame(0x1234, b"")), Some(1));
    assert_eq!(code(&mut engine, &frame(0x0800, &[0; 19])), Some(2), "PacketTooShort");
    assert_eq!(code(&mut engine, &frame(0x9000, &[0; 10])), Some(4), "StackOutOfBounds");
    assert_eq!(sent(&mut engine, 3, &[1; 13]), [(1, vec![1; 13])], "what was not parsed is payload");
    let mut program = doing(&[error, to_port("0x1")], &[]);
    let states = &mut program["parsers"][0]["parse_states"];
    let bad = op("!=", &field("ethernet", "dst"), &hex("0x020000000001"));
    states[0]["parser_ops"].as_array_mut().unwrap().push(json!({"op": "verify", "parameters": [bad, hex("0x9")]}));
    assert_eq!(code(&mut load(&program), &frame(0x1234, b"")), Some(9));
}

#[test]
fn a_parser_looks_ahead_advances_and_sets() {
    let mut program = doing(&[assign(&field("ethernet", "src"), &field("scalars", "word")), to_port("0x1")], &[]);
    let word = field("scalars", "word");
    let ahead = json!({"type": "lookahead", "value": [4, 12]});
    program["parsers"][0]["parse_states"] = json!([
        state(
            "start",
            &[extract("ethernet"), json!({"op": "set", "parameters": [word, ahead]})],
            &[ahead, field("ethernet", "type")],
            &[
                json!({"type": "hexstr", "value": "0x02341111", "mask": "0x0fff00ff", "next_state": "skip"}),
                to(json!("default"), Value::Null)
            ]
        ),
        state(
            "skip",
            &[json!({"op": "advance", "parameters": [hex("0x10")]})],
            &[],
            &[to(json!("default"), Value::Null)]
        ),
    ]);
    let mut engine = load(&program);
    let out = sent(&mut engine, 3, &frame(0x0011, &[0x12, 0x34, 0x56]));
    assert_eq!(out[0].1[6..], [0, 0, 0, 0, 0x02, 0x34, 0x00, 0x11, 0x56], "two bytes were skipped");
    let out = sent(&mut engine, 3, &frame(0x0012, &[0x12, 0x34, 0x56]));
    assert_eq!(out[0].1[10..], [0x02, 0x34, 0x00, 0x12, 0x12, 0x34, 0x56]);
    let out = sent(&mut engine, 3, &frame(0x0011, &[0x12]));
    assert_eq!(out[0].1[10..], [0, 0, 0x00, 0x11, 0x12], "too short to look");
}

#[test]
fn a_parser_that_never_ends_is_ended() {
    let mut program =
        doing(&[assign(&field("ethernet", "src"), &field("standard_metadata", "parser_error")), to_port("0x1")], &[]);
    program["parsers"][0]["parse_states"] = json!([state("start", &[], &[], &[to(json!("default"), json!("start"))])]);
    let mut engine = load(&program);
    let mut out = Outputs::default();
    let events = engine.trace(0, 3, &frame(1, b""), &mut out);
    assert!(events.contains(&Event::ParserError("ParserTimeout".into())));
    assert_eq!(out.packets().len(), 1);
}

#[test]
fn registers_and_counters_are_kept_between_packets() {
    let seen = json!({"type": "register_array", "value": "seen"});
    let word = field("scalars", "word");
    let program = doing(
        &[
            primitive("register_read", &[word.clone(), seen.clone(), hex("0x2")]),
            assign(&word, &expression(&op("+", &word, &hex("0x1")))),
            primitive("register_write", &[seen.clone(), hex("0x2"), word.clone()]),
            primitive("register_write", &[seen, hex("0x8"), word]),
            primitive("count", &[json!({"type": "counter_array", "value": "marks"}), hex("0x3")]),
            primitive("count", &[json!({"type": "counter_array", "value": "marks"}), hex("0x4")]),
            assign(&field("scalars", "wide"), &json!({"type": "register", "value": ["seen", hex("0x2")]})),
        ],
        &[],
    );
    let mut engine = load(&program);
    engine.set_register("seen", 2, 0xfffe).unwrap();
    for _ in 0..3 {
        sent(&mut engine, 3, &frame(1, b""));
    }
    assert_eq!(engine.register("seen", 2), Ok(vec![0, 1]), "16 bits");
    assert_eq!(engine.register("seen", 8), Err(ArrayError::InvalidIndex));
    assert_eq!(engine.register("none", 0), Err(ArrayError::InvalidName));
    assert_eq!(engine.counter("marks", 3), Ok(Count { packets: 3, bytes: 42 }));
    assert_eq!(engine.counter("marks", 4), Err(ArrayError::InvalidIndex));
    engine.clear_registers("seen").unwrap();
    engine.clear_counters("marks").unwrap();
    assert_eq!(engine.register("seen", 2), Ok(vec![0, 0]));
    assert_eq!(engine.counter("marks", 3), Ok(Count::default()));
}

#[test]
fn an_exit_ends_the_pass_and_a_jump_the_primitives_it_skips() {
    let mut program =
        doing(&[to_port("0x1"), primitive("exit", &[]), assign(&field("ethernet", "dst"), &hex("0x1"))], &[]);
    let tables = program["pipelines"][0]["tables"].as_array_mut().unwrap();
    tables[0]["next_tables"]["first"] = json!("tbl_drop");
    tables.push(call("tbl_drop", 2, "drop", &Value::Null));
    program["actions"].as_array_mut().unwrap().push(action(2, "drop", &[], &[primitive("drop", &[])]));
    let out = sent(&mut load(&program), 3, &frame(1, b""));
    assert_eq!(out.len(), 1, "the next table was not reached");
    assert_eq!(out[0].1[..6], [0, 0, 0, 0, 0, 1], "the action went on to its end, as BMv2's do");
    let skip = [primitive("_jump", &[hex("0x2")]), primitive("drop", &[]), to_port("0x4")];
    assert_eq!(sent(&mut load(&doing(&skip, &[])), 3, &frame(1, b""))[0].0, 4);
}

#[test]
fn a_whole_metadata_header_is_hashed_as_its_fields_are() {
    let hashed = |input: Vec<Value>| {
        let to = field("scalars", "word");
        let hash = json!({"type": "calculation", "value": "all"});
        let mut program = doing(
            &[
                assign(&field("scalars", "small"), &hex("0x15")),
                assign(&field("scalars", "wide"), &hex("0x0123456789abcdef0011223344556677")),
                primitive("modify_field_with_hash_based_offset", &[to.clone(), hex("0x0"), hash, hex("0x100000000")]),
                assign(&field("ethernet", "src"), &to),
                to_port("0x1"),
            ],
            &[],
        );
        program["calculations"] = json!([{"name": "all", "id": 0, "algo": "crc32", "input": input}]);
        let (mut engine, packet) = (load(&program), frame(0x1234, b""));
        sent(&mut engine, 3, &packet)[0].1[6..12].to_vec()
    };
    let program = program();
    let fields = program["header_types"][0]["fields"].as_array().unwrap().clone();
    let each = fields.iter().map(|declared| field("scalars", declared[0].as_str().unwrap())).collect();
    let whole = hashed(vec![json!({"type": "header", "value": "scalars"})]);
    assert_eq!(whole, hashed(each));
    assert_ne!(whole, hashed(vec![field("scalars", "wide")]));
}

#[test]
fn hashes_and_random_numbers_stay_in_their_range() {
    let mut program = doing(
        &[
            primitive(
                "modify_field_with_hash_based_offset",
                &[field("scalars", "word"), hex("0x64"), json!({"type": "calculation", "value": "flow"}), hex("0x10")],
            ),
            primitive("modify_field_rng_uniform", &[field("scalars", "small"), hex("0x3"), hex("0x5")]),
            assign(
                &field("ethernet", "src"),
                &expression(&op("|", &op("<<", &field("scalars", "word"), &hex("0x8")), &field("scalars", "small"))),
            ),
            to_port("0x1"),
        ],
        &[],
    );
    program["calculations"] = json!([{"name": "flow", "id": 0, "algo": "crc32", "input": [
        field("ethernet", "dst"), field("scalars", "small"), field("ethernet", "type"), {"type": "hexstr", "value": "0x5", "bitwidth": 3}]}]);
    let mut engine = load(&program);
    let packet = frame(0x1234, b"");
    // dst, five bits of zero, the type, 101: 72 bits.
    let mut input = packet[..6].to_vec();
    input.extend_from_slice(&((0x1234u32 << 3 | 5).to_be_bytes()[1..]));
    let expected = 0x64 + hash::Algorithm::Crc32.of(&input, &[]) % 16;
    for _ in 0..50 {
        let out = sent(&mut engine, 3, &packet);
        assert_eq!(u64::from(out[0].1[10]), expected);
        assert!((3..=5).contains(&out[0].1[11]));
    }
}
