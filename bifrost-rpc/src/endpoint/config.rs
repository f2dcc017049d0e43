//! What an endpoint is told at its making.

use std::net::IpAddr;
use std::time::Duration;

/// A secret shared by two ends, given to both by their operator.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub(crate) [u8; 32]);

impl Key {
    /// The key of these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Of a rack's key: the one that seals control messages to its memory servers. The rack's does not follow from it.
    #[must_use]
    pub fn of_memory_control(&self) -> Self {
        Self(super::seal::keyed_hash(&self.0, b"bifrost v1 memory control"))
    }

    /// Of a rack's key: the one that those of [lives](Self::of_life) follow from, by which nodes use the memory.
    #[must_use]
    pub fn of_memory(&self) -> Self {
        Self(super::seal::derive(&self.0, b"", b"bifrost v1 memory"))
    }

    /// Of a rack's key: the one that those of [lives](Self::of_life) follow from, by which nodes call each other.
    #[must_use]
    pub fn of_calls(&self) -> Self {
        Self(super::seal::derive(&self.0, b"", b"bifrost v1 calls"))
    }

    /// The key of one life of a node: of its address (an IPv4 address in its mapped form) and its incarnation. It is worth nothing to others.
    #[must_use]
    pub fn of_life(&self, node: IpAddr, incarnation: u32) -> Self {
        let node = match node {
            IpAddr::V4(node) => node.to_ipv6_mapped(),
            IpAddr::V6(node) => node,
        };
        let life = [b"bifrost v1 life ", &node.octets()[..], &incarnation.to_be_bytes()].concat();
        Self(super::seal::derive(&self.0, b"", &life))
    }

    /// The key written as 64 hexadecimal digits (white space around them is ignored).
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.trim().as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The longest message by default, in bytes.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;
/// The longest body of a memory operation by default, in bytes.
pub(crate) const MEMORY_BYTES_MAX: u32 = 64 << 20;
const _: () = assert!(MESSAGE_BYTES_MAX as usize == crate::protocol::Limits::DEFAULT.message_bytes_max);

/// Limits and times of an endpoint. [`Config::default`] suits a rack or a data centre.
#[derive(Debug, Clone)]
pub struct Config {
    /// Longest message sent or taken, in bytes. Default 64 MiB.
    pub message_bytes_max: u32,
    /// Longest body of a memory operation sent or taken, in bytes. Default 64 MiB.
    pub memory_bytes_max: u32,
    /// Largest datagram (UDP payload) sent or taken, in bytes. Default 1,232: what every IPv6 path carries. Drivers set
    /// it from the route.
    pub datagram_bytes: u16,
    /// Bytes the socket can buffer from all peers together. Default 104 KiB. Drivers set it from the socket.
    pub receive_buffer_bytes: usize,
    /// Floor of the retransmission time-out. Default 5 ms.
    pub rto_min: Duration,
    /// Retransmission time-out before the first sample. Default 50 ms.
    pub rto_initial: Duration,
    /// Ceiling of the retransmission time-out and of the probing interval. Default 1 s.
    pub rto_max: Duration,
    /// A peer not heard for this long while it owes an answer is dead. Default 10 s.
    pub peer_timeout: Duration,
    /// A read or write of memory of which nothing is heard for this long, while its server answers, is given up: a rack drops what nobody has
    /// a right to without a word. Default 10 s.
    pub operation_timeout: Duration,
    /// As callee: a session silent for longer is forgotten. Default 30 s.
    pub lease: Duration,
    /// Answers are acknowledged after this time if no later packet has done it. Default 20 ms.
    pub ack_delay: Duration,
    /// As callee: sessions at most. Default 4,096; each takes about 1 KiB, and 1 KiB more with a key.
    pub sessions_max: usize,
    /// As callee: calls of one session outstanding at most. Default 1,024.
    pub calls_max: u32,
    /// Bytes of messages (arriving, and answers kept for retransmission) for one session at most. Default 256 MiB.
    pub session_bytes_max: usize,
    /// Bytes of messages for all sessions at most. Default 1 GiB.
    pub total_bytes_max: usize,
    /// The operator's key; without one nothing is sealed.
    pub key: Option<Key>,
    /// As callee: the key is the one that [those of the callers' lives](Key::of_life) follow from. A session belongs to the life that opened
    /// it. Default: no, all callers have the key itself.
    pub keys_are_of_lives: bool,
    /// The [key](crate::control::NodeKey::in_sessions) that the control plane shares with this life of the node: what it says in sealed sessions is heard if
    /// it is sealed with it. Default: none; nothing of a control plane is heard in sealed sessions.
    pub control_key: Option<Key>,
    /// Whether references are understood: as callee in calls, as caller in the answers to those calls that say so
    /// ([`Request::references`](super::Request::references)). Default: yes.
    pub references: bool,
    /// Whether links route memory operations by their pointers: each packet of a memory session goes to, or comes from, the address
    /// that its pointer is. Default: no.
    pub native: bool,
    /// Whether the endpoint tells what becomes of leased calls ([`Endpoint::poll_report`](super::Endpoint::poll_report)), for a control
    /// plane that ends leases. Default: no.
    pub reports: bool,
    /// The callee instance this endpoint is; 0 draws one at random.
    pub instance: u32,
    /// The node's incarnation, as the control plane assigned it. Default 1.
    pub incarnation: u32,
    /// Which safety checks are made.
    #[cfg(feature = "_sim")]
    pub checks: super::checks::Checks,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            message_bytes_max: MESSAGE_BYTES_MAX,
            memory_bytes_max: MEMORY_BYTES_MAX,
            datagram_bytes: 1232,
            receive_buffer_bytes: 104 << 10,
            rto_min: Duration::from_millis(5),
            rto_initial: Duration::from_millis(50),
            rto_max: Duration::from_secs(1),
            peer_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            ack_delay: Duration::from_millis(20),
            sessions_max: 4096,
            calls_max: 1024,
            session_bytes_max: 256 << 20,
            total_bytes_max: 1 << 30,
            key: None,
            keys_are_of_lives: false,
            control_key: None,
            references: true,
            native: false,
            reports: false,
            instance: 0,
            incarnation: 1,
            #[cfg(feature = "_sim")]
            checks: super::checks::Checks::default(),
        }
    }
}

impl Config {
    /// Longest message taken, in a memory session or another: a longer one would never fit the memory there is.
    pub(super) fn arriving_bytes_max(&self, is_memory: bool) -> u32 {
        let room = self.session_bytes_max.min(self.total_bytes_max);
        let longest = if is_memory { self.memory_bytes_max } else { self.message_bytes_max };
        longest.min(u32::try_from(room).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_hex() {
        let text = format!(" {}\n", "0a".repeat(32));
        assert_eq!(Key::from_hex(&text), Some(Key::from_bytes([10; 32])));
        assert_eq!(Key::from_hex("0a"), None);
        assert_eq!(Key::from_hex(&"zz".repeat(32)), None);
        assert_eq!(format!("{:?}", Key::from_bytes([1; 32])), "Key(…)");
    }
}
