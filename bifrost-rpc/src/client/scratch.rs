//! What a thread that sends and receives keeps for itself: buffers.

use super::core::Core;
use crate::buffer::MessageBuffer;
use crate::endpoint::Datagrams;
use crate::io::RECEIVE_BYTES;
use std::cell::RefCell;

/// Small buffers that a thread keeps for its next messages.
const SPARE_MAX: usize = 16;
/// Larger buffers go back to the endpoint, which receives large messages into them.
pub(super) const SPARE_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> = const {
        RefCell::new(Scratch::new())
    };
}

/// What a thread needs to send and receive.
pub(super) struct Scratch {
    pub(super) batch: Datagrams,
    buffer: Vec<u8>,
    pub(super) spare: Vec<Vec<u8>>,
}

impl Scratch {
    pub(super) const fn new() -> Self {
        Self { batch: Datagrams::new(), buffer: Vec::new(), spare: Vec::new() }
    }

    pub(super) fn buffer(&mut self) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer.resize(RECEIVE_BYTES, 0);
        }
        &mut self.buffer
    }
}

impl Core {
    /// A buffer for a message.
    pub(super) fn buffer() -> MessageBuffer {
        SCRATCH.with_borrow_mut(|scratch| scratch.spare.pop()).map_or_else(MessageBuffer::new, MessageBuffer::recycle)
    }

    /// Takes a small message's memory back; a large one's is freed.
    pub(super) fn recycle_small(spent: Vec<u8>) {
        if spent.capacity() > SPARE_BYTES_MAX {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.spare.len() < SPARE_MAX {
                scratch.spare.push(spent);
            }
        });
    }
}
