//! Starts the built binary and its servers; every wait is bounded, and every process is ended by its own id.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, missing_docs, clippy::unwrap_used, reason = "shared by tests only")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Longer than anything takes, also on a machine whose disk is busy.
const WAIT: Duration = Duration::from_secs(60);

/// What a command put out.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Outcome {
    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// The JSON of a call that went well.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_slice(&self.out).unwrap()
    }
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bifrost"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `bifrost` with these arguments to its end.
pub fn bifrost(args: &[&str]) -> Outcome {
    run(&mut command(args))
}

pub fn run(command: &mut Command) -> Outcome {
    let child = command.spawn().unwrap();
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(2 * WAIT) {
        Ok(output) => {
            let output = output.unwrap();
            let code = output.status.code().unwrap_or(-1);
            Outcome { code, out: output.stdout, err: String::from_utf8_lossy(&output.stderr).into_owned() }
        }
        Err(_) => {
            signal(id, Signal::SIGKILL);
            panic!("{command:?} did not end in time");
        }
    }
}

fn signal(id: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
}

/// A running `bifrost serve` or `bifrost mem`; dropping it ends it.
#[derive(Debug)]
pub struct Serving {
    child: Option<Child>,
    pub urls: Vec<String>,
    err: Receiver<String>,
}

impl Serving {
    /// Serves, on addresses with port 0, and waits until all are listened on.
    pub fn start(services: &[&str], listen: &[&str], options: &[&str]) -> Self {
        let mut args = vec!["serve"];
        args.extend(services);
        for url in listen {
            args.extend(["--listen", *url]);
        }
        args.extend(options);
        Self::command(&args, listen.len())
    }

    /// Runs a command that serves, and waits until so many addresses are listened on.
    pub fn command(args: &[&str], addresses: usize) -> Self {
        Self::of(&mut command(args), addresses)
    }

    /// The same for one that is made ready already.
    pub fn of(command: &mut Command, addresses: usize) -> Self {
        let mut child = command.spawn().unwrap();
        let (out, err) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        let mut serving = Self { child: Some(child), urls: Vec::new(), err };
        for _ in 0..addresses {
            let line = out.recv_timeout(WAIT).expect("the server does not listen");
            serving.urls.push(line.split_once(" on ").expect("an address").1.to_owned());
        }
        serving
    }

    /// The first address.
    pub fn url(&self) -> &str {
        &self.urls[0]
    }

    /// The id of its process.
    pub fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn call(&self, rest: &[&str]) -> Outcome {
        let mut args = vec!["call", self.url()];
        args.extend(rest);
        bifrost(&args)
    }

    pub fn signal(&self, which: Signal) {
        signal(self.child.as_ref().unwrap().id(), which);
    }

    /// The next line on standard error.
    pub fn line(&self) -> String {
        self.err.recv_timeout(WAIT).unwrap_or_else(|error| format!("no line on standard error: {error}"))
    }

    /// Waits for its end; returns the status, and the lines left on standard error.
    pub fn end(mut self) -> (ExitStatus, String) {
        let mut child = self.child.take().unwrap();
        let id = child.id();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait()));
        let Ok(status) = receiver.recv_timeout(WAIT) else {
            signal(id, Signal::SIGKILL);
            panic!("the server did not end in time");
        };
        (status.unwrap(), self.err.iter().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The lines that a process writes, as they come.
pub fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
