//! The whole access table, page by page, for a control plane that starts anew.

use super::Memory;
use crate::access::ObjectRow;
use crate::control::Stamp;
use crate::identity::Holder;
use bifrost_rpc::memory::ObjectId;

/// Part of the table. Objects come in the order of their ids, which does not change: going through all pages finds every
/// object that exists throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The last control message that was applied.
    pub last: Stamp,
    /// The boot number of this life's first objects.
    pub boot: u32,
    /// The objects of this page.
    pub objects: Vec<ObjectRow>,
    /// Where the next page begins: what to ask for `after`; `None` on the last one.
    pub next: Option<ObjectId>,
    /// First page only: the highest ended incarnation of each node.
    pub ended: Vec<Holder>,
    /// First page only: the snapshots, with their objects.
    pub snapshots: Vec<(u64, Vec<ObjectId>)>,
}

impl Memory {
    /// The objects after a given one, at most `max` (and at least one).
    #[must_use]
    pub fn export(&self, after: Option<ObjectId>, max: usize) -> Page {
        let mut rows = self.access.rows_after(after);
        let objects: Vec<ObjectRow> = rows.by_ref().take(max.max(1)).collect();
        let next = if rows.next().is_some() { objects.last().map(|row| row.object) } else { None };
        let first = after.is_none();
        Page {
            last: self.order.last(),
            boot: self.config.boot,
            objects,
            next,
            ended: if first { self.access.ended().collect() } else { Vec::new() },
            snapshots: if first { self.snapshots.iter().collect() } else { Vec::new() },
        }
    }
}
