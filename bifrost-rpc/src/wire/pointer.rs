//! Global pointers: 16 bytes, laid out as an IPv6 address so that they can be routed.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Bytes of a pointer.
pub const POINTER_BYTES: usize = 16;
/// The prefix byte of a rack that does not configure another.
pub const PREFIX_DEFAULT: u8 = 0xfd;
/// Largest operation argument that memory servers know: ranges are multiples of 2¹² bytes at most.
pub const ARGUMENT_MAX: u8 = 12;

/// Why something is no pointer at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerError {
    /// The first four bytes are not zero.
    #[error("not a global pointer: its first four bytes are not zero")]
    NotGlobal,
    /// It has an operation or an argument.
    #[error("a pointer at rest has no operation")]
    NotAtRest,
    /// Not an IPv6 address.
    #[error("not written as an IPv6 address")]
    Text,
}

/// An object of one memory server: the boot it was made in, then a counter. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ObjectId {
    /// The boot number under which the server made the object.
    pub boot: u32,
    /// Counts the objects of that boot, from 1; 0 in the pointer that an ALLOC is sent to.
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

/// A pointer to an object of global memory.
///
/// Bytes 0–3 are zero, 4 is the prefix of the rack's memory, 5 the memory server, 6 an operation and 7 its argument
/// (both zero in a pointer at rest), 8–15 the object's id, which is never used twice. Object 0 stands for the server
/// itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Pointer([u8; POINTER_BYTES]);

impl Pointer {
    /// The pointer to an object, at rest.
    #[must_use]
    pub const fn new(prefix: u8, server: u8, object: u64) -> Self {
        let id = object.to_be_bytes();
        Self([0, 0, 0, 0, prefix, server, 0, 0, id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]])
    }

    /// The pointer of these bytes, whatever they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; POINTER_BYTES]) -> Self {
        Self(bytes)
    }

    /// The pointer at rest of these bytes.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when they are none.
    pub const fn parse(bytes: [u8; POINTER_BYTES]) -> Result<Self, PointerError> {
        match bytes {
            [0, 0, 0, 0, _, _, 0, 0, ..] => Ok(Self(bytes)),
            [0, 0, 0, 0, ..] => Err(PointerError::NotAtRest),
            _ => Err(PointerError::NotGlobal),
        }
    }

    /// The bytes, as they stand on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; POINTER_BYTES] {
        self.0
    }

    /// The prefix of the rack's memory.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.0[4]
    }

    /// The memory server.
    #[must_use]
    pub const fn server(self) -> u8 {
        self.0[5]
    }

    /// The operation byte, 0 at rest.
    #[must_use]
    pub const fn operation(self) -> u8 {
        self.0[6]
    }

    /// The operation's argument, 0 at rest.
    #[must_use]
    pub const fn argument(self) -> u8 {
        self.0[7]
    }

    /// The object's id.
    #[must_use]
    pub const fn object(self) -> u64 {
        let b = self.0;
        u64::from_be_bytes([b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]])
    }

    /// The object's id, in its parts.
    #[must_use]
    pub const fn object_id(self) -> ObjectId {
        ObjectId::from_bits(self.object())
    }

    /// Another object of the same server, at rest.
    #[must_use]
    pub const fn with_object(self, object: ObjectId) -> Self {
        Self::new(self.prefix(), self.server(), object.to_bits())
    }

    /// The same object, with an operation and its argument: what a packet of that operation is sent to.
    #[must_use]
    pub const fn with_operation(mut self, operation: u8, argument: u8) -> Self {
        self.0[6] = operation;
        self.0[7] = argument;
        self
    }

    /// The same object, without operation and argument.
    #[must_use]
    pub const fn at_rest(self) -> Self {
        self.with_operation(0, 0)
    }

    /// The server that has the object: object 0, at rest. OPEN and packets of no operation are sent to it.
    #[must_use]
    pub const fn root(self) -> Self {
        Self::new(self.prefix(), self.server(), 0)
    }

    /// Whether bytes 0–3 are zero, as they are in every pointer.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, ..])
    }

    /// Whether it is a pointer without operation and argument.
    #[must_use]
    pub const fn is_at_rest(self) -> bool {
        self.is_valid() && self.0[6] == 0 && self.0[7] == 0
    }

    /// Whether links can route by it: it is one, of a rack's memory.
    #[must_use]
    pub const fn is_routable(self) -> bool {
        self.is_valid() && self.prefix() != 0
    }

    /// The address that packets with this pointer are sent to on links that route by it.
    #[must_use]
    pub fn address(self) -> Ipv6Addr {
        Ipv6Addr::from(self.0)
    }
}

impl From<Pointer> for uuid::Uuid {
    /// As it stands in a Thrift message.
    fn from(pointer: Pointer) -> Self {
        Self::from_bytes(pointer.0)
    }
}

impl From<uuid::Uuid> for Pointer {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(uuid.into_bytes())
    }
}

/// Written as the IPv6 address it is.
impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

/// A pointer at rest.
impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        Self::parse(text.parse::<Ipv6Addr>().map_err(|_no_address| PointerError::Text)?.octets())
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pointer({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_parts_stand_where_the_protocol_says() {
        let pointer = Pointer::new(0xFD, 3, 0x0102_0304_0506_0708).with_operation(2, 1);
        assert_eq!(pointer.to_bytes(), [0, 0, 0, 0, 0xFD, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(pointer.to_string(), "::fd03:201:102:304:506:708");
        assert_eq!(pointer.root().to_bytes(), [0, 0, 0, 0, 0xFD, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_no_pointer_at_rest_is_refused() {
        let pointer = Pointer::new(0xfd, 3, ObjectId { boot: 7, counter: 258 }.to_bits());
        assert_eq!(pointer.to_string(), "::fd03:0:0:7:0:102");
        assert_eq!(
            (Pointer::parse(pointer.to_bytes()), pointer.object_id().to_string()),
            (Ok(pointer), "7.258".into())
        );
        assert_eq!(Pointer::parse(pointer.with_operation(3, 0).to_bytes()), Err(PointerError::NotAtRest));
        assert_eq!(Pointer::parse(pointer.with_operation(0, 1).to_bytes()), Err(PointerError::NotAtRest));
        let mut bytes = [0; 16];
        bytes[3] = 1;
        assert_eq!(Pointer::parse(bytes), Err(PointerError::NotGlobal));
        assert_eq!("10.0.0.1".parse::<Pointer>(), Err(PointerError::Text));
        assert_eq!("2001:db8::1".parse::<Pointer>(), Err(PointerError::NotGlobal));
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(prefix: u8, server: u8, object: u64, operation: u8, argument: u8) {
            let pointer = Pointer::new(prefix, server, object);
            let sent = pointer.with_operation(operation, argument);
            prop_assert_eq!((sent.prefix(), sent.server(), sent.object()), (prefix, server, object));
            prop_assert_eq!((sent.operation(), sent.argument()), (operation, argument));
            prop_assert_eq!(sent.at_rest(), pointer);
            prop_assert!(sent.is_valid());
            prop_assert_eq!(Pointer::from(uuid::Uuid::from(sent)), sent);
            prop_assert_eq!(pointer.root().with_object(pointer.object_id()), pointer);
            prop_assert_eq!(pointer.to_string().parse(), Ok(pointer));
        }
    }
}
