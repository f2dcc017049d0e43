//! `bifrost switch --bmv2`: how it starts and ends.

use crate::common::{Serving, bifrost};
use bifrost_rpc::Channel;
use bifrost_switch::bmv2;
use bifrost_switch::runtime::idl::bmv2_standard::{StandardClient, TStandardSyncClient};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longer than a process needs to go.
const WAIT: Duration = Duration::from_secs(20);

/// One that runs, and its `simple_switch`.
fn started() -> Option<(Serving, u32)> {
    if bmv2::find().is_none() {
        eprintln!("SKIPPED: no simple_switch in PATH");
        return None;
    }
    let args = ["switch", "--bmv2", "--port", "1=tunnel", "--port", "2=tunnel", "--listen", "udp://[::1]:0"];
    let serving = Serving::command(&args, 2);
    let child = child_of(serving.process());
    Some((serving, child))
}

/// The process that this one has started.
fn child_of(parent: u32) -> u32 {
    let line = format!("PPid:\t{parent}\n");
    let processes = std::fs::read_dir("/proc").unwrap();
    let mut ids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    let is_child = |id: &u32| std::fs::read_to_string(format!("/proc/{id}/status")).is_ok_and(|is| is.contains(&line));
    let child = ids.find(is_child).expect("it has no simple_switch");
    let name = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap();
    assert_eq!(name.trim(), "simple_switch");
    child
}

#[expect(clippy::disallowed_methods, reason = "waits for a process")]
fn wait_for_end(process: u32) {
    let path = PathBuf::from(format!("/proc/{process}/exe"));
    let start = Instant::now();
    // Of one that has ended and is not waited for only the entry is left.
    while path.read_link().is_ok() {
        assert!(start.elapsed() < WAIT, "simple_switch lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn simple_switch_ends_with_it_however_it_ends() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let Some((serving, child)) = started() else { return };
        serving.signal(signal);
        let (status, err) = serving.end();
        if signal == Signal::SIGTERM {
            assert_eq!(status.code(), Some(0));
            assert!(err.ends_with("stopped; 0 frames have been through the switch"), "{err}");
        }
        wait_for_end(child);
    }
}

#[test]
fn it_ends_with_simple_switch_and_says_so() {
    let Some((serving, child)) = started() else { return };
    kill(Pid::from_raw(i32::try_from(child).unwrap()), Signal::SIGKILL).unwrap();
    let (status, err) = serving.end();
    assert_eq!(status.code(), Some(1), "{err}");
    assert!(err.contains("stopped; simple_switch ended (signal: 9 (SIGKILL))"), "{err}");
}

#[test]
fn what_makes_no_sense_there_is_refused() {
    let port = ["switch", "--port", "1=tunnel", "--listen", "udp://[::1]:0", "--bmv2"];
    for (args, code, complaint) in [
        (&["--trace"][..], 2, "cannot be used with '--trace'"),
        (&["--runtime", "none"], 2, "cannot be used with '--runtime"),
        (&["--runtime-open"], 2, "cannot be used with '--runtime-open'"),
        (&["--notifications", "ipc:///x"], 2, "cannot be used with '--notifications"),
        (&["/nowhere/simple_switch"], 1, "cannot run /nowhere/simple_switch"),
    ] {
        let outcome = bifrost(&[&port[..], args].concat());
        assert_eq!(outcome.code, code, "{args:?}: {outcome:?}");
        assert!(outcome.err.contains(complaint), "{args:?}: {outcome:?}");
    }
}

#[test]
fn the_runtime_api_is_simple_switchs() {
    let Some((serving, _)) = started() else { return };
    let channel = Channel::builder().connect(&serving.urls[1]).unwrap();
    assert_eq!(StandardClient::new(channel).bm_get_config().unwrap(), bifrost_switch::PROGRAM.as_bytes());
}
