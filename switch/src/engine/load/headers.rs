//! Header types, headers, stacks, aliases, errors.

use std::collections::{HashMap, HashSet};

use super::super::bits::Slot;
use super::super::error::Result;
use super::super::json::Node;
use super::super::layout::{Field, Header, HeaderType, Layout, Stack, Variable};
use super::super::limits::{HEADERS_BYTES_MAX, OBJECTS_MAX, WIDTH_BITS_MAX};
use super::super::program::Errors;

pub(super) fn layout(root: &Node<'_>) -> Result<Layout> {
    let mut layout = Layout::default();
    let mut types = HashMap::new();
    let declared = root.get("header_types")?;
    let on_wire = on_wire(&root.get("headers")?)?;
    for node in declared.items()? {
        let is_packed = on_wire.contains(node.get("name")?.str()?);
        let kind = header_type(&node, is_packed)?;
        if types.insert(kind.name.clone(), layout.types.len()).is_some() {
            return node.duplicate("header type", &kind.name);
        }
        layout.types.push(kind);
    }
    let ids = headers(&root.get("headers")?, &types, &mut layout)?;
    for node in root.list("header_stacks")? {
        let stack = stack(&node, &types, &ids, &layout)?;
        if layout.stack_names.insert(stack.name.clone(), layout.stacks.len()).is_some() {
            return node.duplicate("header stack", &stack.name);
        }
        layout.stacks.push(stack);
    }
    for node in root.list("header_unions")? {
        union(&node, &ids, &mut layout)?;
    }
    Ok(layout)
}

/// The types of headers that are no metadata.
fn on_wire<'a>(list: &Node<'a>) -> Result<HashSet<&'a str>> {
    let mut types = HashSet::new();
    for node in list.items()? {
        if !node.flag("metadata", false)? {
            types.insert(node.get("header_type")?.str()?);
        }
    }
    Ok(types)
}

/// `is_packed`: one field follows the other, as on the wire. Otherwise each ends with a byte, where it is read and written with the least
/// computation: p4c puts one bit before many addresses.
fn header_type(node: &Node<'_>, is_packed: bool) -> Result<HeaderType> {
    let name = node.get("name")?.str()?.to_owned();
    let mut kind = HeaderType { name, fields: Vec::new(), bits: 0, variable: None };
    let mut seen = HashSet::new();
    for field in node.list("fields")? {
        let items = field.items()?;
        let [name, width, rest @ ..] = items.as_slice() else { return field.invalid("a name and a width expected") };
        let is_variable = width.value == "*";
        let width = if is_variable { room(node, &field, &mut kind)? } else { width.width(WIDTH_BITS_MAX)? };
        // p4c writes 0 and 1, too.
        let flag = |i: usize| {
            rest.get(i)
                .map_or(Ok(false), |flag| flag.value.as_u64().map_or_else(|| flag.bool(), |number| Ok(number != 0)))
        };
        let (signed, saturating) = (flag(0)?, flag(1)?);
        if signed && width < 2 {
            return field.invalid("a signed field of one bit");
        }
        let name = name.str()?.to_owned();
        if !seen.insert(name.clone()) {
            return field.duplicate("field", &name);
        }
        if !is_packed {
            kind.bits = kind.bits.next_multiple_of(8) + width.next_multiple_of(8) - width;
        }
        let bit = u8::try_from(kind.bits % 8).unwrap_or(0);
        let slot = Slot { byte: kind.bits / 8, bit, width, signed, saturating };
        kind.fields.push(Field { name, slot, is_variable });
        kind.bits += width;
        field.limit("bytes of headers", kind.bits as usize / 8, HEADERS_BYTES_MAX)?;
    }
    Ok(kind)
}

/// Makes room for the field of variable length; its bits.
fn room(node: &Node<'_>, field: &Node<'_>, kind: &mut HeaderType) -> Result<u32> {
    if kind.variable.is_some() {
        return field.unsupported("a second field of variable length in a header");
    }
    let mut fixed_bits = 0;
    for other in node.list("fields")? {
        let items = other.items()?;
        let width = items.get(1).filter(|width| width.value != "*");
        fixed_bits += width.map_or(Ok(0), |width| width.width(WIDTH_BITS_MAX))?;
        field.limit("bytes of headers", fixed_bits as usize / 8, HEADERS_BYTES_MAX)?;
    }
    let longest = node.get("max_length")?;
    longest.limit("bytes of headers", longest.size()?, HEADERS_BYTES_MAX)?;
    if !kind.bits.is_multiple_of(8) || !fixed_bits.is_multiple_of(8) {
        return field.unsupported("a field of variable length that begins or ends within a byte");
    }
    match longest.size()?.checked_sub(fixed_bits as usize / 8) {
        None | Some(0) => longest.invalid("there is no room for the field of variable length"),
        Some(bytes) => {
            kind.variable = Some(Variable { first: kind.bits as usize / 8, bytes });
            Ok(u32::try_from(bytes * 8).unwrap_or(u32::MAX))
        }
    }
}

