//! How a switch starts and stops.

use crate::common::{Serving, bifrost};
use bifrost_rpc::{Channel, Key, Link};
use bifrost_switch::runtime::idl::bmv2_standard::{StandardClient, TStandardSyncClient};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::Ipv6Addr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const STOPPING: &str = "stopping; frames under way leave (once more stops at once)";

#[test]
fn signals_end_it() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let captured = tempfile::tempdir().unwrap();
        let directory = captured.path().display().to_string();
        let args = ["switch", "--port", "1=tunnel", "--port", "2=tunnel:n2", "--listen", "udp://[::1]:0"];
        let more = ["--runtime", "none", "--pcap", &directory, "--stats", "1h"];
        let serving = Serving::command(&[&args[..], &more].concat(), 1);
        assert!(serving.url().starts_with("udp://[::1]:"), "{}", serving.url());
        assert!(serving.line().contains("without --key-file every program on this machine may attach"));
        serving.signal(signal);
        let (status, err) = serving.end();
        let counts = "received 0 (0 bytes), sent 0 (0 bytes), lost 0 (0 bytes)";
        let end = format!("port 1: {counts}\nport 2: {counts}\nstopped; 0 frames have been through the switch");
        assert_eq!(err, format!("{STOPPING}\n{end}"));
        assert_eq!(status.code(), Some(0));
        let mut files: Vec<_> = captured.path().read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["port-1-in.pcap", "port-1-out.pcap", "port-2-in.pcap", "port-2-out.pcap"]);
    }
}

#[test]
fn the_runtime_api_lists_its_ports() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("unix://{}/runtime.sock?transport=buffered", directory.path().display());
    let args = ["switch", "--port", "1=tunnel:n1", "--listen", "udp://127.0.0.1:0", "--runtime", &url];
    let serving = Serving::command(&args, 1);
    let channel = Channel::builder().connect(&format!("{url}&multiplexed=true")).unwrap();
    let ports = StandardClient::new(channel).bm_dev_mgr_show_ports().unwrap();
    let found: Vec<_> = ports.iter().map(|port| (port.port_num, port.iface_name.as_str(), port.is_up)).collect();
    assert_eq!(found, [(1, "tunnel n1", false)]);
    serving.signal(Signal::SIGTERM);
    assert_eq!(serving.end().0.code(), Some(0));
}

/// A subscriber's and the publisher's greeting in nanomsg's protocol.
const GREETINGS: ([u8; 8], [u8; 8]) = ([0, b'S', b'P', 0, 0, 33, 0, 0], [0, b'S', b'P', 0, 0, 32, 0, 0]);

#[test]
fn digests_have_subscribers_while_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("digests.ipc");
    let url = format!("ipc://{}", path.display());
    let args = ["switch", "--port", "1=tunnel", "--listen", "udp://[::1]:0", "--runtime", "none"];
    let serving = Serving::command(&[&args[..], &["--notifications", &url]].concat(), 1);
    let mut subscriber = UnixStream::connect(&path).unwrap();
    subscriber.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    subscriber.write_all(&GREETINGS.0).unwrap();
    let mut greeting = [0; 8];
    subscriber.read_exact(&mut greeting).unwrap();
    assert_eq!(greeting, GREETINGS.1);
    serving.signal(Signal::SIGTERM);
    assert_eq!(serving.end().0.code(), Some(0));
    assert!(!path.exists(), "the socket is left over");
}

/// Two nodes, on tunnels with keys of their own.
const RACK: &str = r#"
[rack]
prefix = "fd00:b1f0:0:1::/64"
tunnel = "[::1]:0"
[[node]]
name = "n1"
port = 1
mac = "02:00:00:00:00:01"
addresses = ["fd00:b1f0:0:1::1"]
[[node]]
name = "n2"
port = 2
mac = "02:00:00:00:00:02"
addresses = ["fd00:b1f0:0:1::2"]
[[port]]
number = 1
attach = { tunnel = { key = "n1.key" } }
[[port]]
number = 2
attach = { tunnel = { key = "n2.key" } }
"#;

