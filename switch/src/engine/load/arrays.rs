//! Registers, counters, meters, calculations, field lists.

use super::super::bits::{PAD, Slot};
use super::super::error::Result;
use super::super::hash::Algorithm;
use super::super::int::Num;
use super::super::json::Node;
use super::super::limits::{COUNTERS_MAX, METER_RATES_MAX, METERS_MAX, REGISTERS_BYTES_MAX, WIDTH_BITS_MAX};
use super::super::meters::MeterKind;
use super::super::program::{ArraySpec, Calculation, Input, LearnList, MeterSpec, Program};
use super::{Known, names};

pub(super) fn load(root: &Node<'_>, program: &mut Program, known: &mut Known) -> Result<()> {
    registers(root, program, known)?;
    counters(root, program, known)?;
    meters(root, program, known)?;
    for node in root.list("calculations")? {
        let calculation = calculation(&node, node.get("name")?.str()?, program, known)?;
        if known.calculations.insert(calculation.name.clone(), program.calculations.len()).is_some() {
            return node.duplicate("calculation", &calculation.name);
        }
        program.calculations.push(calculation);
    }
    lists(root, program, known)
}

fn registers(root: &Node<'_>, program: &mut Program, known: &mut Known) -> Result<()> {
    let mut bytes = 0usize;
    for node in root.list("register_arrays")? {
        let name = node.get("name")?.str()?.to_owned();
        let (size, width) = (node.get("size")?.size()?, node.get("bitwidth")?.width(WIDTH_BITS_MAX)?);
        bytes = bytes.saturating_add(size.saturating_mul(width.div_ceil(8) as usize));
        node.limit("bytes of registers", bytes, REGISTERS_BYTES_MAX)?;
        if known.registers.insert(name.clone(), (program.registers.len(), width)).is_some() {
            return node.duplicate("register array", &name);
        }
        program.registers.push(ArraySpec { name, size, width });
    }
    Ok(())
}

/// Counters that belong to no table: those of tables are kept with their entries.
fn counters(root: &Node<'_>, program: &mut Program, known: &mut Known) -> Result<()> {
    let mut cells = 0usize;
    for node in root.list("counter_arrays")? {
        let name = node.get("name")?.str()?.to_owned();
        if node.flag("is_direct", false)? {
            continue;
        }
        let size = node.get("size")?.size()?;
        cells = cells.saturating_add(size);
        node.limit("counters", cells, COUNTERS_MAX)?;
        if known.counters.insert(name.clone(), program.counters.len()).is_some() {
            return node.duplicate("counter array", &name);
        }
        program.counters.push(ArraySpec { name, size, width: 64 });
    }
    Ok(())
}

/// Meters, of tables too.
fn meters(root: &Node<'_>, program: &mut Program, known: &mut Known) -> Result<()> {
    let mut cells = 0usize;
    for node in root.list("meter_arrays")? {
        let name = node.get("name")?.str()?.to_owned();
        let kind = MeterKind { counts_packets: counts_packets(&node)?, rates: node.get("rate_count")?.size()? };
        node.limit("rates of a meter", kind.rates, METER_RATES_MAX)?;
        if known.meters.contains_key(&name) || known.direct_meters.contains_key(&name) {
            return node.duplicate("meter array", &name);
        }
        if node.flag("is_direct", false)? {
            let color = names(program, known).field(&node.get("result_target")?)?;
            known.direct_meters.insert(name, (kind, color));
            continue;
        }
        let size = node.get("size")?.size()?;
        cells = cells.saturating_add(size.saturating_mul(kind.rates));
        node.limit("rates of meters", cells, METERS_MAX)?;
        known.meters.insert(name.clone(), program.meters.len());
        program.meters.push(MeterSpec { name, size, kind });
    }
    Ok(())
}

fn counts_packets(node: &Node<'_>) -> Result<bool> {
    let kind = node.get("type")?;
    match kind.str()? {
        "packets" => Ok(true),
        "bytes" => Ok(false),
        other => kind.unsupported(format!("a meter of type `{other}`")),
    }
}

