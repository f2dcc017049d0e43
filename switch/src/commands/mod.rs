//! Commands as `simple_switch_CLI` takes them, carried out on an engine: the part that fills a switch.
//!
//! ```text
//! table_add l2 forward 02:00:00:00:00:01 => 1          # exact; 10.0.0.0/8 lpm; 1&&&0xff ternary; 1->9 range
//! table_add acl drop 0x0800&&&0xffff => 10             # the last number is the priority, where there is one
//! table_set_default l2 flood 1
//! mc_mgrp_create 1
//! mc_node_create 0 1 2 3                               # replication id, ports; prints handles 0, 1, …
//! mc_node_associate 1 0                                # group, handle
//! mirroring_add 1 510
//! ```
//!
//! and `table_delete`, `table_modify`, `table_clear`, `table_reset_default`, `mirroring_add_mc`, `mirroring_delete`,
//! `register_write`, `register_reset`, `counter_reset`.
//! Everything after a `#` is a comment. Tables, actions and arrays have their whole names.

mod value;

use crate::engine::{Engine, MatchParam, Mirror, TableInfo};
use std::collections::BTreeSet;
use std::str::SplitWhitespace;
use value::{Wrong, match_param, value};

pub use value::hex;

/// What is wrong with a command, and on which line. Those before it have been carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct CommandError {
    /// The line, from 1.
    pub line: usize,
    /// What.
    pub problem: String,
}

/// Carries out commands, one to a line; says how many.
///
/// # Errors
///
/// The first that is wrong or refused.
pub fn run(engine: &mut Engine, text: &str) -> Result<usize, CommandError> {
    let tables = engine.tables();
    let mut done = 0;
    for (at, line) in text.lines().enumerate() {
        let line = line.split_once('#').map_or(line, |(command, _)| command);
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let mut command = Command { engine, tables: &tables, words };
        command.run(name).map_err(|problem| CommandError { line: at + 1, problem })?;
        done += 1;
    }
    Ok(done)
}

struct Command<'a> {
    engine: &'a mut Engine,
    tables: &'a [TableInfo],
    words: SplitWhitespace<'a>,
}

impl<'a> Command<'a> {
    fn run(&mut self, name: &str) -> Result<(), Wrong> {
        match name {
            "table_add" => self.table_add()?,
            "table_set_default" => self.table_set_default()?,
            "table_modify" => self.table_modify()?,
            "table_delete" => {
                let (table, handle) = (self.table()?, self.number("handle")?);
                self.engine.table_delete(&table.name, handle).map_err(said)?;
            }
            "table_clear" => {
                let table = self.table()?;
                self.engine.table_clear(&table.name, false).map_err(said)?;
            }
            "table_reset_default" => {
                let table = self.table()?;
                self.engine.table_reset_default(&table.name).map_err(said)?;
            }
            "mc_mgrp_create" => {
                let group = self.number("group")?;
                self.engine.multicast().create_group(group).map_err(said)?;
            }
            "mc_node_create" => {
                let rid = self.number("replication id")?;
                let ports: BTreeSet<u32> = self.rest("port")?;
                self.engine.multicast().create_node(rid, ports, BTreeSet::new()).map_err(said)?;
            }
            "mc_node_associate" => {
                let (group, node) = (self.number("group")?, self.number("node's handle")?);
                self.engine.multicast().associate(group, node).map_err(said)?;
            }
            other => return self.run_array(other),
        }
        self.end()
    }

    fn run_array(&mut self, name: &str) -> Result<(), Wrong> {
        match name {
            "mirroring_add" => {
                let (session, port) = (self.number("session")?, self.number("port")?);
                self.mirror(session, Mirror { port: Some(port), group: None })?;
            }
            "mirroring_add_mc" => {
                let (session, group) = (self.number("session")?, self.number("group")?);
                self.mirror(session, Mirror { port: None, group: Some(group) })?;
            }
            "mirroring_delete" => {
                let session = self.number("session")?;
                if !self.engine.delete_mirror(session) {
                    return Err(format!("there is no mirroring session {session}"));
                }
            }
            "register_write" => {
                let (array, index, value) = (self.word("array")?, self.number("index")?, self.number("value")?);
                self.engine.set_register(array, index, value).map_err(said)?;
            }
            "register_reset" => {
                let array = self.word("array")?;
                self.engine.clear_registers(array).map_err(said)?;
            }
            "counter_reset" => {
                let array = self.word("array")?;
                self.engine.clear_counters(array).map_err(said)?;
            }
            other => return Err(format!("no command {other:?} here")),
        }
        self.end()
    }

