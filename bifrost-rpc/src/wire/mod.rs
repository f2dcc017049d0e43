//! The Bifröst packet: a fixed 128-byte header in network byte order, then a body.
//!
//! `docs/protocol.md` is the normative text; this module is its codec. Unknown trailing bytes of a body are ignored, so that
//! later versions can add fields.

mod ack;
mod batch;
pub mod control;
pub mod frame;
mod header;
mod memory;
mod method;
mod open;
mod pointer;
mod pointers;
mod refused;
mod service_address;
pub mod tunnel;

pub(crate) use ack::RANGES_MAX;
pub use ack::{AckBody, AckStatus, FinishedBody};
pub use batch::{BATCH_MAX, Batch, BatchBody, BatchOp, BatchOutcome, OutcomesBody, outcomes_to_bytes, parse_outcomes};
pub use header::{CREDIT_BYTES, Flags, HEADER_BYTES, Header, IDENTIFIER, PacketType, VERSION};
pub use memory::{MemoryFields, MemoryOp, MemoryStatus, READ_TO_END};
pub(crate) use method::fnv1a;
pub use method::{METHOD_BYTES, MethodField};
pub use open::{OpenBody, OpenedBody, TOKEN_BYTES_MAX};
pub use pointer::{ARGUMENT_MAX, ObjectId, POINTER_BYTES, PREFIX_DEFAULT, Pointer, PointerError};
pub use pointers::{FURTHER_BYTES_MAX, POINTERS_MAX, PassError, check_pointers, further_bytes};
pub use refused::{Refusal, RefusedBody};
pub use service_address::{RACK_PREFIX_BITS, service_address};

/// The UDP port of a rack. A datagram from or to it, with the right identifier and version, is Bifröst.
pub const RACK_PORT: u16 = 7400;
/// The UDP port where a memory server in a rack takes control messages, at its root pointer's address.
pub const MEMORY_CONTROL_PORT: u16 = 7401;

/// Why a datagram or a body is not what it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Shorter than its fixed part.
    #[error("{got} bytes where at least {need} are needed")]
    Short {
        /// Bytes there are.
        got: usize,
        /// Bytes the format needs.
        need: usize,
    },
    /// Not the Bifröst identifier.
    #[error("not a Bifröst packet")]
    NotBifrost,
    /// Another version of the protocol.
    #[error("protocol version {0}, where {VERSION} is spoken")]
    Version(u8),
    /// A packet type that this version does not know.
    #[error("unknown packet type {0}")]
    Type(u8),
    /// A field has a value that the format forbids.
    #[error("bad {0}")]
    Field(&'static str),
}

/// Reads big-endian integers from a slice whose length was checked.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8], need: usize) -> Result<Self, WireError> {
        if bytes.len() < need {
            return Err(WireError::Short { got: bytes.len(), need });
        }
        Ok(Self(bytes))
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.0 = rest;
                *head
            }
            // `new` was given the length of all that is read.
            None => [0; N],
        }
    }

    fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }
    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }
    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }
    fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }
}
