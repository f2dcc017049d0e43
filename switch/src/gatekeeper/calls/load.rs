//! What one incarnation has under way.

use super::super::checks::Check;
use super::super::output::{CallKey, Holder};
use super::Calls;
use super::cause::Cause;
use super::directory::Directory;
use super::packet::Packet;
use std::collections::{BTreeSet, VecDeque};

/// Client, server and RPC id of an ALLOC.
pub(super) type AllocKey = (u64, u8, u64);

/// Calls of one incarnation that are remembered as given up before their sessions were known; of more the oldest are forgotten.
const ABANDONED_OF_NODE_MAX: usize = 1024;

/// What one incarnation has under way.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Calls that it makes.
    pub(super) calls: usize,
    /// ALLOCs that are not answered.
    pub(super) allocs: BTreeSet<AllocKey>,
    /// Calls of sessions of which nothing was known that it gave up, by session: what their answers give is nobody's. The oldest first.
    pub(super) abandoned: VecDeque<(u64, CallKey)>,
    /// Calls whose answers gave it something that it has not accepted yet, the oldest first.
    pub(super) gifts: VecDeque<CallKey>,
}

impl Calls {
    /// The node that sent a packet, in its present incarnation.
    pub(super) fn sender(&self, who: &dyn Directory, packet: &Packet<'_>) -> Result<Holder, Cause> {
        let sender = who.sender(packet.port, packet.addresses.source).ok_or(Cause::UnknownSender)?;
        let is_present = sender.incarnation == packet.header.incarnation || !self.checks.makes(Check::Incarnation);
        let is_now = is_present && !self.objects.has_ended(sender);
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

    /// A call was given up of whose session nothing is known: that is remembered until its answer comes, or its callee forgets the session.
    pub(super) fn note_abandoned(&mut self, holder: Holder, session: u64, key: CallKey) {
        let load = self.loads.entry(holder).or_default();
        if !load.abandoned.contains(&(session, key)) {
            load.abandoned.push_back((session, key));
        }
        if load.abandoned.len() > ABANDONED_OF_NODE_MAX {
            load.abandoned.pop_front();
        }
    }

    /// Whether a call was given up before its session was known; that is forgotten.
    pub(super) fn take_abandoned(&mut self, holder: Holder, session: u64, key: CallKey) -> bool {
        let Some(load) = self.loads.get_mut(&holder) else { return false };
        let found = load.abandoned.iter().position(|of| *of == (session, key));
        found.into_iter().for_each(|at| _ = load.abandoned.remove(at));
        self.forget_idle(holder);
        found.is_some()
    }

    /// Nothing more is answered in a session.
    pub(super) fn forget_abandoned(&mut self, client: u64, session: u64) {
        let is_of = |(of, key): &(u64, CallKey)| (*of, key.0) == (session, client);
        let loads = self.loads.iter_mut().filter(|(_, load)| load.abandoned.iter().any(is_of));
        let holders: Vec<Holder> = loads
            .map(|(holder, load)| {
                load.abandoned.retain(|of| !is_of(of));
                *holder
            })
            .collect();
        holders.into_iter().for_each(|holder| self.forget_idle(holder));
    }

    pub(super) fn forget_idle(&mut self, holder: Holder) {
        let is_idle = |load: &Load| {
            load.calls == 0 && load.allocs.is_empty() && load.gifts.is_empty() && load.abandoned.is_empty()
        };
        if self.loads.get(&holder).is_some_and(is_idle) {
            self.loads.remove(&holder);
        }
    }
}