    fn mirror(&mut self, session: u16, mirror: Mirror) -> Result<(), Wrong> {
        let is_set = self.engine.set_mirror(session, mirror);
        if is_set { Ok(()) } else { Err(format!("no mirroring session can have the number {session}")) }
    }

    fn table_add(&mut self) -> Result<(), Wrong> {
        let (table, action) = (self.table()?, self.word("action")?);
        let mut key = Vec::new();
        for (name, kind, bits) in &table.key {
            let word = self.word(name).ok().filter(|&word| word != ARROW);
            let word = word.ok_or_else(|| format!("table {} needs {} for its key", table.name, name))?;
            key.push(match_param(word, *kind, *bits).map_err(|wrong| format!("{name}: {wrong}"))?);
        }
        if self.word(ARROW)? != ARROW {
            return Err(format!("table {} has {} fields in its key, then comes {ARROW}", table.name, key.len()));
        }
        let data = self.data(action)?;
        let priority = if has_priority(&key) { self.number("priority")? } else { 0 };
        self.engine.table_add(&table.name, &key, action, &data, priority).map_err(said)?;
        Ok(())
    }

    fn table_set_default(&mut self) -> Result<(), Wrong> {
        let (table, action) = (self.table()?, self.word("action")?);
        let data = self.data(action)?;
        self.engine.table_set_default(&table.name, action, &data).map_err(said)
    }

    fn table_modify(&mut self) -> Result<(), Wrong> {
        let (table, action, handle) = (self.table()?, self.word("action")?, self.number("handle")?);
        if self.words.clone().next() == Some(ARROW) {
            self.words.next();
        }
        let data = self.data(action)?;
        self.engine.table_modify(&table.name, handle, action, &data).map_err(said)
    }

    fn table(&mut self) -> Result<&'a TableInfo, Wrong> {
        let name = self.word("table")?;
        self.tables.iter().find(|table| table.name == name).ok_or_else(|| format!("there is no table {name:?}"))
    }

    /// The values that an action takes.
    fn data(&mut self, action: &str) -> Result<Vec<Vec<u8>>, Wrong> {
        let parameters =
            self.engine.action_parameters(action).ok_or_else(|| format!("there is no action {action:?}"))?;
        let mut data = Vec::new();
        let count = parameters.len();
        for (at, bits) in (1..).zip(parameters) {
            let word =
                self.word("").map_err(|_| format!("action {action} needs {count} values, and {} follow", at - 1))?;
            data.push(value(word, bits).map_err(|wrong| format!("value {at} of {action}: {wrong}"))?);
        }
        Ok(data)
    }

    fn word(&mut self, what: &str) -> Result<&'a str, Wrong> {
        self.words.next().ok_or_else(|| format!("{what} expected"))
    }

    fn number<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T, Wrong> {
        number(self.word(what)?, what)
    }

    fn rest<T: TryFrom<i64>, C: FromIterator<T>>(&mut self, what: &str) -> Result<C, Wrong> {
        self.words.by_ref().map(|word| number(word, what)).collect()
    }

    fn end(&mut self) -> Result<(), Wrong> {
        self.words.next().map_or(Ok(()), |word| Err(format!("nothing more expected, and {word:?} found")))
    }
}

/// What stands between key and action data.
const ARROW: &str = "=>";

/// Whether entries with such a key have a priority.
fn has_priority(key: &[MatchParam]) -> bool {
    key.iter().any(|part| matches!(part, MatchParam::Ternary(..) | MatchParam::Range(..)))
}

fn number<T: TryFrom<i64>>(word: &str, what: &str) -> Result<T, Wrong> {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    let number = parsed.ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("{word:?} is no {what}"))
}

fn said(error: impl std::error::Error) -> Wrong {
    error.to_string()
}

#[cfg(test)]
mod tests;
