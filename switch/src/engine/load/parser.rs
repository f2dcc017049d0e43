//! The parser, the deparser, checksums.

use std::collections::HashMap;

use super::super::bits::{PAD, Slot};
use super::super::error::Result;
use super::super::expr::{Expr, Place, Tree};
use super::super::json::Node;
use super::super::limits::{HEADERS_BYTES_MAX, KEY_BYTES_MAX, OBJECTS_MAX, SETS_MAX, WIDTH_BITS_MAX};
use super::super::program::{
    Ahead, Cases, Checksum, KeyPart, Next, ParserOp, ParserState, Program, SetCase, SetSpec, SetUse, WordKey,
};
use super::actions::Scope;
use super::{Known, extract, names};

pub(super) fn load(root: &Node<'_>, program: &mut Program, known: &Known) -> Result<()> {
    sets(root, program)?;
    let parser = only(root, "parsers", "parser")?;
    if let Some(parser) = parser {
        let list = parser.get("parse_states")?.items()?;
        let states = states(&list)?;
        parser.limit("parser states", list.len(), OBJECTS_MAX)?;
        for node in &list {
            let state = state(node, &states, program, known)?;
            program.states.push(state);
        }
        program.start = next(&parser, "init_state", &states)?;
    }
    if let Some(deparser) = only(root, "deparsers", "deparser")? {
        if let Some(primitive) = deparser.list("primitives")?.first() {
            return primitive.unsupported("a primitive in a deparser");
        }
        for header in deparser.get("order")?.items()? {
            let index = names(program, known).header(&header)?;
            header.limit("headers to send", program.deparser.len(), OBJECTS_MAX)?;
            program.deparser.push(index);
        }
    }
    for node in root.list("checksums")? {
        let checksum = checksum(&node, program, known)?;
        program.checksums.push(checksum);
    }
    Ok(())
}

/// The parser or deparser: of several, the one with the name that the switch looks for.
fn only<'a>(root: &Node<'a>, list: &str, name: &str) -> Result<Option<Node<'a>>> {
    let mut found = None;
    for node in root.list(list)? {
        if node.get("name")?.str()? != name {
            return node.unsupported(format!("another {name} than `{name}`"));
        }
        if found.replace(node.clone()).is_some() {
            return node.duplicate("parser", name);
        }
    }
    Ok(found)
}

