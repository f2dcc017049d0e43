//! CONTROL packets, as nodes and the rack's control plane exchange them: their keys, and whole frames. What their bodies say is in
//! [`wire::control`](crate::wire::control); `docs/gatekeeper.md`, section 2, is the normative text.

mod packet;
mod seal;

pub use crate::endpoint::SessionControlSeal;
pub use packet::{ControlPacket, SealedControl};
pub use seal::{CONTROL_NONCE_BYTES, ControlSeal, NodeKey};
