//! The memory servers that a handle knows: their ids and addresses, connected to when first needed.

use crate::client::{Channel, ChannelBuilder};
use crate::endpoint::CallError;
use crate::io::{Address, UrlError};
use crate::memory::{MemoryClient, MemoryError, Pointer};
use crate::wire::RACK_PORT;
use std::net::SocketAddr;
use std::sync::OnceLock;

/// Why memory servers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServersError {
    /// There is none.
    #[error("no memory server: name at least one, such as udp://[::1]:7501")]
    Empty,
    /// An id is none.
    #[error("{0:?} is no id of a memory server: they are numbered 1 to 255")]
    Id(String),
    /// Two servers have the same id.
    #[error("two memory servers are m{0}: each needs an id of its own")]
    Duplicate(u8),
    /// An address is wrong.
    #[error("memory server m{server}: {reason}")]
    Url {
        /// The server.
        server: u8,
        /// What is wrong.
        reason: UrlError,
    },
    /// An address that memory operations cannot go to.
    #[error("memory server m{server}: memory operations go over udp:// only, not to {url}")]
    NotUdp {
        /// The server.
        server: u8,
        /// Its address.
        url: String,
    },
}

#[derive(Debug)]
struct Server {
    url: String,
    client: OnceLock<MemoryClient>,
}

/// Servers by their ids.
#[derive(Debug)]
pub(super) struct Servers {
    by_id: Vec<Option<Server>>,
    channels: ChannelBuilder,
}

impl Servers {
    /// Of a list `URL,…` or `ID=URL,…`; where there is no id it is the position, from 1.
    pub(super) fn parse(list: &str, channels: ChannelBuilder) -> Result<Self, ServersError> {
        let mut servers = Self { by_id: Vec::new(), channels };
        servers.by_id.resize_with(usize::from(u8::MAX) + 1, || None);
        let entries = list.split(',').map(str::trim);
        for (position, entry) in entries.enumerate().filter(|(_, entry)| !entry.is_empty()) {
            let (id, url) = match entry.split_once("=") {
                Some((id, url)) if !id.contains(':') => (id.to_owned(), url),
                _ => ((position + 1).to_string(), entry),
            };
            servers.add(id.parse().ok().filter(|id| *id > 0).ok_or(ServersError::Id(id))?, url)?;
        }
        if servers.ids().next().is_none() { Err(ServersError::Empty) } else { Ok(servers) }
    }

    /// All that a rack can have, each at its own pointer.
    pub(super) fn of_rack(memory_prefix: u8, channels: ChannelBuilder) -> Self {
        let server = |id| {
            let url = format!("udp://[{}]:{RACK_PORT}", Pointer::new(memory_prefix, id, 0));
            (id > 0).then(|| Server { url, client: OnceLock::new() })
        };
        Self { by_id: (0..=u8::MAX).map(server).collect(), channels }
    }

    fn add(&mut self, id: u8, url: &str) -> Result<(), ServersError> {
        let url = url.to_owned();
        match Address::parse(&url) {
            Ok(Address::Udp(_)) => {}
            Ok(Address::Stream(_) | Address::Service(_)) => return Err(ServersError::NotUdp { server: id, url }),
            Err(reason) => return Err(ServersError::Url { server: id, reason }),
        }
        match self.by_id.get_mut(usize::from(id)) {
            Some(place @ None) => *place = Some(Server { url, client: OnceLock::new() }),
            _ => return Err(ServersError::Duplicate(id)),
        }
        Ok(())
    }

    /// The ids, in rising order.
    pub(super) fn ids(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|id| self.get(*id).is_some())
    }

    fn get(&self, id: u8) -> Option<&Server> {
        self.by_id.get(usize::from(id)).and_then(Option::as_ref)
    }

    /// A server's client. Its socket is made the first time.
    pub(super) fn client(&self, id: u8) -> Result<&MemoryClient, MemoryError> {
        let server = self.get(id).ok_or(MemoryError::UnknownServer(id))?;
        if let Some(client) = server.client.get() {
            return Ok(client);
        }
        let channel = self.connect(&server.url)?;
        // Of two threads that get here at once one's socket is closed again.
        let pointer = pointer_at(&channel);
        Ok(server.client.get_or_init(|| MemoryClient::over(channel, pointer)))
    }

    fn connect(&self, url: &str) -> Result<Channel, MemoryError> {
        let failed = |message| CallError::Socket { message, may_have_run: false };
        self.channels.clone().connect(url).map_err(|error| failed(error.to_string()).into())
    }
}

/// The server's own pointer, where it is its address: on links that route by pointers.
fn pointer_at(channel: &Channel) -> Pointer {
    let address = match channel.peer() {
        Some(Address::Udp(SocketAddr::V6(address))) => *address.ip(),
        _ => return Pointer::default(),
    };
    Some(Pointer::from_bytes(address.octets())).filter(|pointer| pointer.is_routable()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<Vec<u8>, ServersError> {
        Servers::parse(list, Channel::builder()).map(|servers| servers.ids().collect())
    }

    #[test]
    fn ids_are_positions_or_explicit() {
        assert_eq!(parse("udp://[::1]:7501"), Ok(vec![1]));
        assert_eq!(parse("udp://[::1]:7501, udp://[::1]:7502"), Ok(vec![1, 2]));
        assert_eq!(parse("7=udp://[::1]:7501,udp://[::1]:7502,255=udp://127.0.0.1:1"), Ok(vec![2, 7, 255]));
    }

    #[test]
    fn wrong_lists_are_refused_with_the_reason() {
        assert_eq!(parse(""), Err(ServersError::Empty));
        assert_eq!(parse(" , "), Err(ServersError::Empty));
        for id in ["0", "256", "-1", "", "x"] {
            assert_eq!(parse(&format!("{id}=udp://[::1]:1")), Err(ServersError::Id(id.to_owned())));
        }
        assert_eq!(parse("2=udp://[::1]:1,udp://[::1]:2"), Err(ServersError::Duplicate(2)));
        let many = vec!["udp://[::1]:1"; 256].join(",");
        assert_eq!(parse(&many), Err(ServersError::Id("256".to_owned())));
        assert!(matches!(parse("udp://[::1]"), Err(ServersError::Url { server: 1, .. })));
        assert!(matches!(parse("3=tcp://[::1]:1"), Err(ServersError::NotUdp { server: 3, .. })));
    }

    #[test]
    fn a_racks_servers_are_at_their_pointers() {
        let servers = Servers::of_rack(0xfd, Channel::builder());
        assert_eq!(servers.ids().collect::<Vec<_>>(), (1..=255).collect::<Vec<_>>());
        assert_eq!(servers.get(3).unwrap().url, "udp://[0:0:fd03::]:7400");
    }

    #[test]
    fn a_server_that_is_not_listed_is_unknown() {
        let servers = Servers::parse("2=udp://[::1]:1", Channel::builder()).unwrap();
        assert_eq!(servers.client(1).map(drop), Err(MemoryError::UnknownServer(1)));
        assert_eq!(servers.client(2).map(drop), Ok(()));
    }
}
