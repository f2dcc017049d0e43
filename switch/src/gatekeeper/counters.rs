//! What is counted.

/// What has happened since the start, beside the [calls' own counts](super::calls::Counts).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets handed over, by reason; the first is of none.
    pub packets: [u64; 12],
    /// Packets that came before the control plane was ready.
    pub not_ready: u64,
    /// Packets that are not what their reason says, or cut short.
    pub malformed: u64,
    /// CONTROL packets that no key opens, or of nodes that nobody knows.
    pub unauthentic: u64,
    /// CONTROL packets that are not announcements, from where only these are read.
    pub strange: u64,
    /// Requests that were answered before, or are too old to know.
    pub repeated: u64,
    /// CONTROL packets of incarnations that have ended.
    pub fenced: u64,
    /// Announcements and services that were refused.
    pub refused: u64,
    /// Nodes that joined.
    pub joined: u64,
    /// Nodes that left in good order.
    pub left: u64,
    /// Nodes that were declared dead.
    pub died: u64,
    /// Packets of unserved methods that were dropped, because nobody came or there was no room.
    pub unserved_dropped: u64,
    /// Batches that the switch refused, or lost.
    pub batches_failed: u64,
    /// Rights that the rules could not take, as a table is full.
    pub rights_refused: u64,
}
