//! The search for an order.

use super::history::{Entry, History, Op, Seen};
use super::model::State;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What a search ended with.
#[derive(Debug)]
pub(super) enum Found {
    /// An order.
    Order,
    /// There is none; this is as far as one gets.
    None(Stuck),
    /// Too many configurations.
    GaveUp,
}

/// The longest order that was found.
#[derive(Debug, Clone)]
pub(super) struct Stuck {
    /// The operations in their order, from the beginning of the window.
    pub(super) order: Vec<usize>,
    /// The object after them.
    pub(super) state: State,
    /// Those that would have to come next, none of which fits.
    pub(super) next: Vec<usize>,
    /// The window: its answered operations.
    pub(super) window: Vec<usize>,
}

/// Where the search is: what is in the order, and what the object is then.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Config {
    /// So many of the window's answered operations are in the order, from its start without a gap.
    prefix: usize,
    /// And these beyond (their places in the window).
    beyond: BTreeSet<usize>,
    /// Operations without an answer that are not in the order (yet).
    pending: Vec<usize>,
    state: State,
}

impl Config {
    fn has(&self, place: usize) -> bool {
        place < self.prefix || self.beyond.contains(&place)
    }

    fn take(&mut self, place: usize) {
        self.beyond.insert(place);
        while self.beyond.remove(&self.prefix) {
            self.prefix += 1;
        }
    }
}

/// Operations that are all answered before any later one begins.
struct Window {
    /// Answered operations, by their beginning.
    answered: Vec<usize>,
    /// Operations without an answer that begin in it.
    pending: Vec<usize>,
}

fn end(entry: &Entry) -> u64 {
    entry.end.as_ref().map_or(u64::MAX, |(end, _)| *end)
}

/// Whether an operation changed something, or may have.
fn changed(entry: &Entry) -> bool {
    entry.op.changes() && !matches!(entry.end, Some((_, Seen::Gone)))
}

/// Whether an operation is a write that took effect, or may have: one of those that keep their client's issue order.
fn writes(entry: &Entry) -> bool {
    matches!(entry.op, Op::Write(..)) && changed(entry)
}

/// Cuts a history where nothing that has an answer is under way.
fn windows(entries: &[Entry]) -> Vec<Window> {
    let mut windows = Vec::new();
    let (mut answered, mut pending, mut busy_until) = (Vec::new(), Vec::new(), 0);
    for (index, entry) in entries.iter().enumerate() {
        if !answered.is_empty() && entry.begin > busy_until {
            windows.push(Window { answered: std::mem::take(&mut answered), pending: std::mem::take(&mut pending) });
        }
        match entry.end {
            Some(_) => {
                busy_until = busy_until.max(end(entry));
                answered.push(index);
            }
            // A read that nobody saw the answer of explains nothing.
            None if entry.op.changes() => pending.push(index),
            None => {}
        }
    }
    windows.push(Window { answered, pending });
    windows
}

/// Operations without an answer that explain nothing are left out: it is always possible that they never took effect, and
/// only a read that has bytes of theirs can need that they did. For the others, the last read that may.
fn last_readers(entries: &[Entry]) -> BTreeMap<usize, usize> {
    let pending = entries.iter().enumerate().filter(|(_, entry)| entry.end.is_none());
    pending.filter_map(|(index, entry)| Some((index, last_reader(entries, entry)?))).collect()
}

fn last_reader(entries: &[Entry], pending: &Entry) -> Option<usize> {
    let Op::Write(at, data) = &pending.op else { return pending.op.changes().then_some(usize::MAX) };
    entries.iter().rposition(|entry| match (&entry.op, &entry.end) {
        (Op::Read(from, _), Some((end, Seen::Bytes(bytes)))) if *end >= pending.begin => {
            let (start, end) = ((*from).max(*at), (from + bytes.len()).min(at + data.len()));
            (start..end).any(|byte| bytes[byte - from] == data[byte - at])
        }
        _ => false,
    })
}

