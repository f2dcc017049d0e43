//! What a memory server implements.

use super::{Later, MemoryOperation, MemoryReply, ServedCall};

/// A memory server behind a [`Server`](crate::Server).
///
/// All methods run on the receiving thread and are to be short; with several receiving threads, or busy clients, on
/// several at once. An operation comes at most once, and after the writes of its client to the same object that it
/// follows. A panic is answered as a failure.
pub trait MemoryHandler: Send + Sync + 'static {
    /// Whether batches may name several objects; clients are told so, and free several by one message then. Asked once.
    fn spans_objects(&self) -> bool {
        false
    }

    /// The data of an operation have begun to arrive, so many bytes in all. A reply refuses it before they take memory:
    /// then they are not waited for. Otherwise [`MemoryHandler::run`] follows, or [`MemoryHandler::cancelled`].
    /// Operations of one packet are not announced.
    fn announced(&self, operation: &MemoryOperation, bytes: u32) -> Option<MemoryReply> {
        let _ = (operation, bytes);
        None
    }

    /// Does an operation. The body's buffer has no spare capacity, unless it is a batch: it can become the object's memory.
    ///
    /// `None` says that the answer comes later, by what [`Later::keep`] gave.
    fn run(&self, operation: &MemoryOperation, body: Vec<u8>, later: &Later<'_>) -> Option<MemoryReply>;

    /// The caller no longer waits for an operation that was announced, or that is to be answered later. What was set
    /// aside for it can be given back.
    fn cancelled(&self, call: ServedCall) {
        let _ = call;
    }

    /// A session ([`ServedCall::session`]) has ended: its client closed it, gave it up or was silent for longer than its
    /// lease. Its unanswered operations were reported as cancelled. With several receiving threads, or busy clients,
    /// an operation of it may still be on its way through one of them.
    fn session_ended(&self, session: u64) {
        let _ = session;
    }
}
