//! Settings of channels.

use super::on_end::OnEnd;
use super::way::Way;
use super::{Channel, ConnectError, Core};
use crate::endpoint::{Config, Key};
use crate::io::{Address, Link};
use crate::memory::GlobalMemory;
use crate::protocol::Limits;
use crate::reference::{Settings, THRESHOLD_BYTES};
use crate::service::Service;
use crate::stream::{InProcess, StreamClient};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Channel`] to be.
#[derive(Debug, Clone)]
pub struct ChannelBuilder {
    config: Config,
    limits: Limits,
    memory: Option<GlobalMemory>,
    reference_bytes_min: usize,
    references: Option<bool>,
    deadline: Option<Duration>,
    linger: Duration,
    local: Option<IpAddr>,
    link: Option<Link>,
    on_end: OnEnd,
}

impl Default for ChannelBuilder {
    fn default() -> Self {
        let linger = Duration::from_secs(1);
        Self {
            config: Config::default(),
            limits: Limits::DEFAULT,
            memory: None,
            reference_bytes_min: THRESHOLD_BYTES,
            references: None,
            deadline: None,
            linger,
            local: None,
            link: None,
            on_end: OnEnd::default(),
        }
    }
}

impl ChannelBuilder {
    /// Seals everything with this key, which the server must have too (UDP; refused for streams). Default: none.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.config.key = Some(key);
        self
    }

    /// What the control plane says to this life of the node in sealed sessions is sealed with this.
    pub(crate) fn control_key(mut self, key: Key) -> Self {
        self.config.control_key = Some(key);
        self
    }

    /// The ceiling of retransmission time-outs (protocol, section 9).
    pub(crate) fn retransmission_max(mut self, ceiling: Duration) -> Self {
        self.config.rto_max = ceiling;
        self
    }

    /// The memory that references are of (UDP): values long enough are stored there and passed by reference to servers that
    /// understand references, and pointers in answers are read from there. Default: none; then all goes by value.
    #[must_use]
    pub fn global_memory(mut self, memory: GlobalMemory) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Bytes from which on a value goes by reference unless it says otherwise. Default [`THRESHOLD_BYTES`].
    #[must_use]
    pub fn reference_bytes_min(mut self, bytes: usize) -> Self {
        self.reference_bytes_min = bytes;
        self
    }

    /// Whether this side understands references in answers (UDP). Default: if there is a
    /// [`global_memory`](ChannelBuilder::global_memory) to read them from. Calls made by [`Channel::call_message`] and
    /// [`Channel::start_message`] never say so.
    #[must_use]
    pub fn references(mut self, understands: bool) -> Self {
        self.references = Some(understands);
        self
    }

    /// The kernel's links lead to a switch that routes memory operations by their pointers (UDP): each goes to the address that its
    /// pointer is, whatever memory server that is, at the port of the URL. Datagrams that are not one packet each are
    /// dropped, as they are for `rack://` URLs: the switch looks at the first only. Default: no.
    #[must_use]
    pub fn native(mut self, routes_by_pointers: bool) -> Self {
        self.config.native = routes_by_pointers;
        self
    }

    /// Time allowed for each call. Default: none; a call then ends when it is answered or the server is lost (a stream:
    /// when the connection ends). Kept to within about 20 ms.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Longest message sent or taken, in bytes: [`Limits::message_bytes_max`] alone. Default 64 MiB.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: u32) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.limits = self.limits.with_message_bytes_max(bytes);
        self
    }

    /// Limits on every message sent and taken. Default [`Limits::DEFAULT`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A server not heard for this long while it owes an answer is taken for dead (UDP); a connection not made in this
    /// time is given up (streams). Default 10 s.
    #[must_use]
    pub fn peer_timeout(mut self, timeout: Duration) -> Self {
        self.config.peer_timeout = timeout;
        self
    }

    /// A read or write of memory of which nothing is heard for this long, while its server answers, ends with
    /// [`CallError::Unanswered`](crate::CallError::Unanswered): a rack drops what nobody has a right to without a word (UDP). Default 10 s.
    #[must_use]
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.config.operation_timeout = timeout;
        self
    }

    /// Floor of the retransmission time-out (UDP). Default 5 ms.
    #[must_use]
    pub fn rto_min(mut self, floor: Duration) -> Self {
        self.config.rto_min = floor;
        self
    }

    /// How long dropping the last handle waits for oneway calls to be delivered (UDP). Default 1 s.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// The address of this machine that calls come from (UDP): by it memory servers know the node. Default: the system's
    /// choice for the way to the server.
    #[must_use]
    pub fn local(mut self, address: IpAddr) -> Self {
        self.local = Some(address);
        self
    }

    /// Calls go by a link to a switch (UDP and `rack://`): they come from the link's address, and memory operations are routed by
    /// their pointers. Default: the kernel's sockets.
    #[must_use]
    pub fn link(mut self, link: &Link) -> Self {
        self.link = Some(link.clone());
        self
    }

    /// This node's incarnation, as the control plane gave it (UDP). Rights to memory are those of a node's incarnation.
    /// Default 1.
    #[must_use]
    pub fn incarnation(mut self, incarnation: u32) -> Self {
        self.config.incarnation = incarnation;
        self
    }

    /// Is called when calls have ended for which no thread waits at the moment, on the thread that took that in (UDP): then
    /// [`Pending::is_done`](super::Pending::is_done) may say so. It must not wait, nor use the channel. Default: nothing.
    #[must_use]
    pub fn on_end(mut self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_end = OnEnd::of(tell);
        self
    }

    /// Makes the channel. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// The URL is none of those that [`Channel`] knows, or no socket can be made.
    pub fn connect(self, url: &str) -> Result<Channel, ConnectError> {
        let way = match Address::parse(url)? {
            Address::Udp(peer) => self.start_udp(peer, false)?,
            Address::Service(service) => {
                let prefix = self.link.as_ref().map(Link::prefix);
                let peer = service.resolve(prefix).ok_or_else(|| ConnectError::NoRack(service.to_string()))?;
                self.start_udp(peer, true)?
            }
            Address::Stream(_) if self.config.key.is_some() => return Err(ConnectError::Sealed(url.to_owned())),
            Address::Stream(address) => {
                Way::Stream(Arc::new(StreamClient::new(address, self.limits, self.config.peer_timeout)))
            }
        };
        let references =
            self.memory.map(|memory| Arc::new(Settings::new(memory, self.reference_bytes_min, self.limits)));
        Ok(Channel { way, deadline: self.deadline, limits: self.limits, references })
    }

    fn start_udp(&self, peer: SocketAddr, is_behind_switch: bool) -> Result<Way, ConnectError> {
        let mut config = self.config.clone();
        config.references = self.references.unwrap_or(self.memory.is_some());
        config.message_bytes_max = u32::try_from(self.limits.message_bytes_max).unwrap_or(u32::MAX);
        let core = match &self.link {
            Some(link) => Core::start_on(link, peer, config, self.on_end.clone()),
            None => Core::start(peer, self.local, is_behind_switch, config, self.on_end.clone()),
        };
        Ok(Way::udp(core.map_err(|source| ConnectError::Socket { peer, source })?, self.linger))
    }

    /// Makes a channel to services in this process, as [`Channel::in_process`] does to one.
    #[must_use]
    pub fn in_process(self, services: impl IntoIterator<Item = Arc<dyn Service>>) -> Channel {
        let services: Vec<_> = services.into_iter().collect();
        let way = Way::InProcess(Arc::new(InProcess::new(&services, self.limits)));
        Channel { way, deadline: self.deadline, limits: self.limits, references: None }
    }
}