/// A calculation, or the selector of an action profile.
pub(super) fn calculation(node: &Node<'_>, name: &str, program: &Program, known: &Known) -> Result<Calculation> {
    let algo = node.get("algo")?;
    let Some(algorithm) = Algorithm::by_name(algo.str()?) else {
        return algo.unsupported(format!("the algorithm `{}`", algo.str()?));
    };
    let mut calculation = Calculation { name: name.to_owned(), algorithm, input: Vec::new(), with_payload: false };
    let mut bits = 0u32;
    for part in node.list("input")? {
        if part.get("type")?.str()? == "payload" {
            calculation.with_payload = true;
            continue;
        }
        if let Some(fields) = metadata(&part, program, known)? {
            bits = fields.iter().fold(bits, |bits, (_, slot)| bits.wrapping_add(slot.width));
            calculation.input.extend(fields.into_iter().map(|(header, slot)| Input::Field(header, slot)));
            continue;
        }
        let (input, width) = input(&part, program, known)?;
        if !bits.is_multiple_of(8) && matches!(input, Input::Header(_) | Input::Variable(_)) {
            return part.unsupported("a header or field of variable length that begins within a byte");
        }
        bits = bits.wrapping_add(width);
        calculation.input.push(input);
    }
    Ok(calculation)
}

/// The fields of a part that is a whole metadata header: these do not stand one after the other in memory.
fn metadata(node: &Node<'_>, program: &Program, known: &Known) -> Result<Option<Vec<(usize, Slot)>>> {
    let ("header", value) = node.typed()? else { return Ok(None) };
    let index = names(program, known).header(&value)?;
    let header = program.layout.headers.get(index).filter(|header| header.is_metadata);
    let kind = header.and_then(|header| Some((header.first, program.layout.types.get(header.kind)?)));
    Ok(kind.map(|(first, kind)| kind.fields.iter().map(|field| (index, field.slot.shifted(first))).collect()))
}

/// A part of a calculation, and its bits.
fn input(node: &Node<'_>, program: &Program, known: &Known) -> Result<(Input, u32)> {
    let (kind, value) = node.typed()?;
    let names = names(program, known);
    match kind {
        "field" => {
            if let Some(header) = names.validity(&value)? {
                return Ok((Input::Valid(header), 1));
            }
            if let Some(header) = names.variable(&value)? {
                return Ok((Input::Variable(header), 0));
            }
            let [header, _] = value.tuple()?;
            let slot = names.field(&value)?;
            Ok((Input::Field(names.header(&header)?, slot), slot.width))
        }
        "header" => Ok((Input::Header(names.header(&value)?), 0)),
        "hexstr" => {
            let slot = Slot::padded(0, node.get("bitwidth")?.width(WIDTH_BITS_MAX)?);
            let mut bytes = vec![0; slot.bytes() + PAD];
            value.number()?.store(slot, &mut bytes);
            Ok((Input::Constant(slot, bytes), slot.width))
        }
        other => node.unsupported(format!("`{other}` in a calculation")),
    }
}

fn lists(root: &Node<'_>, program: &mut Program, known: &Known) -> Result<()> {
    for node in root.list("field_lists")? {
        let (id, fields) = (node.get("id")?.size()? as u64, fields(&node, program, known)?);
        if program.field_lists.insert(id, fields).is_some() {
            return node.duplicate("field list", id);
        }
    }
    for node in root.list("learn_lists")? {
        let (id, name) = (node.get("id")?.size()? as u64, node.get("name")?.str()?.to_owned());
        if program.learn_lists.iter().any(|list| list.id == id) {
            return node.duplicate("learn list", id);
        }
        let fields = fields(&node, program, known)?;
        program.learn_lists.push(LearnList { name, id, fields });
    }
    Ok(())
}

fn fields(node: &Node<'_>, program: &Program, known: &Known) -> Result<Vec<Slot>> {
    let mut fields = Vec::new();
    for element in node.list("elements")? {
        let (kind, value) = element.typed()?;
        if kind != "field" {
            return element.unsupported(format!("`{kind}` in a field list"));
        }
        fields.push(names(program, known).field(&value)?);
    }
    Ok(fields)
}
