//! Settings of nodes.

use super::keeper::{Joining, Keeper, OnEnd, Roots};
use super::membership::MembershipState;
use super::{Handle, Node, NodeState};
use crate::control::NodeKey;
use crate::endpoint::Key;
use crate::io::{FramePort, Link, LinkBuilder, LinkError, Url, seed};
use crate::wire::PREFIX_DEFAULT;
use crate::wire::control::{
    ADDRESSES_MAX, Announce, ControlRefusal, MemoryServer, NAME_BYTES_MAX, NodeKind, TEXT_BYTES_MAX,
};
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

/// Time for the control plane to take a node in unless told otherwise.
const WITHIN: Duration = Duration::from_secs(5);

/// Why a node has not joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// There is no link to the switch.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What the node would say of itself cannot be said.
    #[error("{0}")]
    Description(&'static str),
    /// The control plane does not take it in.
    #[error("the rack does not take {name} in: {why}")]
    Refused {
        /// The node's name.
        name: String,
        /// Why.
        why: ControlRefusal,
    },
    /// The control plane did not take it in in time.
    #[error("{name} did not join within {within:?}: {}", reason(*refused))]
    Unanswered {
        /// The node's name.
        name: String,
        /// The time.
        within: Duration,
        /// Why it was refused for now, if it was.
        refused: Option<ControlRefusal>,
    },
    /// It ended as it began.
    #[error("{0}")]
    Ended(NodeState),
    /// Another node is on the link, a thread cannot be started, or there are no random numbers.
    #[error("cannot join: {0}")]
    System(io::Error),
}

fn reason(refused: Option<ControlRefusal>) -> String {
    let silent = "no control plane has answered, or one under another key, or the port is not this machine's";
    refused.map_or_else(|| silent.to_owned(), |refusal| refusal.to_string())
}

/// Settings of a [`Node`] to be.
#[derive(Debug)]
pub struct NodeBuilder {
    name: Option<String>,
    kind: NodeKind,
    capacity: u64,
    specification: String,
    addresses: Vec<Ipv6Addr>,
    memory: Option<MemoryServer>,
    memory_prefix: u8,
    key: Option<Key>,
    link: Option<LinkBuilder>,
    within: Duration,
    operation_timeout: Option<Duration>,
    on_end: OnEnd,
}

impl Default for NodeBuilder {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            name: None,
            kind: NodeKind::Compute,
            capacity: cores as u64,
            specification: String::new(),
            addresses: Vec::new(),
            memory: None,
            memory_prefix: PREFIX_DEFAULT,
            key: None,
            link: None,
            within: WITHIN,
            operation_timeout: None,
            on_end: OnEnd::default(),
        }
    }
}

impl NodeBuilder {
    /// Its name, 1 to 63 bytes. Default: the one in the URL.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// What it is, and how much of it there is, in the unit of the kind. Default: a compute node with the processors of this machine.
    #[must_use]
    pub fn kind(mut self, kind: NodeKind, capacity: u64) -> Self {
        (self.kind, self.capacity) = (kind, capacity);
        self
    }

    /// A memory server of this number and boot number, which has so many bytes. Its link's address is its own pointer, so that the link
    /// must be told the rack's prefix.
    #[must_use]
    pub fn memory_server(mut self, server: u8, boot: u32, bytes: u64) -> Self {
        self.memory = Some(MemoryServer { server, boot });
        self.kind(NodeKind::Memory, bytes)
    }

    /// What it is in words, for people; 255 bytes at most. Default: none.
    #[must_use]
    pub fn specification(mut self, text: &str) -> Self {
        text.clone_into(&mut self.specification);
        self
    }

    /// An address that it has besides its link's. Seven at most.
    #[must_use]
    pub fn further_address(mut self, address: Ipv6Addr) -> Self {
        self.addresses.push(address);
        self
    }

    /// The prefix byte of the rack's memory. Default 0xfd.
    #[must_use]
    pub fn memory_prefix(mut self, prefix: u8) -> Self {
        self.memory_prefix = prefix;
        self
    }

    /// The rack's key. What node and control plane tell each other is sealed with what is derived from it, and so are its calls, those that it
    /// serves, its use of the memory, and the tunnel unless [`NodeBuilder::link`] says otherwise. Default: none.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Settings of the link, for [`NodeBuilder::join`] and [`NodeBuilder::in_process`]; with the key of the tunnel, if it has one. Default:
    /// those of [`Link::builder`], with the rack's key.
    #[must_use]
    pub fn link(mut self, settings: LinkBuilder) -> Self {
        self.link = Some(settings);
        self
    }

