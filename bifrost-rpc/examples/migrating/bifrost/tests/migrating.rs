//! The shop before and after: the same handler and the same calls, each server with each client.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const EXPECTED: &str = "shop: 750 cents, paid true, left Some(7), refused for somebody else's invoice\n";
/// Longer than any server takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, ended with the test.
struct Serving(Child);

impl Serving {
    fn start(program: &Path, address: &str) -> Self {
        Self(Command::new(program).args(["serve", address]).stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn call(program: &Path, address: &str) -> Output {
    Command::new(program).args(["call", address]).stdin(Stdio::null()).output().unwrap()
}

/// What the client prints once its server has started to listen. `addresses` gives one for the server and one for the
/// client each time it is asked: a port that was free may be taken before the server has it, and then another is tried.
#[expect(clippy::disallowed_methods, reason = "it waits for a process")]
fn shop(server: &Path, client: &Path, addresses: fn() -> (String, String)) -> String {
    let since = Instant::now();
    'ports: loop {
        let (listen, address) = addresses();
        let mut serving = Serving::start(server, &listen);
        loop {
            let output = call(client, &address);
            if output.status.success() {
                return String::from_utf8(output.stdout).unwrap();
            }
            assert!(since.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&output.stderr));
            if serving.0.try_wait().unwrap().is_some() {
                continue 'ports;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn bifrost() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_shop-bifrost"))
}

/// Builds the shop as it was. Without Apache's compiler there is none, which is said aloud, and an error where
/// `BIFROST_INTEROP=required`.
fn apache() -> Option<PathBuf> {
    if Command::new("thrift").arg("--version").output().is_err() {
        let missing = "no `thrift` (Apache's compiler, Debian's package thrift-compiler) to build the shop as it was";
        assert!(std::env::var_os("BIFROST_INTEROP").is_none_or(|value| value != "required"), "{missing}");
        eprintln!("SKIPPED: {missing}");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("migrating");
    let package = copy.join("apache");
    for folder in ["idl", "shop", "apache", "apache/src"] {
        copy_files(&source.join(folder), &copy.join(folder));
    }
    // The versions that the workspace has fetched already.
    std::fs::copy(source.join("../../../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--target-dir", "target"])
        .current_dir(&package)
        .status()
        .unwrap();
    assert!(status.success());
    Some(package.join("target/debug/shop-apache"))
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn udp() -> (String, String) {
    let address = format!("udp://{}", UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    (address.clone(), address)
}

/// A TCP address as Apache's crate writes it, and as we do.
fn tcp() -> (String, String) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (address.to_string(), format!("tcp://{address}?transport=buffered"))
}

#[test]
fn the_shop_moves_to_udp() {
    assert_eq!(shop(bifrost(), bifrost(), udp), EXPECTED);
}

#[test]
fn the_shop_as_it_was_and_on_the_way() {
    let Some(apache) = apache() else { return };
    let both_theirs = || {
        let (theirs, _) = tcp();
        (theirs.clone(), theirs)
    };
    let server_ours = || {
        let (theirs, ours) = tcp();
        (ours, theirs)
    };
    assert_eq!(shop(&apache, &apache, both_theirs), EXPECTED);
    assert_eq!(shop(bifrost(), &apache, server_ours), EXPECTED, "the server first");
    assert_eq!(shop(&apache, bifrost(), tcp), EXPECTED, "the client first");
}
