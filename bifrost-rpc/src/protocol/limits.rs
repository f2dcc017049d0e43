//! Bounds on what a message may make its reader do.

use super::error;
use crate::reference::Received;
use std::sync::Arc;

/// Bounds that readers enforce on every message, and writers on the messages they make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message. Default 64 MiB.
    pub message_bytes_max: usize,
    /// Bytes of one `string` or `binary`. Default 64 MiB.
    pub string_bytes_max: usize,
    /// Elements of one list or set, entries of one map. Default 64 Mi. Whatever it is, a container that announces
    /// more elements than the rest of its message could hold is refused.
    pub container_len_max: usize,
    /// Memory that the containers decoded from one message may take, in bytes; an empty struct takes one byte in a
    /// message and perhaps hundreds in memory. Default 512 MiB.
    pub decoded_bytes_max: usize,
    /// Structs, lists, sets and maps inside one another. Default 64. Reading and writing recurse this deep, never
    /// deeper; the type keeps that within any thread's stack.
    pub depth_max: u8,
}

impl Limits {
    /// The default limits.
    pub const DEFAULT: Self = Self {
        message_bytes_max: 64 << 20,
        string_bytes_max: 64 << 20,
        container_len_max: 64 << 20,
        decoded_bytes_max: 512 << 20,
        depth_max: 64,
    };

    /// These limits with messages of at most `bytes`; a string is never longer than its message.
    #[must_use]
    pub const fn with_message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = if bytes > MESSAGE_BYTES_CEILING { MESSAGE_BYTES_CEILING } else { bytes };
        self
    }

    /// These limits with strings and binaries of at most `bytes`.
    #[must_use]
    pub const fn with_string_bytes_max(mut self, bytes: usize) -> Self {
        self.string_bytes_max = bytes;
        self
    }

    /// These limits with containers of at most `len` elements or entries.
    #[must_use]
    pub const fn with_container_len_max(mut self, len: usize) -> Self {
        self.container_len_max = len;
        self
    }

    /// These limits with at most `bytes` of memory for the containers of one message.
    #[must_use]
    pub const fn with_decoded_bytes_max(mut self, bytes: usize) -> Self {
        self.decoded_bytes_max = bytes;
        self
    }

    /// These limits with values nested at most `depth` deep.
    #[must_use]
    pub const fn with_depth_max(mut self, depth: u8) -> Self {
        self.depth_max = depth;
        self
    }
}

/// What Thrift's signed 32-bit lengths can say.
const MESSAGE_BYTES_CEILING: usize = i32::MAX as usize;

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const _: () = assert!(Limits::DEFAULT.string_bytes_max <= Limits::DEFAULT.message_bytes_max);
const _: () = assert!(Limits::DEFAULT.message_bytes_max <= MESSAGE_BYTES_CEILING);

/// Bytes of memory reserved in advance for each byte of input that is left.
const RESERVE_FACTOR: usize = 4;
/// Bytes that may be reserved however little input is left.
const RESERVE_BYTES_MIN: usize = 1024;

/// The limits of one message, and how much of them is used.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) limits: Limits,
    /// What a reader's pointers have come with.
    pub(crate) received: Option<Arc<Received>>,
    decoded_bytes: usize,
    depth: u8,
}

impl Guard {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, received: None, decoded_bytes: 0, depth: 0 }
    }

    /// As new.
    pub(crate) fn restart(&mut self) {
        (self.decoded_bytes, self.depth) = (0, 0);
    }

    /// One level down.
    #[inline]
    pub(crate) fn enter(&mut self) -> thrift::Result<()> {
        if self.depth >= self.limits.depth_max {
            return Err(error::too_deep(self.limits.depth_max));
        }
        self.depth += 1;
        Ok(())
    }

    /// One level up.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Accounts for memory that decoded values will take.
    #[inline]
    pub(crate) fn charge(&mut self, bytes: usize) -> thrift::Result<()> {
        self.decoded_bytes = self.decoded_bytes.saturating_add(bytes);
        if self.decoded_bytes > self.limits.decoded_bytes_max {
            return Err(error::too_large("decoded message", self.decoded_bytes));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn message(&self, bytes: usize) -> thrift::Result<()> {
        if bytes > self.limits.message_bytes_max {
            return Err(error::too_large("message", bytes));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn string(&self, bytes: usize) -> thrift::Result<()> {
        if bytes > self.limits.string_bytes_max {
            return Err(error::too_large("string", bytes));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn container(&self, len: usize) -> thrift::Result<()> {
        if len > self.limits.container_len_max {
            return Err(error::too_large("container", len));
        }
        Ok(())
    }

    /// Checks that a container of `len` elements, each of at least `element_bytes_min` bytes, fits in what is left.
    #[inline]
    pub(crate) fn container_in(&self, len: usize, element_bytes_min: usize, remaining: usize) -> thrift::Result<()> {
        if len.saturating_mul(element_bytes_min) > remaining {
            return Err(error::container_exceeds_input(len, remaining));
        }
        self.container(len)
    }
}

/// How many of `len` elements of `size` bytes in memory to reserve for, with `remaining` bytes of input left.
#[inline]
pub(crate) fn reserve_hint(len: usize, size: usize, remaining: usize) -> usize {
    let bytes = remaining.saturating_mul(RESERVE_FACTOR).max(RESERVE_BYTES_MIN);
    len.min(bytes / size.max(1))
}

/// A length as Thrift carries it: not over `i32::MAX`.
#[inline]
pub(crate) fn wire_len(len: usize) -> thrift::Result<i32> {
    i32::try_from(len).map_err(|_| error::too_large("value", len))
}
