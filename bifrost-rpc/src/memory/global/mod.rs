//! The rack's memory: several memory servers behind one handle.

mod alloc;
mod placement;
mod servers;
mod together;

pub use alloc::PendingAlloc;
pub use servers::ServersError;
pub(crate) use together::Allocs;

use super::client::OPERATION_BYTES_MAX;
use super::{MemoryBatch, MemoryClient, MemoryError, PendingMemory, Pointer};
use crate::client::{Channel, ChannelBuilder};
use crate::io::Clock;
use alloc::Allocation;
use bytes::Bytes;
use placement::Placement;
use servers::Servers;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The rack's memory: memory servers m1 … m255, told apart by the server in each pointer. Cheap to clone; may be used by
/// many threads at once.
///
/// New objects go where memory is free: each server gets as many as its share of all that is free, as far as their answers
/// have told. One that has no room, or cannot be reached, is passed over for a while. All else goes to the server that
/// the pointer names. What [`MemoryClient`] says of order and of long ranges holds here too.
///
/// ```no_run
/// use bifrost_rpc::memory::GlobalMemory;
///
/// let memory = GlobalMemory::connect("udp://[::1]:7501,udp://[::1]:7502")?;
/// let object = memory.alloc_and_write(vec![7; 1 << 20])?;
/// assert_eq!(memory.read(object, 4096, 4)?, [7; 4]);
/// memory.free(object)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct GlobalMemory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    servers: Servers,
    placement: Mutex<Placement>,
    clock: Clock,
    /// Objects of which nothing is known are taken to be short where several are read at once.
    expects_short: AtomicBool,
}

impl GlobalMemory {
    /// Servers with default settings; see [`GlobalMemory::connect_with`].
    ///
    /// # Errors
    ///
    /// [`ServersError`].
    pub fn connect(servers: &str) -> Result<Self, ServersError> {
        Self::connect_with(servers, Channel::builder())
    }

    /// Servers of a list `udp://[::1]:7501,udp://[::1]:7502`: their ids are 1, 2, …, or what they say: `3=udp://[::1]:7503`.
    /// `channels` has the settings of the channels to them, such as key and deadline; a deadline is for each server that an
    /// alloc has to try. Sockets are made when they are needed, and nothing is sent before the first operation.
    ///
    /// # Errors
    ///
    /// [`ServersError`]: an empty list, an id twice or beyond 255, a malformed address.
    pub fn connect_with(servers: &str, channels: ChannelBuilder) -> Result<Self, ServersError> {
        let servers = Servers::parse(servers, channels)?;
        let placement = Mutex::new(Placement::new(servers.ids()));
        Ok(Self::over(servers, placement))
    }

    /// The memory of a rack, over channels on a link to it: operations go to their pointers, whatever server that is. New objects go
    /// to none before [`GlobalMemory::set_servers`].
    pub(crate) fn of_rack(memory_prefix: u8, channels: ChannelBuilder) -> Self {
        let servers = Servers::of_rack(memory_prefix, channels);
        let placement = Mutex::new(Placement::new([]));
        Self::over(servers, placement)
    }

    fn over(servers: Servers, placement: Mutex<Placement>) -> Self {
        let (clock, expects_short) = (Clock::new(), AtomicBool::new(true));
        Self { inner: Arc::new(Inner { servers, placement, clock, expects_short }) }
    }

    /// Whether both are handles to the same servers.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// New objects go to these servers from now on.
    pub(crate) fn set_servers(&self, ids: &[u8]) {
        self.placement().set(ids.iter().copied());
    }

    /// The ids of the servers, in rising order; in a rack of those that are there.
    pub fn servers(&self) -> impl Iterator<Item = u8> {
        self.placement().ids().into_iter()
    }

    /// The handle to one server.
    ///
    /// # Errors
    ///
    /// [`MemoryError::UnknownServer`], or its socket cannot be made.
    pub fn client(&self, server: u8) -> Result<&MemoryClient, MemoryError> {
        self.inner.servers.client(server)
    }

    /// The handle to the server that has an object.
    fn of(&self, object: Pointer) -> Result<&MemoryClient, MemoryError> {
        self.client(object.server())
    }

    fn placement(&self) -> MutexGuard<'_, Placement> {
        self.inner.placement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an object of so many zero bytes.
    ///
    /// # Errors
    ///
    /// [`MemoryError`]: *out of memory* when no server has room, with the most that one has free.
    pub fn alloc(&self, bytes: u64) -> Result<Pointer, MemoryError> {
        Allocation::new(self, bytes).run(|client| client.allocate(bytes, &Bytes::new()))
    }

