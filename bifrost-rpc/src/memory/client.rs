//! A client's handle to a memory server.

use super::pending::{Finish, finish};
use super::{MemoryAnswer, MemoryBatch, MemoryError, MemoryOp, MemoryRequest, MemoryStatus, PendingMemory, Pointer};
use crate::buffer::{KEEP_BYTES_MIN, Message};
use crate::client::{Channel, ConnectError};
use crate::endpoint::{CallId, MEMORY_BYTES_MAX};
use crate::wire::READ_TO_END;
use bytes::Bytes;

/// Bytes of one operation at most: larger ranges are read and written by several.
pub(super) const OPERATION_BYTES_MAX: u64 = MEMORY_BYTES_MAX as u64;
/// Data of so many bytes may be held, to be sent together with others; more would only be late.
const HELD_BYTES_MAX: usize = 8 << 10;

/// A way to the objects of one memory server. Cheap to clone; may be used by many threads at once.
///
/// The operations of one handle and of its clones on one object are done in the order in which they were started, as far
/// as they write it. A range of up to 64 MiB is read from one version, and written at once; a longer one is read and
/// written in steps of 64 MiB.
#[derive(Debug, Clone)]
pub struct MemoryClient {
    channel: Channel,
    server: Pointer,
}

impl MemoryClient {
    /// Connects to a URL such as `udp://[::1]:7500` with default settings. Nothing is sent before the first operation.
    ///
    /// # Errors
    ///
    /// A malformed URL, or a socket that cannot be made.
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        Ok(Self::over(Channel::builder().connect(url)?, Pointer::default()))
    }

    /// A handle over a channel to the server, which may be used for calls as well. `server` is any pointer of the
    /// server, to send ALLOC to where packets are routed by it; elsewhere the default does.
    #[must_use]
    pub fn over(channel: Channel, server: Pointer) -> Self {
        Self { channel, server: server.root() }
    }

    /// The server's root pointer, as far as it is known.
    pub(super) fn server(&self) -> Pointer {
        self.server
    }

    /// The channel underneath.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Makes an object of so many zero bytes.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn alloc(&self, bytes: u64) -> Result<Pointer, MemoryError> {
        self.allocate(bytes, &Bytes::new()).map(|made| made.object)
    }

    /// Makes an object of these bytes, by one message.
    ///
    /// # Errors
    ///
    /// [`MemoryError`]. An object of more than 64 MiB is made first and then written.
    pub fn alloc_and_write(&self, data: impl Into<Bytes>) -> Result<Pointer, MemoryError> {
        let data = data.into();
        let len = data.len() as u64;
        if len > OPERATION_BYTES_MAX {
            let object = self.alloc(len)?;
            return self.fill(object, data);
        }
        self.allocate(len, &data).map(|made| made.object)
    }

    /// Reads a range.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn read(&self, object: Pointer, offset: u64, len: u64) -> Result<Vec<u8>, MemoryError> {
        let mut all = Vec::new();
        self.read_into(object, offset, len, &mut all)?;
        Ok(all)
    }

    /// Reads an object whose length is not known, if it has at most `bytes_max` bytes. Mostly that takes one operation; an
    /// object of more than 64 MiB is read in steps.
    ///
    /// # Errors
    ///
    /// [`MemoryError`]; [`MemoryStatus::OutOfRange`], with the object's length, if it is longer.
    pub fn read_all(&self, object: Pointer, bytes_max: u64) -> Result<Vec<u8>, MemoryError> {
        let request = self.request(object, MemoryOp::Read, 0, READ_TO_END);
        let too_long = |len| MemoryError::Refused { status: MemoryStatus::OutOfRange, detail: len };
        match self.run(request, READ_TO_END, everything) {
            Ok(all) if all.len() as u64 <= bytes_max => Ok(all),
            Ok(all) => Err(too_long(all.len() as u64)),
            Err(MemoryError::Refused { status: MemoryStatus::OutOfRange, detail }) if detail <= bytes_max => {
                self.read(object, 0, detail)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a range into a buffer, whose content is replaced. Up to 64 MiB are received straight into its memory if that
    /// suffices; otherwise it gets new memory. After an error it may be empty.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn read_into(&self, object: Pointer, offset: u64, len: u64, into: &mut Vec<u8>) -> Result<(), MemoryError> {
        if len <= OPERATION_BYTES_MAX {
            let place = Some(std::mem::take(into)).filter(|place| place.capacity() > 0);
            let request = self.request(object, MemoryOp::Read, offset, len);
            *into = self.run(MemoryRequest { place, ..request }, len, data)?;
            return Ok(());
        }
        into.clear();
        for (at, len) in pieces(len) {
            let request = self.request(object, MemoryOp::Read, offset.saturating_add(at), len);
            let piece = self.run(request, len, data)?;
            into.extend_from_slice(&piece);
            self.channel.recycle(piece);
        }
        Ok(())
    }

    /// Writes data, which are sent from where they are: `Vec<u8>`, `Bytes` or `&'static [u8]`.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn write(&self, object: Pointer, offset: u64, data: impl Into<Bytes>) -> Result<(), MemoryError> {
        let mut data = data.into();
        if data.len() as u64 <= OPERATION_BYTES_MAX {
            return self.run(self.write_request(object, offset, data), 0, nothing);
        }
        for (at, len) in pieces(data.len() as u64) {
            let piece = data.split_to(usize::try_from(len).unwrap_or(usize::MAX).min(data.len()));
            self.run(self.write_request(object, offset.saturating_add(at), piece), 0, nothing)?;
        }
        Ok(())
    }

    /// Writes a copy of `data`: for data that are small, or borrowed.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn write_slice(&self, object: Pointer, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        if data.len() as u64 > OPERATION_BYTES_MAX {
            return self.write(object, offset, Bytes::copy_from_slice(data));
        }
        let mut body = Channel::buffer();
        body.put_slice(data);
        let request = self.request(object, MemoryOp::Write, offset, data.len() as u64);
        self.run(MemoryRequest { body: body.finish(), ..request }, 0, nothing)
    }

    /// Ends an object.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn free(&self, object: Pointer) -> Result<(), MemoryError> {
        self.run(self.request(object, MemoryOp::Free, 0, 0), 0, nothing)
    }

    /// Several operations on one object by one message.
    pub fn batch(&self, object: Pointer) -> MemoryBatch<'_> {
        MemoryBatch::new(Ok(self), object)
    }

    /// Starts [`MemoryClient::alloc_and_write`] of up to 64 MiB; its result is waited for later.
    ///
    /// # Errors
    ///
    /// The data are too long, or the socket has failed.
    pub fn start_alloc_and_write(&self, data: impl Into<Bytes>) -> Result<PendingMemory<Pointer>, MemoryError> {
        let data = data.into();
        self.start(self.alloc_request(data.len() as u64, &data), 0, |answer, channel, expected| {
            allocated(answer, channel, expected).map(|made| made.object)
        })
    }

    /// Starts a read of up to 64 MiB; its result is waited for later. `place` may lend memory for it, or be empty.
    ///
    /// # Errors
    ///
    /// The socket has failed.
    pub fn start_read(
        &self,
        object: Pointer,
        offset: u64,
        len: u64,
        place: Vec<u8>,
    ) -> Result<PendingMemory<Vec<u8>>, MemoryError> {
        let place = Some(place).filter(|place| place.capacity() > 0);
        let request = self.request(object, MemoryOp::Read, offset, len);
        self.start(MemoryRequest { place, ..request }, len, data)
    }

    /// Starts a write of up to 64 MiB; its end is waited for later. Operations on the object that are started after it are
    /// done after it.
    ///
    /// # Errors
    ///
    /// The data are too long, or the socket has failed.
    pub fn start_write(
        &self,
        object: Pointer,
        offset: u64,
        data: impl Into<Bytes>,
    ) -> Result<PendingMemory<()>, MemoryError> {
        self.start(self.write_request(object, offset, data.into()), 0, nothing)
    }

    /// Starts to end an object; it is done after the writes started before it.
    ///
    /// # Errors
    ///
    /// The socket has failed.
    pub fn start_free(&self, object: Pointer) -> Result<PendingMemory<()>, MemoryError> {
        self.start(self.request(object, MemoryOp::Free, 0, 0), 0, nothing)
    }

    /// Ends an object whenever something is sent to its server next, in 5 ms at the latest. What becomes of it is not
    /// reported.
    pub fn free_later(&self, object: Pointer) {
        self.channel.put_off(self.request(object, MemoryOp::Free, 0, 0));
    }

    /// Begins to read an object whose length may not be known, by one operation; it is sent with the next, or when somebody
    /// waits.
    pub(crate) fn hold_read(&self, object: Pointer, len: Option<u64>) -> Result<PendingMemory<Vec<u8>>, MemoryError> {
        let request = self.request(object, MemoryOp::Read, 0, len.unwrap_or(READ_TO_END));
        let make: Finish<Vec<u8>> = if len.is_some() { data } else { everything };
        self.hold(request, len.unwrap_or(READ_TO_END), make)
    }

    pub(super) fn request(&self, pointer: Pointer, op: MemoryOp, offset: u64, len: u64) -> MemoryRequest {
        let deadline = self.channel.deadline();
        let body = Message::empty();
        MemoryRequest { pointer, op, argument: 0, is_batch: false, offset, len, body, place: None, deadline }
    }

    fn alloc_request(&self, len: u64, data: &Bytes) -> MemoryRequest {
        MemoryRequest { body: message_of(data), ..self.request(self.server, MemoryOp::Alloc, 0, len) }
    }

    /// Makes an object of `len` bytes that begins with these.
    pub(super) fn allocate(&self, len: u64, data: &Bytes) -> Result<Allocated, MemoryError> {
        self.run(self.alloc_request(len, data), 0, allocated)
    }

    /// Begins to make an object of these bytes. Few bytes may be held, to be sent with the next or when somebody waits.
    pub(super) fn start_allocation(
        &self,
        data: &Bytes,
        may_hold: bool,
    ) -> Result<PendingMemory<Allocated>, MemoryError> {
        let is_held = may_hold && data.len() <= HELD_BYTES_MAX;
        let request = self.alloc_request(data.len() as u64, data);
        if is_held { self.hold(request, 0, allocated) } else { self.start(request, 0, allocated) }
    }

    /// Writes all of a new object, which is given back if that fails.
    pub(super) fn fill(&self, object: Pointer, data: Bytes) -> Result<Pointer, MemoryError> {
        match self.write(object, 0, data) {
            Ok(()) => Ok(object),
            Err(error) => {
                // The caller is told of the write; it has no pointer that it could free.
                let _ = self.free(object);
                Err(error)
            }
        }
    }

    fn write_request(&self, object: Pointer, offset: u64, data: Bytes) -> MemoryRequest {
        let request = self.request(object, MemoryOp::Write, offset, data.len() as u64);
        MemoryRequest { body: data.into(), ..request }
    }

    pub(super) fn run<T>(&self, request: MemoryRequest, expected: u64, make: Finish<T>) -> Result<T, MemoryError> {
        let answer = self.channel.run_memory(request)?;
        finish(&self.channel, answer, expected, make)
    }

    fn hold<T>(
        &self,
        request: MemoryRequest,
        expected: u64,
        finish: Finish<T>,
    ) -> Result<PendingMemory<T>, MemoryError> {
        let call = Some(self.channel.hold_memory(request)?);
        Ok(PendingMemory { call, channel: self.channel.clone(), expected, finish })
    }

    pub(super) fn start<T>(
        &self,
        request: MemoryRequest,
        expected: u64,
        finish: Finish<T>,
    ) -> Result<PendingMemory<T>, MemoryError> {
        let call: Option<CallId> = Some(self.channel.begin_memory(request)?);
        Ok(PendingMemory { call, channel: self.channel.clone(), expected, finish })
    }
}

