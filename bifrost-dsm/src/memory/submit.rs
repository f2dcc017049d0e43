//! Operations on their way in: whether they are new, whether they have to wait, what is remembered of them.

use super::clients::{Seat, State, Waiting};
use super::{Memory, Retired};
use crate::checks::Check;
use crate::config::BATCH_STEPS_MAX;
use crate::identity::Client;
use crate::ledger::Charge;
use crate::operation::{Action, Outcome, Request, Submitted, Work};
use crate::refusal::Refusal;

/// Whether an operation is new.
pub(super) enum Admitted {
    New(Seat),
    /// It came before: what became of it.
    Before(Submitted),
}

impl Memory {
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
    pub(super) fn keeping<T>(&mut self, retired: &mut Retired, act: impl FnOnce(&mut Self) -> T) -> T {
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

    /// Whether an operation is new. An error is no outcome: the operation is not remembered.
    pub(super) fn admit(
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
        let one = match &request.work {
            Work::Batch(steps) if steps.is_empty() || steps.len() > BATCH_STEPS_MAX => {
                return Err(Refusal::BatchLength { limit: BATCH_STEPS_MAX as u64 });
            }
            Work::One(_) => true,
            _ if self.config.open => true,
            Work::Batch(steps) => {
                let makes = |action: &Action| matches!(action, Action::Alloc { .. } | Action::AllocWrite { .. });
                steps.iter().all(|step| step.target == steps[0].target && !makes(&step.action))
            }
            Work::Sent(batch) => batch.is_on_one_object(),
        };
        if !one && self.config.checks.makes(Check::BatchOneObject) {
            return Err(Refusal::SeveralObjects);
        }
        let len = request.work.data_len();
        let staged = self.clients.at(seat).and_then(|state| state.unstage(request.id));
        // Bytes that were announced are paid for already.
        match staged {
            Some(mut staged) if staged.charge.bytes() >= len => Ok(staged.charge.split(len)),
            _ => self.ledger.charge(len),
        }
    }

    /// Executes an operation, or has it wait for the write before it.
    pub(super) fn run(&mut self, seat: Seat, reads: bool, id: u64, work: Work, charge: Charge) -> Submitted {
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
    pub(super) fn refuse(&mut self, seat: Seat, id: u64, mut work: Work, refusal: Refusal) -> Submitted {
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
        if !reads && let Some(state) = self.clients.at(seat) {
            state.conclude(id, &outcome, &self.ledger);
            if state.has_waiting() {
                self.release(seat);
            }
        }
        Submitted::Done(outcome)
    }

    /// Executes what a client has waiting and need not wait any more.
    pub(super) fn release(&mut self, seat: Seat) {
        while let Some(operation) = self.clients.at(seat).and_then(State::next_ready) {
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
