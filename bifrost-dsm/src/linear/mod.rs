//! A linearizability checker for objects of bytes, after Wing, Gong and Lowe.
//!
//! Given what clients did to one object and what they saw, it looks for an order of all operations that explains it: one
//! that keeps the order of operations that did not overlap in time, in which each operation sees the effects of those before
//! it, and in which each client's writes come as it issued them. Operations without an answer may have taken effect at any
//! time after they began, or never.
//!
//! The history is cut where nothing is under way. Within a window the search remembers every configuration it has been in
//! (which operations are in the order, what the object is then), so that it visits each once.

mod explain;
mod history;
mod model;
mod search;
#[cfg(test)]
mod tests;

pub use explain::Violation;
pub use history::{Entry, History, HistoryError, Op, Seen};

/// What the checker found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains the history.
    Linearizable,
    /// There is none.
    Violated(Box<Violation>),
    /// The search visited too many configurations: nothing is known.
    TooComplex {
        /// How many it visited.
        visited: usize,
    },
}

impl Verdict {
    /// Whether there is an order that explains the history.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Linearizable)
    }
}

/// Configurations visited at most, unless told otherwise.
pub const VISITED_MAX: usize = 1 << 20;

/// Judges the history of one object.
#[must_use]
pub fn check(history: &History) -> Verdict {
    check_within(history, VISITED_MAX)
}

/// Judges the history of one object, visiting so many configurations at most.
#[must_use]
pub fn check_within(history: &History, visited_max: usize) -> Verdict {
    match search::search(history, &mut { visited_max }) {
        search::Found::Order => Verdict::Linearizable,
        search::Found::None(stuck) => Verdict::Violated(Box::new(explain::explain(history, stuck))),
        search::Found::GaveUp => Verdict::TooComplex { visited: visited_max },
    }
}
