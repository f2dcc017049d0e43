//! Messages on their way out: large blocks are kept as they are, not copied.

use crate::reference::Passing;
use crate::wire::{POINTERS_MAX, Pointer};
use bytes::Bytes;

/// Blocks of at least this many bytes that their owner gives up are kept, not copied.
pub(crate) const KEEP_BYTES_MIN: usize = 16 * 1024;

/// What is written before such a block is copied if it is no longer than this.
const COPY_BYTES_MAX: usize = 256;

/// A message being written: a growable buffer, and whole blocks taken over without a copy.
#[derive(Debug)]
pub struct MessageBuffer {
    /// Blocks completed before `tail`. None is empty.
    blocks: Vec<Bytes>,
    /// The block being written.
    tail: Vec<u8>,
    /// Bytes in `blocks`.
    blocks_bytes: usize,
    pointers: Vec<Pointer>,
    /// What references in the message are sent with; none where all goes by value.
    passing: Option<Passing>,
}

impl Default for MessageBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl AsMut<Self> for MessageBuffer {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl MessageBuffer {
    /// An empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::recycle(Vec::with_capacity(512))
    }

    /// An empty message in the memory of `spent`, whose content is discarded.
    #[must_use]
    pub fn recycle(mut spent: Vec<u8>) -> Self {
        spent.clear();
        Self { blocks: Vec::new(), tail: spent, blocks_bytes: 0, pointers: Vec::new(), passing: None }
    }

    /// What references in the message are sent with.
    pub(crate) fn passing(&mut self) -> Option<&mut Passing> {
        self.passing.as_mut()
    }

    pub(crate) fn set_passing(&mut self, passing: Option<Passing>) {
        self.passing = passing;
    }

    /// Ends what [`MessageBuffer::set_passing`] began: the message's pointers are noted.
    pub(crate) fn list_pointers(&mut self) -> Option<Passing> {
        let mut passing = self.passing.take()?;
        match self.pointers.is_empty() {
            // Each is there once, and they are no more than can be sent.
            true => self.pointers = passing.take_pointers(),
            false => passing.take_pointers().into_iter().for_each(|pointer| self.put_pointer(pointer)),
        }
        Some(passing)
    }