    /// Makes an object of these bytes, by one message.
    ///
    /// # Errors
    ///
    /// As [`GlobalMemory::alloc`]. An object of more than 64 MiB is made first and then written.
    pub fn alloc_and_write(&self, data: impl Into<Bytes>) -> Result<Pointer, MemoryError> {
        let data = data.into();
        let len = data.len() as u64;
        if len <= OPERATION_BYTES_MAX {
            return Allocation::new(self, len).run(|client| client.allocate(len, &data));
        }
        let object = self.alloc(len)?;
        self.of(object)?.fill(object, data)
    }

    /// Reads a range.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn read(&self, object: Pointer, offset: u64, len: u64) -> Result<Vec<u8>, MemoryError> {
        self.of(object)?.read(object, offset, len)
    }

    /// Reads an object whose length is not known, as [`MemoryClient::read_all`] does.
    ///
    /// # Errors
    ///
    /// As [`MemoryClient::read_all`].
    pub fn read_all(&self, object: Pointer, bytes_max: u64) -> Result<Vec<u8>, MemoryError> {
        self.of(object)?.read_all(object, bytes_max)
    }

    /// Reads a range into a buffer, as [`MemoryClient::read_into`] does.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn read_into(&self, object: Pointer, offset: u64, len: u64, into: &mut Vec<u8>) -> Result<(), MemoryError> {
        self.of(object)?.read_into(object, offset, len, into)
    }

    /// Writes data, which are sent from where they are: `Vec<u8>`, `Bytes` or `&'static [u8]`.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn write(&self, object: Pointer, offset: u64, data: impl Into<Bytes>) -> Result<(), MemoryError> {
        self.of(object)?.write(object, offset, data)
    }

    /// Writes a copy of `data`: for data that are small, or borrowed.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn write_slice(&self, object: Pointer, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        self.of(object)?.write_slice(object, offset, data)
    }

    /// Ends an object.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn free(&self, object: Pointer) -> Result<(), MemoryError> {
        self.of(object)?.free(object)
    }

    /// Several operations on one object by one message. A server that is unknown is reported when it is run.
    pub fn batch(&self, object: Pointer) -> MemoryBatch<'_> {
        MemoryBatch::new(self.of(object), object)
    }

    /// Starts [`GlobalMemory::alloc_and_write`] of up to 64 MiB; its result is waited for later.
    ///
    /// # Errors
    ///
    /// The data are too long, or no socket can be made.
    pub fn start_alloc_and_write(&self, data: impl Into<Bytes>) -> Result<PendingAlloc, MemoryError> {
        let data = data.into();
        Allocation::new(self, data.len() as u64).start(data, false)
    }

    /// As [`MemoryClient::hold_read`].
    pub(crate) fn hold_read(&self, object: Pointer, len: Option<u64>) -> Result<PendingMemory<Vec<u8>>, MemoryError> {
        self.of(object)?.hold_read(object, len)
    }

    /// Starts a read, as [`MemoryClient::start_read`] does.
    ///
    /// # Errors
    ///
    /// The server is unknown, or the socket has failed.
    pub fn start_read(
        &self,
        object: Pointer,
        offset: u64,
        len: u64,
        place: Vec<u8>,
    ) -> Result<PendingMemory<Vec<u8>>, MemoryError> {
        self.of(object)?.start_read(object, offset, len, place)
    }

    /// Starts a write, as [`MemoryClient::start_write`] does.
    ///
    /// # Errors
    ///
    /// The server is unknown, the data are too long, or the socket has failed.
    pub fn start_write(
        &self,
        object: Pointer,
        offset: u64,
        data: impl Into<Bytes>,
    ) -> Result<PendingMemory<()>, MemoryError> {
        self.of(object)?.start_write(object, offset, data)
    }

    /// Starts to end an object; it is done after the writes started before it.
    ///
    /// # Errors
    ///
    /// The server is unknown, or the socket has failed.
    pub fn start_free(&self, object: Pointer) -> Result<PendingMemory<()>, MemoryError> {
        self.of(object)?.start_free(object)
    }

    /// Ends an object soon, as [`MemoryClient::free_later`] does.
    pub fn free_later(&self, object: Pointer) {
        // Of an unknown server there is nothing to free.
        let _ = self.of(object).map(|client| client.free_later(object));
    }
}
