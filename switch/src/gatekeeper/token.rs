//! What a node must show to be taken in: that it gets what is sent to its address, now.

use super::members::Profile;
use bifrost_rpc::wire::control::{ANNOUNCE_NONCE_BYTES, CONTROL_TOKEN_BYTES};
use hkdf::Hkdf;
use sha2::Sha256;

/// Makes tokens. They are worth nothing to another control plane.
pub(super) struct Tokens(Hkdf<Sha256>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        Self(Hkdf::new(Some(b"bifrost announcement"), seed))
    }

    /// The token of a node's announcement, for the life after that of `incarnation`.
    pub(super) fn token(
        &self,
        profile: &Profile,
        nonce: &[u8; ANNOUNCE_NONCE_BYTES],
        incarnation: u32,
    ) -> [u8; CONTROL_TOKEN_BYTES] {
        let address = profile.addresses.first().map_or([0; 16], |address| address.octets());
        let place = [profile.port.to_be_bytes().as_slice(), &profile.mac].concat();
        let all = [&nonce[..], &incarnation.to_be_bytes(), &place, &address, profile.name.as_bytes()];
        let mut token = [0; CONTROL_TOKEN_BYTES];
        // 32 bytes are far below the limit of 255 blocks, the only error there is.
        let _ = self.0.expand_multi_info(&all, &mut token);
        token
    }
}

/// Whether two tokens are equal, in a time that does not tell where they differ.
pub(super) fn is_same(one: &[u8; CONTROL_TOKEN_BYTES], other: &[u8; CONTROL_TOKEN_BYTES]) -> bool {
    one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}
