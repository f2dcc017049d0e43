//! The programs that make namespaces and devices.

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::unistd::Uid;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a process is started by so that the kernel ends it with the thread that has started it.
const BOUND: [&str; 4] = ["setpriv", "--pdeathsig", "KILL", "--"];

/// Whether all is there that is needed.
pub(super) fn check() -> Result<()> {
    let missing = || {
        ensure!(Uid::effective().is_root(), "this is not root");
        run("ip", &["-V"], "")?;
        run("ethtool", &["--version"], "")?;
        run(BOUND[0], &[&BOUND[1..], &["true"]].concat(), "")
    };
    missing().context(
        "--native needs root, a kernel that lets it make network namespaces, and the programs `ip`, `ethtool` and `setpriv` (of \
         util-linux)",
    )
}

/// Runs a program to its end with something to read, which must go well.
pub(super) fn run(program: &str, args: &[&str], input: &str) -> Result<()> {
    let command = || format!("{program} {}", args.join(" "));
    let (piped, null) = (Stdio::piped(), Stdio::null());
    let mut child = Command::new(program)
        .args(args)
        .stdin(piped)
        .stdout(null)
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who ends without reading all says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(command)?;
    if !output.status.success() {
        bail!("{}: {}", command(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Runs commands of `ip -6` in a namespace, one to a line.
pub(super) fn ip(namespace: &str, lines: &str) -> Result<()> {
    let args = ["-n", namespace, "-6", "-batch", "-"];
    run("ip", &args, lines).map_err(|error| anyhow!("{error:#}\nof the lines\n{lines}"))
}

/// Has a device send whole frames with checksums, and take no joined ones: no card is there to do the rest.
pub(super) fn offload_nothing(namespace: &str, device: &str) -> Result<()> {
    let features = ["tx", "rx", "tso", "gso", "gro"].into_iter().flat_map(|feature| [feature, "off"]);
    let args: Vec<&str> = ["netns", "exec", namespace, "ethtool", "-K", device].into_iter().chain(features).collect();
    run("ip", &args, "")
}

/// What is put before a command so that it runs in a namespace, and ends with this thread.
pub(super) fn launcher(namespace: Option<&str>) -> Vec<String> {
    let inside = namespace.map(|namespace| ["ip", "netns", "exec", namespace]);
    BOUND.iter().chain(inside.iter().flatten()).map(|word| (*word).to_owned()).collect()
}
