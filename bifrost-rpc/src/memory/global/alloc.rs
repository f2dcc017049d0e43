//! Making objects: at the server chosen, and where that cannot, at others.

use super::GlobalMemory;
use super::placement::ServerSet;
use crate::endpoint::{CallError, Time};
use crate::memory::client::Allocated;
use crate::memory::{MemoryClient, MemoryError, MemoryStatus, PendingMemory, Pointer};
use crate::wire::Refusal;
use bytes::Bytes;

/// The making of one object.
#[derive(Debug)]
pub(super) struct Allocation {
    memory: GlobalMemory,
    len: u64,
    tried: ServerSet,
    failure: Option<MemoryError>,
}

impl Allocation {
    pub(super) fn new(memory: &GlobalMemory, len: u64) -> Self {
        Self { memory: memory.clone(), len, tried: ServerSet::default(), failure: None }
    }

    /// Makes the object by `attempt`, at one server after the other until it is made.
    pub(super) fn run(
        mut self,
        attempt: impl Fn(&MemoryClient) -> Result<Allocated, MemoryError>,
    ) -> Result<Pointer, MemoryError> {
        loop {
            let server = self.next()?;
            let made = self.memory.client(server).and_then(&attempt);
            if let Some(object) = self.conclude(server, made)? {
                return Ok(object);
            }
        }
    }

    /// Begins to make an object of these bytes; few may be held, to be sent with others or when somebody waits.
    pub(super) fn start(mut self, data: Bytes, may_hold: bool) -> Result<PendingAlloc, MemoryError> {
        let server = self.next()?;
        self.start_at(server, data, may_hold)
    }

    /// The same, at this server first, which [`Allocation::next`] has given.
    pub(super) fn start_at(mut self, mut server: u8, data: Bytes, may_hold: bool) -> Result<PendingAlloc, MemoryError> {
        loop {
            match self.memory.client(server).and_then(|client| client.start_allocation(&data, may_hold)) {
                Ok(pending) => return Ok(PendingAlloc { allocation: self, server, pending, data }),
                Err(error) => self.conclude(server, Err(error)).map(drop)?,
            }
            server = self.next()?;
        }
    }

    /// Makes the object somewhere, after a batch that was to make it at this server has failed to.
    pub(super) fn go_on(mut self, server: u8, error: MemoryError, data: &Bytes) -> Result<Pointer, MemoryError> {
        // Otherwise it was not its turn, or the server has come back as one that does not take such batches.
        let status = if let MemoryError::Refused { status, .. } = &error { Some(*status) } else { None };
        if !matches!(status, Some(MemoryStatus::NotDone | MemoryStatus::SeveralObjects)) {
            self.tried.insert(server);
            self.conclude(server, Err(error)).map(drop)?;
        }
        self.run(|client| client.allocate(data.len() as u64, data))
    }

    /// The memory in which the object is to be made.
    pub(super) fn into_memory(self) -> GlobalMemory {
        self.memory
    }

    /// The server to try next; an error when all have been tried.
    pub(super) fn next(&mut self) -> Result<u8, MemoryError> {
        self.next_at(self.memory.inner.clock.lately())
    }

    /// The same, at this time.
    pub(super) fn next_at(&mut self, now: Time) -> Result<u8, MemoryError> {
        let server = self.memory.placement().choose(now, self.len, &self.tried);
        // Without a failure there is no server: in a rack to which none has come yet.
        let server = server.ok_or_else(|| self.failure.take().unwrap_or(MemoryError::UnknownServer(0)))?;
        self.tried.insert(server);
        Ok(server)
    }

    /// What came of a try: the object, `None` to try another server, or why none is to be tried.
    fn conclude(&mut self, server: u8, made: Result<Allocated, MemoryError>) -> Result<Option<Pointer>, MemoryError> {
        let now = self.memory.inner.clock.lately();
        match made {
            Ok(Allocated { object, free }) => {
                self.memory.placement().report(now, server, Some(free).filter(|free| *free > 0));
                self.memory.own(server, object).map(Some)
            }
            Err(MemoryError::Refused { status: MemoryStatus::OutOfMemory, detail }) => {
                self.memory.placement().report(now, server, Some(detail));
                self.failed(MemoryError::Refused { status: MemoryStatus::OutOfMemory, detail })
            }
            Err(error) if is_of_the_server(&error) => {
                self.memory.placement().leave_out(now, server);
                self.failed(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Another server may do. Of what happened at all of them the most telling is kept: how much is free where most is,
    /// otherwise the first.
    fn failed(&mut self, error: MemoryError) -> Result<Option<Pointer>, MemoryError> {
        let free = |error: &MemoryError| match error {
            MemoryError::Refused { status: MemoryStatus::OutOfMemory, detail } => Some(*detail),
            _ => None,
        };
        match &self.failure {
            Some(before) if free(before) >= free(&error) => {}
            _ => self.failure = Some(error),
        }
        Ok(None)
    }
}

impl GlobalMemory {
    /// Refuses an object that says that it is of another server: operations on it would go astray.
    pub(super) fn own(&self, configured: u8, object: Pointer) -> Result<Pointer, MemoryError> {
        if object.server() == configured {
            return Ok(object);
        }
        let freed = self.client(configured).and_then(|client| client.free(object)).is_ok();
        Err(MemoryError::OtherServer { configured, answered: object.server(), freed })
    }
}

/// Whether an alloc was certainly not done, for a reason that others may not have.
fn is_of_the_server(error: &MemoryError) -> bool {
    use MemoryStatus::{IdsExhausted, Quota, TooManyClients, TooManyObjects};
    match error {
        MemoryError::Refused { status, .. } => {
            matches!(status, IdsExhausted | Quota | TooManyClients | TooManyObjects)
        }
        MemoryError::Call(CallError::Refused(refusal)) => {
            !matches!(refusal, Refusal::TooLarge { .. } | Refusal::BadOperation)
        }
        MemoryError::Call(
            error @ (CallError::Unreachable { .. } | CallError::Socket { .. } | CallError::Deadline { .. }),
        ) => !error.may_have_run(),
        _ => false,
    }
}

/// An object being made. Dropping it cancels that.
#[derive(Debug)]
#[must_use = "dropping a pending operation cancels it"]
pub struct PendingAlloc {
    allocation: Allocation,
    server: u8,
    pending: PendingMemory<Allocated>,
    data: Bytes,
}

impl PendingAlloc {
    /// Waits for the object. Where its server could not make it, other servers are asked now.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn wait(self) -> Result<Pointer, MemoryError> {
        let Self { mut allocation, server, pending, data } = self;
        match allocation.conclude(server, pending.wait())? {
            Some(object) => Ok(object),
            None => allocation.run(|client| client.allocate(data.len() as u64, &data)),
        }
    }

    /// Whether the first server asked has answered. Takes in what has arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pending.is_done()
    }
}