fn states(list: &[Node<'_>]) -> Result<HashMap<String, usize>> {
    let mut states = HashMap::new();
    for (index, node) in list.iter().enumerate() {
        let name = node.get("name")?.str()?;
        if states.insert(name.to_owned(), index).is_some() {
            return node.duplicate("parser state", name);
        }
    }
    Ok(states)
}

fn next(node: &Node<'_>, key: &str, states: &HashMap<String, usize>) -> Result<Next> {
    let Some(name) = node.find(key)? else { return Ok(None) };
    let found = states.get(name.str()?);
    found.map_or_else(|| name.unknown("parser state", name.value), |&state| Ok(Some(state)))
}

fn state(
    node: &Node<'_>,
    states: &HashMap<String, usize>,
    program: &mut Program,
    known: &Known,
) -> Result<ParserState> {
    let mut ops = Vec::new();
    for op in node.list("parser_ops")? {
        ops.push(self::op(&op, program, known)?);
    }
    let mut key = Vec::new();
    for part in node.list("transition_key")? {
        key.push(key_part(&part, program, known)?);
    }
    let bytes = key.iter().map(KeyPart::bytes).sum();
    node.limit("bytes of a transition key", bytes, KEY_BYTES_MAX)?;
    let mut otherwise = None;
    let mut cases = Vec::new();
    for transition in node.list("transitions")? {
        let target = next(&transition, "next_state", states)?;
        if is_set(&transition)? {
            let (set, one) = set_use(&transition, &key, program)?;
            cases.push(SetCase::Set(set, one, target));
            continue;
        }
        match case(&transition, bytes)? {
            None => otherwise = target,
            Some((value, mask)) => cases.push(SetCase::Value(value, mask, target)),
        }
    }
    if key.is_empty() {
        cases.clear();
    }
    let cases = choice(cases, &key, bytes);
    Ok(ParserState { name: node.get("name")?.str()?.to_owned(), ops, key, cases, otherwise })
}

fn sets(root: &Node<'_>, program: &mut Program) -> Result<()> {
    for node in root.list("parse_vsets")? {
        let name = node.get("name")?.str()?.to_owned();
        let bits = node.get("compressed_bitwidth")?.width(WIDTH_BITS_MAX)?;
        if program.sets.iter().any(|set| set.name == name) {
            return node.duplicate("set of values", &name);
        }
        program.sets.push(SetSpec { name, bits, uses: Vec::new() });
        node.limit("sets of values", program.sets.len(), SETS_MAX)?;
    }
    Ok(())
}

fn is_set(node: &Node<'_>) -> Result<bool> {
    Ok(node.find("type")?.map(|kind| kind.str()).transpose()? == Some("parse_vset"))
}

/// The set that a transition asks for, and which of its uses this is.
fn set_use(node: &Node<'_>, key: &[KeyPart], program: &mut Program) -> Result<(usize, usize)> {
    let name = node.get("value")?;
    let wanted = name.str()?;
    let Some(index) = program.sets.iter().position(|set| set.name == wanted) else {
        return name.unknown("set of values", name.value);
    };
    let widths: Vec<u32> = key.iter().map(KeyPart::width).collect();
    let mask = node.find("mask")?.map(|mask| mask.bytes()).transpose()?;
    let set = &mut program.sets[index];
    if widths.iter().map(|&width| u64::from(width)).sum::<u64>() != u64::from(set.bits) {
        return node.invalid("the set's values and the transition key differ in width");
    }
    let bytes: usize = key.iter().map(KeyPart::bytes).sum();
    if mask.as_ref().is_some_and(|mask| mask.len() != bytes) {
        return node.invalid(format!("the mask does not have the transition key's {bytes} bytes"));
    }
    set.uses.push(SetUse { widths, mask });
    node.limit("uses of a set of values", set.uses.len(), SETS_MAX)?;
    Ok((index, set.uses.len() - 1))
}

/// The transitions of a state in the form that is asked fastest.
fn choice(cases: Vec<SetCase>, key: &[KeyPart], bytes: usize) -> Cases {
    if cases.iter().any(|case| matches!(case, SetCase::Set(..))) {
        return Cases::Sets(cases);
    }
    let value = |case| match case {
        SetCase::Value(value, mask, next) => Some((value, mask, next)),
        SetCase::Set(..) => None,
    };
    let cases: Vec<_> = cases.into_iter().filter_map(value).collect();
    match bytes {
        0..=8 => word(&cases, key).unwrap_or_else(|| short(&cases)),
        9..=16 => short(&cases),
        _ => Cases::Long(cases),
    }
}

/// Where the key is made of nothing but short fields.
fn word(cases: &[(Vec<u8>, Vec<u8>, Next)], key: &[KeyPart]) -> Option<Cases> {
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    let part = |part: &KeyPart| match part {
        KeyPart::Field(slot) => Some((slot.word()?, u32::try_from(slot.bytes() * 8).ok()?)),
        _ => None,
    };
    let parts = key.iter().map(part).collect::<Option<_>>()?;
    Some(Cases::Word(
        WordKey(parts),
        cases.iter().map(|(value, mask, next)| (number(value), number(mask), *next)).collect(),
    ))
}

fn short(cases: &[(Vec<u8>, Vec<u8>, Next)]) -> Cases {
    let number = |bytes: &[u8]| bytes.iter().fold(0u128, |value, &byte| value << 8 | u128::from(byte));
    Cases::Short(cases.iter().map(|(value, mask, next)| (number(value), number(mask), *next)).collect())
}

/// Value and mask of a transition; `None` for the default.
fn case(node: &Node<'_>, bytes: usize) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let value = node.find("value")?;
    let kind = match node.find("type")? {
        Some(kind) => kind.str()?,
        None => "hexstr",
    };
    let Some(value) = value.filter(|value| kind == "hexstr" && value.value != "default") else {
        return if matches!(kind, "default" | "hexstr") {
            Ok(None)
        } else {
            node.unsupported(format!("a transition by `{kind}`"))
        };
    };
    let sized = |node: &Node<'_>| {
        let found = node.bytes()?;
        if found.len() == bytes {
            return Ok(found);
        }
        node.invalid(format!("{} bytes, where the transition key has {bytes}", found.len()))
    };
    let mask = node.find("mask")?.map_or_else(|| Ok(vec![0xff; bytes]), |mask| sized(&mask))?;
    let value = sized(&value)?.iter().zip(&mask).map(|(value, mask)| value & mask).collect();
    Ok(Some((value, mask)))
}

