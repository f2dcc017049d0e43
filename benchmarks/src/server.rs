//! A server is this executable once more: what to serve stands in one environment variable.
//!
//! The child writes its port on standard output and ends when its standard input does, so that it never outlives
//! the benchmark, however that ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bifrost_rpc::{Channel, ChannelBuilder, Key};

use crate::variants::{self, Variant};
use crate::workload::{Bench, Workload};
use crate::{points, sockets};

/// Holds an encoded [`Spec`] in a server process, and is unset everywhere else.
const VARIABLE: &str = "BIFROST_BENCH_SERVER";
/// Separates the fields of a [`Spec`]; no path has it in practice, and one that does is refused.
const SEPARATOR: char = '\x1f';
const START_MS_MAX: u64 = 10_000;

/// What both ends need to know before they meet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    pub(crate) workload: Workload,
    pub(crate) address: IpAddr,
    /// The operator key's file, for variants that can seal.
    pub(crate) key: Option<PathBuf>,
    /// The memory servers, for variants that use them.
    pub(crate) memory: Vec<SocketAddr>,
    /// The service that a service of a chain calls.
    pub(crate) next: Option<SocketAddr>,
}

impl Setup {
    /// The operator key, if packets are to be sealed.
    pub(crate) fn load_key(&self) -> Result<Option<Key>> {
        let Some(path) = &self.key else { return Ok(None) };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the key in {}", path.display()))?;
        let key = Key::from_hex(&text);
        key.map(Some).with_context(|| format!("{} does not hold a key: 64 hexadecimal digits", path.display()))
    }

    /// Bifröst's channels: default settings, but for the key.
    pub(crate) fn channels(&self) -> Result<ChannelBuilder> {
        let key = self.load_key()?;
        Ok(key.into_iter().fold(Channel::builder(), ChannelBuilder::key))
    }
}

/// What a server process is told.
#[derive(Debug, Clone, PartialEq)]
struct Spec {
    variant: String,
    setup: Setup,
    core: Option<usize>,
}

impl Spec {
    fn encode(&self) -> Result<String> {
        let workload = &self.setup.workload;
        let key = match &self.setup.key {
            Some(path) => path.to_str().context("the key file's path is not UTF-8")?,
            None => "",
        };
        let fields = [
            self.variant.clone(),
            workload.bench.name().to_owned(),
            workload.size.to_string(),
            workload.outstanding.to_string(),
            workload.servers.to_string(),
            self.setup.address.to_string(),
            self.core.map_or(String::new(), |core| core.to_string()),
            key.to_owned(),
            self.setup.memory.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            self.setup.next.map_or(String::new(), |next| next.to_string()),
        ];
        if fields.iter().any(|field| field.contains(SEPARATOR)) {
            bail!("the key file's path has a control character");
        }
        Ok(fields.join(&SEPARATOR.to_string()))
    }

    fn decode(text: &str) -> Result<Self> {
        let fields: Vec<&str> = text.split(SEPARATOR).collect();
        let [variant, bench, size, outstanding, servers, address, core, key, memory, next] = fields[..] else {
            bail!("{VARIABLE} has {} fields instead of 10", fields.len());
        };
        let workload = Workload {
            bench: Bench::named(bench).with_context(|| format!("no benchmark {bench}"))?,
            size: size.parse()?,
            outstanding: outstanding.parse()?,
            servers: servers.parse()?,
        };
        let core = if core.is_empty() { None } else { Some(core.parse()?) };
        let key = (!key.is_empty()).then(|| PathBuf::from(key));
        let memory = memory.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let next = if next.is_empty() { None } else { Some(next.parse()?) };
        let setup = Setup { workload, address: address.parse()?, key, memory, next };
        Ok(Self { variant: variant.to_owned(), setup, core })
    }
}