    /// Length of the message in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks_bytes + self.tail.len()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets `look` at the beginning of the message: all of it, or its first block.
    pub(crate) fn with_head<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(self.blocks.first().map_or(&self.tail, AsRef::as_ref))
    }

    /// Forgets what has been written.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.blocks_bytes = 0;
        self.tail.clear();
        self.pointers.clear();
        if let Some(passing) = &mut self.passing {
            passing.reset();
        }
    }

    /// Notes that the message refers to an object: packets tell of the pointer where the network can read it. One that was noted
    /// is not noted again. A message with more than [`POINTERS_MAX`] cannot be sent.
    pub fn put_pointer(&mut self, pointer: Pointer) {
        // One more than can be sent is enough to know that it cannot.
        if self.pointers.len() <= POINTERS_MAX && !self.pointers.contains(&pointer) {
            self.pointers.push(pointer);
        }
    }

    /// The pointers noted.
    #[must_use]
    pub fn pointers(&self) -> &[Pointer] {
        &self.pointers
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// The block being written, for appending in place.
    #[inline]
    pub fn tail_mut(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Appends a block; a large one is taken over without a copy.
    pub fn put_owned(&mut self, block: Vec<u8>) {
        if block.len() < KEEP_BYTES_MIN {
            self.put_slice(&block);
        } else {
            self.put_block(Bytes::from(block));
        }
    }

    /// Appends a shared block; a large one is referred to, not copied.
    pub fn put_shared(&mut self, block: Bytes) {
        if block.len() < KEEP_BYTES_MIN {
            self.put_slice(&block);
        } else {
            self.put_block(block);
        }
    }

    /// Appends a block, whose memory is used where nothing stands before it.
    pub(crate) fn put_whole(&mut self, block: Vec<u8>) {
        if self.is_empty() { self.tail = block } else { self.put_owned(block) }
    }

    /// Appends a shared block, which is not copied where nothing stands before it.
    pub(crate) fn put_whole_shared(&mut self, block: Bytes) {
        if self.is_empty() && !block.is_empty() {
            self.blocks_bytes = block.len();
            self.blocks.push(block);
        } else {
            self.put_shared(block);
        }
    }

    fn put_block(&mut self, block: Bytes) {
        let head = self.take_tail();
        self.blocks_bytes += head.len() + block.len();
        if !head.is_empty() {
            self.blocks.push(head);
        }
        self.blocks.push(block);
    }

    /// What stands before a block. A short one is copied, so that its memory is written to again.
    fn take_tail(&mut self) -> Bytes {
        if self.tail.len() > COPY_BYTES_MAX {
            return Bytes::from(std::mem::take(&mut self.tail));
        }
        let head = Bytes::copy_from_slice(&self.tail);
        self.tail.clear();
        head
    }

    /// All that was written as one block; a single one is not copied.
    pub(crate) fn into_bytes(mut self) -> Bytes {
        match self.blocks.pop() {
            None => Bytes::from(self.tail),
            Some(only) if self.blocks.is_empty() && self.tail.is_empty() => only,
            Some(last) => {
                self.blocks.push(last);
                Bytes::from(self.finish().to_vec())
            }
        }
    }

    /// The finished message.
    #[must_use]
    pub fn finish(mut self) -> Message {
        let len = self.len();
        if self.blocks.is_empty() && len < KEEP_BYTES_MIN {
            return Message { body: Body::Contiguous(self.tail), len, pointers: self.pointers };
        }
        if !self.tail.is_empty() {
            self.blocks.push(Bytes::from(self.tail));
        }
        Message { body: Body::Blocks(self.blocks), len, pointers: self.pointers }
    }
}

#[derive(Debug)]
enum Body {
    /// The whole message.
    Contiguous(Vec<u8>),
    /// Its blocks; none is empty.
    Blocks(Vec<Bytes>),
}

/// A message ready to be sent, and sent again.
#[derive(Debug)]
pub struct Message {
    body: Body,
    len: usize,
    pointers: Vec<Pointer>,
}

impl From<Bytes> for Message {
    /// A large block is referred to, a small one copied.
    fn from(block: Bytes) -> Self {
        let len = block.len();
        let small = len < KEEP_BYTES_MIN;
        let body = if small { Body::Contiguous(block.into()) } else { Body::Blocks(vec![block]) };
        Self { body, len, pointers: Vec::new() }
    }
}

impl Message {
    /// A message without bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { body: Body::Contiguous(Vec::new()), len: 0, pointers: Vec::new() }
    }

    /// The same message, with the pointers that its packets tell of.
    #[must_use]
    pub fn with_pointers(mut self, pointers: Vec<Pointer>) -> Self {
        self.pointers = pointers;
        self
    }

    /// The pointers that its packets tell of.
    #[must_use]
    pub fn pointers(&self) -> &[Pointer] {
        &self.pointers
    }

    /// Whether it refers to blocks that others may have, too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.body, Body::Blocks(_))
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Like `pieces`, but a piece that is shared comes as a shared block.
    pub(crate) fn shared_pieces(&self, offset: usize, len: usize, mut each: impl FnMut(Result<Bytes, &[u8]>)) {
        let Body::Blocks(blocks) = &self.body else {
            return self.pieces(offset, len, |piece| each(Err(piece)));
        };
        let mut skip = offset;
        let mut left = len;
        for block in blocks {
            if left == 0 {
                return;
            }
            if skip >= block.len() {
                skip -= block.len();
                continue;
            }
            let take = (block.len() - skip).min(left);
            each(Ok(block.slice(skip..skip + take)));
            skip = 0;
            left -= take;
        }
    }

    /// Calls `each` for the pieces of the message from byte `offset` on, `len` bytes in all, in order.
    pub(crate) fn pieces(&self, offset: usize, len: usize, mut each: impl FnMut(&[u8])) {
        let mut skip = offset;
        let mut left = len;
        let mut piece = |block: &[u8]| {
            if skip >= block.len() {
                skip -= block.len();
                return;
            }
            let from = &block[skip..];
            let take = from.len().min(left);
            skip = 0;
            left -= take;
            if take > 0 {
                each(&from[..take]);
            }
        };
        match &self.body {
            Body::Contiguous(all) => piece(all),
            Body::Blocks(blocks) => blocks.iter().for_each(|b| piece(b)),
        }
    }

    /// The message as one vector.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        self.pieces(0, self.len, |piece| all.extend_from_slice(piece));
        all
    }

    /// The blocks of the message, in order.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        let (all, blocks) = match &self.body {
            Body::Contiguous(all) => (Some(all.as_slice()), [].as_slice()),
            Body::Blocks(blocks) => (None, blocks.as_slice()),
        };
        all.into_iter().chain(blocks.iter().map(AsRef::as_ref))
    }

    /// The message as one vector, which is its own memory where it is contiguous.
    pub(crate) fn into_vec(self) -> Vec<u8> {
        match self.body {
            Body::Contiguous(all) => all,
            Body::Blocks(_) => self.to_vec(),
        }
    }

    /// Bytes of memory that it takes, its own or shared.
    pub(crate) fn memory(&self) -> usize {
        match &self.body {
            Body::Contiguous(all) => all.capacity(),
            Body::Blocks(_) => self.len,
        }
    }

    /// Gives back the memory of a contiguous message, or of a large block that nobody else has, for [`MessageBuffer::recycle`].
    pub(crate) fn into_spent(self) -> Option<Vec<u8>> {
        match self.body {
            Body::Contiguous(all) => Some(all),
            Body::Blocks(blocks) => {
                let large = blocks.into_iter().filter(|block| block.len() >= KEEP_BYTES_MIN);
                large.filter_map(|block| block.try_into_mut().ok()).map(Vec::from).next()
            }
        }
    }
}

#[cfg(test)]
mod tests;
