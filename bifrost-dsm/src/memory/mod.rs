//! The memory server: objects, clients, access table, snapshots, and the operations that join them.

mod clients;
mod execute;
mod export;
mod govern;
mod snapshots;
mod staging;
#[cfg(test)]
mod tests;

use crate::access::{Access, Limits};
use crate::checks::Check;
use crate::config::{BATCH_STEPS_MAX, Config};
use crate::content::Content;
use crate::control::{Order, Stamp};
use crate::identity::Client;
use crate::ledger::{Charge, Ledger};
use crate::metrics::{Counters, Metrics};
use crate::operation::{Action, Outcome, Request, Submitted, Work};
use crate::refusal::Refusal;
pub use crate::retired::Retired;
use bifrost_rpc::endpoint::QuickMap;
use bifrost_rpc::memory::ObjectId;
pub(crate) use clients::Seat;
use clients::{Clients, Waiting};
pub use export::Page;
use snapshots::Snapshots;
pub use staging::{Announce, Place, Staged};
use std::collections::VecDeque;
use std::ops::Range;

/// Whether an operation is new.
enum Admitted {
    New(Seat),
    /// It came before: what became of it.
    Before(Submitted),
}

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

    /// As [`Memory::submit`]; memory that the operation lets go of is not given back to the system here, which takes long
    /// where it is large, but returned.
    pub fn submit_keeping(&mut self, client: Client, request: Request) -> (Submitted, Retired) {
        let mut retired = Retired::default();
        (self.keeping(&mut retired, |memory| memory.submit(client, request)), retired)
    }

    /// As [`Memory::submit_keeping`], of a client that sits there.
    pub(crate) fn submit_keeping_at(&mut self, seat: Seat, request: Request, retired: &mut Retired) -> Submitted {
        self.keeping(retired, |memory| memory.submit_at(seat.client, Some(seat), request))
    }

    /// Memory that is let go of meanwhile goes into `retired`, which is empty.
    fn keeping<T>(&mut self, retired: &mut Retired, act: impl FnOnce(&mut Self) -> T) -> T {
        self.keeps_retired = true;
        let done = act(self);
        self.keeps_retired = false;
        if !self.retired.is_empty() {
            std::mem::swap(&mut self.retired, retired);
        }
        done
    }

    /// Takes a request. Each id is executed once; a copy gets the answer of the first.
    pub fn submit(&mut self, client: Client, request: Request) -> Submitted {
        self.submit_at(client, self.clients.seat(client), request)
    }

    fn submit_at(&mut self, client: Client, seat: Option<Seat>, request: Request) -> Submitted {
        let reads = request.work.only_reads();
        let seat = match self.admit(client, seat, request.id, request.lowest, reads) {
            Err(refusal) => {
                self.counters.refused(&refusal);
                return Submitted::Done(Err(refusal));
            }
            Ok(Admitted::Before(before)) => return before,
            Ok(Admitted::New(seat)) => seat,
        };
        match self.accept(seat, &request) {
            Ok(charge) => self.run(seat, reads, request.id, request.work, charge),
            Err(refusal) => self.refuse(seat, request.id, request.work, refusal),
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

    /// Whether an operation is new. An error is no outcome: the operation is not remembered.
    fn admit(
        &mut self,
        client: Client,
        mut seat: Option<Seat>,
        id: u64,
        lowest: u64,
        reads: bool,
    ) -> Result<Admitted, Refusal> {
        self.access.lives(client.holder)?;
        if !self.config.checks.makes(Check::UnknownClient) {
            seat = Some(self.clients.open(client, &self.config, &self.ledger)?);
        }
        let seat = seat.ok_or(Refusal::UnknownClient)?;
        let mut state = self.clients.at(seat).ok_or(Refusal::UnknownClient)?;
        if state.advance(lowest) {
            self.release(seat);
            state = self.clients.at(seat).ok_or(Refusal::UnknownClient)?;
        }
        if state.has_ended(id) && self.config.checks.makes(Check::EndedOperation) {
            return Err(Refusal::Ended);
        }
        if self.config.checks.makes(Check::DuplicateOperation) {
            if let Some(outcome) = state.record(id) {
                self.counters.duplicates += 1;
                return Ok(Admitted::Before(Submitted::Done(outcome)));
            }
            if state.waits(id) {
                return Ok(Admitted::Before(Submitted::Waiting));
            }
        }
        if !reads {
            state.room(id, &self.config)?;
        }
        Ok(Admitted::New(seat))
    }

    /// Checks the shape of a new request, and charges for the bytes that came with it.
    fn accept(&mut self, seat: Seat, request: &Request) -> Result<Charge, Refusal> {
        if let Work::Batch(steps) = &request.work {
            if steps.is_empty() || steps.len() > BATCH_STEPS_MAX {
                return Err(Refusal::BatchLength { limit: BATCH_STEPS_MAX as u64 });
            }
            let first = steps[0].target;
            let makes = |action: &Action| matches!(action, Action::Alloc { .. } | Action::AllocWrite { .. });
            let one = steps.iter().all(|step| step.target == first && !makes(&step.action));
            if !one && !self.config.open && self.config.checks.makes(Check::BatchOneObject) {
                return Err(Refusal::SeveralObjects);
            }
        }
        let len = request.work.steps().iter().map(|step| step.action.data_len()).sum();
        let staged = self.clients.at(seat).and_then(|state| state.unstage(request.id));
        // Bytes that were announced are paid for already.
        match staged {
            Some(mut staged) if staged.charge.bytes() >= len => Ok(staged.charge.split(len)),
            _ => self.ledger.charge(len),
        }
    }

    /// Executes an operation, or has it wait for the write before it.
    fn run(&mut self, seat: Seat, reads: bool, id: u64, work: Work, charge: Charge) -> Submitted {
        let Some(state) = self.clients.at(seat) else { return Submitted::Done(Err(Refusal::UnknownClient)) };
        if !state.is_ready(id, &work) && self.config.checks.makes(Check::WriteOrder) {
            return self.wait(seat, Waiting { id, work, refused: None, charge });
        }
        let outcome = self.execute(seat.client.holder, work, charge);
        self.conclude(seat, id, reads, outcome)
    }

    /// Has an operation wait for the write before it.
    fn wait(&mut self, seat: Seat, operation: Waiting) -> Submitted {
        let Some(state) = self.clients.at(seat) else { return Submitted::Done(Err(Refusal::UnknownClient)) };
        match state.wait(operation, self.config.waiting_max) {
            Ok(()) => Submitted::Waiting,
            Err(refusal) => {
                self.counters.refused(&refusal);
                Submitted::Done(Err(refusal))
            }
        }
    }

    /// Refuses an operation, when it is its turn. Its data is dropped now.
    fn refuse(&mut self, seat: Seat, id: u64, mut work: Work, refusal: Refusal) -> Submitted {
        work.drop_data();
        let Some(state) = self.clients.at(seat) else { return Submitted::Done(Err(Refusal::UnknownClient)) };
        if !state.is_ready(id, &work) && self.config.checks.makes(Check::WriteOrder) {
            let charge = self.ledger.charge_anyway(0);
            return self.wait(seat, Waiting { id, work, refused: Some(refusal), charge });
        }
        self.conclude(seat, id, work.only_reads(), Err(refusal))
    }

    /// Records an outcome, and lets go what waited for it.
    fn conclude(&mut self, seat: Seat, id: u64, reads: bool, outcome: Outcome) -> Submitted {
        if let Err(refusal) = &outcome {
            self.counters.refused(refusal);
        }
        if !reads {
            if let Some(state) = self.clients.at(seat) {
                state.conclude(id, &outcome, &self.ledger);
                if state.has_waiting() {
                    self.release(seat);
                }
            }
        }
        Submitted::Done(outcome)
    }

    /// Executes what a client has waiting and need not wait any more.
    fn release(&mut self, seat: Seat) {
        while let Some(operation) = self.clients.at(seat).and_then(clients::State::next_ready) {
            let (id, reads) = (operation.id, operation.work.only_reads());
            let outcome = match operation.refused {
                Some(refusal) => Err(refusal),
                None => self.execute(seat.client.holder, operation.work, operation.charge),
            };
            if let Err(refusal) = &outcome {
                self.counters.refused(refusal);
            }
            if let Some(state) = self.clients.at(seat).filter(|_| !reads) {
                state.conclude(id, &outcome, &self.ledger);
            }
            self.answers.push_back((seat.client, id, outcome));
        }
    }
}
