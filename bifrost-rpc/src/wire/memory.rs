//! What a MEMORY packet says in its header: the operation, where it works, how it ended.

use super::{Flags, Header, PacketType, Pointer};

/// The length of a READ of all up to the object's end: no object is so long. A length that is n more asks for that if it is n
/// bytes at most.
pub const READ_TO_END: u64 = 1 << 62;

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

/// How a memory operation ended. A detail goes with it: a limit, a length, what is free; 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryStatus {
    /// It was done.
    #[error("done")]
    Ok,
    /// The server's memory does not suffice; the detail is what is free, in bytes.
    #[error("out of memory")]
    OutOfMemory,
    /// There is no such object: it was freed, or there never was one.
    #[error("no such object")]
    NoObject,
    /// The object was lost when its server restarted.
    #[error("object lost: its server has restarted since it was made")]
    ObjectLost,
    /// A pointer of another server or rack.
    #[error("a pointer of another memory server")]
    WrongServer,
    /// The node has no right to do this to the object.
    #[error("the node has no right to do this to the object")]
    Denied,
    /// The object is leased to a call, and cannot be changed until that ends.
    #[error("leased to a call that has not ended")]
    Leased,
    /// The node's incarnation has ended.
    #[error("the node's incarnation has ended")]
    IncarnationEnded,
    /// The range ends behind the object; the detail is the object's length.
    #[error("past the end of the object")]
    OutOfRange,
    /// An object or a range of no bytes.
    #[error("a length of zero")]
    ZeroLength,
    /// Larger than the server allows; the detail is the limit in bytes.
    #[error("too large")]
    TooLarge,
    /// Offset or length is no multiple of what the operation's argument says; the detail is that unit.
    #[error("misaligned")]
    Misaligned,
    /// The server has as many objects as it may; the detail is the limit.
    #[error("too many objects")]
    TooManyObjects,
    /// The node controls as many bytes as it may; the detail is the limit.
    #[error("over the node's quota")]
    Quota,
    /// Readers hold as much memory as they may; later it will go.
    #[error("too many versions are being read")]
    TooManyPinned,
    /// The client has as many operations waiting as it may.
    #[error("too many operations outstanding")]
    TooManyOutstanding,
    /// The server has as many clients as it may.
    #[error("too many clients")]
    TooManyClients,
    /// The client said before that this operation has ended.
    #[error("the client has ended this operation")]
    Ended,
    /// A batch on more than one object, where nodes are protected from each other.
    #[error("a batch touches one object")]
    SeveralObjects,
    /// A batch of none or too many operations; the detail is the limit.
    #[error("a batch of none or too many operations")]
    BatchLength,
    /// The data are not those announced.
    #[error("not all of the data has arrived")]
    Incomplete,
    /// The server has used up its object ids.
    #[error("no object ids are left")]
    IdsExhausted,
    /// A control message of an older term; the detail is the term that holds.
    #[error("a control message of an older term")]
    OldTerm,
    /// A control message before the one it follows; the detail is the number that is next.
    #[error("a control message out of sequence")]
    OutOfSequence,
    /// There is no such snapshot.
    #[error("no such snapshot")]
    NoSnapshot,
    /// A snapshot of that number covers other objects.
    #[error("a snapshot of this number exists already, of other objects")]
    SnapshotExists,
    /// As many snapshots, or objects in them, as there may be; the detail is the limit.
    #[error("too many snapshots, or objects in them")]
    TooManySnapshots,
    /// As many leases as there may be; the detail is the limit.
    #[error("too many leases")]
    TooManyLeases,
    /// As many nodes as there may be; the detail is the limit.
    #[error("too many nodes")]
    TooManyNodes,
    /// The session was never opened at the memory server, or has ended.
    #[error("unknown client")]
    UnknownClient,
    /// An operation of a batch, after one that failed.
    #[error("not done, because an earlier operation failed")]
    NotDone,
    /// The server failed at it; whether it was done is unknown.
    #[error("the server failed")]
    Failed,
    /// One that this version does not know.
    #[error("refused with code {0}")]
    Other(u16),
}

/// Writes down once which number means what.
macro_rules! numbers {
    ($($number:literal $name:ident;)*) => {
        impl MemoryStatus {
            /// The number on the wire.
            #[must_use]
            pub const fn to_wire(self) -> u16 {
                match self { $(Self::$name => $number,)* Self::Other(number) => number }
            }

            /// The status of a number.
            #[must_use]
            pub const fn from_wire(number: u16) -> Self {
                match number { $($number => Self::$name,)* other => Self::Other(other) }
            }
        }
    };
}

