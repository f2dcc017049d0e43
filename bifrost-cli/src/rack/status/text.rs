//! A rack's status for people.

use super::View;
use bifrost_rpc::wire::Pointer;
use bifrost_switch::gatekeeper_driver::manage::idl::gatekeeper::{Instance, Life, Node, Object, RunningCall};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The whole text.
pub(super) fn of(view: &View) -> String {
    let status = &view.status;
    let mut out = String::new();
    let ready = if status.is_ready { "" } else { ", finds out how the rack stands" };
    line(&mut out, &format!("Gatekeeper: term {}{ready}", status.term));
    if let Some(fault) = &status.log_fault {
        line(&mut out, &format!("THE LOG IS NOT WRITTEN: {fault}"));
        line(&mut out, "nobody joins, leaves or is declared dead until Gatekeeper is started again");
    }
    if let Some(fault) = &status.fault {
        line(&mut out, &format!("last fault: {fault}"));
    }
    line(&mut out, "\nNODE       KIND      STATE      LIFE  PORT  ADDRESS                  HEARD    SERVES");
    for node in &status.nodes {
        line(&mut out, &node_line(node, &status.instances));
    }
    line(&mut out, &format!("\nOBJECTS: {}", status.objects));
    view.objects.iter().for_each(|object| line(&mut out, &object_line(object)));
    more(&mut out, status.objects, view.objects.len());
    line(&mut out, &format!("\nCALLS: {}", status.calls));
    view.calls.iter().for_each(|call| line(&mut out, &call_line(call)));
    more(&mut out, status.calls, view.calls.len());
    counts(&mut out, "COUNTS", &status.counters);
    counts(&mut out, "PACKETS IN THE SWITCH", &status.verdicts);
    out
}

// Writing to a string does not fail.
fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{}", text.trim_end());
}

fn node_line(node: &Node, instances: &[Instance]) -> String {
    let serves = instances.iter().filter(|instance| instance.node == node.name).map(|found| {
        let note = match (found.is_open, found.is_serving) {
            (true, true) => "",
            (true, false) => " (stands by)",
            (false, _) => " (draining)",
        };
        format!("{}{note}", found.service)
    });
    format!(
        "{:<10} {:<9} {:<10} {:>4}  {:>4}  {:<24} {:>6} ms  {}",
        node.name,
        node.kind,
        node.state,
        node.incarnation,
        node.port,
        node.addresses.first().map_or("", String::as_str),
        node.silent_ms,
        serves.collect::<Vec<_>>().join(", ")
    )
}

fn life(of: &Life) -> String {
    format!("{}#{}", of.node, of.incarnation)
}

fn object_line(object: &Object) -> String {
    let control = object.control.as_ref().map_or_else(|| "nobody".to_owned(), life);
    let freed = if object.is_freed { ", freed" } else { "" };
    let leases: Vec<String> = object
        .leases
        .iter()
        .map(|lease| {
            let (client, rpc) = (lease.call.client.cast_unsigned(), lease.call.rpc.cast_unsigned());
            let state = if lease.is_in_force { "" } else { " soon" };
            format!("{}{state} for call {client:x}/{rpc}", life(&lease.callee))
        })
        .collect();
    let leased = if leases.is_empty() { String::new() } else { format!(", leased to {}", leases.join(", ")) };
    format!("  {}: {control}{freed}{leased}", Pointer::from(object.pointer))
}

fn call_line(call: &RunningCall) -> String {
    let caller = call.caller.as_ref().map_or_else(|| "?".to_owned(), life);
    format!(
        "  {:x}/{}: {caller} -> {} {} {}, {} pointers",
        call.call.client.cast_unsigned(),
        call.call.rpc.cast_unsigned(),
        life(&call.callee),
        call.method,
        call.stage,
        call.pointers.len()
    )
}

fn more(out: &mut String, all: i64, shown: usize) {
    let left = all.saturating_sub(i64::try_from(shown).unwrap_or(i64::MAX));
    if left > 0 {
        line(out, &format!("  and {left} more"));
    }
}

fn counts(out: &mut String, title: &str, counts: &BTreeMap<String, i64>) {
    if counts.is_empty() {
        return;
    }
    line(out, &format!("\n{title}"));
    counts.iter().for_each(|(name, count)| line(out, &format!("  {name:<36} {count:>12}")));
}
