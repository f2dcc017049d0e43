//! A node that is about to join.

use super::Profile;
use bifrost_rpc::wire::control::ANNOUNCE_NONCE_BYTES;

/// A node that was believed, and is not there yet: its record is written first, and the lives that are in its way end.
#[derive(Debug, Clone)]
pub(in crate::gatekeeper) struct Candidate {
    pub(in crate::gatekeeper) profile: Profile,
    pub(in crate::gatekeeper) incarnation: u32,
    pub(in crate::gatekeeper) nonce: [u8; ANNOUNCE_NONCE_BYTES],
    /// The number of its request.
    pub(in crate::gatekeeper) number: u64,
    /// Its record is on stable storage.
    pub(in crate::gatekeeper) is_logged: bool,
}