numbers! {
    0 Ok;
    1 OutOfMemory;
    2 NoObject;
    3 ObjectLost;
    4 WrongServer;
    5 Denied;
    6 Leased;
    7 IncarnationEnded;
    8 OutOfRange;
    9 ZeroLength;
    10 TooLarge;
    11 Misaligned;
    12 TooManyObjects;
    13 Quota;
    14 TooManyPinned;
    15 TooManyOutstanding;
    16 TooManyClients;
    17 Ended;
    18 SeveralObjects;
    19 BatchLength;
    20 Incomplete;
    21 IdsExhausted;
    22 OldTerm;
    23 OutOfSequence;
    24 NoSnapshot;
    25 SnapshotExists;
    26 TooManySnapshots;
    27 TooManyLeases;
    28 TooManyNodes;
    29 UnknownClient;
    256 NotDone;
    257 Failed;
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
    /// Whether the body is a batch, or the answer to one.
    pub is_batch: bool,
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
            is_batch: header.flags.has(Flags::BATCH),
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
        if self.is_batch {
            header.flags = header.flags.with(Flags::BATCH);
        }
        if is_answer {
            header.flags = header.flags.with(Flags::MEMORY_REPLY);
            header.deadline_us = u32::from(self.status.to_wire());
        }
    }

    /// The operation; `None` if this version does not know it.
    #[must_use]
    pub const fn operation(&self) -> Option<MemoryOp> {
        MemoryOp::from_wire(self.pointer.operation())
    }

    /// Whether request `rpc` with a body of `message_len` bytes is one that can be done at all.
    #[must_use]
    pub fn is_request(&self, rpc: u64, message_len: u32) -> bool {
        let body = u64::from(message_len);
        let fits = match self.operation() {
            None => false,
            Some(MemoryOp::Alloc) if self.is_batch && self.pointer.object() != 0 => false,
            Some(_) if self.is_batch => self.offset == 0 && self.len == 0 && body > 0,
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

    fn fields(op: MemoryOp, offset: u64, len: u64) -> MemoryFields {
        let object = if op == MemoryOp::Alloc { 0 } else { 5 };
        let pointer = Pointer::new(1, 1, object).with_operation(op as u8, 0);
        MemoryFields { pointer, offset, len, previous_write: 0, is_batch: false, status: MemoryStatus::Ok }
    }

    #[test]
    fn requests_that_make_no_sense_are_told_apart() {
        use MemoryOp::{Alloc, Free, Read, Write};
        let batch = |op| MemoryFields { is_batch: true, ..fields(op, 0, 0) };
        assert!(fields(Alloc, 0, 100).is_request(1, 60), "allocate and write");
        assert!(!fields(Alloc, 0, 100).is_request(1, 101), "more content than object");
        assert!(!fields(Alloc, 8, 100).is_request(1, 0), "an offset");
        assert!(batch(Alloc).is_request(1, 40), "a batch of allocations");
        let pointer = Pointer::new(1, 1, 5).with_operation(Alloc as u8, 0);
        assert!(!MemoryFields { pointer, ..batch(Alloc) }.is_request(1, 40), "a batch of allocations on an object");
        assert!(fields(Read, 8, 100).is_request(1, 0));
        assert!(!fields(Read, 8, 100).is_request(1, 100), "a read with data");
        assert!(!fields(Read, u64::MAX, 1).is_request(1, 0), "past the end of all objects");
        assert!(fields(Write, 8, 100).is_request(1, 100));
        assert!(!fields(Write, 8, 100).is_request(1, 99), "data missing");
        assert!(!fields(Free, 0, 1).is_request(1, 0));
        assert!(batch(Write).is_request(1, 40));
        assert!(!batch(Write).is_request(1, 0), "an empty batch");
        let odd = |pointer| MemoryFields { pointer, ..fields(Read, 0, 0) };
        assert!(!odd(Pointer::new(1, 1, 5)).is_request(1, 0), "no operation");
        assert!(!odd(Pointer::new(1, 1, 5).with_operation(9, 0)).is_request(1, 0), "an unknown operation");
        let foreign = Pointer::from_bytes([1, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
        assert!(!odd(foreign).is_request(1, 0), "no pointer");
        let cyclic = MemoryFields { previous_write: 7, ..fields(Read, 0, 1) };
        assert!(!cyclic.is_request(7, 0) && cyclic.is_request(8, 0), "it cannot wait for itself or for a later one");
    }

    proptest! {
        #[test]
        fn fields_round_trip_through_a_header(pointer: [u8; 16], offset: u64, len: u64, previous_write: u64, code: u16, is_answer: bool, is_batch: bool) {
            let status = MemoryStatus::from_wire(if is_answer { code } else { 0 });
            let fields = MemoryFields { pointer: Pointer::from_bytes(pointer), offset, len, previous_write, is_batch, status };
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
        fn any_fields_are_taken_or_refused(pointer: [u8; 16], offset: u64, len: u64, previous_write: u64, rpc: u64, message_len: u32, is_batch: bool) {
            let pointer = Pointer::from_bytes(pointer);
            let fields = MemoryFields { pointer, offset, len, previous_write, is_batch, status: MemoryStatus::Ok };
            if fields.is_request(rpc, message_len) {
                prop_assert!(fields.operation().is_some() && offset.checked_add(len).is_some());
            }
        }
    }
}
