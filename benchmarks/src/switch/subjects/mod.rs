//! What is measured: one file for each kind.

mod bmv2;
mod burst;
mod changes;
mod cost;
mod local;
mod middle;
mod singles;

use std::io::Write;
use std::time::Instant;

use anyhow::{Result, bail};

use super::case::{BMV2, Case, EMBEDDED, RELAY};
use crate::cases::{self, Case as _, Subject};
use crate::clock;

type Plan = cases::Plan<Case>;

/// Starts a variant; `None` where what it needs is not there.
pub(super) fn start(plan: &Plan, case: Case, variant: &'static str) -> Result<Option<Box<dyn Subject>>> {
    if variant == BMV2 {
        let Some(switch) = bmv2::start()? else {
            // Nobody may be there to read it.
            let _ = writeln!(std::io::stderr(), "{BMV2} {}: left out, no simple_switch in PATH", case.name());
            return Ok(None);
        };
        return Ok(Some(match case {
            Case::Rtt => Box::new(bmv2::Ping::new(switch)?),
            Case::Changes => Box::new(changes::Changes::bmv2(switch)?),
            _ => Box::new(bmv2::Flow::new(switch)?),
        }));
    }
    Ok(Some(match (case, variant) {
        (Case::Rtt, RELAY | EMBEDDED) => Box::new(singles::Ping::new(plan, variant == EMBEDDED)?),
        (Case::Pps, RELAY | EMBEDDED) => Box::new(singles::Flow::new(plan, variant == EMBEDDED)?),
        (Case::PpsBurst, RELAY | EMBEDDED) => Box::new(burst::Flow::new(plan, variant == EMBEDDED)?),
        (Case::PpsProcess, EMBEDDED) => Box::new(local::Flow::new()?),
        (Case::Changes, EMBEDDED) => Box::new(changes::Changes::in_process()?),
        (Case::Changes, "embedded-thrift") => Box::new(changes::Changes::over_thrift()?),
        (Case::Cost, "entries-1000") => Box::new(cost::Cost::new(1_000)?),
        (Case::Cost, "entries-1000000") => Box::new(cost::Cost::new(1_000_000)?),
        (case, variant) => bail!("{} has no variant {variant}", case.name()),
    }))
}

/// So many things since `start`, by the second.
fn per_second(count: usize, start: Instant) -> f64 {
    count as f64 / (clock::now() - start).as_secs_f64()
}
