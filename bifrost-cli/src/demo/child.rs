//! A server in a process of its own.

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const START_WAIT: Duration = Duration::from_secs(10);

/// A running `bifrost serve`. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    /// Starts this executable to serve some services on a free port.
    pub(super) fn start(services: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this executable")?;
        let child = Command::new(program)
            .arg("serve")
            .args(services)
            .args(["--listen", "udp://[::1]:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a server")?;
        // From here on dropping it ends the child, whatever goes wrong.
        let mut serving = Self { child, url: String::new() };
        serving.url = serving.read_url()?;
        Ok(serving)
    }

    fn read_url(&mut self) -> Result<String> {
        let stdout = self.child.stdout.take().context("no standard output")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line).map(|_| line);
            // Nobody listens any more if the wait below has timed out.
            let _ = sender.send(read);
        });
        let line = receiver.recv_timeout(START_WAIT).context("the server did not start in time")??;
        match line.trim().strip_prefix("listening on ") {
            Some(url) => Ok(url.to_owned()),
            None => bail!("the server said {:?} instead of its address", line.trim()),
        }
    }

    /// Where it listens.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Tells it to stop, and waits until its running calls have finished; it bounds that itself.
    pub(super) fn stop(mut self) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("a process id out of range")?;
        kill(Pid::from_raw(id), Signal::SIGTERM).context("cannot tell the server to stop")?;
        let status = self.child.wait().context("cannot wait for the server")?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Already ended is as good; waiting leaves no zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
