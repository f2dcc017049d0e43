//! Global pointers: 16 bytes, laid out as an IPv6 address so that they can be routed.

use std::fmt;
use std::net::Ipv6Addr;

/// Bytes of a pointer.
pub const POINTER_BYTES: usize = 16;

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
        }
    }
}
