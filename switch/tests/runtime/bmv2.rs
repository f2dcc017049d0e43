//! This project's client and BMv2's switch.

use crate::same::drive;
use crate::support::CONTROL;
use bifrost_switch::runtime::{Client, SwitchControl};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "simple_switch";

/// Ends with the test, whatever becomes of that.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn this_client_drives_simple_switch() {
    if Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: there is no {PROGRAM} in PATH, so this client was not tried on it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("control.json");
    std::fs::write(&json, CONTROL).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ipc = |name: &str| format!("ipc://{}/{name}", folder.path().display());
    let child = Command::new(PROGRAM)
        .args(["--packet-in", &ipc("packets"), "--notifications-addr", &ipc("notifications")])
        .args(["--thrift-port", &port.to_string()])
        .arg(&json)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(child);
    let client = Client::connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
    wait_for(&client);
    drive(&client);
}

/// Until it answers.
#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
fn wait_for(client: &Client) {
    let end = Instant::now() + Duration::from_secs(60);
    while let Err(error) = client.elapsed_us() {
        assert!(Instant::now() < end, "{PROGRAM} does not answer: {error}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
