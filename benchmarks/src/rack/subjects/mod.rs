//! What is measured: one file for each kind.

pub(super) mod bytes;
mod calls;
mod decisions;
mod failover;
mod packets;
mod ping;
pub(super) mod relay;
mod world;

use anyhow::{Context, Result, bail};

use super::case::{self, Case, DIRECT, GATEKEEPER, KILLED_DEADLINE, RACK, RACK_IN_PROCESS, RELAY};
use crate::cases::{Case as _, Plan, Subject};
use crate::variants::{BIFROST_UDP, RAW_UDP};

/// Starts a variant.
pub(super) fn start(plan: &Plan<Case>, case: Case, variant: &'static str) -> Result<Option<Box<dyn Subject>>> {
    // Servers are processes, which are told where to run; what is of this one belongs to the client.
    plan.placement.pin_client()?;
    let count = || case::count(variant).context("a variant without a number");
    Ok(Some(match (case, variant) {
        (Case::Bytes, _) => Box::new(bytes::Bytes { pointers: count()?, core: plan.placement.server_core() }),
        (Case::Decisions, GATEKEEPER) => Box::new(decisions::Decisions::new()?),
        (Case::Rtt | Case::Pointer, RAW_UDP) => Box::new(ping::Unracked::direct(plan, RAW_UDP)?),
        (Case::Rtt, DIRECT) => Box::new(ping::Unracked::direct(plan, BIFROST_UDP)?),
        (Case::Rtt, RELAY) => Box::new(ping::Unracked::relayed(plan, BIFROST_UDP)?),
        (Case::Rtt, RACK) => Box::new(ping::Racked::start(plan)?),
        (Case::Rtt, RACK_IN_PROCESS) => Box::new(ping::Racked::enclosed(plan)?),
        (Case::Pointer, RACK_IN_PROCESS) => Box::new(calls::Pointer::enclosed(plan)?),
        (Case::Pointer, RACK) => Box::new(calls::Pointer::start(plan)?),
        (Case::Calls, _) => Box::new(calls::Calls::start(plan, count()?)?),
        (Case::Failover, _) => Box::new(failover::Failover::start(plan, variant == KILLED_DEADLINE)?),
        (case, variant) => bail!("{} has no variant {variant}", case.name()),
    }))
}
