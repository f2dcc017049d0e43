//! Servers in processes of their own, to be killed and paused.

use super::probe::Probe;
use bifrost_rpc::{Key, Server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Set in the environment of a server process: its settings.
const VARIABLE: &str = "BIFROST_TEST_SERVER";
/// Starts each line that a server process says; the test harness may print before it.
const MARK: char = '@';

static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Ends all server processes.
pub(crate) fn kill_all() {
    for pid in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        signal(pid, Signal::SIGKILL);
    }
}

fn signal(pid: u32, signal: Signal) {
    // A process that has ended already is as good.
    let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal);
}

/// Settings of a server process.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) listen: SocketAddr,
    pub(crate) effects: Option<PathBuf>,
    pub(crate) key: bool,
    pub(crate) lease_ms: u64,
}

impl Default for Spec {
    fn default() -> Self {
        Self { listen: "[::1]:0".parse().unwrap(), effects: None, key: false, lease_ms: 30_000 }
    }
}

impl Spec {
    fn to_text(&self) -> String {
        let effects = self.effects.as_ref().map(|path| path.to_str().unwrap()).unwrap_or_default();
        format!("{}\n{}\n{}\n{effects}", self.listen, self.key, self.lease_ms)
    }

    fn from_text(text: &str) -> Self {
        let mut lines = text.split('\n');
        let mut line = || lines.next().unwrap();
        let (listen, key, lease_ms) = (line().parse().unwrap(), line() == "true", line().parse().unwrap());
        let effects = Some(line()).filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { listen, effects, key, lease_ms }
    }

    fn start(&self) -> Server {
        let probe = self.effects.as_ref().map_or_else(Probe::default, |path| Probe::with_effects(path));
        let mut builder = Server::builder()
            .listen(&format!("udp://{}", self.listen))
            .service(probe)
            .lease(Duration::from_millis(self.lease_ms));
        if self.key {
            builder = builder.key(Key::from_bytes(super::KEY));
        }
        builder.start().unwrap()
    }
}

/// What a server process runs; nothing in an ordinary run of the tests.
#[test]
fn server_process() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let server = Spec::from_text(&text).start();
    let say = |line: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{MARK}{line}").and_then(|()| out.flush()).unwrap();
    };
    say(&server.addresses()[0].to_string());
    // The end of the input is the end of the test.
    for line in std::io::stdin().lock().lines() {
        match line.unwrap().as_str() {
            "stats" => {
                let stats = server.stats();
                say(&format!("{} {} {}", stats.malformed, stats.unauthentic, stats.strays));
            }
            other => panic!("unknown command {other:?}"),
        }
    }
}

/// A running server process; killed when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(spec: &Spec) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "support::process::server_process", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, spec.to_text())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(child.id());
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, input, output, address: spec.listen };
        process.address = process.heard().parse().unwrap();
        process
    }

    /// The next line that the server says.
    fn heard(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the server process has ended");
            if let Some(said) = line.strip_prefix(MARK) {
                return said.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("udp://{}", self.address)
    }

    /// Malformed datagrams, packets that did not open with the key, packets of unknown sessions.
    pub(crate) fn stats(&mut self) -> [u64; 3] {
        self.input.write_all(b"stats\n").and_then(|()| self.input.flush()).unwrap();
        let said = self.heard();
        let numbers: Vec<u64> = said.split(' ').map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// SIGSTOP, and waits until the process has stopped.
    pub(crate) fn pause(&self) {
        signal(self.child.id(), Signal::SIGSTOP);
        let until = Instant::now() + Duration::from_secs(10);
        let is_stopped = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
        };
        while !is_stopped() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(is_stopped(), "the server process did not stop");
    }

    /// SIGCONT.
    pub(crate) fn proceed(&self) {
        signal(self.child.id(), Signal::SIGCONT);
    }

    /// SIGKILL, and waits until nothing is left of the process.
    pub(crate) fn kill(self) {}
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|pid| *pid != self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
