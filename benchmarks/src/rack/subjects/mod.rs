//! What is measured: one file for each kind.

mod bytes;
mod calls;
mod decisions;
mod live;
mod packets;
mod raw;
mod relay;
mod world;

use anyhow::{Result, bail};

use super::plan::{Case, GATEKEEPER, Plan, RACK, RAW_UDP, RELAY};

/// One variant of a case.
pub(super) trait Subject {
    /// A sample, in the unit of the case.
    ///
    /// # Errors
    /// A call failed, or did not do what it should.
    fn sample(&mut self) -> Result<f64>;
}

/// Starts a variant.
pub(super) fn start(plan: &Plan, case: Case, variant: &'static str) -> Result<Box<dyn Subject>> {
    Ok(match (case, variant) {
        (Case::Bytes, GATEKEEPER) => Box::new(bytes::Bytes),
        (Case::Decisions, GATEKEEPER) => Box::new(decisions::Decisions::new()?),
        (Case::Pointer, RAW_UDP) => Box::new(raw::Raw::start(plan.address)?),
        (Case::Pointer, RACK) => Box::new(calls::Pointers::start(plan.address)?),
        (Case::Rtt, RELAY) => Box::new(calls::RelayedPing::start(plan.address)?),
        (Case::Rtt, RACK) => Box::new(calls::Ping::start(plan.address)?),
        (case, variant) => bail!("{} has no variant {variant}", case.name()),
    })
}
