//! What one incarnation has under way.

use super::super::output::{CallKey, Holder};
use super::Calls;
use super::cause::Cause;
use super::directory::Directory;
use super::packet::Packet;
use std::collections::{BTreeSet, VecDeque};

/// Client, server and RPC id of an ALLOC.
pub(super) type AllocKey = (u64, u8, u64);

/// What one incarnation has under way.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Calls that it makes.
    pub(super) calls: usize,
    /// ALLOCs that are not answered.
    pub(super) allocs: BTreeSet<AllocKey>,
    /// Calls whose answers gave it something that it has not accepted yet, the oldest first.
    pub(super) gifts: VecDeque<CallKey>,
}

impl Calls {
    /// The node that sent a packet, in its present incarnation.
    pub(super) fn sender(&self, who: &dyn Directory, packet: &Packet<'_>) -> Result<Holder, Cause> {
        let sender = who.sender(packet.port, packet.addresses.source).ok_or(Cause::UnknownSender)?;
        let is_now = sender.incarnation == packet.header.incarnation && !self.objects.has_ended(sender);
        if is_now { Ok(sender) } else { Err(Cause::WrongIncarnation) }
    }

    pub(super) fn calls_of(&self, holder: Holder) -> usize {
        self.loads.get(&holder).map_or(0, |load| load.calls)
    }

    pub(super) fn has_asked(&self, holder: Holder, alloc: &AllocKey) -> bool {
        self.loads.get(&holder).is_some_and(|load| load.allocs.contains(alloc))
    }

    pub(super) fn begin_load(&mut self, holder: Holder) {
        self.loads.entry(holder).or_default().calls += 1;
    }

    pub(super) fn end_load(&mut self, holder: Holder) {
        if let Some(load) = self.loads.get_mut(&holder) {
            load.calls = load.calls.saturating_sub(1);
        }
        self.forget_idle(holder);
    }

    pub(super) fn end_alloc(&mut self, holder: Holder, alloc: AllocKey) {
        self.loads.get_mut(&holder).into_iter().for_each(|load| _ = load.allocs.remove(&alloc));
        self.forget_idle(holder);
    }

    pub(super) fn forget_idle(&mut self, holder: Holder) {
        let is_idle = |load: &Load| load.calls == 0 && load.allocs.is_empty() && load.gifts.is_empty();
        if self.loads.get(&holder).is_some_and(is_idle) {
            self.loads.remove(&holder);
        }
    }
}
