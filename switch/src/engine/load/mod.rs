//! From BMv2's JSON to a [`Program`].

mod actions;
mod arrays;
mod extract;
mod headers;
mod parser;
mod pipelines;
mod tables;

use std::collections::HashMap;

use bifrost_rpc::endpoint::QuickMap;
use serde_json::Value;

pub(crate) use parser::ahead_slot;

use super::bits::Slot;
use super::error::{LoadError, Result};
use super::expr::{Flow, Names};
use super::json::Node;
use super::limits::JSON_BYTES_MAX;
use super::meters::MeterKind;
use super::program::{Intrinsic, Program};

/// The newest minor version of the format that is known.
const MINOR_MAX: i64 = 24;

/// The names that were met so far.
#[derive(Debug, Default)]
struct Known {
    registers: HashMap<String, (usize, u32)>,
    counters: HashMap<String, usize>,
    meters: HashMap<String, usize>,
    /// Those of tables: kind, and where the color goes.
    direct_meters: HashMap<String, (MeterKind, Slot)>,
    calculations: HashMap<String, usize>,
    actions: HashMap<i64, usize>,
    /// Actions by name; `None` where several share it.
    action_names: HashMap<String, Option<usize>>,
    profiles: HashMap<String, usize>,
    nodes: HashMap<String, usize>,
    /// `standard_metadata.egress_spec` and the like, wherever the program keeps them.
    aliases: HashMap<String, Slot>,
}

/// Loads a program.
pub(crate) fn load(text: &str) -> Result<Program> {
    if text.len() > JSON_BYTES_MAX {
        return Err(LoadError::TooLarge(text.len()));
    }
    let value: Value = serde_json::from_str(text)?;
    let root = Node::root(&value);
    version(&root)?;
    unsupported(&root)?;
    let mut known = Known::default();
    let layout = headers::layout(&root)?;
    known.aliases = headers::aliases(&root, &layout)?;
    let mut program = Program {
        intrinsic: intrinsic(&root, &known, &layout)?,
        layout,
        sets: Vec::new(),
        states: Vec::new(),
        start: None,
        calculations: Vec::new(),
        checksums: Vec::new(),
        deparser: Vec::new(),
        actions: Vec::new(),
        nodes: Vec::new(),
        flow: Flow::default(),
        ingress: None,
        egress: None,
        tables: Vec::new(),
        table_names: QuickMap::default(),
        profiles: Vec::new(),
        registers: Vec::new(),
        counters: Vec::new(),
        meters: Vec::new(),
        field_lists: HashMap::new(),
        learn_lists: Vec::new(),
        errors: headers::errors(&root)?,
    };
    arrays::load(&root, &mut program, &mut known)?;
    actions::load(&root, &mut program, &mut known)?;
    parser::load(&root, &mut program, &known)?;
    pipelines::load(&root, &mut program, &mut known)?;
    program.flow = Flow::of(&program.nodes);
    Ok(program)
}

/// The names an expression outside of an action can use.
fn names<'a>(program: &'a Program, known: &'a Known) -> Names<'a> {
    Names { layout: &program.layout, registers: &known.registers, parameters: &[] }
}

fn version(root: &Node<'_>) -> Result<()> {
    let Some(meta) = root.find("__meta__")? else { return Ok(()) };
    let Some(node) = meta.find("version")? else { return Ok(()) };
    let [major, minor] = node.tuple()?;
    match (major.int()?, minor.int()?) {
        (2, 0..=MINOR_MAX) => Ok(()),
        (major, minor) => node.unsupported(format!("version {major}.{minor} of the format (2.0 to 2.{MINOR_MAX} are)")),
    }
}

/// What would change the program's meaning if it were skipped.
fn unsupported(root: &Node<'_>) -> Result<()> {
    const LISTS: [(&str, &str); 2] =
        [("header_union_stacks", "a stack of header unions"), ("extern_instances", "an extern")];
    for (list, what) in LISTS {
        if let Some(node) = root.list(list)?.first() {
            return node.unsupported(what);
        }
    }
    Ok(())
}

fn intrinsic(root: &Node<'_>, known: &Known, layout: &super::layout::Layout) -> Result<Intrinsic> {
    let find = |name: &str| -> Result<Option<Slot>> {
        let declared = || {
            let (header, field) = name.split_once('.')?;
            layout.field(*layout.header_names.get(header)?, field)
        };
        match known.aliases.get(name).copied().or_else(declared) {
            Some(slot) if !slot.is_short() => root.invalid(format!("`{name}` is too wide")),
            found => Ok(found),
        }
    };
    let required = |name: &'static str| match find(&format!("standard_metadata.{name}"))? {
        Some(slot) => Ok(slot),
        None => root.unknown("field", format!("standard_metadata.{name}")),
    };
    Ok(Intrinsic {
        ingress_port: required("ingress_port")?,
        packet_length: required("packet_length")?,
        instance_type: required("instance_type")?,
        egress_spec: required("egress_spec")?,
        egress_port: required("egress_port")?,
        parser_error: find("standard_metadata.parser_error")?,
        checksum_error: find("standard_metadata.checksum_error")?,
        ingress_time: find("intrinsic_metadata.ingress_global_timestamp")?,
        egress_time: find("intrinsic_metadata.egress_global_timestamp")?,
        multicast_group: find("intrinsic_metadata.mcast_grp")?,
        egress_rid: find("intrinsic_metadata.egress_rid")?,
        enqueued_time: find("queueing_metadata.enq_timestamp")?,
    })
}
