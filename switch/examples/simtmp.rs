//! Scratch.
use bifrost_switch::gatekeeper::Check;
use bifrost_switch::sim::{Options, run};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (from, n): (u64, u64) = (a[1].parse().unwrap(), a[2].parse().unwrap());
    let without = a.get(3).and_then(|n| Check::ALL.into_iter().find(|c| format!("{c:?}") == *n));
    let traces = a.get(4).is_some();
    let start = std::time::Instant::now();
    let mut bad = 0;
    let (mut calls, mut answered, mut packets) = (0, 0, 0);
    for seed in from..from + n {
        let report = run(seed, &Options { without, traces });
        calls += report.calls; answered += report.answered; packets += report.packets;
        if traces { println!("{report}"); }
        else if !report.is_ok() { bad += 1; for b in &report.broken { println!("{seed} {:?}: {}", b.rule, b.text.chars().take(300).collect::<String>()); } }
    }
    println!("{bad} of {n} bad; {calls} calls {answered} answered {packets} packets, {:?}", start.elapsed());
}
