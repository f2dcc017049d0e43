//! A node of a rack: it announces itself, serves, reports, and ends, by the messages of `docs/gatekeeper.md`.

mod membership;

pub use membership::{Membership, MembershipState, Query};
