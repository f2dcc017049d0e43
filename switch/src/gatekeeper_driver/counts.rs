//! What the driver counts.

/// Counts since the driver began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that the switch handed over.
    pub packets_in: u64,
    /// Of them: answers of memory servers.
    pub answers: u64,
    /// Of them: none that the driver can read.
    pub malformed: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Control messages to memory servers.
    pub messages: u64,
    /// Of them: sent again, since their outcome was not known.
    pub repeated: u64,
    /// Of them: refused because they made no sense to the server.
    pub senseless: u64,
    /// Tables of memory servers that were read, in pages.
    pub pages: u64,
    /// Batches of changes of the switch's tables.
    pub batches: u64,
    /// Changes of entries that the switch made.
    pub changes: u64,
    /// Changes that it refused.
    pub refused: u64,
    /// Times that all tables were compared and repaired.
    pub reconciled: u64,
    /// Records that were written to the log.
    pub records: u64,
    /// Snapshots that took the place of the log's records.
    pub snapshots: u64,
    /// Why the log is not written any more, in words.
    pub log_fault: Option<String>,
    /// What else went wrong last, in words.
    pub fault: Option<String>,
}
