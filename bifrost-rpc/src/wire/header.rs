//! The fixed header.

use super::{Cursor, METHOD_BYTES, MethodField, WireError};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 128;
/// The first two bytes of every packet.
pub const IDENTIFIER: u16 = 0xB1F0;
/// The unit of [`Header::credits`].
pub const CREDIT_BYTES: usize = 4096;
/// The protocol version this crate speaks.
pub const VERSION: u8 = 1;

/// What a packet is. 1–4 are Thrift's message types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// A fragment of a call.
    Call = 1,
    /// A fragment of a reply.
    Reply = 2,
    /// A fragment of an application exception.
    Exception = 3,
    /// A fragment of a oneway call.
    Oneway = 4,
    /// A memory operation.
    Memory = 5,
    /// A message to or from the control plane.
    Control = 6,
    /// Asks for a session.
    Open = 7,
    /// Answers OPEN: with an address-validation token only (session 0), or with a session.
    Opened = 8,
    /// Acknowledges fragments of a message (RPC id set), or calls of a session that ended (RPC id 0).
    Ack = 9,
    /// The control plane holds the call.
    Held = 10,
    /// The packet named by its RPC id or session is refused.
    Refused = 11,
    /// A oneway call's handler has ended.
    Done = 12,
    /// Asks after a session (RPC id 0) or a call.
    Ping = 13,
    /// Answers PING.
    Pong = 14,
    /// The client ends the session.
    Close = 15,
    /// The client no longer waits for the call.
    Cancel = 16,
}

impl PacketType {
    /// The type of a type byte.
    ///
    /// # Errors
    ///
    /// [`WireError::Type`] when this version does not know it.
    pub const fn from_wire(byte: u8) -> Result<Self, WireError> {
        Ok(match byte {
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Exception,
            4 => Self::Oneway,
            5 => Self::Memory,
            6 => Self::Control,
            7 => Self::Open,
            8 => Self::Opened,
            9 => Self::Ack,
            10 => Self::Held,
            11 => Self::Refused,
            12 => Self::Done,
            13 => Self::Ping,
            14 => Self::Pong,
            15 => Self::Close,
            16 => Self::Cancel,
            other => return Err(WireError::Type(other)),
        })
    }
}

/// The flag bits of a header. Unknown bits are ignored by a receiver and sent as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// Fragment 0 of a message; set if and only if the fragment offset is 0.
    pub const FIRST: Self = Self(0x0001);
    /// Travels from the caller to the callee.
    pub const TO_CALLEE: Self = Self(0x0002);
    /// The call leases pointers: set in all packets that tell of one, where a control plane has to see them.
    pub const LEASED: Self = Self(0x0004);
    /// The answer of a memory operation.
    pub const MEMORY_REPLY: Self = Self(0x0008);
    /// The sender understands references: in a call, its caller takes them in the answer.
    pub const REFERENCES: Self = Self(0x0010);
    /// The body is sealed: ciphertext, then a 16-byte tag.
    pub const SEALED: Self = Self(0x0020);
    /// The reply was made while the call's last packet was being handled, so that its round trip measures the path.
    pub const PROMPT: Self = Self(0x0040);
    /// The receiver acknowledges at once.
    pub const ACK_NOW: Self = Self(0x0080);
    /// The body of a memory operation is a batch, or the answer to one. Of an OPENED: batches may name several objects.
    pub const BATCH: Self = Self(0x0100);
    /// A control plane has made and sealed the packet, with the key that it shares with a life of the receiver's node.
    pub const FROM_CONTROL: Self = Self(0x0200);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits and, `if_so`, those of `other`.
    #[must_use]
    pub(crate) const fn and(self, if_so: bool, other: Self) -> Self {
        if if_so { self.with(other) } else { self }
    }
}

/// A header. Field sizes and offsets stand in `docs/protocol.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Packet type.
    pub kind: PacketType,
    /// Flag bits.
    pub flags: Flags,
    /// Method of the call, or the method that an OPEN precedes.
    pub method: MethodField,
    /// Pointers of the message, at most 64.
    pub pointers: u8,
    /// The first pointer, zero when there is none.
    pub pointer: [u8; 16],
    /// Random id of the calling process.
    pub client: u64,
    /// Id of the call, rising within a client; the nonce in OPEN and OPENED; 0 for packets of no call.
    pub rpc: u64,
    /// The callee's instance, 0 before a session names one.
    pub instance: u32,
    /// The sender's incarnation.
    pub incarnation: u32,
    /// Packet number: rises within a session and direction, never reused, not even by a retransmission.
    pub packet: u64,
    /// Session, 0 before there is one.
    pub session: u64,
    /// The session's lowest call still outstanding; all below have ended for the client.
    pub lowest: u64,
    /// Offset of this fragment in the message, in bytes.
    pub offset: u32,
    /// Length of the whole message in bytes.
    pub message_len: u32,
    /// What is left of the caller's deadline in µs, 0 without one.
    pub deadline_us: u32,
    /// What the sender of this packet can buffer from its receiver, in units of [`CREDIT_BYTES`].
    pub credits: u16,
    /// Bytes of the body that follows the header, the tag of a sealed one included. It makes packets self-delimiting:
    /// a receive buffer in which the kernel joined several needs no further information to be taken apart.
    pub body_len: u16,
    /// Offset in a memory object.
    pub memory_offset: u64,
    /// Length of a memory operation.
    pub memory_len: u64,
    /// The client's previous write to the object.
    pub previous_write: u64,
}

