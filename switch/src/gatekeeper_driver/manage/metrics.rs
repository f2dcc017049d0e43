//! Counts by name, and as Prometheus reads them.

use super::convert::state_name;
use crate::gatekeeper::{Gatekeeper, ResourceState, Status};
use crate::gatekeeper_driver::Counts;
use crate::runtime::SwitchControl;
use bifrost_rpc::endpoint::Time;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What becomes of packets in the switch: `docs/switch.md`, sections 7 and 8.
const VERDICTS: [(u32, &str); 25] = [
    (0, "no_port"),
    (1, "delivered"),
    (3, "unserved"),
    (4, "tracked"),
    (5, "lease"),
    (6, "held"),
    (7, "alloc"),
    (8, "free"),
    (9, "control"),
    (10, "stranger"),
    (11, "fenced"),
    (32, "forwarded"),
    (33, "passed"),
    (34, "dropped_concealed"),
    (35, "dropped_not_admitted"),
    (36, "dropped_blocked"),
    (37, "dropped_to_memory"),
    (38, "dropped_pointer"),
    (39, "dropped_misfit"),
    (40, "dropped_no_access"),
    (41, "dropped_control"),
    (42, "dropped_memory"),
    (43, "dropped_held"),
    (44, "dropped_hop_limit"),
    (45, "dropped_packet_out"),
];
/// Packets by reason, in the order of their numbers.
const REASONS: [&str; 12] = [
    "none",
    "delivered",
    "mirror",
    "unserved",
    "tracked",
    "lease",
    "held",
    "alloc",
    "free",
    "control",
    "stranger",
    "fenced",
];

/// Packets by what became of them; empty if the switch does not answer.
pub(super) fn verdicts(switch: &dyn SwitchControl) -> Vec<(String, u64)> {
    let count =
        |(index, name): &(u32, &str)| Some(((*name).to_owned(), switch.counter("verdicts", *index).ok()?.packets));
    VERDICTS.iter().filter_map(count).collect()
}

/// All counts of the control plane by name.
pub(super) fn counters(gatekeeper: &Gatekeeper, driver: &Counts) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = Vec::new();
    let mut put = |name: &str, count: u64| all.push((name.to_owned(), count));
    let own = gatekeeper.counters();
    for (name, count) in REASONS.iter().zip(own.packets) {
        put(&format!("packets_{name}"), count);
    }
    put("packets_not_ready", own.not_ready);
    put("packets_malformed", own.malformed + driver.malformed);
    put("control_unauthentic", own.unauthentic);
    put("control_strange", own.strange);
    put("control_repeated", own.repeated);
    put("control_fenced", own.fenced);
    put("control_refused", own.refused);
    put("nodes_joined", own.joined);
    put("nodes_left", own.left);
    put("nodes_died", own.died);
    put("unserved_dropped", own.unserved_dropped);
    put("batches_failed", own.batches_failed);
    put("rights_refused", own.rights_refused);
    let calls = gatekeeper.call_counts();
    put("calls_released", calls.released);
    put("calls_ended", calls.ended);
    put("calls_held_sent", calls.held);
    put("calls_refused_sent", calls.refused);
    put("objects_made", calls.made);
    for (cause, count) in &calls.causes {
        put(&format!("dropped_{}", cause.name()), *count);
    }
    put("driver_packets_in", driver.packets_in);
    put("driver_packets_out", driver.packets_out);
    put("driver_memory_messages", driver.messages);
    put("driver_memory_messages_repeated", driver.repeated);
    put("driver_memory_messages_malformed", driver.senseless);
    put("driver_memory_answers", driver.answers);
    put("driver_memory_pages", driver.pages);
    put("driver_batches", driver.batches);
    put("driver_changes", driver.changes);
    put("driver_changes_refused", driver.refused);
    put("driver_reconciled", driver.reconciled);
    put("driver_log_records", driver.records);
    put("driver_log_snapshots", driver.snapshots);
    all
}

/// How things stand, by name.
fn gauges(gatekeeper: &Gatekeeper, status: &Status, driver: &Counts) -> [(&'static str, u64); 7] {
    let (objects, calls) = gatekeeper.sizes();
    [
        ("term", status.term),
        ("ready", status.is_ready.into()),
        ("log_failed", driver.log_fault.is_some().into()),
        ("unserved", status.unserved as u64),
        ("under_way", status.under_way as u64),
        ("objects", objects as u64),
        ("calls", calls as u64),
    ]
}

/// All as Prometheus' text format has it.
pub(super) fn text(gatekeeper: &Gatekeeper, now: Time, driver: &Counts, verdicts: &[(String, u64)]) -> String {
    let mut out = String::new();
    let status = gatekeeper.status(now);
    for (name, value) in gauges(gatekeeper, &status, driver) {
        put(&mut out, "gauge", name, "", value);
    }
    let mut nodes: BTreeMap<ResourceState, u64> = BTreeMap::new();
    for node in status.resources {
        *nodes.entry(node.state).or_default() += 1;
    }
    type_of(&mut out, "gauge", "nodes");
    for (state, count) in nodes {
        sample(&mut out, "nodes", &format!("{{state=\"{}\"}}", state_name(state)), count);
    }
    for (name, count) in counters(gatekeeper, driver) {
        put(&mut out, "counter", &format!("{name}_total"), "", count);
    }
    type_of(&mut out, "counter", "verdicts_total");
    for (verdict, count) in verdicts {
        sample(&mut out, "verdicts_total", &format!("{{verdict=\"{verdict}\"}}"), *count);
    }
    out
}

fn put(out: &mut String, kind: &str, name: &str, labels: &str, value: u64) {
    type_of(out, kind, name);
    sample(out, name, labels, value);
}

// Writing to a string does not fail.
fn type_of(out: &mut String, kind: &str, name: &str) {
    let _ = writeln!(out, "# TYPE bifrost_gatekeeper_{name} {kind}");
}

fn sample(out: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(out, "bifrost_gatekeeper_{name}{labels} {value}");
}
