//! Global pointers: 16 bytes that name an object of a memory server, laid out as an IPv6 address.
//!
//! | byte | 0–3 | 4 | 5 | 6 | 7 | 8–15 |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | | zero | prefix of the memory | server | operation | argument | object id |
//!
//! At rest operation and argument are zero. A memory packet is sent to the pointer's address with both filled in.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The prefix byte of a rack that does not configure another.
pub const PREFIX_DEFAULT: u8 = 0xfd;
/// Largest operation argument: ranges are multiples of 2¹² bytes at most.
pub const ARGUMENT_MAX: u8 = 12;

/// Why 16 bytes are no pointer, or not the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerError {
    /// The first four bytes are not zero.
    #[error("not a global pointer: its first four bytes are not zero")]
    NotGlobal,
    /// An operation that does not exist.
    #[error("operation {0} of a global pointer does not exist")]
    Operation(u8),
    /// An argument that no operation takes.
    #[error("operation argument {0} is over {ARGUMENT_MAX}, or stands without an operation")]
    Argument(u8),
    /// Not an IPv6 address.
    #[error("not written as an IPv6 address")]
    Text,
    /// A pointer at rest was expected, and this one has an operation.
    #[error("a pointer at rest has no operation")]
    NotAtRest,
}

/// What is done to an object, as the pointer's byte 6 says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Operation {
    /// Makes an object; the pointer's object id is 0.
    Alloc = 1,
    /// Reads a range.
    Read = 2,
    /// Writes a range.
    Write = 3,
    /// Gives the object's memory back.
    Free = 4,
}

impl Operation {
    /// The operation of a byte; `None` for 0, which is a pointer at rest.
    ///
    /// # Errors
    ///
    /// [`PointerError::Operation`] when the byte is none of them.
    pub const fn from_wire(byte: u8) -> Result<Option<Self>, PointerError> {
        Ok(Some(match byte {
            0 => return Ok(None),
            1 => Self::Alloc,
            2 => Self::Read,
            3 => Self::Write,
            4 => Self::Free,
            other => return Err(PointerError::Operation(other)),
        }))
    }
}

/// An object of one memory server: the boot it was made in, then a counter. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ObjectId {
    /// The boot number under which the server made the object.
    pub boot: u32,
    /// Counts the objects of that boot, from 1; 0 in the pointer that an alloc is sent to.
    pub counter: u32,
}

impl ObjectId {
    /// The id of 64 bits.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of 64 bits")]
    pub const fn from_bits(bits: u64) -> Self {
        Self { boot: (bits >> 32) as u32, counter: bits as u32 }
    }

    /// The id as 64 bits.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.boot as u64) << 32 | self.counter as u64
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.boot, self.counter)
    }
}

/// A pointer at rest: which object, on which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer {
    /// The byte that all of a rack's memory shares.
    pub prefix: u8,
    /// The memory server.
    pub server: u8,
    /// The object there.
    pub object: ObjectId,
}

impl Pointer {
    /// The pointer of 16 bytes.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when they are no pointer, or one with an operation.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, PointerError> {
        let address = Address::from_bytes(bytes)?;
        if address.operation.is_some() { Err(PointerError::NotAtRest) } else { Ok(address.pointer) }
    }

    /// The pointer as 16 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        Address { pointer: self, operation: None, argument: 0 }.to_bytes()
    }

    /// Where to send an operation on the object. `argument` is cut to [`ARGUMENT_MAX`].
    #[must_use]
    pub fn with_operation(self, operation: Operation, argument: u8) -> Address {
        Address { pointer: self, operation: Some(operation), argument: argument.min(ARGUMENT_MAX) }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ipv6Addr::from(self.to_bytes()).fmt(f)
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        Self::from_bytes(text.parse::<Ipv6Addr>().map_err(|_| PointerError::Text)?.octets())
    }
}

/// A pointer with what is to be done: the destination address of a memory packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// The pointer at rest.
    pub pointer: Pointer,
    /// The operation; none in a pointer at rest.
    pub operation: Option<Operation>,
    /// log₂ of the unit, in bytes, whose multiples offset and length must be; 0 for any range, and without an operation.
    pub argument: u8,
}

impl Address {
    /// The address of 16 bytes.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when they are no pointer.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, PointerError> {
        let [0, 0, 0, 0, prefix, server, operation, argument, object @ ..] = bytes else {
            return Err(PointerError::NotGlobal);
        };
        let operation = Operation::from_wire(operation)?;
        if argument > ARGUMENT_MAX || (operation.is_none() && argument != 0) {
            return Err(PointerError::Argument(argument));
        }
        let object = ObjectId::from_bits(u64::from_be_bytes(object));
        Ok(Self { pointer: Pointer { prefix, server, object }, operation, argument })
    }

    /// The address as 16 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let operation = self.operation.map_or(0, |operation| operation as u8);
        bytes[4..8].copy_from_slice(&[self.pointer.prefix, self.pointer.server, operation, self.argument]);
        bytes[8..].copy_from_slice(&self.pointer.object.to_bits().to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_the_documented_one() {
        let pointer = Pointer { prefix: 0xfd, server: 3, object: ObjectId { boot: 7, counter: 258 } };
        let at_rest = [0, 0, 0, 0, 0xfd, 3, 0, 0, 0, 0, 0, 7, 0, 0, 1, 2];
        assert_eq!(pointer.to_bytes(), at_rest);
        assert_eq!(pointer.to_string(), "::fd03:0:0:7:0:102");
        let mut write = at_rest;
        write[6..8].copy_from_slice(&[3, 2]);
        assert_eq!(pointer.with_operation(Operation::Write, 2).to_bytes(), write);
        assert_eq!(Pointer::from_bytes(write), Err(PointerError::NotAtRest));
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        let mut bytes = [0; 16];
        bytes[3] = 1;
        assert_eq!(Address::from_bytes(bytes), Err(PointerError::NotGlobal));
        let mut bytes = [0; 16];
        bytes[6] = 5;
        assert_eq!(Address::from_bytes(bytes), Err(PointerError::Operation(5)));
        bytes[6..8].copy_from_slice(&[2, ARGUMENT_MAX + 1]);
        assert_eq!(Address::from_bytes(bytes), Err(PointerError::Argument(ARGUMENT_MAX + 1)));
        bytes[6..8].copy_from_slice(&[0, 1]);
        assert_eq!(Address::from_bytes(bytes), Err(PointerError::Argument(1)));
        assert_eq!("10.0.0.1".parse::<Pointer>(), Err(PointerError::Text));
    }

    proptest! {
        #[test]
        fn any_sixteen_bytes_are_refused_or_come_out_the_same(bytes: [u8; 16], zero: bool) {
            let mut bytes = bytes;
            if zero {
                bytes[..4].fill(0);
                bytes[6] %= 6;
                bytes[7] %= 16;
            }
            if let Ok(address) = Address::from_bytes(bytes) {
                prop_assert_eq!(address.to_bytes(), bytes);
            }
        }

        #[test]
        fn pointers_are_read_back_from_bytes_and_text(prefix: u8, server: u8, id: u64) {
            let pointer = Pointer { prefix, server, object: ObjectId::from_bits(id) };
            prop_assert_eq!(pointer.object.to_bits(), id);
            prop_assert_eq!(Pointer::from_bytes(pointer.to_bytes()), Ok(pointer));
            prop_assert_eq!(pointer.to_string().parse(), Ok(pointer));
        }
    }
}