fn key_part(node: &Node<'_>, program: &Program, known: &Known) -> Result<KeyPart> {
    let (kind, value) = node.typed()?;
    if kind == "lookahead" {
        return Ok(KeyPart::Ahead(ahead(&value)?));
    }
    match names(program, known).tree(node)? {
        Tree::Field(slot) => Ok(KeyPart::Field(slot)),
        Tree::Valid(header) => Ok(KeyPart::Valid(header)),
        Tree::Last(stack, slot) => Ok(KeyPart::Last(stack, slot)),
        _ => node.unsupported(format!("`{kind}` in a transition key")),
    }
}

fn ahead(node: &Node<'_>) -> Result<Ahead> {
    let [offset, width] = node.tuple()?;
    let offset_bits = offset.size()?;
    offset.limit("bits ahead", offset_bits, HEADERS_BYTES_MAX * 8)?;
    Ok(Ahead { offset: offset_bits, width: width.width(WIDTH_BITS_MAX)? })
}

fn op(node: &Node<'_>, program: &Program, known: &Known) -> Result<ParserOp> {
    let names = names(program, known);
    let parameters = node.get("parameters")?;
    match node.get("op")?.str()? {
        "extract" => extract::fixed(&parameters, names, program),
        "extract_VL" => extract::variable(&parameters, names, program),
        "set" => set(&parameters, program, known),
        "verify" => {
            let [condition, error] = parameters.tuple()?;
            let code = if error.value.is_number() { code(&error, program)? } else { names.number(&error, None)? };
            Ok(ParserOp::Verify(names.condition(&condition)?, code))
        }
        "advance" => {
            let [bits] = parameters.tuple()?;
            Ok(ParserOp::Advance(names.number(&bits, None)?))
        }
        "shift" => {
            let [bytes] = parameters.tuple()?;
            let tree = constant(bytes.size()?.saturating_mul(8));
            Ok(ParserOp::Advance(Expr::compile(&tree, None, &bytes)?))
        }
        "primitive" => {
            let [primitive] = parameters.tuple()?;
            let scope = Scope { names, program, known };
            Ok(ParserOp::Primitive(scope.primitive(&primitive, None)?))
        }
        other => node.unsupported(format!("the parser operation `{other}`")),
    }
}

fn constant(value: usize) -> Tree {
    use super::super::int::{Num, Wide};
    Tree::Constant(Box::new(Wide::from_i64(i64::try_from(value).unwrap_or(i64::MAX))))
}

/// An error's number as older compilers write it.
fn code(node: &Node<'_>, program: &Program) -> Result<Expr> {
    let code = node.size()?;
    if !program.errors.names.iter().any(|&(_, known)| known == code as u64) {
        return node.unknown("error", code);
    }
    Expr::compile(&constant(code), None, node)
}

fn set(parameters: &Node<'_>, program: &Program, known: &Known) -> Result<ParserOp> {
    let [target, source] = parameters.tuple()?;
    let names = names(program, known);
    let place = names.place(&target)?;
    let (kind, value) = source.typed()?;
    match (kind, place) {
        ("lookahead", Place::Field(slot)) => Ok(ParserOp::Peek(slot, ahead(&value)?)),
        ("lookahead", _) => target.unsupported("a lookahead into anything but a field"),
        (_, place) => {
            let value = names.number(&source, place.demand())?;
            Ok(ParserOp::Set(place, value))
        }
    }
}

fn checksum(node: &Node<'_>, program: &Program, known: &Known) -> Result<Checksum> {
    let kind = node.get("type")?;
    if kind.str()? != "generic" {
        return kind.unsupported(format!("a checksum of type `{}`", kind.str()?));
    }
    let (name, target) = (node.get("calculation")?, node.get("target")?);
    let Some(&calculation) = known.calculations.get(name.str()?) else {
        return name.unknown("calculation", name.value);
    };
    let names = names(program, known);
    let [header, _] = target.tuple()?;
    let slot = names.field(&target)?;
    if !slot.is_short() {
        return target.invalid("a checksum in a field that is too wide");
    }
    Ok(Checksum {
        name: node.get("name")?.str()?.to_owned(),
        header: names.header(&header)?,
        target: slot,
        condition: node.find("if_cond")?.map(|condition| names.condition(&condition)).transpose()?,
        calculation,
        verify: node.flag("verify", true)?,
        update: node.flag("update", true)?,
    })
}

/// The slot of bits ahead within a buffer that begins with their first byte.
pub(crate) fn ahead_slot(ahead: Ahead) -> Slot {
    let bit = u8::try_from(ahead.offset % 8).unwrap_or(0);
    Slot { byte: 0, bit, width: ahead.width, signed: false, saturating: false }
}

const _: () = assert!(PAD >= 16, "a key of up to 16 bytes is read at once");
