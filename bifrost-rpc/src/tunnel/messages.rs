//! Messages of a tunnel, sealed where there is a key; and random values.

use crate::endpoint::{Key, OPEN_NONCE_BYTES, OpenSeal, TAG_BYTES, keyed_hash};
use crate::wire::tunnel::{TUNNEL_HEADER_BYTES, TunnelHeader, TunnelKind};

/// Seals and opens the messages of one end.
pub(super) struct Messages {
    seal: Option<OpenSeal>,
    seed: [u8; 32],
    drawn: u64,
}

impl Messages {
    pub(super) fn new(key: Option<&Key>, seed: [u8; 32]) -> Self {
        Self { seal: key.map(|key| OpenSeal::of(key, b"bifrost v1 tunnel")), seed, drawn: 0 }
    }

    pub(super) fn has_key(&self) -> bool {
        self.seal.is_some()
    }

    /// 32 bytes that nobody can foresee.
    pub(super) fn random(&mut self) -> [u8; 32] {
        self.drawn += 1;
        self.hash(&self.drawn.to_be_bytes())
    }

    /// What only this end can have made of `input`.
    pub(super) fn hash(&self, input: &[u8]) -> [u8; 32] {
        keyed_hash(&self.seed, input)
    }

    /// A whole message.
    pub(super) fn write(&mut self, kind: TunnelKind, attachment: u32, body: &[u8]) -> Vec<u8> {
        let random = self.random();
        let sealed_bytes = if self.seal.is_some() { OPEN_NONCE_BYTES + TAG_BYTES } else { 0 };
        let length = u16::try_from(body.len() + sealed_bytes).unwrap_or(u16::MAX);
        let header = TunnelHeader { kind, length, attachment }.to_bytes();
        let nonce = random.first_chunk::<OPEN_NONCE_BYTES>().copied().unwrap_or_default();
        let sealed = self.seal.as_ref().map(|seal| seal.seal(nonce, &header, body).unwrap_or_default());
        [&header[..], sealed.as_deref().unwrap_or(body)].concat()
    }

    /// The body of a message; `None` if it is none, or was made without the key.
    pub(super) fn read(&self, message: &[u8]) -> Option<(TunnelHeader, Vec<u8>)> {
        let (header, body) = TunnelHeader::take(&mut &*message).ok()?;
        let body = match &self.seal {
            Some(seal) => seal.open(&message[..TUNNEL_HEADER_BYTES], body)?,
            None => body.to_vec(),
        };
        Some((header, body))
    }
}
