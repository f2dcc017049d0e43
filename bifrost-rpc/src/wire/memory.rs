//! What a MEMORY packet says in its header: the operation, where it works, how it ended.

use super::{Flags, Header, PacketType, Pointer};

/// What is done to an object. The number stands in byte 6 of the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MemoryOp {
    /// Makes an object; the body is its content, as far as it goes, the rest is zero.
    Alloc = 1,
    /// Reads a range.
    Read = 2,
    /// Writes a range.
    Write = 3,
    /// Ends the object.
    Free = 4,
}

/// The operation's argument (byte 7 of the pointer) of a single operation.
pub const ARGUMENT_SINGLE: u8 = 0;
/// The operation's argument where the body is a batch; the operation is its strongest.
pub const ARGUMENT_BATCH: u8 = 1;

impl MemoryOp {
    /// The operation of a number.
    #[must_use]
    pub const fn from_wire(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Alloc,
            2 => Self::Read,
            3 => Self::Write,
            4 => Self::Free,
            _ => return None,
        })
    }

    /// Whether it can change an object, so that it must not be done twice.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

/// How a memory operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryStatus {
    /// It was done.
    #[error("done")]
    Ok,
    /// The server has no room for it.
    #[error("out of memory")]
    OutOfMemory,
    /// There is no such object: it was freed, or there never was one.
    #[error("no such object")]
    NoObject,
    /// The object was lost when its server restarted.
    #[error("object lost: its server has restarted")]
    ObjectLost,
    /// The node has no right to do this.
    #[error("permission denied")]
    Denied,
    /// The node's incarnation has ended.
    #[error("the node's incarnation has ended")]
    IncarnationEnded,
    /// The range reaches past the end of the object.
    #[error("past the end of the object")]
    OutOfRange,
    /// Offset or length is no multiple of what the server requires.
    #[error("misaligned")]
    Misaligned,
    /// The length is zero where it must not be.
    #[error("zero length")]
    ZeroLength,
    /// The object is leased to a call: its controller may only read.
    #[error("leased to a call that has not ended")]
    Leased,
    /// Longer than the server allows.
    #[error("too large")]
    TooLarge,
    /// The pointer is one of another memory server, or none at all.
    #[error("not a pointer of this server")]
    WrongServer,
    /// An operation of a batch, after one that failed.
    #[error("not done, because an earlier operation failed")]
    NotDone,
    /// The server could not say how it ended, or does not do this.
    #[error("the server failed")]
    Failed,
    /// One that this version does not know.
    #[error("unknown status {0}")]
    Other(u16),
}

impl MemoryStatus {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Ok => 0,
            Self::OutOfMemory => 1,
            Self::NoObject => 2,
            Self::ObjectLost => 3,
            Self::Denied => 4,
            Self::IncarnationEnded => 5,
            Self::OutOfRange => 6,
            Self::Misaligned => 7,
            Self::ZeroLength => 8,
            Self::Leased => 9,
            Self::TooLarge => 10,
            Self::WrongServer => 11,
            Self::NotDone => 12,
            Self::Failed => 13,
            Self::Other(code) => code,
        }
    }

    /// The status of a number.
    #[must_use]
    pub const fn from_wire(code: u16) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::OutOfMemory,
            2 => Self::NoObject,
            3 => Self::ObjectLost,
            4 => Self::Denied,
            5 => Self::IncarnationEnded,
            6 => Self::OutOfRange,
            7 => Self::Misaligned,
            8 => Self::ZeroLength,
            9 => Self::Leased,
            10 => Self::TooLarge,
            11 => Self::WrongServer,
            12 => Self::NotDone,
            13 => Self::Failed,
            other => Self::Other(other),
        }
    }
}

/// What all packets of a memory operation that carry its message have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryFields {
    /// The object, with operation and argument.
    pub pointer: Pointer,
    /// Where in the object, in bytes. In the answer to an ALLOC: the first half of the new pointer.
    pub offset: u64,
    /// How many bytes; of an ALLOC, the object's size. In the answer to an ALLOC: the new object's id.
    pub len: u64,
    /// The write of this session that comes before this operation, 0 for none. In an answer: a detail of the status.
    pub previous_write: u64,
    /// In an answer: how the operation ended. In a request the field is the deadline, and this is [`MemoryStatus::Ok`].
    pub status: MemoryStatus,
}

