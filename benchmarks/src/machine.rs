//! Notes on where a run was made, which its figures mean nothing without.

use std::fs;

use crate::plan::Plan;
use crate::{clock, sockets};

/// Everything as Markdown. What cannot be read says so.
pub(crate) fn notes(plan: &Plan) -> String {
    let congestion = sockets::tcp_congestion_in_use().unwrap_or_else(|error| format!("unknown ({error:#})"));
    let network = [
        ("TCP congestion control, system", read("/proc/sys/net/ipv4/tcp_congestion_control")),
        ("TCP congestion control, used", congestion),
        ("net.core.rmem_max", read("/proc/sys/net/core/rmem_max")),
        ("net.core.wmem_max", read("/proc/sys/net/core/wmem_max")),
        ("MTU of the loopback", read("/sys/class/net/lo/mtu")),
        ("address", plan.address.to_string()),
        ("placement of client and server", placement(plan)),
        ("rounds", plan.rounds.to_string()),
        ("calls of one variant in one round, at most", plan.iterations.to_string()),
        ("time of one variant in one round", format!("{} ms", plan.budget.as_millis())),
        ("sealed", if plan.key.is_some() { "where the variant can" } else { "no" }.to_owned()),
    ];
    table(hardware().into_iter().chain(network).chain(build()))
}

/// Notes on a run that uses no network, with what else there is to say about it.
pub(crate) fn local_notes<const N: usize>(run: [(&'static str, String); N]) -> String {
    table(hardware().into_iter().chain(run).chain(build()))
}

fn hardware() -> [(&'static str, String); 7] {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    [
        ("date", clock::date(clock::unix_seconds())),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("processor", value_of(&cpuinfo, "model name")),
        ("processors", cpuinfo.lines().filter(|line| line.starts_with("processor")).count().to_string()),
        ("hypervisor", if cpuinfo.contains(" hypervisor") { "yes" } else { "no" }.to_owned()),
        ("memory", value_of(&meminfo, "MemTotal")),
        ("load before the report", read("/proc/loadavg")),
    ]
}

fn build() -> [(&'static str, String); 2] {
    [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("build", if cfg!(debug_assertions) { "debug: figures are worthless" } else { "release" }.to_owned()),
    ]
}

fn table(entries: impl Iterator<Item = (&'static str, String)>) -> String {
    let mut out = "# Machine\n\n| | |\n| --- | --- |\n".to_owned();
    for (name, value) in entries {
        out.push_str(&format!("| {name} | {value} |\n"));
    }
    out
}

fn placement(plan: &Plan) -> String {
    match plan.placement.cores {
        Some((client, server)) => {
            format!("{}: processors {client} and {server}", plan.placement.name)
        }
        None => plan.placement.name.to_owned(),
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The first `key : value` of a file in /proc.
fn value_of(text: &str, key: &str) -> String {
    let line = text.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == key));
    line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{read, value_of};

    #[test]
    fn values_are_found() {
        assert_eq!(value_of("a\t: 1\nmodel name\t: X : Y\nmodel name\t: Z", "model name"), "X : Y");
        assert_eq!(value_of("", "model name"), "unknown");
        assert_eq!(read("/nowhere"), "unknown");
    }
}
