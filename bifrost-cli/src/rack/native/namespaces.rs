//! The names of a rack's network namespaces. Each says which process has made it, so that what a killed one leaves can be told from
//! what is in use.

use super::tools;
use anyhow::{Context, Result};
use bifrost_switch::netns::DIRECTORY;
use std::fs;
use std::io;

/// How all names begin.
const BEGINNING: &str = "bifrost-";

/// Namespaces of this process. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Namespaces {
    creator: Creator,
    made: Vec<String>,
}

impl Namespaces {
    pub(super) fn new() -> Result<Self> {
        let id = std::process::id();
        let start = start_of(id).context("/proc does not tell when this process began")?;
        Ok(Self { creator: Creator { id, start }, made: Vec::new() })
    }

    /// The name of a machine's.
    pub(super) fn name(&self, machine: &str) -> String {
        self.creator.name(machine)
    }

    /// Makes one; returns its name.
    pub(super) fn add(&mut self, machine: &str) -> Result<String> {
        let name = self.name(machine);
        tools::run("ip", &["netns", "add", &name], "")?;
        self.made.push(name.clone());
        Ok(name)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.made {
            if let Err(error) = remove(name) {
                eprintln!("warning: network namespace {name} is left over: {error:#}");
            }
        }
    }
}

/// A process, which no later one with its number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Creator {
    id: u32,
    /// When it began, in clock ticks since the machine did.
    start: u64,
}

impl Creator {
    fn name(self, machine: &str) -> String {
        format!("{BEGINNING}{}-{}-{machine}", self.id, self.start)
    }

    /// Who has made a namespace, if its name is one of ours.
    fn of(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(BEGINNING)?.splitn(3, '-');
        let creator = Self { id: parts.next()?.parse().ok()?, start: parts.next()?.parse().ok()? };
        // Written otherwise, it is none of ours.
        (creator.name(parts.next()?) == name).then_some(creator)
    }

    fn is_alive(self) -> bool {
        start_of(self.id) == Some(self.start)
    }
}

/// When a process began, if there is one of this number.
fn start_of(id: u32) -> Option<u64> {
    start_in(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// The 22nd field; the second, in parentheses, may have anything in it.
fn start_in(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Removes what racks have left whose process is gone.
pub(super) fn remove_stale() -> Result<()> {
    let names = match fs::read_dir(DIRECTORY) {
        Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context(DIRECTORY),
    };
    for name in names.filter(|name| Creator::of(name).is_some_and(|creator| !creator.is_alive())) {
        eprintln!("network namespace {name} is left over from a rack that was killed; it is removed");
        // Another rack may be doing the same.
        if let Err(error) = remove(&name) {
            eprintln!("warning: {error:#}");
        }
    }
    Ok(())
}

fn remove(name: &str) -> Result<()> {
    tools::run("ip", &["netns", "del", name], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_who_has_made_it() {
        let own = Namespaces::new().unwrap();
        assert!(own.creator.is_alive());
        assert_eq!(Creator::of(&own.name("c1")), Some(own.creator));
        assert_eq!(Creator::of(&own.name("node-with-dashes")), Some(own.creator));
        let later = Creator { start: own.creator.start + 1, ..own.creator };
        assert!(!later.is_alive(), "another process with the same number");
    }

    #[test]
    fn names_of_others_are_left_alone() {
        for name in ["", "bifrost", "bifrost-", "bifrost-1", "bifrost-1-2", "bifrost-x-2-c1", "bifrost-01-2-c1", "blue"]
        {
            assert_eq!(Creator::of(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_start_of_a_process_is_found_behind_any_name() {
        let fields = (3..=40).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(start_in(&format!("77 (a) b (c)) {fields}\n")), Some(22));
        assert_eq!(start_in("77 (a"), None);
    }
}
