//! The server of a variant: this executable once more.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bifrost_rpc::{Channel, ChannelBuilder, Key};

use crate::child::{self, ChildProcess};
use crate::variants::{self, Variant};
use crate::workload::{Bench, Workload};
use crate::{points, rack, sockets};

/// Holds an encoded [`Spec`] in a server process, and is unset everywhere else.
const VARIABLE: &str = "BIFROST_BENCH_SERVER";
/// Separates the fields of a [`Spec`]; no path has it in practice, and one that does is refused.
const SEPARATOR: char = '\x1f';

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
    if rack::part_main()? {
        return Ok(true);
    }
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(false);
    };
    let spec = Spec::decode(&text)?;
    // Each byte asks for the points that the last call has reached.
    child::end_with_parent(points::line);
    if let Some(core) = spec.core {
        sockets::pin(&[core])?;
    }
    if spec.setup.workload.bench == Bench::Breakdown {
        points::enable();
    }
    let variant = variants::served(&spec.variant).with_context(|| format!("no variant {}", spec.variant))?;
    variant.serve(&spec.setup, &mut child::announce)?;
    Ok(true)
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: ChildProcess,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server of `variant` on `core` and waits until it listens.
    pub(crate) fn start(variant: &dyn Variant, setup: &Setup, core: Option<usize>) -> Result<Self> {
        let spec = Spec { variant: variant.name().to_owned(), setup: setup.clone(), core };
        let (child, port) = ChildProcess::listening(VARIABLE, &spec.encode()?)
            .with_context(|| format!("the server of {} did not start", spec.variant))?;
        Ok(Self { child, address: SocketAddr::new(setup.address, port) })
    }

    /// The points that the last call has reached in the server, in nanoseconds of the monotonic clock.
    pub(crate) fn points(&mut self) -> Result<points::Times> {
        points::parse(&self.child.ask()?)
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
