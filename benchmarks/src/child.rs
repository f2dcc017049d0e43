//! A child is this executable once more: what it is to be stands in one environment variable.
//!
//! It writes its port on standard output and ends when its standard input does, so that it never outlives the benchmark, however that ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

/// Time to begin, and to answer. One that has failed has ended, and is not waited for.
const LINE_WITHIN: Duration = Duration::from_secs(30);

/// A running child. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
}

impl ChildProcess {
    /// Starts it with this variable, and this process's command line.
    pub(crate) fn start(variable: &str, value: &str) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this executable")?;
        let mut child = Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(variable, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a process")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        // From here on dropping it ends the child, whatever goes wrong.
        Ok(Self { child, stdin, stdout })
    }

    /// The same, and waits until it has said its port.
    pub(crate) fn listening(variable: &str, value: &str) -> Result<(Self, u16)> {
        let mut child = Self::start(variable, value)?;
        let line = child.read_line(LINE_WITHIN)?;
        let port = line.trim().parse().map_err(|_| anyhow!("it said {:?} instead of a port", line.trim()))?;
        Ok((child, port))
    }

    /// Its next line.
    pub(crate) fn read_line(&mut self, within: Duration) -> Result<String> {
        let mut stdout = self.stdout.take().context("no standard output")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| (line, stdout));
            // Nobody listens any more if the wait below has timed out.
            let _ = sender.send(read);
        });
        let (line, stdout) = receiver.recv_timeout(within).map_err(|_| anyhow!("silent for {within:?}"))??;
        self.stdout = Some(stdout);
        Ok(line)
    }

    /// Its answer to a byte.
    pub(crate) fn ask(&mut self) -> Result<String> {
        self.stdin.as_mut().context("no standard input")?.write_all(&[0]).context("cannot ask a process")?;
        self.read_line(LINE_WITHIN)
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Already ended is as good; waiting leaves no zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its number in the system.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.kill();
    }
}

/// Tells the parent, from within a child, where it listens.
pub(crate) fn announce(port: u16) -> Result<()> {
    say(&port.to_string()).context("cannot tell the port")
}

/// Tells the parent something.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

/// Answers each byte on the standard input by a line, and ends this process when that ends.
pub(crate) fn end_with_parent(answer: impl Fn() -> String + Send + 'static) {
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().lock().read(&mut byte), Ok(1)) && say(&answer()).is_ok() {}
        #[expect(clippy::exit, reason = "the parent is gone; a server blocked in a receive has no other end")]
        std::process::exit(0);
    });
}
