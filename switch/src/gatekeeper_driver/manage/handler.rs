//! What the service does.

use super::convert::{instance_out, node_out, object_out, running_out};
use super::idl::bifrost::Ptr;
use super::idl::gatekeeper as idl;
use super::metrics::{counters, verdicts};
use crate::gatekeeper::Gatekeeper;
use crate::gatekeeper_driver::Asker;
use crate::runtime::SwitchControl;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::thrift;
use bifrost_rpc::wire::Pointer;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Time for the switch to take what was decided into its tables, before whoever asked for it is told that it has not.
const TABLES_WAIT: Duration = Duration::from_secs(5);

/// The service of one control plane.
pub(super) struct Handler {
    asker: Asker<Gatekeeper>,
    switch: Arc<dyn SwitchControl>,
    stop: Stop,
}

/// What is done when somebody wants the process to end.
pub(super) type Stop = Box<dyn Fn() + Send + Sync>;

impl Handler {
    pub(super) fn new(asker: Asker<Gatekeeper>, switch: Arc<dyn SwitchControl>, stop: Stop) -> Self {
        Self { asker, switch, stop }
    }

    fn ask<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Gatekeeper, Time) -> R + Send + 'static,
    ) -> Result<R, idl::Ended> {
        self.asker.ask(move |gatekeeper, now, _| work(gatekeeper, now)).ok_or(idl::Ended {})
    }

    /// Waits until the tables say all that was decided up to a change.
    fn wait_until_in_force(&self, change: u64) -> thrift::Result<()> {
        match self.asker.wait_until(TABLES_WAIT, move |gatekeeper| gatekeeper.is_in_force(change)) {
            Some(true) => Ok(()),
            Some(false) => Err(idl::NotYet {}.into()),
            None => Err(idl::Ended {}.into()),
        }
    }
}

fn page(max: i32) -> usize {
    usize::try_from(max.clamp(1, idl::PAGE_MAX)).unwrap_or(1)
}

fn numbers(of: impl IntoIterator<Item = (String, u64)>) -> BTreeMap<String, i64> {
    let counted = of.into_iter().filter(|(_, count)| *count > 0);
    counted.map(|(name, count)| (name, i64::try_from(count).unwrap_or(i64::MAX))).collect()
}

impl idl::GatekeeperSyncHandler for Handler {
    fn handle_status(&self) -> thrift::Result<idl::Status> {
        let verdicts = numbers(verdicts(self.switch.as_ref()));
        let status = self.asker.ask(move |gatekeeper, now, counts| {
            let (status, (objects, calls)) = (gatekeeper.status(now), gatekeeper.sizes());
            let instances = status.services.into_iter().flat_map(|(service, instances)| {
                instances.into_iter().map(move |found| instance_out(&service, found)).collect::<Vec<_>>()
            });
            idl::Status {
                term: status.term.cast_signed(),
                is_ready: status.is_ready,
                nodes: status.resources.into_iter().map(node_out).collect(),
                instances: instances.collect(),
                objects: i64::try_from(objects).unwrap_or(i64::MAX),
                calls: i64::try_from(calls).unwrap_or(i64::MAX),
                counters: numbers(counters(gatekeeper, counts)).into_iter().collect(),
                verdicts: verdicts.into_iter().collect(),
                fault: counts.fault.clone(),
                log_fault: counts.log_fault.clone(),
            }
        });
        Ok(status.ok_or(idl::Ended {})?)
    }

    fn handle_objects(&self, after: Ptr, max: i32) -> thrift::Result<Vec<idl::Object>> {
        let after = Some(Pointer::from(after)).filter(|_| after != idl::FIRST_OBJECT);
        Ok(self.ask(move |gatekeeper, _| {
            let found = gatekeeper.objects(after).take(page(max));
            found.map(|object| object_out(gatekeeper, object)).collect()
        })?)
    }

    fn handle_calls(&self, after: idl::Call, max: i32) -> thrift::Result<Vec<idl::RunningCall>> {
        let after = Some((after.client.cast_unsigned(), after.rpc.cast_unsigned())).filter(|after| *after != (0, 0));
        Ok(self.ask(move |gatekeeper, _| {
            let found = gatekeeper.running_calls(after).take(page(max));
            found.map(|call| running_out(gatekeeper, call)).collect()
        })?)
    }

    fn handle_failure_domain(&self, node: String) -> thrift::Result<Vec<String>> {
        let name = node.clone();
        let domain = self.ask(move |gatekeeper, _| {
            let domain: Vec<String> = gatekeeper.failure_domain(&name).into_iter().collect();
            (!domain.is_empty()).then_some(domain)
        })?;
        Ok(domain.ok_or(idl::NoSuchNode { node })?)
    }

    fn handle_drain(&self, node: String) -> thrift::Result<i32> {
        let name = node.clone();
        let (drained, change) =
            self.ask(move |gatekeeper, now| (gatekeeper.drain_node(now, &name), gatekeeper.last_change()))?;
        let count = drained.ok_or(idl::NoSuchNode { node })?;
        self.wait_until_in_force(change)?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    fn handle_stop(&self) -> thrift::Result<()> {
        (self.stop)();
        Ok(())
    }

    fn handle_evict(&self, node: String) -> thrift::Result<()> {
        let name = node.clone();
        match self.ask(move |gatekeeper, now| gatekeeper.evict(now, &name))? {
            true => Ok(()),
            false => Err(idl::NoSuchNode { node }.into()),
        }
    }
}