impl Header {
    /// A header of `kind` with every other field zero.
    #[must_use]
    pub const fn new(kind: PacketType) -> Self {
        Self {
            kind,
            flags: Flags(0),
            method: MethodField::NONE,
            pointers: 0,
            pointer: [0; 16],
            client: 0,
            rpc: 0,
            instance: 0,
            incarnation: 0,
            packet: 0,
            session: 0,
            lowest: 0,
            offset: 0,
            message_len: 0,
            deadline_us: 0,
            credits: 0,
            body_len: 0,
            memory_offset: 0,
            memory_len: 0,
            previous_write: 0,
        }
    }

    /// The header on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&IDENTIFIER.to_be_bytes());
        put(&[VERSION, self.kind as u8]);
        put(&self.flags.0.to_be_bytes());
        put(&[self.method.name_len(), self.pointers]);
        put(self.method.bytes());
        put(&self.pointer);
        put(&self.client.to_be_bytes());
        put(&self.rpc.to_be_bytes());
        put(&self.instance.to_be_bytes());
        put(&self.incarnation.to_be_bytes());
        put(&self.packet.to_be_bytes());
        put(&self.session.to_be_bytes());
        put(&self.lowest.to_be_bytes());
        put(&self.offset.to_be_bytes());
        put(&self.message_len.to_be_bytes());
        put(&self.deadline_us.to_be_bytes());
        put(&self.credits.to_be_bytes());
        put(&self.body_len.to_be_bytes());
        put(&self.memory_offset.to_be_bytes());
        put(&self.memory_len.to_be_bytes());
        put(&self.previous_write.to_be_bytes());
        out
    }

    /// Reads the header of a datagram. Whether flags and offset agree is for the ends to judge.
    ///
    /// # Errors
    ///
    /// The datagram is shorter than a header, no Bifröst packet, of another version or of an unknown type.
    pub fn parse(datagram: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(datagram, HEADER_BYTES)?;
        if from.u16() != IDENTIFIER {
            return Err(WireError::NotBifrost);
        }
        let version = from.u8();
        if version != VERSION {
            return Err(WireError::Version(version));
        }
        let kind = PacketType::from_wire(from.u8())?;
        let flags = Flags(from.u16());
        let method_len = from.u8();
        let pointers = from.u8();
        let method = MethodField::from_wire(method_len, from.array::<METHOD_BYTES>());
        Ok(Self {
            kind,
            flags,
            method,
            pointers,
            pointer: from.array(),
            client: from.u64(),
            rpc: from.u64(),
            instance: from.u32(),
            incarnation: from.u32(),
            packet: from.u64(),
            session: from.u64(),
            lowest: from.u64(),
            offset: from.u32(),
            message_len: from.u32(),
            deadline_us: from.u32(),
            credits: from.u16(),
            body_len: from.u16(),
            memory_offset: from.u64(),
            memory_len: from.u64(),
            previous_write: from.u64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Header {
        Header {
            flags: Flags::FIRST.with(Flags::TO_CALLEE),
            method: MethodField::new("Ping", "ping"),
            client: 0x1122_3344_5566_7788,
            rpc: 7,
            instance: 0xAABB_CCDD,
            incarnation: 3,
            packet: 9,
            session: 0x0102_0304_0506_0708,
            lowest: 5,
            message_len: 17,
            deadline_us: 1_000_000,
            credits: 0x0400,
            body_len: 17,
            ..Header::new(PacketType::Call)
        }
    }

    /// The test vector of `docs/protocol.md`.
    #[test]
    fn bytes_stand_where_the_protocol_says() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes[..8], [0xB1, 0xF0, 1, 1, 0, 3, 9, 0]);
        assert_eq!(&bytes[8..24], b"Ping:ping\0\0\0\0\0\0\0");
        assert_eq!(bytes[24..40], [0; 16]);
        assert_eq!(bytes[40..48], [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
        assert_eq!(bytes[48..56], [0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(bytes[56..64], [0xAA, 0xBB, 0xCC, 0xDD, 0, 0, 0, 3]);
        assert_eq!(bytes[64..72], [0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(bytes[72..80], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(bytes[80..88], [0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(bytes[88..104], [0, 0, 0, 0, 0, 0, 0, 17, 0, 0x0F, 0x42, 0x40, 4, 0, 0, 17]);
        assert_eq!(bytes[104..], [0; 24]);
    }

    #[test]
    fn foreign_packets_are_told_apart() {
        let mut bytes = sample().to_bytes();
        assert_eq!(Header::parse(&bytes[..127]), Err(WireError::Short { got: 127, need: 128 }));
        bytes[2] = 2;
        assert_eq!(Header::parse(&bytes), Err(WireError::Version(2)));
        bytes[2] = 1;
        bytes[3] = 200;
        assert_eq!(Header::parse(&bytes), Err(WireError::Type(200)));
        bytes[0] = 0;
        assert_eq!(Header::parse(&bytes), Err(WireError::NotBifrost));
    }

    proptest! {
        #[test]
        fn whatever_parses_is_written_back_the_same(mut bytes in prop::collection::vec(any::<u8>(), HEADER_BYTES), kind in 1u8..=16) {
            bytes[..4].copy_from_slice(&[0xB1, 0xF0, VERSION, kind]);
            let header = Header::parse(&bytes).unwrap();
            prop_assert_eq!(&header.to_bytes()[..], &bytes[..]);
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::parse(&bytes);
        }
    }
}
