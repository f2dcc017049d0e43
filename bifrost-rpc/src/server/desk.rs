//! What a thread that runs handlers has at hand.

use crate::buffer::{Message, MessageBuffer};
use crate::endpoint::{AnswerKind, Datagrams, Event, MemoryReply, ServedCall};
use crate::reference::Passing;
use crate::wire::MethodField;
use std::collections::VecDeque;

/// Small buffers that a thread keeps for its next answers.
const SPARE_MAX: usize = 64;
/// Larger buffers go back to the endpoint.
const SPARE_BYTES_MAX: usize = 16 * 1024;

/// An answer's message, what it is, and what it gives away.
type Written = (AnswerKind, Message, Option<Passing>);

/// What a thread that runs handlers has at hand.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) batch: Datagrams,
    pub(super) events: VecDeque<Event>,
    /// Answers to be given to the endpoint; none to a oneway call.
    pub(super) answers: Vec<(ServedCall, MethodField, Option<Written>)>,
    /// Answers to memory operations.
    pub(super) memory: Vec<(ServedCall, MemoryReply)>,
    /// Small buffers for the next answers.
    spare: Vec<Vec<u8>>,
    /// Large buffers, which the endpoint receives into.
    pub(super) large: Vec<Vec<u8>>,
}

impl Desk {
    pub(super) fn buffer(&mut self) -> MessageBuffer {
        self.spare.pop().map_or_else(MessageBuffer::new, MessageBuffer::recycle)
    }

    pub(super) fn recycle(&mut self, spent: Vec<u8>) {
        if spent.capacity() > SPARE_BYTES_MAX {
            self.large.push(spent);
        } else if self.spare.len() < SPARE_MAX {
            self.spare.push(spent);
        }
    }
}
