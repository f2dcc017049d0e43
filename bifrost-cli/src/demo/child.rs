//! A server in a process of its own.

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const START_WAIT: Duration = Duration::from_secs(10);

/// A running `bifrost serve`, `bifrost mem` or `bifrost switch`. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    url: String,
}

impl Child {
    /// Starts this executable with `args`, which make it listen on a free port.
    pub(crate) fn start(args: &[&str]) -> Result<Self> {
        Self::start_by(&[], args)
    }

    /// The same, by a command that runs what follows it, and so has the same process id.
    pub(crate) fn start_by(launcher: &[String], args: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this executable")?;
        let mut command = match launcher.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        let process =
            command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a server")?;
        // From here on dropping it ends the process, whatever goes wrong.
        let mut child = Self { process, url: String::new() };
        child.url = child.read_url()?;
        Ok(child)
    }

    fn read_url(&mut self) -> Result<String> {
        let stdout = self.process.stdout.take().context("no standard output")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let mut stdout = BufReader::new(stdout);
            let read = stdout.read_line(&mut line).map(|_| line);
            // Nobody listens any more if the wait below has timed out.
            let _ = sender.send(read);
            // What it says further would fail with nobody to read it.
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        });
        let line = receiver.recv_timeout(START_WAIT).context("the server did not start in time")??;
        match line.trim().split_once(" on ") {
            Some((_, url)) => Ok(url.to_owned()),
            None => bail!("the server said {:?} instead of its address", line.trim()),
        }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended, in whatever way.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Tells it to stop, and waits until its running calls have finished; it bounds that itself.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.terminate()?;
        self.wait()
    }

    /// Tells it to stop.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        // The id of one that has ended may be another's by now.
        if let Some(status) = self.process.try_wait().context("cannot wait for the server")? {
            bail!("the server had ended with {status}");
        }
        let id = i32::try_from(self.process.id()).context("a process id out of range")?;
        kill(Pid::from_raw(id), Signal::SIGTERM).context("cannot tell the server to stop")
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Result<()> {
        let status = self.process.wait().context("cannot wait for the server")?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already ended is as good; waiting leaves no zombie.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