/// Adds the headers to the layout; their ids, for the stacks.
fn headers(list: &Node<'_>, types: &HashMap<String, usize>, layout: &mut Layout) -> Result<HashMap<i64, usize>> {
    let mut ids = HashMap::new();
    for node in list.items()? {
        let name = node.get("name")?.str()?.to_owned();
        let kind = kind_of(&node, types)?;
        let (bits, variable) = layout.types.get(kind).map_or((0, None), |kind| (kind.bits, kind.variable));
        let is_metadata = node.flag("metadata", false)?;
        if is_metadata && variable.is_some() {
            return node.unsupported("metadata of variable length");
        }
        if !is_metadata && bits % 8 != 0 {
            return node.invalid(format!("a header of {bits} bits, which are no whole bytes"));
        }
        let header = layout.headers.len();
        node.limit("headers", header, OBJECTS_MAX)?;
        if ids.insert(node.get("id")?.int()?, header).is_some() {
            return node.duplicate("header id", node.get("id")?.int()?);
        }
        if layout.header_names.insert(name.clone(), header).is_some() {
            return node.duplicate("header", &name);
        }
        let (bytes, first) = (bits.div_ceil(8) as usize, u32::try_from(layout.bytes).unwrap_or(u32::MAX));
        layout.valid_at_first.push(is_metadata);
        layout.headers.push(Header { name, kind, first, bytes, variable, union: None, is_metadata });
        layout.bytes += bytes;
        node.limit("bytes of headers", layout.bytes, HEADERS_BYTES_MAX)?;
    }
    Ok(ids)
}

fn kind_of(node: &Node<'_>, types: &HashMap<String, usize>) -> Result<usize> {
    let name = node.get("header_type")?;
    types.get(name.str()?).copied().map_or_else(|| name.unknown("header type", name.value), Ok)
}

fn stack(node: &Node<'_>, types: &HashMap<String, usize>, ids: &HashMap<i64, usize>, layout: &Layout) -> Result<Stack> {
    let kind = kind_of(node, types)?;
    let mut headers = Vec::new();
    for id in node.get("header_ids")?.items()? {
        let Some(&header) = ids.get(&id.int()?) else { return id.unknown("header id", id.int()?) };
        if layout.headers.get(header).is_none_or(|header| header.kind != kind) {
            return id.invalid("the header is of another type than the stack");
        }
        headers.push(header);
    }
    node.limit("headers in a stack", headers.len(), OBJECTS_MAX)?;
    Ok(Stack { name: node.get("name")?.str()?.to_owned(), kind, headers })
}

/// Adds a header union.
fn union(node: &Node<'_>, ids: &HashMap<i64, usize>, layout: &mut Layout) -> Result<()> {
    let (name, index) = (node.get("name")?.str()?.to_owned(), layout.unions.len());
    node.limit("header unions", index, OBJECTS_MAX)?;
    let mut members = Vec::new();
    for id in node.get("header_ids")?.items()? {
        let Some(&member) = ids.get(&id.int()?) else { return id.unknown("header id", id.int()?) };
        match layout.headers.get_mut(member) {
            Some(header) if header.union.is_none() && !header.is_metadata => header.union = Some(index),
            _ => return id.invalid("the header is metadata, or is in a union already"),
        }
        members.push(member);
    }
    if layout.union_names.insert(name.clone(), index).is_some() {
        return node.duplicate("header union", &name);
    }
    layout.unions.push(members);
    Ok(())
}

/// The fields that the switch knows by another name.
pub(super) fn aliases(root: &Node<'_>, layout: &Layout) -> Result<HashMap<String, Slot>> {
    let mut aliases = HashMap::new();
    for node in root.list("field_aliases")? {
        let [name, target] = node.tuple()?;
        let [header, field] = target.tuple()?;
        let found =
            layout.header_names.get(header.str()?).and_then(|&header| layout.field(header, field.value.as_str()?));
        let Some(slot) = found else { return target.unknown("field", target.value) };
        aliases.insert(name.str()?.to_owned(), slot);
    }
    Ok(aliases)
}

/// The numbers of the errors; what the program does not name gets free ones.
pub(super) fn errors(root: &Node<'_>) -> Result<Errors> {
    let mut names: Vec<(String, u64)> = Vec::new();
    for node in root.list("errors")? {
        let [name, code] = node.tuple()?;
        names.push((name.str()?.to_owned(), u64::from(u32::try_from(code.size()?).unwrap_or(u32::MAX))));
    }
    let mut code = |name: &str| match names.iter().find(|(found, _)| found == name) {
        Some(&(_, code)) => code,
        None => {
            let code = names.iter().map(|&(_, code)| code + 1).max().unwrap_or(0);
            names.push((name.to_owned(), code));
            code
        }
    };
    Ok(Errors {
        none: code("NoError"),
        packet_too_short: code("PacketTooShort"),
        stack_out_of_bounds: code("StackOutOfBounds"),
        invalid_argument: code("ParserInvalidArgument"),
        header_too_short: code("HeaderTooShort"),
        timeout: code("ParserTimeout"),
        names,
    })
}