    /// Time for the control plane to take the node in. Default 5 s.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// After what time its channels, and its use of the memory, give up a read or write of which nothing is heard
    /// ([`ChannelBuilder::operation_timeout`](crate::ChannelBuilder::operation_timeout)). Default 10 s.
    #[must_use]
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = Some(timeout);
        self
    }

    /// Is called when the node is no longer in the rack, whatever the reason, on a thread that the node needs no more.
    #[must_use]
    pub fn on_end(mut self, call: impl Fn(&NodeState) + Send + Sync + 'static) -> Self {
        self.on_end = OnEnd::of(call);
        self
    }

    /// Attaches to a switch, by a tunnel, `tunnel://HOST:PORT?node=NAME`, or by the kernel's network devices,
    /// `native://[ADDRESS]:7400?node=NAME`, and joins.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn join(mut self, url: &str) -> Result<Node, JoinError> {
        let link = self.link_builder().attach(url)?;
        let named = Url::parse(url).ok().and_then(|url| url.parameter("node").map(str::to_owned));
        self.name = self.name.or(named);
        self.over(&link)
    }

    /// Attaches to a switch in this process, and joins. The name must be given, and address and Ethernet address by
    /// [`NodeBuilder::link`].
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn in_process(mut self, port: impl FramePort + 'static) -> Result<Node, JoinError> {
        let link = self.link_builder().in_process(port)?;
        self.over(&link)
    }

    fn link_builder(&mut self) -> LinkBuilder {
        let default = || self.key.iter().fold(Link::builder(), |link, key| link.key(key.clone()));
        self.link.take().unwrap_or_else(default)
    }

    /// Joins over a link that there is, which no other node may use at the time. The name must be given.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn over(self, link: &Link) -> Result<Node, JoinError> {
        let random = seed().map_err(JoinError::System)?;
        let nonce = random.first_chunk().copied().unwrap_or_default();
        let announce = self.announcement(link, nonce)?;
        let (name, within) = (announce.name.clone(), self.within);
        let joining = Joining {
            link: link.clone(),
            key: self.key.as_ref().map(|key| NodeKey::new(key, &announce.name)),
            announce,
            memory_prefix: self.memory_prefix,
            roots: self.key.as_ref().map(|key| Roots { memory: key.of_memory(), calls: key.of_calls() }),
            seed: seed().map_err(JoinError::System)?,
            on_end: self.on_end,
        };
        let keeper = Keeper::start(joining).map_err(JoinError::System)?;
        // From here on it leaves whenever it is dropped.
        let node = Node(Arc::new(Handle { keeper, operation_timeout: self.operation_timeout }));
        match node.keeper().wait_joined(within) {
            MembershipState::Joined => Ok(node),
            MembershipState::Refused(why) => Err(JoinError::Refused { name, why }),
            MembershipState::Announcing(refused) if node.state() == NodeState::Joined => {
                Err(JoinError::Unanswered { name, within, refused })
            }
            _ => Err(JoinError::Ended(node.state())),
        }
    }

    fn announcement(&self, link: &Link, nonce: [u8; 16]) -> Result<Announce, JoinError> {
        let name = self.name.clone().filter(|name| (1..=NAME_BYTES_MAX).contains(&name.len()));
        let name = name.ok_or(JoinError::Description("a node needs a name of 1 to 63 bytes"))?;
        if self.specification.len() > TEXT_BYTES_MAX {
            return Err(JoinError::Description("a specification has 255 bytes at most"));
        }
        if link.prefix().octets()[..4] == [0; 4] {
            return Err(JoinError::Description(
                "the rack's prefix does not follow from the link's address: add &prefix=ADDRESS to its URL",
            ));
        }
        let addresses: Vec<_> = [link.address()].into_iter().chain(self.addresses.iter().copied()).collect();
        if addresses.len() > ADDRESSES_MAX {
            return Err(JoinError::Description("a node has 8 addresses at most"));
        }
        Ok(Announce {
            nonce,
            token: None,
            name,
            kind: self.kind,
            capacity: self.capacity,
            specification: self.specification.clone(),
            addresses,
            owns_service_addresses: self.memory.is_none(),
            memory: self.memory,
        })
    }
}
