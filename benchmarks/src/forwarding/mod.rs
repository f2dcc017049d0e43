//! `bench forwarding`: what forwarding costs. A request and its answer of as many bytes, as ICMP echo, over UDP and over TCP, between two network stacks of the
//! kernel: directly, through a Linux bridge, through the embedded switch and through BMv2's `simple_switch`.
//!
//! Each way has network namespaces of its own, which are threads and go with them, and the same frames cross it. It needs root, `ip` and `ethtool`.

mod namespace;
mod probe;
mod report;
mod runner;
mod way;

use std::io::Write;

use anyhow::{Context, Result, ensure};

use crate::cli::Args;
use crate::plan::Placement;
use crate::{machine, output, sockets};
use probe::Protocol;

/// What the command line calls it.
pub(crate) const NAME: &str = "forwarding";

/// Bytes unless said otherwise, and at most: what fits into one frame of the links here, whose MTU is 9,000.
const SIZES: [usize; 6] = [64, 512, 1024, 1400, 4096, BYTES_MAX];
const BYTES_MAX: usize = 8_900;

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// When an option does not hold, a way cannot be set up, or a request is not answered. Without root that is said, and nothing is measured.
pub(crate) fn run(args: &Args) -> Result<()> {
    let sizes = if args.sizes.is_empty() { SIZES.to_vec() } else { args.sizes.clone() };
    ensure!(sizes.iter().all(|&size| size <= BYTES_MAX), "`forwarding` has at most {BYTES_MAX} bytes in a frame");
    for name in &args.variants {
        ensure!(way::NAMES.contains(&name.as_str()), "no variant `{name}`: {}", way::NAMES.join(", "));
    }
    ensure!(args.cases.is_empty() && args.key.is_none(), "`forwarding` has neither `--cases` nor `--key`");
    if let Some(missing) = namespace::missing() {
        return writeln!(std::io::stderr(), "forwarding: left out, {missing}").context("cannot write");
    }
    let placement = Placement::named(&args.pin)?;
    let before = sockets::allowed_cores()?;
    if let Some((core, _)) = placement.cores {
        sockets::pin(&[core])?;
    }
    let rows = runner::run(args, &sizes);
    sockets::pin(&before)?;
    put_out(args, placement, &report::lines(&rows?))
}

fn put_out(args: &Args, placement: Placement, lines: &[report::Line]) -> Result<()> {
    let objects = || lines.iter().map(|line| report::object(line, placement.name) + "\n").collect::<String>();
    output::print(&if args.json { objects() } else { report::table(lines) })?;
    let saved = args.save.as_deref().map(output::create_dated).transpose()?;
    if let Some(directory) = &saved {
        output::write(
            &directory.join("summary.md"),
            &format!("# Summary\n\n## forwarding\n\n{}", report::table(lines)),
        )?;
        let notes = machine::local_notes([
            ("placement", placement.name.to_owned()),
            ("rounds", args.rounds.to_string()),
            ("requests of one variant in one round, at most", args.iterations.to_string()),
            ("time of one variant in one round", format!("{} ms", args.burst_ms)),
        ]);
        output::write(&directory.join("MACHINE.md"), &notes)?;
    }
    for directory in args.plot.iter().chain(&saved) {
        output::create(directory)?;
        for protocol in Protocol::ALL {
            let path = directory.join(format!("{NAME}-{}.svg", protocol.name()));
            if let Some(drawing) = report::plot(lines, protocol) {
                output::write(&path, &drawing)?;
            }
        }
    }
    Ok(())
}
