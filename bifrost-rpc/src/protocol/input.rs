//! A cursor over a message in memory.

#![warn(clippy::indexing_slicing)]

use super::error;
use bytes::Bytes;

/// What is left of a message.
#[derive(Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
    /// The message, if its blocks may be shared.
    shared: Option<&'a Bytes>,
}

impl<'a> Input<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, shared: None }
    }

    pub(super) fn shared(message: &'a Bytes) -> Self {
        Self { rest: message, shared: Some(message) }
    }

    #[inline]
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `N` bytes, not taken.
    #[inline]
    pub(super) fn peek<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.rest.first_chunk()
    }

    /// Passes over bytes that `peek` has shown.
    #[inline]
    pub(super) fn pass(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or_default();
    }

    #[inline]
    pub(super) fn take<const N: usize>(&mut self) -> thrift::Result<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(error::truncated()),
        }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> thrift::Result<u8> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    #[inline]
    pub(super) fn slice(&mut self, len: usize) -> thrift::Result<&'a [u8]> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(error::truncated()),
        }
    }

    /// The elements of a list of `len` values of `N` bytes.
    #[inline]
    pub(super) fn fixed<const N: usize, T>(
        &mut self,
        len: usize,
        read: impl Fn([u8; N]) -> T,
    ) -> thrift::Result<Vec<T>> {
        let (chunks, _) = self.slice(len.saturating_mul(N))?.as_chunks();
        Ok(chunks.iter().map(|chunk| read(*chunk)).collect())
    }

    /// A part of the message as a block of its own: shared if possible, or else copied.
    #[inline]
    pub(super) fn block(&self, part: &'a [u8]) -> Bytes {
        match self.shared {
            Some(message) => message.slice_ref(part),
            None => Bytes::copy_from_slice(part),
        }
    }
}
