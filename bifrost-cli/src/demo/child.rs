//! A server in a process of its own.

use crate::fault::FAILED;
use crate::log;
use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

const START_WAIT: Duration = Duration::from_secs(10);
/// Lines that wait to be read; further ones are lost.
const LINES_MAX: usize = 16;
/// Names the process with which one of these ends, however that ends: what it reads comes to its end then.
const PARENT: &str = "BIFROST_PARENT";

/// A running `bifrost serve`, `bifrost mem`, `bifrost switch` or `bifrost gatekeeper`. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    /// Whoever reads from it ends when it is closed.
    _life: Option<ChildStdin>,
    url: String,
    said: Receiver<String>,
}

impl Child {
    /// Starts this executable with `args`, which make it listen on a free port.
    pub(crate) fn start(args: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this executable")?;
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self::listening(command, args)
    }

    /// The same, by a command that runs what follows it, and so has the same process id. A Ctrl-C at the terminal is for this process
    /// alone, which ends the other when it is time; that ends with this one in any case.
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
        command.stdin(Stdio::piped()).process_group(0).env(PARENT, std::process::id().to_string());
        Self::listening(command, args)
    }

    fn listening(mut command: Command, args: &[&str]) -> Result<Self> {
        command.args(args).args(log::arguments());
        let mut process = command.stdout(Stdio::piped()).spawn().context("cannot start a server")?;
        let said = lines(process.stdout.take());
        // Waiting for its end would close it.
        let life = process.stdin.take();
        // From here on dropping it ends the process, whatever goes wrong.
        let mut child = Self { process, _life: life, url: String::new(), said };
        child.url = child.read_url()?;
        Ok(child)
    }

    fn read_url(&self) -> Result<String> {
        let line = self.said.recv_timeout(START_WAIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => anyhow!("it does not say within {START_WAIT:?} where it listens"),
            RecvTimeoutError::Disconnected => anyhow!("it has ended"),
        })?;
        match line.split_once(" on ") {
            Some((_, url)) => Ok(url.to_owned()),
            None => bail!("the server said {line:?} instead of its address"),
        }
    }

    /// The next line that it says on standard output; `None`: none comes within this time.
    pub(crate) fn said(&self, wait: Duration) -> Option<String> {
        self.said.recv_timeout(wait).ok()
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

/// Where another process of this program has started this one to [end with it](Child::start_by): sees to that.
///
/// # Errors
///
/// No thread can be started.
#[expect(clippy::exit, reason = "nothing of it is to go on without its parent")]
pub(crate) fn end_with_parent() -> io::Result<()> {
    // What the parent's other descendants inherit does not concern them.
    let is_child = std::env::var(PARENT).is_ok_and(|parent| parent == getppid().to_string());
    if is_child {
        let wait = || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            std::process::exit(FAILED.into());
        };
        std::thread::Builder::new().name("parent".into()).spawn(wait)?;
    }
    Ok(())
}

/// The lines that a process writes. They are read to the end: what it says further would fail with nobody to read it.
fn lines(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (tell, told) = mpsc::sync_channel(LINES_MAX);
    std::thread::spawn(move || {
        let lines = from.into_iter().flat_map(|from| BufReader::new(from).lines().map_while(Result::ok));
        lines.for_each(|line| drop(tell.try_send(line)));
    });
    told
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already ended is as good; waiting leaves no zombie.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
