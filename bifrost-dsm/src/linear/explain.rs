//! Why a history is not linearizable, as short as it can be said.

use super::history::{Entry, History, Op, Seen};
use super::model::State;
use super::search::{Found, Stuck, search};
use std::fmt;
use std::ops::Range;

/// Configurations visited to make an explanation shorter: in all, and for each attempt.
const VISITED_MAX: usize = 1 << 17;
const TRY_VISITED_MAX: usize = 1 << 14;
/// Operations and places of the order that are written out; of more, the last.
const SHOWN_MAX: usize = 40;

/// Operations that no order explains; none of the reads among them can be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The operations, in the order in which they began.
    pub operations: Vec<Entry>,
    /// The longest order that was found, as places in `operations`.
    pub order: Vec<usize>,
    /// What would have to come next, as places in `operations`, and why it does not fit.
    pub next: Vec<(usize, String)>,
}

/// Makes a history that is as small as can be found and still fails out of one that does.
pub(super) fn explain(history: &History, stuck: Stuck) -> Violation {
    let mut entries = history.entries.clone();
    let (mut stuck, mut fuel) = (stuck, VISITED_MAX);
    // What ends later than the first answers that do not fit is as good as unanswered: a part of a history up to some time
    // has an order if the whole has one.
    if let Some(smaller) = shortest_prefix(&entries, &stuck, &mut fuel) {
        (entries, stuck) = smaller;
    }
    // Reads only ever forbid orders, so what fails without one fails with it. Nor do writes matter that touch nothing that
    // is read. So: only reads that touch the bytes of one that does not fit; then fewer and fewer reads.
    let suspects: Vec<_> = stuck.next.iter().map(|index| entries[*index].op.range()).collect();
    for range in suspects {
        if let Some(smaller) =
            without(&entries, |_, entry| only_forbids(entry) && apart(&entry.op.range(), &range), &mut fuel)
        {
            (entries, stuck) = smaller;
            break;
        }
    }
    let mut step = entries.len().div_ceil(2);
    while step > 0 {
        let mut from = 0;
        while from < entries.len() {
            let part = from..from + step;
            match without(&entries, |index, entry| part.contains(&index) && only_forbids(entry), &mut fuel) {
                Some(smaller) => (entries, stuck) = smaller,
                None => from += step,
            }
        }
        step /= 2;
    }
    let read: Vec<_> = entries.iter().filter(|entry| only_forbids(entry)).map(|entry| entry.op.range()).collect();
    let unread =
        |entry: &Entry| matches!(entry.op, Op::Write(..)) && read.iter().all(|read| apart(read, &entry.op.range()));
    if let Some(smaller) = without(&entries, |_, entry| unread(entry), &mut fuel) {
        (entries, stuck) = smaller;
    }
    describe(entries, &stuck)
}

/// Whether two ranges have no byte in common.
fn apart(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.end <= b.start || b.end <= a.start
}

/// Whether an operation has no effect, and so can only rule orders out.
fn only_forbids(entry: &Entry) -> bool {
    matches!(entry.op, Op::Read(..)) || matches!(entry.end, Some((_, Seen::Gone)))
}

/// The history cut at the earliest time at which it fails.
fn shortest_prefix(entries: &[Entry], stuck: &Stuck, fuel: &mut usize) -> Option<(Vec<Entry>, Stuck)> {
    let mut ends: Vec<u64> =
        stuck.window.iter().filter_map(|index| entries[*index].end.as_ref()).map(|(end, _)| *end).collect();
    ends.sort_unstable();
    // Fails from some end on: a prefix of a prefix that has an order has one.
    let (mut low, mut high, mut best) = (0, ends.len(), None);
    while low < high {
        let middle = usize::midpoint(low, high);
        let cut = until(entries, ends[middle]);
        match attempt(&cut, fuel) {
            Found::None(stuck) => {
                best = Some((cut, stuck));
                high = middle;
            }
            Found::Order | Found::GaveUp => low = middle + 1,
        }
    }
    best
}

/// A search within what may be spent on one attempt.
fn attempt(entries: &[Entry], fuel: &mut usize) -> Found {
    let mut spend = TRY_VISITED_MAX.min(*fuel);
    *fuel -= spend;
    let found = search(&History { entries: entries.to_vec() }, &mut spend);
    *fuel += spend;
    found
}

fn until(entries: &[Entry], time: u64) -> Vec<Entry> {
    let begun = entries.iter().filter(|entry| entry.begin <= time);
    let cut = begun.map(|entry| Entry { end: entry.end.clone().filter(|(end, _)| *end <= time), ..entry.clone() });
    cut.filter(|entry| entry.end.is_some() || entry.op.changes()).collect()
}

/// The history without some operations, if it still fails.
fn without(
    entries: &[Entry],
    mut drops: impl FnMut(usize, &Entry) -> bool,
    fuel: &mut usize,
) -> Option<(Vec<Entry>, Stuck)> {
    let kept: Vec<Entry> = (0..).zip(entries).filter(|(i, entry)| !drops(*i, entry)).map(|(_, e)| e.clone()).collect();
    if kept.len() == entries.len() {
        return None;
    }
    match attempt(&kept, fuel) {
        Found::None(stuck) => Some((kept, stuck)),
        Found::Order | Found::GaveUp => None,
    }
}

fn describe(entries: Vec<Entry>, stuck: &Stuck) -> Violation {
    let next = stuck.next.iter().map(|index| (*index, misfit(&entries, *index, &stuck.state))).collect();
    Violation { order: stuck.order.clone(), next, operations: entries }
}

/// Why an operation does not fit after a state.
fn misfit(entries: &[Entry], index: usize, state: &State) -> String {
    let entry = &entries[index];
    match (&entry.op, &entry.end, state) {
        (_, Some((_, Seen::Gone)), State::Alive(_)) => "it saw no object, and there is one".into(),
        (Op::Read(at, _), Some((_, Seen::Bytes(bytes))), State::Alive(_)) => match state.differs(entries, *at, bytes) {
            Some((place, held, writer)) => {
                let saw = bytes.get(place - at).copied().unwrap_or(0);
                format!("it saw {saw:02x} at byte {place}, where #{writer} had put {held:02x}")
            }
            None => "what follows it does not fit".into(),
        },
        (Op::Alloc(_), _, State::Alive(_) | State::Freed) => "the object was made already".into(),
        (_, _, State::Alive(_)) => "what follows it does not fit, or its client's writes are out of order".into(),
        (_, _, State::Unmade) => "the object was not made yet".into(),
        (_, _, State::Freed) => "the object was freed".into(),
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no order of these operations explains what was seen:")?;
        let last = self.next.iter().map(|(index, _)| *index).max().unwrap_or(self.operations.len());
        let shown = (last + 1).saturating_sub(SHOWN_MAX)..self.operations.len().min(last + SHOWN_MAX / 4);
        if shown.start > 0 {
            writeln!(f, "  … {} before these", shown.start)?;
        }
        for index in shown {
            writeln!(f, "  #{index} {}", self.operations[index])?;
        }
        let order = &self.order[self.order.len().saturating_sub(SHOWN_MAX)..];
        let order: Vec<String> = order.iter().map(|index| format!("#{index}")).collect();
        let order = if order.is_empty() { "nothing".into() } else { order.join(", ") };
        writeln!(f, "the last window can begin with {order}; then")?;
        self.next.iter().try_for_each(|(index, why)| writeln!(f, "  #{index} cannot follow: {why}"))
    }
}
