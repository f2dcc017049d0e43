//! The parts of the benchmark's rack that are processes of their own.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};

use super::subjects::{bytes, relay};
use super::{machines, service};
use crate::child::{self, ChildProcess};
use crate::sockets;

/// Says in a part's process what it is, and is unset everywhere else.
const VARIABLE: &str = "BIFROST_BENCH_PART";
/// The core of a part that may run anywhere.
const ANYWHERE: &str = "any";

/// What a process is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// The switch with Gatekeeper, at an address of this machine.
    Switch(SocketAddr),
    /// The memory server, on a tunnel.
    Memory(SocketAddr),
    /// A node that serves, by name, on a tunnel.
    Server(SocketAddr, String),
    /// A relay in front of a server.
    Relay(SocketAddr),
    /// A state machine that measures how much memory so many pointers take.
    Bytes(usize),
}

impl Part {
    /// In words without spaces.
    fn encode(&self) -> String {
        match self {
            Self::Switch(at) => format!("switch {at}"),
            Self::Memory(tunnel) => format!("memory {tunnel}"),
            Self::Server(tunnel, name) => format!("server {tunnel} {name}"),
            Self::Relay(server) => format!("relay {server}"),
            Self::Bytes(pointers) => format!("bytes {pointers}"),
        }
    }

    fn decode(words: &[&str]) -> Result<Self> {
        Ok(match words {
            ["switch", at] => Self::Switch(at.parse()?),
            ["memory", tunnel] => Self::Memory(tunnel.parse()?),
            ["server", tunnel, name] => Self::Server(tunnel.parse()?, (*name).to_owned()),
            ["relay", server] => Self::Relay(server.parse()?),
            ["bytes", pointers] => Self::Bytes(pointers.parse()?),
            other => bail!("{VARIABLE} names no part: {}", other.join(" ")),
        })
    }

    /// Is it, for ever, or until its figure is told.
    fn run(&self) -> Result<()> {
        match self {
            Self::Switch(at) => machines::switch(*at),
            Self::Memory(tunnel) => machines::memory(*tunnel),
            Self::Server(tunnel, name) => service::run(*tunnel, name),
            Self::Relay(server) => relay::run(*server),
            Self::Bytes(pointers) => Ok(child::say(&bytes::measure(*pointers)?.to_string())?),
        }
    }

    /// Starts it on this processor, in a process of its own.
    pub(super) fn start(&self, core: Option<usize>) -> Result<ChildProcess> {
        ChildProcess::start(VARIABLE, &self.spec(core))
    }

    /// The same, and waits until it listens. Returns its port as well.
    pub(super) fn listening(&self, core: Option<usize>) -> Result<(ChildProcess, u16)> {
        let started = ChildProcess::listening(VARIABLE, &self.spec(core));
        started.with_context(|| format!("the process `{}` did not start", self.encode()))
    }

    fn spec(&self, core: Option<usize>) -> String {
        let core = core.map_or(ANYWHERE.to_owned(), |core| core.to_string());
        format!("{core} {}", self.encode())
    }
}

/// Is the part that this process was started as; returns false, having done nothing, in any other process.
///
/// # Errors
/// When the part cannot start.
pub(crate) fn part_main() -> Result<bool> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(false) };
    let words: Vec<&str> = text.split(' ').collect();
    let (core, words) = words.split_first().context("an empty part")?;
    let part = Part::decode(words)?;
    child::end_with_parent(String::new);
    if *core != ANYWHERE {
        sockets::pin(&[core.parse()?])?;
    }
    part.run()?;
    ensure!(matches!(part, Part::Bytes(_)), "the process `{}` has ended", part.encode());
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_survives_the_environment() {
        let at: SocketAddr = "[::1]:7".parse().unwrap();
        let parts = [Part::Switch(at), Part::Memory(at), Part::Server(at, "s1".to_owned()), Part::Relay(at)];
        for part in parts.into_iter().chain([Part::Bytes(9)]) {
            let text = part.encode();
            assert_eq!(Part::decode(&text.split(' ').collect::<Vec<_>>()).unwrap(), part);
        }
        assert!(Part::decode(&["memory"]).unwrap_err().to_string().contains("no part: memory"));
    }

    #[test]
    fn an_ordinary_process_is_no_part() {
        assert!(!part_main().unwrap());
    }
}
