//! Commands as `simple_switch_CLI` takes them, carried out on any switch: the part that fills one.
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

use crate::engine::{Engine, EntryAction, MatchParam, Mirror, TableInfo};
use crate::runtime::{ControlError, SwitchControl, Update};
use std::collections::{BTreeMap, BTreeSet};
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

/// What commands need to know of a program: its tables, and what its actions take.
#[derive(Clone, Debug)]
pub struct Shape {
    tables: Vec<TableInfo>,
    /// The widths of what each takes, in bits.
    actions: BTreeMap<String, Vec<u32>>,
}

impl Shape {
    /// Of the program of an engine. The switch that the commands are for runs the same.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        let tables = engine.tables();
        let names = tables.iter().flat_map(|table| &table.actions);
        let actions = names.filter_map(|name| Some((name.clone(), engine.action_parameters(name)?))).collect();
        Self { tables, actions }
    }
}

/// Carries out commands, one to a line; says how many.
///
/// # Errors
///
/// The first that is wrong or refused.
pub fn run(switch: &dyn SwitchControl, shape: &Shape, text: &str) -> Result<usize, CommandError> {
    let mut done = 0;
    for (at, line) in text.lines().enumerate() {
        let line = line.split_once('#').map_or(line, |(command, _)| command);
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let mut command = Command { switch, shape, words };
        command.run(name).map_err(|problem| CommandError { line: at + 1, problem })?;
        done += 1;
    }
    Ok(done)
}

struct Command<'a> {
    switch: &'a dyn SwitchControl,
    shape: &'a Shape,
    words: SplitWhitespace<'a>,
}

impl<'a> Command<'a> {
    fn run(&mut self, name: &str) -> Result<(), Wrong> {
        match name {
            "table_add" => self.table_add()?,
            "table_set_default" => self.table_set_default()?,
            "table_modify" => self.table_modify()?,
            "table_delete" => {
                let (table, handle) = (self.table()?.name.clone(), self.number("handle")?);
                self.change(Update::Delete { table, handle })?;
            }
            "table_clear" => {
                let table = self.table()?;
                self.switch.clear(&table.name).map_err(said)?;
            }
            "table_reset_default" => {
                let table = self.table()?.name.clone();
                self.change(Update::ResetDefault { table })?;
            }
            "mc_mgrp_create" => {
                let group = self.number("group")?;
                self.switch.create_group(group).map_err(said)?;
            }
            "mc_node_create" => {
                let rid = self.number("replication id")?;
                let ports: BTreeSet<u32> = self.rest("port")?;
                self.switch.create_node(rid, &ports).map_err(said)?;
            }
            "mc_node_associate" => {
                let (group, node) = (self.number("group")?, self.number("node's handle")?);
                self.switch.associate(group, node).map_err(said)?;
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
                self.switch.delete_mirror(session).map_err(|error| match error {
                    ControlError::NoSession => format!("there is no mirroring session {session}"),
                    other => said(other),
                })?;
            }
            "register_write" => {
                let (array, index, value) = (self.word("array")?, self.number("index")?, self.number("value")?);
                self.switch.set_register(array, index, value).map_err(said)?;
            }
            "register_reset" => {
                let array = self.word("array")?;
                self.switch.reset_registers(array).map_err(said)?;
            }
            "counter_reset" => {
                let array = self.word("array")?;
                self.switch.reset_counters(array).map_err(said)?;
            }
            other => return Err(format!("no command {other:?} here")),
        }
        self.end()
    }

    fn mirror(&mut self, session: u16, mirror: Mirror) -> Result<(), Wrong> {
        self.switch.set_mirror(session, mirror).map_err(|error| match error {
            ControlError::NoSession => format!("no mirroring session can have the number {session}"),
            other => said(other),
        })
    }

    fn change(&self, update: Update) -> Result<(), Wrong> {
        self.switch.apply_one(update).map(drop).map_err(said)
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
        let action = self.action(action)?;
        let priority = if has_priority(&key) { self.number("priority")? } else { 0 };
        self.change(Update::Add { table: table.name.clone(), key, priority, action })
    }

    fn table_set_default(&mut self) -> Result<(), Wrong> {
        let (table, action) = (self.table()?, self.word("action")?);
        let action = self.action(action)?;
        self.change(Update::SetDefault { table: table.name.clone(), action })
    }

    fn table_modify(&mut self) -> Result<(), Wrong> {
        let (table, action, handle) = (self.table()?, self.word("action")?, self.number("handle")?);
        if self.words.clone().next() == Some(ARROW) {
            self.words.next();
        }
        let action = self.action(action)?;
        self.change(Update::Modify { table: table.name.clone(), handle, action })
    }

    fn table(&mut self) -> Result<&'a TableInfo, Wrong> {
        let name = self.word("table")?;
        self.shape.tables.iter().find(|table| table.name == name).ok_or_else(|| format!("there is no table {name:?}"))
    }

    /// An action with the values that it takes.
    fn action(&mut self, action: &str) -> Result<EntryAction, Wrong> {
        let parameters = self.shape.actions.get(action).ok_or_else(|| format!("there is no action {action:?}"))?;
        let mut data = Vec::new();
        let count = parameters.len();
        for (at, &bits) in (1..).zip(parameters) {
            let word =
                self.word("").map_err(|_| format!("action {action} needs {count} values, and {} follow", at - 1))?;
            data.push(value(word, bits).map_err(|wrong| format!("value {at} of {action}: {wrong}"))?);
        }
        Ok(EntryAction::Action { name: action.to_owned(), data })
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
