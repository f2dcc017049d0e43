//! Entries read back from JSON.

use super::action::{Action, parameters};
use super::entry::{Entries, FLOOD_GROUP, Key, MIRROR_SESSION, Match, Origin, Row, value_of};
use super::fault::Fault;
use super::output::{FORMAT, VERSION};
use super::source::{FILE_BYTES_MAX, Source};
use super::table::{Field, Kind, Table};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
struct FileJson {
    format: String,
    version: u64,
    flood: FloodJson,
    mirror: Option<MirrorJson>,
    entries: Vec<RowJson>,
}

#[derive(Deserialize)]
struct FloodJson {
    group: u16,
    ports: BTreeSet<u16>,
}

#[derive(Deserialize)]
struct MirrorJson {
    session: u16,
    port: u16,
}

#[derive(Deserialize)]
struct RowJson {
    table: String,
    key: BTreeMap<String, String>,
    action: String,
    data: BTreeMap<String, String>,
    #[serde(default, rename = "for")]
    what: String,
}

/// Reads entries as [`to_json`](super::to_json) writes them. The places that they come from are left out.
///
/// # Errors
///
/// The first thing that is not as it is written there.
pub fn from_json(source: &Arc<Source>) -> Result<Entries, Fault> {
    let general = |message: String| Fault::general(format!("{}: {message}", source.path().display()));
    if source.text().len() > FILE_BYTES_MAX {
        return Err(general("larger than 16 MiB".to_owned()));
    }
    let file: FileJson =
        serde_json::from_str(source.text()).map_err(|error| general(format!("these are no entries: {error}")))?;
    if file.format != FORMAT || file.version != VERSION {
        let message = format!(
            "format `{}`, version {}, where entries of version {VERSION} are needed",
            file.format, file.version
        );
        return Err(general(message));
    }
    if file.flood.group != FLOOD_GROUP || file.mirror.as_ref().is_some_and(|mirror| mirror.session != MIRROR_SESSION) {
        return Err(general("another flood group or mirroring session than a rack's".to_owned()));
    }
    let mut entries =
        Entries { flood: file.flood.ports, mirror: file.mirror.map(|found| found.port), ..Entries::default() };
    for (n, row) in (1..).zip(file.entries) {
        let wrong = || general(format!("entry {n} is none of a rack's tables"));
        let (key, found) = read(row).ok_or_else(wrong)?;
        if entries.rows.insert(key, found).is_some() {
            return Err(general(format!("entry {n} has the key of an earlier one")));
        }
    }
    Ok(entries)
}

fn read(row: RowJson) -> Option<(Key, Row)> {
    let table = Table::named(&row.table)?;
    let matches = |field: &Field| -> Option<Match> {
        let text = row.key.get(field.name)?;
        match field.kind {
            Kind::Exact => Some(Match::Exact(value_of(field, text)?)),
            Kind::Lpm => {
                let (value, bits) = text.rsplit_once('/')?;
                lpm(field, value_of(field, value)?, bits.parse().ok()?)
            }
        }
    };
    let fields: Vec<Match> = table.key().iter().map(matches).collect::<Option<_>>()?;
    let fields_of_action = parameters(&row.action)?;
    let data = |field: &Field| value_of(field, row.data.get(field.name)?);
    let data: Vec<u128> = fields_of_action.iter().map(data).collect::<Option<_>>()?;
    if row.key.len() != fields.len() || row.data.len() != data.len() {
        return None;
    }
    let action = Action::of(&row.action, &data)?;
    Some((Key::of(table, fields)?, Row { action, origin: Origin { what: row.what, places: Vec::new() } }))
}

/// A prefix whose further bits are zero.
pub(super) fn lpm(field: &Field, value: u128, bits: u8) -> Option<Match> {
    let further = field.bits.checked_sub(bits)?;
    let is_clean = value.trailing_zeros() >= u32::from(further) || value == 0;
    is_clean.then_some(Match::Lpm(value, bits))
}
