//! A client in a process of its own, which records what it does and sees.

use crate::log::{self, Log};
use bifrost_rpc::memory::{MemoryClient, MemoryError, PendingMemory, Pointer};
use bifrost_rpc::sim::Rng;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Set in the environment of a client process: its task.
const VARIABLE: &str = "BIFROST_TEST_CLIENT";
/// Operations under way at most.
const WINDOW: usize = 3;

/// What a client process is to do.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) url: String,
    pub(crate) client: u64,
    pub(crate) log: PathBuf,
    pub(crate) per_round: u64,
    /// The objects of each round, with their lengths.
    pub(crate) rounds: Vec<Vec<(Pointer, u64)>>,
}

impl Task {
    fn to_text(&self) -> String {
        let Self { url, client, log, per_round, rounds } = self;
        let mut text = format!("{url}\n{client}\n{}\n{per_round}\n", log.to_str().unwrap());
        for round in rounds {
            let objects: Vec<String> = round.iter().map(|(pointer, len)| format!("{pointer} {len}")).collect();
            text += &format!("{}\n", objects.join(","));
        }
        text
    }

    fn from_text(text: &str) -> Self {
        let mut lines = text.lines();
        let mut line = || lines.next().unwrap();
        let (url, client, log, per_round) = (line(), line(), line(), line());
        let object = |text: &str| {
            let (pointer, len) = text.split_once(' ').unwrap();
            let pointer: std::net::Ipv6Addr = pointer.parse().unwrap();
            (Pointer::from_bytes(pointer.octets()), len.parse().unwrap())
        };
        Self {
            url: url.into(),
            client: client.parse().unwrap(),
            log: log.into(),
            per_round: per_round.parse().unwrap(),
            rounds: lines.map(|round| round.split(',').map(object).collect()).collect(),
        }
    }
}

/// What a client process runs; nothing in an ordinary run of the tests.
#[test]
fn client_process() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let task = Task::from_text(&text);
    let memory = MemoryClient::connect(&task.url).unwrap();
    let mut worker = Worker { memory, client: task.client, log: Log::create(&task.log), under_way: VecDeque::new() };
    let mut rng = Rng::new(task.client);
    for round in &task.rounds {
        for _ in 0..task.per_round {
            let (object, len) = rng.pick(round);
            let offset = if rng.chance(500) { 0 } else { rng.below(len) };
            let bytes = if rng.chance(500) { len - offset } else { rng.between(1, len - offset) };
            worker.start(object, rng.chance(450), offset, bytes);
        }
    }
    while worker.wait() {}
}

enum Pending {
    Write(PendingMemory<()>),
    Read(PendingMemory<Vec<u8>>),
}

struct Worker {
    memory: MemoryClient,
    client: u64,
    log: Log,
    /// Operations under way, by their ids in the log.
    under_way: VecDeque<(u64, Pending)>,
}

impl Worker {
    fn start(&mut self, object: Pointer, writes: bool, offset: u64, bytes: u64) {
        if self.under_way.len() == WINDOW {
            self.wait();
        }
        let id = self.log.ask(object.object(), if writes { "write" } else { "read" }, offset, bytes);
        let pending = if writes {
            let data = log::data(self.client, id, bytes);
            Pending::Write(self.memory.start_write(object, offset, data).unwrap())
        } else {
            Pending::Read(self.memory.start_read(object, offset, bytes, Vec::new()).unwrap())
        };
        self.under_way.push_back((id, pending));
    }

    /// Waits for the first operation under way. Says whether there was one.
    fn wait(&mut self) -> bool {
        let Some((id, pending)) = self.under_way.pop_front() else { return false };
        let ended = match pending {
            Pending::Write(write) => write.wait().map(|()| None),
            Pending::Read(read) => read.wait().map(Some),
        };
        self.record(id, &ended);
        true
    }

    fn record(&mut self, id: u64, ended: &Result<Option<Vec<u8>>, MemoryError>) {
        match ended {
            Ok(read) => self.log.done(id, read.as_deref()),
            // It stays without an answer.
            Err(error) if error.may_have_run() => {}
            Err(_) => self.log.not_done(id),
        }
    }
}

/// A running client process; killed when dropped.
#[derive(Debug)]
pub(crate) struct ClientProcess(Child);

impl ClientProcess {
    pub(crate) fn start(task: &Task) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "client::client_process", "--test-threads=1"]).env(VARIABLE, task.to_text());
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// SIGKILL, and waits until nothing is left of the process.
    pub(crate) fn kill(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "the client had ended already");
        drop(self);
    }

    /// Waits until it has done its task.
    pub(crate) fn finish(mut self, within: Duration) {
        let mut status = None;
        wait_until(within, || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.is_some_and(|status| status.success()), "a client failed: {status:?}");
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds, for so long at most.
#[expect(clippy::disallowed_methods, reason = "a test waits for other processes")]
pub(crate) fn wait_until(within: Duration, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    let (_never, pause) = mpsc::channel::<()>();
    while !holds() {
        assert!(Instant::now() < until, "it takes too long");
        let _ = pause.recv_timeout(Duration::from_millis(2));
    }
}
