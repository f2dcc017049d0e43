//! Entries written out: as commands of BMv2's command line, as JSON, as a listing for people.

use super::action::Action;
use super::change::{EntryChange, diff};
use super::entry::{Entries, FLOOD_GROUP, Key, MIRROR_SESSION, Row};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The format's name in JSON.
pub(super) const FORMAT: &str = "bifrost-entries";
/// Its version.
pub(super) const VERSION: u64 = 1;

/// Commands that fill the tables of a switch that has just been started, for `simple_switch_CLI`.
pub fn cli(entries: &Entries) -> String {
    let batch = diff(&Entries::default(), entries);
    batch.iter().map(|change| command(change) + "\n").collect()
}

fn command(change: &EntryChange) -> String {
    match change {
        EntryChange::Add(key, action) | EntryChange::Modify(key, action) => entry_command(key, action),
        EntryChange::Flood(ports) => flood_commands(ports),
        EntryChange::Mirror(port) => format!("mirroring_add {MIRROR_SESSION} {port}"),
        // A switch that has just been started has nothing to delete.
        EntryChange::Delete(_) => String::new(),
    }
}

fn entry_command(key: &Key, action: &Action) -> String {
    let join = |texts: Vec<String>| texts.iter().map(|text| format!(" {text}")).collect::<String>();
    let fields = join(key.texts().map(|(_, text)| text).collect());
    let data = join(action.texts().map(|(_, text)| text).collect());
    match key.is_default() {
        true => format!("table_set_default {} {}{data}", key.table.name(), action.name()),
        false => format!("table_add {} {}{fields} =>{data}", key.table.name(), action.name()),
    }
}

/// The first node that is made gets the handle 0.
fn flood_commands(ports: &BTreeSet<u16>) -> String {
    let ports: String = ports.iter().map(|port| format!(" {port}")).collect();
    format!("mc_mgrp_create {FLOOD_GROUP}\nmc_node_create 0{ports}\nmc_node_associate {FLOOD_GROUP} 0")
}

/// The entries as JSON, one to a line, in the order of tables and keys. `docs/rules.md` describes it.
pub fn to_json(entries: &Entries) -> String {
    let rows: Vec<String> = entries.rows.iter().map(|(key, row)| format!("    {}", row_json(key, row))).collect();
    let flood: Vec<u16> = entries.flood.iter().copied().collect();
    let mirror = entries.mirror.map(|port| json!({"session": MIRROR_SESSION, "port": port}));
    format!(
        "{{\n  \"format\": {},\n  \"version\": {VERSION},\n  \"flood\": {},\n  \"mirror\": {},\n  \"entries\": [\n{}\n  ]\n}}\n",
        json!(FORMAT),
        json!({"group": FLOOD_GROUP, "ports": flood}),
        json!(mirror),
        rows.join(",\n")
    )
}

fn row_json(key: &Key, row: &Row) -> Value {
    let places: Vec<String> = row.origin.places.iter().map(ToString::to_string).collect();
    json!({
        "table": key.table.name(),
        "key": object(key.texts()),
        "action": row.action.name(),
        "data": object(row.action.texts()),
        "for": row.origin.what,
        "from": places,
    })
}

fn object(members: impl Iterator<Item = (&'static str, String)>) -> Value {
    Value::Object(members.map(|(name, text)| (name.to_owned(), Value::String(text))).collect::<Map<_, _>>())
}

/// The entries for people: number, table and key, what it does, what it is for.
pub fn listing(entries: &Entries) -> String {
    let rows: Vec<[String; 3]> = entries
        .rows
        .iter()
        .map(|(key, row)| [key.to_string(), row.action.to_string(), row.origin.what.clone()])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (number, key, action) = (rows.len().to_string().len(), width(0), width(1));
    let mut text = String::new();
    for (n, row) in (1..).zip(&rows) {
        text += &format!("{n:>number$}  {:key$}  {:action$}  {}\n", row[0], row[1], row[2]);
    }
    if !entries.flood.is_empty() {
        let ports: Vec<String> = entries.flood.iter().map(ToString::to_string).collect();
        text += &format!("flood group {FLOOD_GROUP}: ports {}\n", ports.join(", "));
    }
    if let Some(port) = entries.mirror {
        text += &format!("mirroring session {MIRROR_SESSION}: port {port}\n");
    }
    text
}
