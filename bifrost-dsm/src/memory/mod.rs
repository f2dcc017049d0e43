//! The memory server: objects, clients, access table, snapshots, and the operations that join them.

mod clients;
mod execute;
mod export;
mod govern;
mod snapshots;
mod staging;
mod submit;
#[cfg(test)]
mod tests;

use crate::access::{Access, Limits};
use crate::checks::Check;
use crate::config::Config;
use crate::content::Content;
use crate::control::{Order, Stamp};
use crate::identity::Client;
use crate::ledger::{Charge, Ledger};
use crate::metrics::{Counters, Metrics};
use crate::operation::Outcome;
use crate::refusal::Refusal;
pub use crate::retired::Retired;
use bifrost_rpc::endpoint::QuickMap;
use bifrost_rpc::memory::ObjectId;
use clients::Clients;
pub(crate) use clients::Seat;
pub use export::Page;
use snapshots::Snapshots;
pub use staging::{Announce, Place, Staged};
use std::collections::VecDeque;
use std::ops::Range;

/// What an object takes beside its bytes: entries of tables, one block.
const OBJECT_BYTES: u64 = 512;

#[derive(Debug)]
struct Object {
    content: Content,
    /// Snapshots that have a version of it.
    snapshots: u32,
    _charge: Charge,
}

/// A memory server, one life of it. It owns no socket, no clock and no thread: each method takes something in and says
/// what came of it.
#[derive(Debug)]
pub struct Memory {
    config: Config,
    ledger: Ledger,
    /// The boot number that new objects get; that of this life's first ones is in `config`.
    boot: u32,
    /// Objects made under `boot`.
    made: u32,
    /// By ids that this server itself counts up.
    objects: QuickMap<ObjectId, Object>,
    access: Access,
    clients: Clients,
    snapshots: Snapshots,
    order: Order,
    /// A control message of which steps have been done, and what they changed.
    unfinished: Option<(Stamp, u64)>,
    /// What came of operations that had to wait.
    answers: VecDeque<(Client, u64, Outcome)>,
    counters: Counters,
    /// Memory that the operation under way lets go of, if it is to be dropped by whoever submitted it.
    retired: Retired,
    keeps_retired: bool,
    /// The memory of a batch that was done, for the answer to the next.
    spare: Vec<u8>,
}

impl Memory {
    /// An empty server.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let checks = config.checks;
        let limits = Limits {
            nodes_max: config.nodes_max,
            leases_max: config.leases_max,
            holder_bytes_max: config.holder_bytes_max,
        };
        let capacity = if checks.makes(Check::Capacity) { config.capacity_bytes } else { u64::MAX };
        Self {
            ledger: Ledger::new(capacity),
            boot: config.boot,
            made: 0,
            objects: QuickMap::default(),
            access: Access::new(config.open, limits, checks),
            clients: Clients::default(),
            snapshots: Snapshots::default(),
            order: Order::new(checks),
            unfinished: None,
            answers: VecDeque::new(),
            counters: Counters::default(),
            retired: Retired::default(),
            keeps_retired: false,
            spare: Vec::new(),
            config,
        }
    }

    /// Object ids that are left under the present boot number.
    #[must_use]
    pub fn ids_left(&self) -> u32 {
        u32::MAX - self.made
    }

    #[cfg(test)]
    pub(crate) fn use_ids(&mut self, made: u32) {
        self.made = made;
    }

    /// Goes on under a further boot number, when object ids run out. Objects stay. Numbers that are not higher than the
    /// present one are ignored.
    pub fn continue_under(&mut self, boot: u32) {
        if boot > self.boot {
            (self.boot, self.made) = (boot, 0);
        }
    }

    /// Makes a client known, when the transport opens its session; one that is known stays as it is.
    ///
    /// # Errors
    ///
    /// [`Refusal::EndedIncarnation`], [`Refusal::TooManyClients`], [`Refusal::OutOfMemory`].
    pub fn open(&mut self, client: Client) -> Result<(), Refusal> {
        self.open_seat(client).map(|_seat| ())
    }

    /// As [`Memory::open`]; says where the client is.
    pub(crate) fn open_seat(&mut self, client: Client) -> Result<Seat, Refusal> {
        let opened =
            self.access.lives(client.holder).and_then(|()| self.clients.open(client, &self.config, &self.ledger));
        opened.inspect_err(|refusal| self.counters.refused(refusal))
    }

    /// Forgets a client, when the transport has ended its session. What it has waiting or staged is dropped, and nothing
    /// more is taken from it.
    pub fn close(&mut self, client: Client) {
        self.clients.close(client);
        self.answers.retain(|(waited, ..)| *waited != client);
    }

    /// The client waits for no answer below `lowest` any more, nor for those of `ended`: their records go, and
    /// operations of these ids are refused from now on.
    pub fn acknowledge(&mut self, client: Client, lowest: u64, ended: &[Range<u64>]) {
        if let Some(seat) = self.clients.seat(client)
            && let Some(state) = self.clients.at(seat)
        {
            state.advance(lowest);
            ended.iter().for_each(|ids| state.end(ids.clone(), self.config.records_max));
            self.release(seat);
        }
    }

    /// Drops an operation that waits or is being staged, because its caller gave it up. One that was executed stays so.
    /// Either way the client must not issue it again.
    pub fn cancel(&mut self, client: Client, id: u64) {
        if let Some(seat) = self.clients.seat(client)
            && let Some(state) = self.clients.at(seat)
        {
            state.drop_unfinished(id);
            state.end(id..id.saturating_add(1), self.config.records_max);
            self.release(seat);
        }
    }

    /// Drops what waits or is being staged of an operation that its transport has given up for now; it may come again.
    pub fn withdraw(&mut self, client: Client, id: u64) {
        if let Some(state) = self.clients.get_mut(client) {
            state.drop_unfinished(id);
        }
    }

    /// What came of an operation that had to wait: whose, its id, its outcome.
    pub fn poll_answer(&mut self) -> Option<(Client, u64, Outcome)> {
        self.answers.pop_front()
    }

    /// Bytes of the capacity that are not in use.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.config.capacity_bytes.saturating_sub(self.ledger.used())
    }

    /// Counts a refusal that was decided elsewhere.
    pub(crate) fn refused(&mut self, refusal: Refusal) -> Refusal {
        self.counters.refused(&refusal);
        refusal
    }

    /// How things stand.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let (staged, waiting) = self.clients.unfinished();
        Metrics {
            capacity_bytes: self.config.capacity_bytes,
            used_bytes: self.ledger.used(),
            pinned_bytes: self.ledger.pinned(),
            objects: self.objects.len() as u64,
            clients: self.clients.len() as u64,
            staged,
            waiting,
            leases: self.access.leases_len() as u64,
            snapshots: self.snapshots.len() as u64,
            operations: self.counters.operations,
            read_bytes: self.counters.read_bytes,
            written_bytes: self.counters.written_bytes,
            duplicates: self.counters.duplicates,
            controls: self.counters.controls,
            refusals: self.counters.refusals(),
        }
    }
}
