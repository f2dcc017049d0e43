//! A node of a rack: a program joins by one line, and what it serves and calls goes through the switch.
//!
//! `docs/gatekeeper.md` says what node and control plane tell each other.

mod builder;
mod keeper;
mod membership;
mod pace;
mod registrar;

pub use builder::{JoinError, NodeBuilder};
pub use membership::{Membership, MembershipState, Query};

use crate::client::{Channel, ChannelBuilder};
use crate::io::Link;
use crate::memory::GlobalMemory;
use crate::server::{Registrar, Server, ServerBuilder};
use keeper::Keeper;
use std::sync::Arc;
use std::time::Duration;

/// How long a node that is dropped waits for the control plane to let it go.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// How a node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeState {
    /// It is in the rack.
    Joined,
    /// The control plane has ended its incarnation: it was taken for dead, or has come back elsewhere. It may join anew.
    Fenced,
    /// It has left.
    Left,
    /// Its link has ended, for this reason.
    Lost(String),
}

impl std::fmt::Display for NodeState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Joined => f.write_str("the node is in the rack"),
            Self::Fenced => f.write_str("the node was fenced: the rack's control plane has ended its incarnation"),
            Self::Left => f.write_str("the node has left the rack"),
            Self::Lost(why) => write!(f, "the node has lost its link: {why}"),
        }
    }
}

/// A program's membership of a rack. Cheap to clone; when the last clone is dropped the node leaves, which takes a second at most.
///
/// Servers and channels that are made with it are of this life of the node. When that ends (see [`NodeState`]) their calls fail and
/// say why; a program that goes on joins anew, and makes new ones.
///
/// ```no_run
/// use bifrost_rpc::node::Node;
///
/// let node = Node::join("tunnel://[::1]:7410?node=c1")?;
/// let channel = node.channel().connect("rack://Store")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Node(Arc<Handle>);

/// Leaves when the last node is gone.
#[derive(Debug)]
struct Handle {
    keeper: Arc<Keeper>,
    /// [`ChannelBuilder::operation_timeout`] of its channels, if not the default.
    operation_timeout: Option<Duration>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.keeper.leave(LEAVE_WITHIN);
    }
}

impl Node {
    /// Attaches to a switch, as [`LinkBuilder::attach`](crate::LinkBuilder::attach) does, and joins the rack as the node that the URL
    /// names, without a key and with the default settings.
    ///
    /// # Errors
    ///
    /// [`JoinError`].
    pub fn join(url: &str) -> Result<Self, JoinError> {
        Self::builder().join(url)
    }

    /// Settings of a node to be.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.keeper().name()
    }

    /// Its attachment to the switch.
    #[must_use]
    pub fn link(&self) -> &Link {
        self.keeper().link()
    }

    /// The number of this life of the node.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.keeper().incarnation()
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> NodeState {
        self.keeper().state()
    }

    /// Whether the control plane has ended this life of the node.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.state() == NodeState::Fenced
    }

    /// Settings of a server on this node. Unless told otherwise it listens at `udp://[::]:7400`. When it starts, the control plane is told
    /// what it serves, and it is started once that is confirmed; when it shuts down or ends, the control plane is told, too. In a rack with a
    /// key it takes calls of the rack's nodes alone, each sealed with the key of its own life.
    #[must_use]
    pub fn server(&self) -> ServerBuilder {
        let registrar: Arc<dyn Registrar> = Arc::<Keeper>::clone(self.keeper());
        let server = Server::builder().link(self.link()).incarnation(self.incarnation()).registrar(registrar);
        let server =
            self.keeper().call_root().into_iter().fold(server, |server, root| server.key_of_lives(root.clone()));
        self.keeper().control_key().into_iter().fold(server, ServerBuilder::control_key)
    }

    /// Settings of a channel from this node: to `rack://Service`, or to an address in the rack. Sealed if the rack has a key.
    #[must_use]
    pub fn channel(&self) -> ChannelBuilder {
        let channel = Channel::builder().link(self.link()).incarnation(self.incarnation());
        let channel = channel.retransmission_max(self.keeper().retransmission_max());
        let channel = self.0.operation_timeout.into_iter().fold(channel, ChannelBuilder::operation_timeout);
        let channel = self.keeper().control_key().into_iter().fold(channel, ChannelBuilder::control_key);
        self.keeper().call_key().into_iter().fold(channel, ChannelBuilder::key)
    }

    /// The rack's memory, sealed if the rack has a key. Operations go to their pointers; new objects go where memory is free, among the memory servers that are there.
    #[must_use]
    pub fn memory(&self) -> GlobalMemory {
        self.keeper().memory(|| self.keeper().memory_key().into_iter().fold(self.channel(), ChannelBuilder::key))
    }

    /// The numbers of the memory servers that are there, as last heard.
    #[must_use]
    pub fn memory_servers(&self) -> Vec<u8> {
        self.keeper().servers()
    }

    /// Lines about leased calls that could not be reported, because too many waited.
    #[must_use]
    pub fn reports_lost(&self) -> u64 {
        self.link().reports().lost()
    }

    /// Leaves the rack, whatever clones there are. Waits for the control plane to confirm it, for so long at most; says whether it has.
    pub fn leave(&self, within: Duration) -> bool {
        self.keeper().leave(within)
    }

    fn keeper(&self) -> &Arc<Keeper> {
        &self.0.keeper
    }
}