/// A message of these bytes. Few are copied into memory that is used again, and many are shared.
fn message_of(data: &Bytes) -> Message {
    if data.is_empty() || data.len() >= KEEP_BYTES_MIN {
        return Message::from(data.clone());
    }
    let mut body = Channel::buffer();
    body.put_slice(data);
    body.finish()
}

/// The steps in which a long range is read or written.
fn pieces(len: u64) -> impl Iterator<Item = (u64, u64)> {
    let count = len.div_ceil(OPERATION_BYTES_MAX);
    (0..count).map(move |i| {
        let at = i * OPERATION_BYTES_MAX;
        (at, OPERATION_BYTES_MAX.min(len - at))
    })
}

/// What an ALLOC made, and where that leaves its server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allocated {
    pub(super) object: Pointer,
    /// Bytes that the server has free, 0 if it does not say.
    pub(super) free: u64,
}

fn allocated(answer: MemoryAnswer, channel: &Channel, _expected: u64) -> Result<Allocated, MemoryError> {
    let (object, free) = (answer.allocated(), answer.detail());
    channel.recycle(answer.body);
    match Pointer::parse(object.to_bytes()) {
        Ok(object) => Ok(Allocated { object, free }),
        Err(_none) => Err(MemoryError::BadAnswer("with something that is no pointer")),
    }
}

fn data(answer: MemoryAnswer, _channel: &Channel, expected: u64) -> Result<Vec<u8>, MemoryError> {
    if answer.body.len() as u64 == expected {
        return Ok(answer.body);
    }
    Err(MemoryError::BadAnswer("with another number of bytes than asked for"))
}

fn everything(answer: MemoryAnswer, _channel: &Channel, _expected: u64) -> Result<Vec<u8>, MemoryError> {
    Ok(answer.body)
}

fn nothing(answer: MemoryAnswer, channel: &Channel, _expected: u64) -> Result<(), MemoryError> {
    channel.recycle(answer.body);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ranges_are_cut_into_steps_without_gap() {
        let most = OPERATION_BYTES_MAX;
        assert_eq!(pieces(2 * most).collect::<Vec<_>>(), [(0, most), (most, most)]);
        assert_eq!(pieces(most + 1).collect::<Vec<_>>(), [(0, most), (most, 1)]);
        assert_eq!(pieces(5).collect::<Vec<_>>(), [(0, 5)]);
    }
}
