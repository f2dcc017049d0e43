//! Tables: keys, actions, next nodes, default and constant entries.

use super::super::bits::Slot;
use super::super::error::Result;
use super::super::json::Node;
use super::super::limits::{ENTRIES_MAX, KEY_BYTES_MAX};
use super::super::meters::MeterKind;
use super::super::program::{After, ConstEntry, DefaultEntry, Holds, KeyField, MatchKind, Next, Program, TableSpec};
use super::super::tables::{MatchParam, steps};
use super::pipelines::{action_by_id, next};
use super::{Known, actions, names};

pub(super) fn table(node: &Node<'_>, program: &mut Program, known: &Known) -> Result<TableSpec> {
    let key = key(node, program, known)?;
    let key_bytes = key.iter().map(|field| field.bytes).sum();
    node.limit("bytes of a key", key_bytes, KEY_BYTES_MAX)?;
    let actions = table_actions(node, known)?;
    let holds = holds(node, known)?;
    if let Holds::Profile(profile, _) = holds {
        share_actions(program, profile, &actions);
    }
    let (after, after_miss) = after(node, &actions, program, known)?;
    let size = node.find("max_size")?.map_or(Ok(16_384), |size| size.size())?.min(ENTRIES_MAX);
    let mut table = TableSpec {
        name: node.get("name")?.str()?.to_owned(),
        kind: kind(node, &key)?,
        steps: steps(&key),
        key,
        key_bytes,
        holds,
        size,
        meter: direct_meter(node, known)?,
        with_counters: node.flag("with_counters", false)?,
        data_bytes: actions::data_bytes(program, &actions),
        actions,
        after,
        after_miss,
        default: None,
        const_action: None,
        entries: Vec::new(),
        immutable: node.find("entries")?.is_some(),
    };
    if let Some(default) = node.find("default_entry")? {
        default_entry(&default, &mut table, program, known)?;
    }
    for entry in node.list("entries")? {
        let entry = const_entry(&entry, &table, program, known)?;
        table.entries.push(entry);
    }
    node.limit("entries", table.entries.len(), table.size)?;
    Ok(table)
}

fn direct_meter(node: &Node<'_>, known: &Known) -> Result<Option<(MeterKind, Slot)>> {
    let Some(name) = node.find("direct_meters")? else { return Ok(None) };
    let found = known.direct_meters.get(name.str()?);
    found.map_or_else(|| name.unknown("direct meter array", name.value), |&meter| Ok(Some(meter)))
}

fn match_kind(node: &Node<'_>) -> Result<MatchKind> {
    Ok(match node.str()? {
        "exact" => MatchKind::Exact,
        "valid" => MatchKind::Valid,
        "lpm" => MatchKind::Lpm,
        "ternary" => MatchKind::Ternary,
        "range" => MatchKind::Range,
        other => return node.unsupported(format!("the match type `{other}`")),
    })
}

/// The table's kind, which is at least as strong as every field's.
fn kind(node: &Node<'_>, key: &[KeyField]) -> Result<MatchKind> {
    let declared = node.get("match_type")?;
    let kind = match_kind(&declared)?;
    let strongest = key.iter().map(|field| field.kind).max().unwrap_or(MatchKind::Exact);
    if kind == MatchKind::Valid || strongest > kind.max(MatchKind::Valid) {
        return declared.invalid("the table's match type does not suit its key");
    }
    if kind == MatchKind::Lpm && strongest != MatchKind::Lpm {
        return declared.invalid("a longest-prefix table without such a field");
    }
    Ok(kind)
}

fn key(node: &Node<'_>, program: &Program, known: &Known) -> Result<Vec<KeyField>> {
    let mut key = Vec::new();
    for field in node.list("key")? {
        key.push(key_field(&field, program, known)?);
    }
    // The prefix stands last, so that it is a prefix of the whole key.
    let mut order: Vec<usize> = (0..key.len()).collect();
    order.sort_by_key(|&i| key[i].kind == MatchKind::Lpm);
    let mut at = 0;
    for i in order {
        key[i].at = at;
        at += key[i].bytes;
    }
    if key.iter().filter(|field| field.kind == MatchKind::Lpm).count() > 1 {
        return node.invalid("a key with two longest-prefix fields");
    }
    Ok(key)
}

fn key_field(node: &Node<'_>, program: &Program, known: &Known) -> Result<KeyField> {
    let kind = match_kind(&node.get("match_type")?)?;
    let (target, names) = (node.get("target")?, names(program, known));
    let (header, slot) = if kind == MatchKind::Valid {
        (names.header(&target)?, None)
    } else if let Some(header) = names.validity(&target)? {
        (header, None)
    } else {
        let [header, _] = target.tuple()?;
        (names.header(&header)?, Some(names.field(&target)?))
    };
    let width = slot.map_or(1, |slot| slot.width);
    let bytes = width.div_ceil(8) as usize;
    let mask = node.find("mask")?.map(|mask| mask.bytes()).transpose()?;
    if mask.as_ref().is_some_and(|mask| mask.len() != bytes) {
        return node.invalid(format!("the mask does not have the field's {bytes} bytes"));
    }
    let name = match node.find("name")? {
        Some(name) => name.str()?.to_owned(),
        None => field_name(&target),
    };
    Ok(KeyField { name, kind, header, slot, width, at: 0, bytes, mask })
}

fn field_name(target: &Node<'_>) -> String {
    match target.tuple::<2>() {
        Ok([header, field]) => format!("{}.{}", header.str().unwrap_or(""), field.str().unwrap_or("")),
        Err(_) => target.str().unwrap_or("").to_owned(),
    }
}

