//! The whole access table, page by page, for a control plane that starts anew.

use super::Memory;
use crate::access::{CallKey, ObjectRow};
use crate::config::Config;
use crate::control::Stamp;
use crate::identity::Holder;
use bifrost_rpc::memory::ObjectId;

/// Leases of one object in a page at most.
const ROW_LEASES_MAX: usize = 1024;

/// Part of the table. Objects come in the order of their ids, which does not change: going through all pages finds every
/// object that exists throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The last control message that was applied.
    pub last: Stamp,
    /// The objects of this page.
    pub objects: Vec<ObjectRow>,
    /// Where the next page begins: what to ask for `after`; `None` on the last one.
    pub next: Option<ObjectId>,
}

impl Memory {
    /// The objects after a given one, at most `max` (and at least one). Of each the first 1,024 leases; after as many leases
    /// in all the page ends.
    #[must_use]
    pub fn export(&self, after: Option<ObjectId>, max: usize) -> Page {
        let mut page = Page { last: self.order.last(), objects: Vec::new(), next: None };
        let mut leases = 0;
        for row in self.access.rows_after(after, ROW_LEASES_MAX) {
            if page.objects.len() >= max.max(1) || leases >= ROW_LEASES_MAX {
                page.next = page.objects.last().map(|last| last.object);
                break;
            }
            leases += row.leases.len();
            page.objects.push(row);
        }
        page
    }

    /// The newest object that was made, and may be gone: no earlier one will be made any more.
    #[must_use]
    pub fn newest(&self) -> ObjectId {
        ObjectId { boot: self.boot, counter: self.made }
    }

    /// The leases of an object after that of a call, in the order of the calls, at most `max`.
    #[must_use]
    pub fn leases(&self, object: ObjectId, after: Option<CallKey>, max: usize) -> Vec<(CallKey, Holder)> {
        self.access.leases(object, after, max)
    }

    /// The highest ended incarnation of each node.
    #[must_use]
    pub fn ended(&self) -> Vec<Holder> {
        self.access.ended().collect()
    }

    /// The snapshots, with their objects.
    #[must_use]
    pub fn snapshots(&self) -> Vec<(u64, Vec<ObjectId>)> {
        self.snapshots.iter().collect()
    }

    /// What the server was told at its making.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}