impl MemoryFields {
    /// What stands in the header of a MEMORY packet.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let is_answer = header.flags.has(Flags::MEMORY_REPLY);
        // A number that does not fit is as unknown as one that does.
        let status = if is_answer { u16::try_from(header.deadline_us).unwrap_or(u16::MAX) } else { 0 };
        Self {
            pointer: Pointer::from_bytes(header.pointer),
            offset: header.memory_offset,
            len: header.memory_len,
            previous_write: header.previous_write,
            status: MemoryStatus::from_wire(status),
        }
    }

    /// Puts it into a header, which becomes one of a MEMORY packet.
    pub fn put(&self, header: &mut Header, is_answer: bool) {
        header.kind = PacketType::Memory;
        header.pointers = 1;
        header.pointer = self.pointer.to_bytes();
        header.memory_offset = self.offset;
        header.memory_len = self.len;
        header.previous_write = self.previous_write;
        if is_answer {
            header.flags = header.flags.with(Flags::MEMORY_REPLY);
            header.deadline_us = u32::from(self.status.to_wire());
        }
    }

    /// The operation; `None` if this version does not know it, or not with this argument.
    #[must_use]
    pub fn operation(&self) -> Option<MemoryOp> {
        let operation = MemoryOp::from_wire(self.pointer.operation())?;
        let known = match self.pointer.argument() {
            ARGUMENT_SINGLE => true,
            ARGUMENT_BATCH => operation != MemoryOp::Alloc,
            _ => false,
        };
        known.then_some(operation)
    }

    /// Whether the body is a batch.
    #[must_use]
    pub const fn is_batch(&self) -> bool {
        self.pointer.argument() == ARGUMENT_BATCH
    }

    /// Whether request `rpc` with a body of `message_len` bytes is one that can be done at all.
    #[must_use]
    pub fn is_request(&self, rpc: u64, message_len: u32) -> bool {
        let body = u64::from(message_len);
        let fits = match self.operation() {
            None => false,
            Some(_) if self.is_batch() => self.offset == 0 && self.len == 0 && body > 0,
            Some(MemoryOp::Alloc) => self.offset == 0 && body <= self.len && self.pointer.object() == 0,
            Some(MemoryOp::Write) => body == self.len,
            Some(MemoryOp::Read) => body == 0,
            Some(MemoryOp::Free) => body == 0 && self.offset == 0 && self.len == 0,
        };
        fits && self.offset.checked_add(self.len).is_some() && self.previous_write < rpc && self.pointer.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(pointer: Pointer, offset: u64, len: u64) -> MemoryFields {
        MemoryFields { pointer, offset, len, previous_write: 0, status: MemoryStatus::Ok }
    }

    fn at(op: MemoryOp, argument: u8) -> Pointer {
        Pointer::new(1, 1, if op == MemoryOp::Alloc { 0 } else { 5 }).with_operation(op as u8, argument)
    }

    #[test]
    fn requests_that_make_no_sense_are_told_apart() {
        use MemoryOp::{Alloc, Free, Read, Write};
        assert!(fields(at(Alloc, 0), 0, 100).is_request(1, 60), "allocate and write");
        assert!(!fields(at(Alloc, 0), 0, 100).is_request(1, 101), "more content than object");
        assert!(!fields(at(Alloc, 0), 8, 100).is_request(1, 0), "an offset");
        assert!(!fields(at(Alloc, 1), 0, 0).is_request(1, 8), "a batch of allocations");
        assert!(fields(at(Read, 0), 8, 100).is_request(1, 0));
        assert!(!fields(at(Read, 0), 8, 100).is_request(1, 100), "a read with data");
        assert!(!fields(at(Read, 0), u64::MAX, 1).is_request(1, 0), "past the end of all objects");
        assert!(fields(at(Write, 0), 8, 100).is_request(1, 100));
        assert!(!fields(at(Write, 0), 8, 100).is_request(1, 99), "data missing");
        assert!(!fields(at(Free, 0), 0, 1).is_request(1, 0));
        assert!(fields(at(Write, 1), 0, 0).is_request(1, 40));
        assert!(!fields(at(Write, 1), 0, 0).is_request(1, 0), "an empty batch");
        assert!(!fields(at(Write, 2), 0, 0).is_request(1, 0), "an unknown argument");
        assert!(!fields(Pointer::new(1, 1, 5), 0, 0).is_request(1, 0), "no operation");
        assert!(!fields(Pointer::new(1, 1, 5).with_operation(9, 0), 0, 0).is_request(1, 0), "an unknown operation");
        let odd = Pointer::from_bytes([1, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
        assert!(!fields(odd, 0, 0).is_request(1, 0), "no pointer");
        let cyclic = MemoryFields { previous_write: 7, ..fields(at(Read, 0), 0, 1) };
        assert!(!cyclic.is_request(7, 0) && cyclic.is_request(8, 0), "it cannot wait for itself or for a later one");
    }

    proptest! {
        #[test]
        fn fields_round_trip_through_a_header(pointer: [u8; 16], offset: u64, len: u64, previous_write: u64, code: u16, is_answer: bool) {
            let status = MemoryStatus::from_wire(if is_answer { code } else { 0 });
            let fields = MemoryFields { pointer: Pointer::from_bytes(pointer), offset, len, previous_write, status };
            let mut header = Header::new(PacketType::Call);
            fields.put(&mut header, is_answer);
            let read = Header::parse(&header.to_bytes()).unwrap();
            prop_assert_eq!(MemoryFields::of(&read), fields);
            prop_assert_eq!((read.kind, read.pointers, read.flags.has(Flags::MEMORY_REPLY)), (PacketType::Memory, 1, is_answer));
        }

        #[test]
        fn every_status_has_its_number(code: u16) {
            prop_assert_eq!(MemoryStatus::from_wire(code).to_wire(), code);
        }

        #[test]
        fn any_fields_are_taken_or_refused(pointer: [u8; 16], offset: u64, len: u64, previous_write: u64, rpc: u64, message_len: u32) {
            let fields = MemoryFields { pointer: Pointer::from_bytes(pointer), offset, len, previous_write, status: MemoryStatus::Ok };
            if fields.is_request(rpc, message_len) {
                prop_assert!(fields.operation().is_some() && offset.checked_add(len).is_some());
            }
        }
    }
}