fn table_actions(node: &Node<'_>, known: &Known) -> Result<Vec<usize>> {
    let mut actions = Vec::new();
    if let Some(ids) = node.find("action_ids")? {
        for id in ids.items()? {
            actions.push(action_by_id(&id, known)?);
        }
        return Ok(actions);
    }
    for name in node.get("actions")?.items()? {
        match known.action_names.get(name.str()?) {
            Some(&Some(action)) => actions.push(action),
            Some(None) => return name.invalid("several actions have this name, and `action_ids` is missing"),
            None => return name.unknown("action", name.value),
        }
    }
    Ok(actions)
}

fn holds(node: &Node<'_>, known: &Known) -> Result<Holds> {
    let kind = node.get("type")?;
    let with_groups = match kind.str()? {
        "simple" => return Ok(Holds::Actions),
        "indirect" => false,
        "indirect_ws" => true,
        other => return kind.unsupported(format!("a table of type `{other}`")),
    };
    let profile = node.get("action_profile")?;
    let found = known.profiles.get(profile.str()?);
    found.map_or_else(
        || profile.unknown("action profile", profile.value),
        |&index| Ok(Holds::Profile(index, with_groups)),
    )
}

fn share_actions(program: &mut Program, profile: usize, actions: &[usize]) {
    let Some(profile) = program.profiles.get_mut(profile) else { return };
    for &action in actions {
        if !profile.actions.contains(&action) {
            profile.actions.push(action);
        }
    }
}

/// Where the flow goes after a hit or a miss, and after a miss without default entry.
fn after(node: &Node<'_>, actions: &[usize], program: &Program, known: &Known) -> Result<(After, Next)> {
    let nexts = node.get("next_tables")?;
    let base = next(node.find("base_default_next")?, known)?;
    if nexts.has("__HIT__") || nexts.has("__MISS__") {
        let (hit, miss) = (next(nexts.find("__HIT__")?, known)?, next(nexts.find("__MISS__")?, known)?);
        return Ok((After::Outcome { hit, miss }, miss));
    }
    let mut after = Vec::new();
    for &action in actions {
        let name = program.actions.get(action).map_or("", |action| action.name.as_str());
        if !nexts.has(name) {
            return nexts.unknown("next node for action", name);
        }
        after.push(next(nexts.find(name)?, known)?);
    }
    Ok((After::Action(after), base))
}

fn default_entry(node: &Node<'_>, table: &mut TableSpec, program: &Program, known: &Known) -> Result<()> {
    let action = action_by_id(&node.get("action_id")?, known)?;
    if node.flag("action_const", false)? {
        if table.holds != Holds::Actions {
            return node.invalid("a constant action in a table of members");
        }
        table.const_action = Some(action);
    }
    if table.place_of(action).is_none() {
        return node.invalid("the default action is none of the table's");
    }
    let data = data(&node.get("action_data")?, action, program)?;
    table.default = Some(DefaultEntry { action, data, is_const: node.flag("action_entry_const", false)? });
    Ok(())
}

fn data(node: &Node<'_>, action: usize, program: &Program) -> Result<Vec<Vec<u8>>> {
    let parameters: &[Slot] = program.actions.get(action).map_or(&[], |action| &action.parameters);
    let items = node.items()?;
    if items.len() != parameters.len() {
        return node.invalid(format!("{} values, where the action has {} parameters", items.len(), parameters.len()));
    }
    items.iter().map(|item| item.bytes()).collect()
}

fn const_entry(node: &Node<'_>, table: &TableSpec, program: &Program, known: &Known) -> Result<ConstEntry> {
    if table.holds != Holds::Actions {
        return node.invalid("constant entries in a table of members");
    }
    let fields = node.get("match_key")?.items()?;
    if fields.len() != table.key.len() {
        return node.invalid(format!("{} key fields, where the table has {}", fields.len(), table.key.len()));
    }
    let key = fields.iter().zip(&table.key).map(|(field, spec)| param(field, spec)).collect::<Result<_>>()?;
    let entry = node.get("action_entry")?;
    let action = action_by_id(&entry.get("action_id")?, known)?;
    if table.place_of(action).is_none() {
        return entry.invalid("the action is none of the table's");
    }
    let data = data(&entry.get("action_data")?, action, program)?;
    let priority = node.find("priority")?.map_or(Ok(0), |priority| priority.int())?;
    Ok(ConstEntry { key, action, data, priority: i32::try_from(priority).unwrap_or(i32::MAX) })
}

/// A key field of an entry in the JSON.
fn param(node: &Node<'_>, spec: &KeyField) -> Result<MatchParam> {
    let kind = node.get("match_type")?;
    if match_kind(&kind)? != spec.kind {
        return kind.invalid("the table's key has another match type here");
    }
    let bytes = |key: &str| node.get(key)?.bytes();
    Ok(match spec.kind {
        MatchKind::Exact => MatchParam::Exact(bytes("key")?),
        MatchKind::Valid => MatchParam::Valid(node.get("key")?.bool()?),
        MatchKind::Lpm => {
            let length = node.get("prefix_length")?;
            MatchParam::Lpm(bytes("key")?, u32::try_from(length.size()?).unwrap_or(u32::MAX))
        }
        MatchKind::Ternary => MatchParam::Ternary(bytes("key")?, bytes("mask")?),
        MatchKind::Range => MatchParam::Range(bytes("start")?, bytes("end")?),
    })
}
