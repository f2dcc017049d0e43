//! The driver of BMv2: processes that fail, and a `simple_switch` where one is in `PATH`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests, which say what they skip")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use bifrost_switch::PROGRAM;
use bifrost_switch::bmv2::{Bmv2, Bmv2Error, Namespace, Packets, Settings, find, version};
use bifrost_switch::runtime::idl::bmv2_standard::TStandardSyncClient;
use tempfile::TempDir;

/// A shell script in the place of `simple_switch`.
fn script(folder: &TempDir, text: &str) -> Settings {
    let path: PathBuf = folder.path().join("script");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let start_timeout = Duration::from_millis(500);
    Settings { path: Some(path), namespace: Namespace::Present, start_timeout, ..Settings::new("{}") }
}

/// Also as root in a namespace of its own.
fn simple_switch() -> Option<Settings> {
    if find().is_none() {
        println!("SKIPPED: no simple_switch in PATH");
        return None;
    }
    Some(Settings::new(PROGRAM))
}

#[test]
fn what_cannot_be_run_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nothing");
    let settings = Settings { path: Some(path.clone()), ..script(&folder, "") };
    assert!(matches!(Bmv2::start(&settings), Err(Bmv2Error::Run { path: named, .. }) if named == path));
    assert!(matches!(version(&path), Err(Bmv2Error::Run { .. })));
}

#[test]
fn one_that_ends_at_once_is_reported_with_the_end_of_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let settings = script(&folder, "seq 10000; echo \"bad program $*\" >&2; exit 3");
    let Err(Bmv2Error::Ended { status, output }) = Bmv2::start(&settings) else { panic!("it started") };
    assert_eq!(status.code(), Some(3));
    assert!(output.contains("bad program --thrift-port") && output.contains("program.json"), "{output}");
    assert!(output.len() <= 4096 && !output.contains("\n1\n"));
}

#[test]
fn one_that_does_not_answer_is_ended_even_if_it_does_not_want_to() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let settings = script(
        &folder,
        &format!("trap '' TERM; echo $$ > {}; echo waiting\nwhile :; do sleep 0.05; done", id.display()),
    );
    let Err(Bmv2Error::Silent { output, .. }) = Bmv2::start(&settings) else { panic!("it answers") };
    assert_eq!(output, "waiting\n");
    let id = fs::read_to_string(id).unwrap();
    assert!(!PathBuf::from(format!("/proc/{}", id.trim())).exists());
}

#[test]
fn nobody_to_attach_to_is_an_error() {
    let url = "unix:///nowhere/at/all?transport=buffered&multiplexed=true";
    assert!(matches!(Bmv2::attach(url, None), Err(Bmv2Error::Runtime(_))));
    assert!(matches!(Bmv2::attach("what", None), Err(Bmv2Error::Runtime(_))));
}

#[test]
fn a_namespace_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["no-such-namespace", "../../etc", "."] {
        let settings = Settings { namespace: Namespace::Named(name.to_owned()), ..script(&folder, "") };
        assert!(matches!(Bmv2::start(&settings), Err(Bmv2Error::Namespace(_))), "{name}");
    }
}

#[test]
fn a_switch_carries_frames_and_ends_when_it_is_dropped() {
    let Some(settings) = simple_switch() else { return };
    let mut switch = Bmv2::start(&settings).unwrap();
    let mut runtime = switch.runtime().unwrap();
    assert_eq!(runtime.standard.bm_get_config().unwrap(), PROGRAM.as_bytes());
    let (mut sender, mut receiver) = switch.packets().unwrap();
    let frame = b"whatever it is, as it is";
    sender.send(510, &[&[1, 0, 0, 3, 0, 0, 0, 0], &frame[..]].concat()).unwrap();
    assert_eq!(receiver.receive(Duration::from_secs(5)).unwrap(), Some((3, frame.to_vec())));
    assert_eq!(receiver.receive(Duration::from_millis(5)).unwrap(), None);
    assert!(sender.send(1, &vec![0; 70_000]).is_err());
    switch.check().unwrap();
    let url = switch.url().to_owned();
    drop(switch);
    assert!(receiver.receive(Duration::from_secs(5)).is_err());
    assert!(Bmv2::attach(&url, None).is_err());
}

#[test]
fn a_switch_can_be_attached_to_and_goes_on() {
    let Some(settings) = simple_switch() else { return };
    let switch = Bmv2::start(&settings).unwrap();
    let attached = Bmv2::attach(switch.url(), None).unwrap();
    assert!(matches!(attached.packets(), Err(Bmv2Error::NoPackets)));
    assert_eq!(attached.output(), "");
    drop(attached);
    switch.runtime().unwrap().standard.bm_get_config_md5().unwrap();
}

#[test]
fn a_program_that_bmv2_refuses_is_reported_with_its_words() {
    let Some(settings) = simple_switch() else { return };
    let settings = Settings { program: "{\"program\": 1}".to_owned(), ..settings };
    let error = Bmv2::start(&settings).unwrap_err();
    assert!(matches!(&error, Bmv2Error::Ended { output, .. } if !output.is_empty()), "{error}");
}

#[test]
fn in_the_present_namespace_everybody_reaches_it_and_it_says_so() {
    let Some(settings) = simple_switch() else { return };
    let exposed = Settings { namespace: Namespace::Present, queue_packets_per_s: Some(100_000), ..settings.clone() };
    let switch = Bmv2::start(&exposed).unwrap();
    assert!(switch.is_exposed() && switch.url().starts_with("tcp://127.0.0.1:"));
    let other = Bmv2::start(&exposed).unwrap();
    assert_ne!(other.url(), switch.url(), "each has a port of its own");
    if nix::unistd::geteuid().is_root() {
        assert!(!Bmv2::start(&settings).unwrap().is_exposed());
    }
    let none = Settings { packets: Packets::Interfaces(vec![(1, "no-such-interface".to_owned())]), ..exposed };
    let error = Bmv2::start(&none).unwrap_err();
    assert!(matches!(&error, Bmv2Error::Interface { port: 1, name } if name == "no-such-interface"), "{error}");
}

/// A network namespace with an interface in it, as long as this lives.
struct OwnNetwork(String);

impl OwnNetwork {
    fn new() -> Option<Self> {
        let network = Self(format!("bifrost-test-{}", std::process::id()));
        let made = ip(&["netns", "add", &network.0])
            && ip(&["-n", &network.0, "link", "add", "one", "type", "veth", "peer", "name", "other"])
            && ip(&["-n", &network.0, "link", "set", "one", "up"]);
        if !made {
            println!("SKIPPED: no network namespace can be made here");
        }
        made.then_some(network)
    }
}

impl Drop for OwnNetwork {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    std::process::Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn as_root_it_takes_interfaces_of_another_namespace_and_is_reached_from_here() {
    let Some(settings) = simple_switch() else { return };
    let Some(network) = OwnNetwork::new() else { return };
    let packets = Packets::Interfaces(vec![(4, "one".to_owned())]);
    let switch =
        Bmv2::start(&Settings { packets, namespace: Namespace::Named(network.0.clone()), ..settings }).unwrap();
    assert!(!switch.is_exposed());
    let ports = switch.runtime().unwrap().standard.bm_dev_mgr_show_ports().unwrap();
    assert_eq!(ports.iter().map(|port| (port.port_num, &*port.iface_name)).collect::<Vec<_>>(), [(4, "one")]);
    assert!(matches!(switch.packets(), Err(Bmv2Error::NoPackets)));
}