/// Serves if this process was started as a benchmark's server, until its standard input ends.
///
/// [`cli::run`](crate::cli::run) calls it first, and a server process is given the command line of its parent. So a
/// binary needs to call it itself only if its `main` does something else before, or does not get there.
///
/// Returns false, having done nothing, in any other process.
///
/// # Errors
/// When the server cannot start or its socket fails.
pub fn server_main() -> Result<bool> {
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(false);
    };
    let spec = Spec::decode(&text)?;
    exit_with_parent();
    if let Some(core) = spec.core {
        sockets::pin(&[core])?;
    }
    if spec.setup.workload.bench == Bench::Breakdown {
        points::enable();
    }
    let variant = variants::served(&spec.variant).with_context(|| format!("no variant {}", spec.variant))?;
    variant.serve(&spec.setup, &mut announce)?;
    Ok(true)
}

/// Tells the parent where the server listens.
fn announce(port: u16) -> Result<()> {
    say(&port.to_string()).context("cannot tell the port")
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

/// Answers each byte on the standard input by a line with the points that the last call has reached.
fn exit_with_parent() {
    std::thread::spawn(|| {
        let mut byte = [0];
        while matches!(std::io::stdin().lock().read(&mut byte), Ok(1)) && say(&points::line()).is_ok() {}
        #[expect(clippy::exit, reason = "the parent is gone; a server blocked in a receive has no other end")]
        std::process::exit(0);
    });
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server of `variant` on `core` and waits until it listens.
    pub(crate) fn start(variant: &dyn Variant, setup: &Setup, core: Option<usize>) -> Result<Self> {
        let spec = Spec { variant: variant.name().to_owned(), setup: setup.clone(), core };
        let program = std::env::current_exe().context("cannot find this executable")?;
        let mut child = Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(VARIABLE, spec.encode()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start a server for {}", spec.variant))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        // From here on dropping `process` ends the child, whatever goes wrong.
        let mut process = Self { child, stdin, stdout, address: SocketAddr::new(setup.address, 0) };
        let port = process.read_port().with_context(|| format!("the server of {} did not start", spec.variant))?;
        process.address.set_port(port);
        Ok(process)
    }

    fn read_port(&mut self) -> Result<u16> {
        let line = self.read_line()?;
        line.trim().parse().map_err(|_| anyhow!("it said {:?} instead of a port", line.trim()))
    }

    fn read_line(&mut self) -> Result<String> {
        let mut stdout = self.stdout.take().context("no standard output")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| (line, stdout));
            // Nobody listens any more if the wait below has timed out.
            let _ = sender.send(read);
        });
        let wait = Duration::from_millis(START_MS_MAX);
        let (line, stdout) = receiver.recv_timeout(wait).map_err(|_| anyhow!("silent for {START_MS_MAX} ms"))??;
        self.stdout = Some(stdout);
        Ok(line)
    }

    /// The points that the last call has reached in the server, in nanoseconds of the monotonic clock.
    pub(crate) fn points(&mut self) -> Result<points::Times> {
        self.stdin.as_mut().context("no standard input")?.write_all(&[0]).context("cannot ask the server")?;
        points::parse(&self.read_line()?)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Already ended is as good; waiting leaves no zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_survives_the_environment() {
        let workload = Workload { bench: Bench::IncrementList, size: 4096, outstanding: 3, servers: 2 };
        let addresses: [SocketAddr; 2] = ["127.0.0.1:5".parse().unwrap(), "[::1]:6".parse().unwrap()];
        let none = (None, None, Vec::new(), None);
        for (core, key, memory, next) in
            [none, (Some(1), Some(PathBuf::from("a key")), addresses.to_vec(), Some(addresses[1]))]
        {
            let setup = Setup { workload, address: "::1".parse().unwrap(), key, memory, next };
            let spec = Spec { variant: "raw-udp".to_owned(), setup, core };
            assert_eq!(Spec::decode(&spec.encode().unwrap()).unwrap(), spec);
        }
    }

    #[test]
    fn a_damaged_spec_is_refused() {
        assert!(Spec::decode("raw-udp").is_err());
        assert!(
            Spec::decode("a\x1fnone\x1f1\x1f1\x1f1\x1f::1\x1f\x1f\x1f\x1f").unwrap_err().to_string().contains("none")
        );
    }

    #[test]
    fn an_ordinary_process_is_no_server() {
        assert!(!server_main().unwrap());
    }
}