#[test]
fn a_rack_has_its_ports_keys_and_entries() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rack.toml");
    std::fs::write(&path, RACK).unwrap();
    let rack = path.display().to_string();
    let unreadable = bifrost(&["switch", "--rack", &rack]);
    assert_eq!(unreadable.code, 1);
    assert!(unreadable.err.contains("n1.key"), "{unreadable:?}");
    for (name, byte) in [("n1", "01"), ("n2", "02")] {
        std::fs::write(directory.path().join(format!("{name}.key")), byte.repeat(32)).unwrap();
    }
    let serving = Serving::command(&["switch", "--rack", &rack, "--runtime", "none"], 1);
    let switch = serving.url().strip_prefix("udp://").unwrap();
    let key = |byte: &str| Key::from_hex(&byte.repeat(32)).unwrap();
    let link = |key: Key| Link::builder().key(key).tunnel(&format!("tunnel://{switch}?node=n1"));
    assert_eq!(link(key("01")).unwrap().address(), "fd00:b1f0:0:1::1".parse::<Ipv6Addr>().unwrap());
    assert!(link(key("02")).is_err(), "the key of another");
    let frame = "020000000002 020000000001 88b5";
    let text = bifrost(&["switch", "trace", "--rack", &rack, "--port", "1", frame]).text();
    assert!(text.contains("sent: 14 bytes to port 2"), "{text}");
    serving.signal(Signal::SIGTERM);
    assert_eq!(serving.end().0.code(), Some(0));
}

#[test]
fn what_is_wrong_is_said() {
    let example = format!("{}/../switch/racks/example.toml", env!("CARGO_MANIFEST_DIR"));
    for (args, code, complaint) in [
        (&[][..], 2, "a switch needs ports"),
        (&["--port", "1"], 2, "write N=tunnel, N=tunnel:NODE, N=dev:DEVICE or N=unix:PATH"),
        (&["--port", "511=tunnel"], 2, "a port's number is 0 to 510"),
        (&["--port", "1=tunnel", "--port", "1=tunnel", "--listen", "udp://[::1]:0"], 2, "port 1 is given twice"),
        (&["--port", "1=tunnel", "--listen", "tcp://[::1]:0"], 2, "tunnels are UDP"),
        (&["--port", "1=tunnel", "--listen", "udp://192.0.2.1:7"], 1, "cannot listen on udp://192.0.2.1:7"),
        (&["--port", "1=dev:no such device"], 1, "port 1: there is no network device \"no such device\""),
        (
            &["--port", "1=tunnel", "--listen", "udp://[::1]:0", "--runtime", "udp://[::1]:0"],
            2,
            "runtime API is served at",
        ),
        (
            &["--port", "1=tunnel", "--listen", "udp://[::1]:0", "--runtime", "tcp://0.0.0.0:0?transport=buffered"],
            2,
            "give --runtime-open",
        ),
        (
            &[
                "--port",
                "1=tunnel",
                "--listen",
                "udp://[::1]:0",
                "--runtime",
                "none",
                "--notifications",
                "udp://[::1]:1",
            ],
            2,
            "published at ipc://PATH",
        ),
        (&["--port", "1=tunnel", "--key-file", "/nowhere.key"], 1, "cannot read the key file"),
        (&["--port", "1=tunnel", "--program", "/nowhere.json"], 1, "cannot read the program"),
        (&["--port", "1=tunnel", "--pcap-size", "1M"], 2, "--pcap"),
        (&["--rack", "/nowhere.toml"], 1, "cannot read /nowhere.toml"),
        (&["--rack", &example], 2, "there are no rules for this rack"),
    ] {
        let outcome = bifrost(&[&["switch"], args].concat());
        assert_eq!(outcome.code, code, "{args:?}: {outcome:?}");
        assert!(outcome.err.contains(complaint), "{args:?}: {outcome:?}");
    }
}