/// Searches, with so much fuel: one for each configuration visited. What is left stays in it.
pub(super) fn search(history: &History, fuel: &mut usize) -> Found {
    let entries = &history.entries;
    let readers = last_readers(entries);
    let windows = windows(entries);
    let mut walks: Vec<Walk<'_>> = windows.iter().map(|window| Walk::new(entries, window, &readers)).collect();
    let start = Config { prefix: 0, beyond: BTreeSet::new(), pending: Vec::new(), state: State::Unmade };
    let (mut level, mut deepest) = (0, 0);
    walks[0].begin(start);
    loop {
        match walks[level].next_end(fuel) {
            Step::GaveUp => return Found::GaveUp,
            Step::End(_) if level + 1 == walks.len() => return Found::Order,
            Step::End(config) => {
                level += 1;
                deepest = deepest.max(level);
                walks[level].begin(config);
            }
            // What was remembered of this window still holds when it is entered with another configuration.
            Step::None if level > 0 => level -= 1,
            Step::None => return walks.swap_remove(deepest).stuck.map_or(Found::Order, Found::None),
        }
    }
}

/// How the search of a window goes on.
enum Step {
    /// A configuration with all the window's answered operations in the order.
    End(Config),
    /// There is no other.
    None,
    /// Too many configurations.
    GaveUp,
}

/// The search of one window.
struct Walk<'a> {
    entries: &'a [Entry],
    window: &'a Window,
    /// Pending operations that may matter, with the last read that may need them.
    readers: &'a BTreeMap<usize, usize>,
    visited: HashSet<Config>,
    /// What is to be visited, with its place in `orders` and its length.
    todo: Vec<(Config, usize, usize)>,
    /// Orders, each as its last operation and the place of what is before it; place 0 is the empty one.
    orders: Vec<(usize, usize)>,
    longest: Option<usize>,
    stuck: Option<Stuck>,
}

impl<'a> Walk<'a> {
    fn new(entries: &'a [Entry], window: &'a Window, readers: &'a BTreeMap<usize, usize>) -> Self {
        let (visited, todo, orders) = (HashSet::new(), Vec::new(), vec![(0, 0)]);
        Self { entries, window, readers, visited, todo, orders, longest: None, stuck: None }
    }

    /// Enters the window.
    fn begin(&mut self, mut config: Config) {
        config.prefix = 0;
        config.pending.extend(self.window.pending.iter().filter(|index| self.readers.contains_key(index)));
        self.todo.push((config, 0, 0));
    }

    /// Goes on to the next configuration in which the window is explained.
    fn next_end(&mut self, fuel: &mut usize) -> Step {
        while let Some((config, place, len)) = self.todo.pop() {
            if !self.visited.insert(config.clone()) {
                continue;
            }
            if config.prefix == self.window.answered.len() {
                return Step::End(config);
            }
            if *fuel == 0 {
                return Step::GaveUp;
            }
            *fuel -= 1;
            self.note(&config, place, len);
            self.extend(&config, place, len);
        }
        Step::None
    }

    /// Puts on the list what may come next in the order. The last to be put there is tried first: answered operations
    /// before pending ones, early answers before late ones.
    fn extend(&mut self, config: &Config, place: usize, len: usize) {
        let mut candidates = self.candidates(config);
        // What has no effect and fits may as well come now: whatever order has it later has one that has it here, unless
        // something can only come before it.
        for at in &candidates {
            let index = self.window.answered[*at];
            let is_free = !changed(&self.entries[index]) && !self.is_too_late_after(config, index);
            if is_free && config.state.after(self.entries, index).is_some() {
                let mut next = config.clone();
                next.take(*at);
                return self.try_next(next, index, place, len);
            }
        }
        let latest = self.first_end(config);
        for at in 0..config.pending.len() {
            let index = config.pending[at];
            if self.entries[index].begin <= latest {
                let mut next = config.clone();
                next.pending.remove(at);
                self.try_next(next, index, place, len);
            }
        }
        candidates.sort_by_key(|at| std::cmp::Reverse(end(&self.entries[self.window.answered[*at]])));
        for at in candidates {
            let mut next = config.clone();
            next.take(at);
            self.try_next(next, self.window.answered[at], place, len);
        }
    }

