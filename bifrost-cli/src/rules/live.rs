//! What a switch has, compared and changed.

use super::{print, source};
use crate::fault::{FAILED, OK, usage};
use anyhow::{Context, Result};
use bifrost_switch::rules::{Entries, EntryChange, Live, Scope, diff as difference, from_json};
use bifrost_switch::runtime::Client;
use std::path::Path;

/// Says what would change on a switch, or since a file was written. The status is 1 if anything would.
pub(super) fn diff(entries: &Entries, with: &str, scope: Scope) -> Result<u8> {
    let batch = if with.contains("://") {
        let live = Live::read(&connect(with)?, scope).with_context(|| format!("cannot read the switch at {with}"))?;
        live.changes(entries, scope)
    } else {
        let saved = from_json(&source(Path::new(with))?).map_err(|fault| usage(fault.message()))?;
        difference(&saved, entries)
    };
    print(&lines(&batch))?;
    Ok(if batch.is_empty() { OK } else { FAILED })
}

/// Changes a switch.
pub(super) fn install(entries: &Entries, url: &str, scope: Scope) -> Result<u8> {
    let client = connect(url)?;
    let mut live = Live::read(&client, scope).with_context(|| format!("cannot read the switch at {url}"))?;
    let batch = live.changes(entries, scope);
    let done = live.apply(&client, &batch);
    print(&lines(&done.applied))?;
    if done.refused.is_empty() {
        eprintln!("installed: {}", summary(&done.applied));
        return Ok(OK);
    }
    for (change, error) in &done.refused {
        eprintln!("error: {change}: {error}");
    }
    let applied = summary(&done.applied);
    eprintln!("{} refused; applied: {applied}; not tried: {}", done.refused.len(), summary(&done.left));
    Ok(FAILED)
}

fn connect(url: &str) -> Result<Client> {
    Client::connect(url).map_err(|error| usage(format!("{url}: {error}")))
}

fn lines(batch: &[EntryChange]) -> String {
    batch.iter().map(|change| format!("{change}\n")).collect()
}

fn summary(batch: &[EntryChange]) -> String {
    let count = |is: fn(&EntryChange) -> bool| batch.iter().filter(|change| is(change)).count();
    let added = count(|change| matches!(change, EntryChange::Add(..)));
    let deleted = count(|change| matches!(change, EntryChange::Delete(_)));
    format!("{added} added, {} changed, {deleted} deleted", batch.len() - added - deleted)
}
