//! Where an entry comes from.

use crate::fault::usage;
use anyhow::Result;
use bifrost_switch::rules::{Entries, Key, Row};

/// Entries that are explained at most; more are a sign that the words say too little.
const SHOWN_MAX: usize = 100;

/// The lines that ask for the entries that were named: by their number in the list, or by words of their line there.
pub(super) fn explain(entries: &Entries, wanted: &str) -> Result<String> {
    let found = find(entries, wanted);
    if found.is_empty() {
        return Err(usage(format!("no entry has {wanted:?}; the list without --explain has them all")));
    }
    let mut text: String = found.iter().take(SHOWN_MAX).map(|(n, key, row)| one(*n, key, row)).collect();
    if found.len() > SHOWN_MAX {
        text += &format!("and {} more; say further words\n", found.len() - SHOWN_MAX);
    }
    Ok(text)
}

fn find<'e>(entries: &'e Entries, wanted: &str) -> Vec<(usize, &'e Key, &'e Row)> {
    let all = (1..).zip(&entries.rows).map(|(n, (key, row))| (n, key, row));
    if let Ok(number) = wanted.trim().parse::<usize>() {
        return all.filter(|(n, ..)| *n == number).collect();
    }
    let words: Vec<&str> = wanted.split_whitespace().filter(|word| *word != "=>").collect();
    let has_all = |key: &Key, row: &Row| {
        let line = format!("{key} {} {}", row.action, row.origin.what);
        words.iter().all(|word| line.split_whitespace().any(|found| found == *word))
    };
    all.filter(|(_, key, row)| !words.is_empty() && has_all(key, row)).collect()
}

fn one(n: usize, key: &Key, row: &Row) -> String {
    let mut text = format!("{n}: {key} => {}\n    {}\n", row.action, row.origin.what);
    for place in &row.origin.places {
        text += &format!("    {place}\n");
    }
    text
}