    /// Whether some operation without an answer could come before this one, but not after it.
    fn is_too_late_after(&self, config: &Config, index: usize) -> bool {
        let begin = self.entries[index].begin;
        config.pending.iter().any(|other| self.entries[*other].latest.is_some_and(|latest| latest < begin))
    }

    /// Puts a configuration with one more operation on the list, if it fits.
    fn try_next(&mut self, config: Config, index: usize, place: usize, len: usize) {
        if let Some(config) = self.with(config, index) {
            self.orders.push((index, place));
            self.todo.push((config, self.orders.len() - 1, len + 1));
        }
    }

    /// The configuration with one more operation, if it fits.
    fn with(&self, mut config: Config, index: usize) -> Option<Config> {
        let entry = &self.entries[index];
        if writes(entry) {
            // A client's earlier writes come before this one, those without an answer now or never.
            if self.has_earlier_write(&config, index) {
                return None;
            }
            config.pending.retain(|other| {
                let pending = &self.entries[*other];
                pending.client != entry.client || *other > index || !writes(pending)
            });
        }
        // What has to take effect before this one begins comes before it or never.
        config.pending.retain(|other| self.entries[*other].latest.is_none_or(|latest| latest >= entry.begin));
        config.state = config.state.after(self.entries, index)?;
        // Everything before this one in the window is in the order, so that reads there need nothing any more.
        let first = self.window.answered.get(config.prefix).copied().unwrap_or(index);
        config.pending.retain(|other| self.readers.get(other).is_some_and(|reader| *reader >= first));
        Some(config)
    }

    /// Whether the client of a write has an earlier one that is not in the order. Entries stand in issue order.
    fn has_earlier_write(&self, config: &Config, index: usize) -> bool {
        let client = self.entries[index].client;
        let places = config.prefix..self.window.answered.len();
        let mut earlier = places.map(|at| (at, self.window.answered[at])).take_while(|(_, other)| *other < index);
        earlier.any(|(at, other)| {
            let entry = &self.entries[other];
            entry.client == client && writes(entry) && !config.has(at)
        })
    }

    /// When the first answer comes of an operation that is not in the order: what begins later cannot be next.
    fn first_end(&self, config: &Config) -> u64 {
        let mut first = u64::MAX;
        for (place, index) in self.window.answered.iter().enumerate().skip(config.prefix) {
            if self.entries[*index].begin > first {
                break;
            }
            if !config.has(place) {
                first = first.min(end(&self.entries[*index]));
            }
        }
        first
    }

    /// The places in the window of the operations that may come next by their times.
    fn candidates(&self, config: &Config) -> Vec<usize> {
        let first = self.first_end(config);
        let places = config.prefix..self.window.answered.len();
        let early = places.take_while(|place| self.entries[self.window.answered[*place]].begin <= first);
        early.filter(|place| !config.has(*place)).collect()
    }

    /// Remembers how far one gets.
    fn note(&mut self, config: &Config, place: usize, len: usize) {
        if self.longest.is_some_and(|longest| longest >= len) {
            return;
        }
        self.longest = Some(len);
        let (mut order, mut at) = (Vec::with_capacity(len), place);
        while at != 0 {
            let (index, before) = self.orders[at];
            order.push(index);
            at = before;
        }
        order.reverse();
        let next = self.candidates(config).into_iter().map(|at| self.window.answered[at]).collect();
        self.stuck = Some(Stuck { order, state: config.state.clone(), next, window: self.window.answered.clone() });
    }
}
