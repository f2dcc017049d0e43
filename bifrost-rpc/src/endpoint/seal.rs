//! Sealing: an AEAD over the body, with the header as associated data.
//!
//! OPEN and its answers are sealed with XChaCha20-Poly1305 under a key derived from the pair's secret, with a random
//! 24-byte nonce in front of the ciphertext. Every later packet of the session is sealed with ChaCha20-Poly1305 under
//! a key of its direction, derived from the secret and the random values of both ends; its nonce is the packet number.

use super::config::Key;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use sha2::Sha256;

/// Bytes of the tag behind a sealed body.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of the nonce in front of a sealed OPEN.
pub(crate) const OPEN_NONCE_BYTES: usize = 24;

/// HKDF-SHA-256.
pub(crate) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // 32 bytes are far below HKDF's limit of 255 blocks, the only error there is.
    let _ = Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut out);
    out
}

/// A keyed one-way function, for tokens and random values.
pub(crate) fn keyed_hash(key: &[u8; 32], input: &[u8]) -> [u8; 32] {
    derive(input, key, b"bifrost token")
}

/// Seals OPEN and OPENED, and the messages by which nodes attach to a switch.
pub(crate) struct OpenSeal(XChaCha20Poly1305);

impl OpenSeal {
    pub(super) fn new(key: &Key) -> Self {
        Self::of(key, b"bifrost v1 open")
    }

    /// A seal under a key that is derived for a purpose of its own.
    pub(crate) fn of(key: &Key, purpose: &[u8]) -> Self {
        Self(XChaCha20Poly1305::new(&derive(&key.0, b"", purpose).into()))
    }

    pub(crate) fn seal(&self, nonce: [u8; OPEN_NONCE_BYTES], header: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let mut out = body.to_vec();
        let tag = self.0.encrypt_inout_detached(&nonce.into(), header, out.as_mut_slice().into()).ok()?;
        Some([&nonce[..], &out, &tag].concat())
    }

    pub(crate) fn open(&self, header: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<OPEN_NONCE_BYTES>()?;
        let (body, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut out = body.to_vec();
        self.0.decrypt_inout_detached(&(*nonce).into(), header, out.as_mut_slice().into(), &(*tag).into()).ok()?;
        Some(out)
    }
}

/// The keys of one session, as one end sees them.
pub(super) struct SessionSeal {
    outgoing: ChaCha20Poly1305,
    incoming: ChaCha20Poly1305,
    replay: Replay,
}

impl std::fmt::Debug for SessionSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionSeal(…)")
    }
}

impl SessionSeal {
    pub(super) fn new(key: &Key, client_random: &[u8; 32], server_random: &[u8; 32], is_client: bool) -> Self {
        let salt = [&client_random[..], server_random].concat();
        let to_server = ChaCha20Poly1305::new(&derive(&key.0, &salt, b"bifrost v1 to callee").into());
        let to_client = ChaCha20Poly1305::new(&derive(&key.0, &salt, b"bifrost v1 to caller").into());
        let (outgoing, incoming) = if is_client { (to_server, to_client) } else { (to_client, to_server) };
        Self { outgoing, incoming, replay: Replay::new() }
    }

    fn nonce(packet: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&packet.to_be_bytes());
        nonce
    }

    /// Encrypts `body` in place; the tag is returned.
    pub(super) fn seal(&self, packet: u64, header: &[u8], body: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        let tag = self.outgoing.encrypt_inout_detached(&Self::nonce(packet).into(), header, body.into()).ok()?;
        Some(tag.into())
    }

    /// Decrypts a body and its tag in place; what is returned is the plain body. A packet number seen before, or too
    /// old to know, is refused.
    pub(super) fn open<'a>(&mut self, packet: u64, header: &[u8], sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        if self.replay.is_stale(packet) {
            return None;
        }
        let body_bytes = sealed.len().checked_sub(TAG_BYTES)?;
        let (body, tag) = sealed.split_at_mut(body_bytes);
        let tag: [u8; TAG_BYTES] = (&*tag).try_into().ok()?;
        let nonce = Self::nonce(packet).into();
        self.incoming.decrypt_inout_detached(&nonce, header, (&mut *body).into(), &tag.into()).ok()?;
        self.replay.mark(packet);
        Some(body)
    }
}

