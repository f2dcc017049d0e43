//! A network namespace: a thread that has one of its own, and everything that it does. It goes with the thread.

use crate::WAIT;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Uid, gettid};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

type Work = Box<dyn FnOnce() + Send>;

pub(super) struct Namespace {
    id: i32,
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

/// What it takes that this machine has not, or does not let this user do.
pub(super) fn missing() -> Option<&'static str> {
    if !Uid::effective().is_root() {
        return Some("not root");
    }
    let tools = [("ip", "-V", "no ip command"), ("ethtool", "--version", "no ethtool")];
    let lacks = |&(tool, version, _): &(&str, &str, &str)| !succeeds(tool, version);
    if let Some((_, _, text)) = tools.into_iter().find(lacks) {
        return Some(text);
    }
    let may = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET).is_ok()).join().unwrap();
    (!may).then_some("no network namespaces here")
}

fn succeeds(program: &str, args: &str) -> bool {
    let mut command = Command::new(program);
    let status =
        command.args(args.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Namespace {
    pub(super) fn new() -> Self {
        let (work, works) = channel::<Work>();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            tell.send(gettid().as_raw()).unwrap();
            works.into_iter().for_each(|work| work());
        });
        let id = told.recv_timeout(WAIT).unwrap();
        let namespace = Self { id, work: Some(work), thread: Some(thread) };
        namespace.ip("link set lo up");
        namespace
    }

    /// What `ip link … netns` takes for it.
    pub(super) fn id(&self) -> i32 {
        self.id
    }

    /// Does something in it.
    pub(super) fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        let work = move || {
            // Whoever waited is gone if this fails: a test that ends.
            let _ = tell.send(work());
        };
        self.work.as_ref().unwrap().send(Box::new(work)).unwrap();
        told.recv_timeout(5 * WAIT).unwrap()
    }

    /// Runs a command in it, and says whether it went well.
    pub(super) fn succeeds(&self, program: &str, args: &str) -> bool {
        let (program, args) = (program.to_owned(), args.to_owned());
        self.within(move || succeeds(&program, &args))
    }

    /// Runs a command in it, which must go well.
    pub(super) fn run(&self, program: &str, args: &str) {
        assert!(self.succeeds(program, args), "{program} {args}");
    }

    pub(super) fn ip(&self, args: &str) {
        self.run("ip", args);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.work = None;
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()), "a namespace's thread panicked");
    }
}
