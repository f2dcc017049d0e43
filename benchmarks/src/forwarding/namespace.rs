//! A network namespace: a thread that has one of its own, and does there what it is given. It goes with the thread.

use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Uid, gettid};

type Work = Box<dyn FnOnce() + Send>;

/// What it takes that this machine has not, or does not let this user do.
pub(super) fn missing() -> Option<&'static str> {
    if !Uid::effective().is_root() {
        return Some("it needs root");
    }
    for (tool, version, text) in
        [("ip", "-V", "there is no `ip` in PATH"), ("ethtool", "--version", "there is no `ethtool` in PATH")]
    {
        if run(tool, version).is_err() {
            return Some(text);
        }
    }
    Namespace::new().err().map(|_| "no network namespace can be made")
}

fn run(program: &str, arguments: &str) -> Result<()> {
    let mut command = Command::new(program);
    let output = command.args(arguments.split_whitespace()).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run `{program}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{program} {arguments}`: {}", said.trim());
    Ok(())
}

#[derive(Debug)]
pub(super) struct Namespace {
    id: i32,
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    pub(super) fn new() -> Result<Self> {
        let (work, works) = channel::<Work>();
        let (tell, told) = channel();
        let thread = std::thread::Builder::new().name("namespace".into()).spawn(move || {
            let entered = unshare(CloneFlags::CLONE_NEWNET).map(|()| gettid().as_raw());
            // Whoever waits is there: it waits for this.
            let _ = tell.send(entered);
            works.into_iter().for_each(|work| work());
        })?;
        let id = told.recv()?.context("cannot make a network namespace")?;
        let namespace = Self { id, work: Some(work), thread: Some(thread) };
        namespace.run("ip", "link set lo up")?;
        Ok(namespace)
    }

    /// What `ip link … netns` takes for it.
    pub(super) fn id(&self) -> i32 {
        self.id
    }

    /// Does something in it, and waits for that. Sockets and processes that it makes stay in the namespace.
    pub(super) fn within<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (tell, told) = channel();
        let work: Work = Box::new(move || drop(tell.send(work())));
        self.work.as_ref().and_then(|queue| queue.send(work).ok()).context("a namespace that has ended")?;
        told.recv().context("a namespace that has ended")?
    }

    /// Runs a command in it.
    pub(super) fn run(&self, program: &'static str, arguments: &str) -> Result<()> {
        let arguments = arguments.to_owned();
        self.within(move || run(program, &arguments))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