/// Packets the replay window spans: over twice the largest flight of the smallest usual datagrams.
const REPLAY_PACKETS: u64 = 8192;
const REPLAY_WORDS: usize = (REPLAY_PACKETS / 64) as usize;

/// Which of the newest packet numbers were seen.
pub(super) struct Replay {
    highest: u64,
    any: bool,
    seen: Box<[u64; REPLAY_WORDS]>,
}

impl Replay {
    pub(super) fn new() -> Self {
        Self { highest: 0, any: false, seen: Box::new([0; REPLAY_WORDS]) }
    }

    fn place(packet: u64) -> (usize, u64) {
        let word = (packet % REPLAY_PACKETS / 64) as usize;
        (word, 1 << (packet % 64))
    }

    pub(super) fn is_stale(&self, packet: u64) -> bool {
        if !self.any || packet > self.highest {
            return false;
        }
        let (word, bit) = Self::place(packet);
        self.highest - packet >= REPLAY_PACKETS || self.seen[word] & bit != 0
    }

    pub(super) fn mark(&mut self, packet: u64) {
        if !self.any {
            self.highest = packet;
            self.any = true;
        } else if packet > self.highest {
            if packet - self.highest >= REPLAY_PACKETS {
                self.seen.fill(0);
            } else {
                for passed in self.highest + 1..packet {
                    let (word, bit) = Self::place(passed);
                    self.seen[word] &= !bit;
                }
            }
            self.highest = packet;
        }
        let (word, bit) = Self::place(packet);
        self.seen[word] |= bit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn pair() -> (SessionSeal, SessionSeal) {
        let key = Key::from_bytes([7; 32]);
        (SessionSeal::new(&key, &[1; 32], &[2; 32], true), SessionSeal::new(&key, &[1; 32], &[2; 32], false))
    }

    fn sealed(seal: &SessionSeal, packet: u64, header: &[u8], body: &[u8]) -> Vec<u8> {
        let mut out = body.to_vec();
        let tag = seal.seal(packet, header, &mut out).unwrap();
        out.extend_from_slice(&tag);
        out
    }

    #[test]
    fn the_other_end_opens_what_one_seals_once() {
        let (client, mut server) = pair();
        let mut packet = sealed(&client, 5, b"header", b"body");
        assert_ne!(&packet[..4], b"body");
        let mut again = packet.clone();
        assert_eq!(server.open(5, b"header", &mut packet).unwrap(), b"body");
        assert!(server.open(5, b"header", &mut again).is_none(), "a replayed packet opened");
    }

    #[test]
    fn a_changed_header_number_body_or_direction_does_not_open() {
        let (client, mut server) = pair();
        let whole = sealed(&client, 5, b"header", b"body");
        assert!(server.open(5, b"Header", &mut whole.clone()).is_none());
        assert!(server.open(6, b"header", &mut whole.clone()).is_none());
        let mut changed = whole.clone();
        changed[0] ^= 1;
        assert!(server.open(5, b"header", &mut changed).is_none());
        let (mut client, _) = pair();
        assert!(client.open(5, b"header", &mut whole.clone()).is_none());
        assert!(server.open(5, b"header", &mut whole.clone()).is_some());
    }

    #[test]
    fn open_is_sealed_under_its_own_key() {
        let seal = OpenSeal::new(&Key::from_bytes([7; 32]));
        let packet = seal.seal([9; 24], b"header", b"hello").unwrap();
        assert_eq!(seal.open(b"header", &packet).unwrap(), b"hello");
        assert!(OpenSeal::new(&Key::from_bytes([8; 32])).open(b"header", &packet).is_none());
        assert!(seal.open(b"header", &packet[..20]).is_none());
    }

    proptest! {
        #[test]
        fn the_replay_window_lets_each_number_pass_once(steps in prop::collection::vec(0u64..20_000, 1..300)) {
            let mut replay = Replay::new();
            let mut seen = HashSet::new();
            let mut highest = 0;
            for packet in steps {
                let stale = replay.is_stale(packet);
                if seen.contains(&packet) {
                    prop_assert!(stale, "{} passed twice", packet);
                } else if packet + REPLAY_PACKETS > highest {
                    prop_assert!(!stale, "{} was refused although new", packet);
                }
                if !stale {
                    replay.mark(packet);
                    seen.insert(packet);
                    highest = highest.max(packet);
                }
            }
        }
    }
}
