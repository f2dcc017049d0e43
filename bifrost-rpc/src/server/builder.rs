//! Settings of servers.

use super::queue::Queue;
use super::registered::{Registered, Registrar};
use super::shard::Shard;
use super::{Routes, ServeError, Server};
use crate::endpoint::{Config, Key};
use crate::io::{Address, Link, LinkSocket, PortSocket, Socket, StreamAddress, UrlError, seed};
use crate::memory::{GlobalMemory, MemoryHandler};
use crate::protocol::Limits;
use crate::reference::{Serving, THRESHOLD_BYTES};
use crate::service::Service;
use crate::stream::{Budget, Directory, Listening, Settings};
use crate::wire::RACK_PORT;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Server`] to be.
pub struct ServerBuilder {
    config: Config,
    listen: Vec<String>,
    services: Vec<Arc<dyn Service>>,
    memory: Option<Arc<dyn MemoryHandler>>,
    global_memory: Option<GlobalMemory>,
    reference_bytes_min: usize,
    references: Option<bool>,
    io_threads: usize,
    workers: usize,
    queue: usize,
    busy_clients: usize,
    inline_all: bool,
    limits: Limits,
    default_service: Option<String>,
    connections_max: usize,
    idle_timeout: Option<Duration>,
    write_timeout: Duration,
    link: Option<Link>,
    is_guest: bool,
    registrar: Option<Arc<dyn Registrar>>,
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Default for ServerBuilder {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            config: Config::default(),
            listen: Vec::new(),
            services: Vec::new(),
            memory: None,
            global_memory: None,
            reference_bytes_min: THRESHOLD_BYTES,
            references: None,
            io_threads: 1,
            workers: (2 * cores).max(4),
            queue: 1024,
            busy_clients: 8,
            inline_all: false,
            limits: Limits::DEFAULT,
            default_service: None,
            connections_max: 256,
            idle_timeout: None,
            write_timeout: Duration::from_secs(30),
            link: None,
            is_guest: false,
            registrar: None,
        }
    }
}

impl ServerBuilder {
    /// Listens on a URL such as `udp://[::1]:7400`, `tcp://127.0.0.1:9090?transport=buffered` or
    /// `unix:///run/service.sock` (see [`Channel`](crate::Channel) for their parameters); port 0 takes a free one. May be
    /// called several times.
    ///
    /// On a stream each connection has a thread, which runs its calls one after the other. Without `protocol` a call
    /// may be in any protocol and is answered in the same; without `multiplexed` its method may be named with or without
    /// its service.
    #[must_use]
    pub fn listen(mut self, url: &str) -> Self {
        self.listen.push(url.to_owned());
        self
    }

    /// Serves a service: a generated `XSyncProcessor`, or anything that implements [`Service`].
    #[must_use]
    pub fn service(self, service: impl Service) -> Self {
        self.shared_service(Arc::new(service))
    }

    /// As [`ServerBuilder::service`], for a service that others share.
    #[must_use]
    pub fn shared_service(mut self, service: Arc<dyn Service>) -> Self {
        self.services.push(service);
        self
    }

    /// The service of calls on streams that name none. Without one they are for the only service, or the only one that
    /// has such a method.
    #[must_use]
    pub fn default_service(mut self, name: &str) -> Self {
        self.default_service = Some(name.to_owned());
        self
    }

    /// Takes memory operations, too (UDP). With several addresses or receiving threads they share the handler.
    #[must_use]
    pub fn memory(mut self, handler: Arc<dyn MemoryHandler>) -> Self {
        self.memory = Some(handler);
        self
    }

    /// Takes only what is sealed with this key (UDP; refused for streams). Default: none, nothing is sealed.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        (self.config.key, self.config.keys_are_of_lives) = (Some(key), false);
        self
    }

    /// Takes only what is sealed with the key that [follows](Key::of_life) from this one for the sender's address and incarnation (UDP; refused
    /// for streams). So nobody is taken for another node, or for another life of it.
    #[must_use]
    pub fn key_of_lives(mut self, root: Key) -> Self {
        (self.config.key, self.config.keys_are_of_lives) = (Some(root), true);
        self
    }

    /// What the control plane says to this life of the node in sealed sessions is sealed with this.
    pub(crate) fn control_key(mut self, key: Key) -> Self {
        self.config.control_key = Some(key);
        self
    }

    /// The memory that references are of (UDP): pointers in calls are read from there, and results long enough are stored there
    /// and returned by reference to callers that understand references. Default: none; then all goes by value.
    #[must_use]
    pub fn global_memory(mut self, memory: GlobalMemory) -> Self {
        self.global_memory = Some(memory);
        self
    }

    /// Bytes from which on a result goes by reference unless it says otherwise. Default [`THRESHOLD_BYTES`].
    #[must_use]
    pub fn reference_bytes_min(mut self, bytes: usize) -> Self {
        self.reference_bytes_min = bytes;
        self
    }

    /// Whether this side understands references in calls (UDP), as far as its services do
    /// ([`Service::understands_references`]). Default: if there is a [`global_memory`](ServerBuilder::global_memory) to read
    /// them from.
    #[must_use]
    pub fn references(mut self, understands: bool) -> Self {
        self.references = Some(understands);
        self
    }

    /// The kernel's links lead to a switch that routes memory operations by their pointers (UDP): each comes to the address that its
    /// pointer is, and its answers come from there. Datagrams that are not one packet each are dropped: the switch
    /// looks at the first only. Such links bring all addresses of the memory server's /48 here, by a `local` route. Listen on
    /// `[::]`; one thread receives, whatever [`ServerBuilder::io_threads`] says. Default: no.
    #[must_use]
    pub fn native(mut self, routes_by_pointers: bool) -> Self {
        self.config.native = routes_by_pointers;
        self
    }

    /// UDP addresses listened on are those of a node on a link to a switch: `udp://[::]:7400` is the node's own, those of its services,
    /// from which their calls are answered, and, with [`memory`](ServerBuilder::memory), the pointers of the memory server that it
    /// is. One thread receives. Default: the kernel's sockets.
    #[must_use]
    pub fn link(mut self, link: &Link) -> Self {
        self.link = Some(link.clone());
        self
    }

    /// Serves on a node of a rack, whose control plane is told of the services.
    pub(crate) fn registrar(mut self, registrar: Arc<dyn Registrar>) -> Self {
        self.registrar = Some(registrar);
        self
    }

    /// The number of this life of the server, which a control plane knows it by; no two lives in a rack may have the same. Default, and
    /// with 0: 32 random bits.
    #[must_use]
    pub fn instance(mut self, number: u32) -> Self {
        self.config.instance = number;
        self
    }

    /// This node's incarnation, as the control plane gave it. Default 1.
    #[must_use]
    pub fn incarnation(mut self, incarnation: u32) -> Self {
        self.config.incarnation = incarnation;
        self
    }

    /// Threads that receive, for each UDP address; the system spreads clients over them. Default 1.
    #[must_use]
    pub fn io_threads(mut self, threads: usize) -> Self {
        self.io_threads = threads.clamp(1, 256);
        self
    }

    /// Threads that run the handlers of methods not marked short (UDP). Default twice the cores, at least 4.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.clamp(1, 4096);
        self
    }

    /// Calls that may wait for a worker (UDP); further ones are answered *busy*, and their clients try again. Default
    /// 1,024.
    #[must_use]
    pub fn queue(mut self, calls: usize) -> Self {
        self.queue = calls.max(1);
        self
    }

    /// Clients that get a socket and a receiving thread of their own while they send much, which is more than a third of
    /// all that comes; none with more than one [`ServerBuilder::io_threads`]. Default 8.
    #[must_use]
    pub fn busy_clients(mut self, clients: usize) -> Self {
        self.busy_clients = clients.min(256);
        self
    }

    /// Runs every handler on the receiving thread (as streams always do), as if all methods were marked `(bifrost.short)`. Default off.
    #[must_use]
    pub fn inline(mut self, all: bool) -> Self {
        self.inline_all = all;
        self
    }

    /// On a link on which there are other servers: their receiving threads take in what comes for this one, too, and run its short
    /// handlers, so that nothing is handed over between threads. For handlers that are as short as the others'. Default off.
    #[must_use]
    pub fn guest(mut self, is_guest: bool) -> Self {
        self.is_guest = is_guest;
        self
    }

    /// Longest message sent or taken, in bytes: [`Limits::message_bytes_max`] alone. Default 64 MiB.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: u32) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.limits = self.limits.with_message_bytes_max(bytes);
        self
    }

    /// Limits on every message taken and sent, whatever the transport. Default [`Limits::DEFAULT`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Connections for each address of streams; further ones wait to be accepted. Default 256.
    #[must_use]
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = connections.clamp(1, 65_536);
        self
    }

    /// A connection on which no message has come as a whole for this long is closed. Default: never; a peer that is
    /// gone without a word is found by the system's keep-alive.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// A connection whose peer takes in nothing of an answer for this long is closed. Default 30 s.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sessions at most (UDP), for each receiving thread; further clients are refused. Default 4,096.
    #[must_use]
    pub fn sessions_max(mut self, sessions: usize) -> Self {
        self.config.sessions_max = sessions;
        self
    }

    /// A client silent for longer is forgotten (UDP). Default 30 s.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// Bytes of arriving messages and kept answers for all clients, for each receiving thread of UDP and for all streams
    /// together. Default 1 GiB.
    #[must_use]
    pub fn memory_bytes_max(mut self, bytes: usize) -> Self {
        self.config.total_bytes_max = bytes;
        self.config.session_bytes_max = self.config.session_bytes_max.min(bytes);
        self
    }

    /// Starts serving.
    ///
    /// # Errors
    ///
    /// [`ServeError`]. Nothing keeps running then.
    pub fn start(mut self) -> Result<Server, ServeError> {
        self.settle_place()?;
        self.config.message_bytes_max = u32::try_from(self.limits.message_bytes_max).unwrap_or(u32::MAX);
        self.config.references = self.references.unwrap_or(self.global_memory.is_some());
        self.config.native |= self.link.is_some() && self.memory.is_some();
        let serving = self.global_memory.take();
        let serving = serving.map(|memory| Serving::new(memory, self.reference_bytes_min, self.limits));
        let routes = Arc::new(Routes::new(&self.services, self.memory.take(), serving, self.inline_all)?);
        self.check_default()?;
        let queue = Arc::new(Queue::new(self.queue));
        let mut server = Server {
            shards: Vec::new(),
            listenings: Vec::new(),
            addresses: Vec::new(),
            threads: Vec::new(),
            workers: Vec::new(),
            queue: Arc::clone(&queue),
            registered: None,
        };
        let budget = Budget::new(self.config.total_bytes_max);
        for url in &self.listen {
            let address = match Address::parse(url)? {
                Address::Udp(address) => self.bind_udp(address, &routes, &mut server)?,
                Address::Stream(address) => self.bind_stream(url, address, &budget, &mut server)?,
                Address::Service(_) => {
                    let expected = "udp://[::]:7400, with a link: the addresses of the services are listened on, too";
                    return Err(UrlError::Scheme { found: "rack".to_owned(), expected }.into());
                }
            };
            server.addresses.push(address);
        }
        for shard in &server.shards {
            server.threads.extend(Shard::spawn(shard).map_err(ServeError::Thread)?);
        }
        for listening in &mut server.listenings {
            listening.start().map_err(ServeError::Thread)?;
        }
        let workers = if server.shards.is_empty() { 0 } else { self.workers };
        for i in 0..workers {
            let queue = Arc::clone(&queue);
            let name = format!("bifrost-worker-{i}");
            let worker = std::thread::Builder::new().name(name).spawn(move || queue.work());
            server.workers.push(worker.map_err(ServeError::Thread)?);
        }
        if let Some(registrar) = &self.registrar {
            server.registered = Some(Registered::new(registrar, self.config.instance, &routes)?);
        }
        Ok(server)
    }

    /// Where it listens; and on a node of a rack, by which instance the control plane is to know it.
    fn settle_place(&mut self) -> Result<(), ServeError> {
        if self.registrar.is_some() {
            if self.listen.is_empty() {
                self.listen.push(format!("udp://[::]:{RACK_PORT}"));
            }
            while self.config.instance == 0 {
                let random = seed().map_err(ServeError::Thread)?;
                self.config.instance = random.first_chunk().copied().map_or(0, u32::from_be_bytes);
            }
        }
        if self.listen.is_empty() { Err(ServeError::NoAddress) } else { Ok(()) }
    }

    fn check_default(&self) -> Result<(), ServeError> {
        match &self.default_service {
            Some(name) if !self.services.iter().any(|service| service.name() == name) => {
                Err(ServeError::UnknownDefault(name.clone()))
            }
            _ => Ok(()),
        }
    }

    fn bind_udp(
        &self,
        mut address: SocketAddr,
        routes: &Arc<Routes>,
        server: &mut Server,
    ) -> Result<Address, ServeError> {
        // A busy client's socket would be given datagrams of clients that another receiving thread serves.
        // Nor has it more than one of the addresses of links that route by pointers.
        let native = self.config.native;
        let is_single = native || self.link.is_some();
        let busy_clients = if self.io_threads > 1 || is_single { 0 } else { self.busy_clients };
        for thread in 0..if is_single { 1 } else { self.io_threads } {
            let socket = match (&self.link, thread) {
                (Some(link), _) => self.bind_link(link, address, routes).map(PortSocket::from),
                (None, 0) if native => Socket::bind_native(address).map(PortSocket::from),
                (None, 0) => Socket::bind(address).map(PortSocket::from),
                (None, _) => Socket::join(address).map(PortSocket::from),
            };
            let shard = socket
                .and_then(|socket| Shard::new(socket, &self.config, self.limits, busy_clients, routes, &server.queue))
                .map_err(|source| ServeError::Socket { address: Address::Udp(address), source })?;
            address = shard.address();
            server.shards.push(Arc::new(shard));
        }
        Ok(Address::Udp(address))
    }

    fn bind_link(&self, link: &Link, address: SocketAddr, routes: &Routes) -> io::Result<LinkSocket> {
        let services = routes.services.iter().map(|service| link.service_address(service.name())).collect();
        LinkSocket::bind(link, address, services, routes.memory.is_some(), self.is_guest)
    }

    fn bind_stream(
        &self,
        url: &str,
        mut address: StreamAddress,
        budget: &Arc<Budget>,
        server: &mut Server,
    ) -> Result<Address, ServeError> {
        if self.config.key.is_some() {
            return Err(ServeError::Sealed(url.to_owned()));
        }
        let (several, default) = (self.services.len() > 1, self.default_service.as_deref());
        if several && default.is_none() && address.style.multiplexed == Some(false) {
            return Err(ServeError::NotMultiplexed(url.to_owned()));
        }
        let settings = Settings {
            style: address.style,
            limits: self.limits,
            connections_max: self.connections_max,
            idle_timeout: self.idle_timeout,
            write_timeout: self.write_timeout,
            budget: Arc::clone(budget),
        };
        let directory = Directory::new(&self.services, default, address.style.multiplexed);
        let listening = Listening::bind(&address.place, directory, settings)
            .map_err(|source| ServeError::Socket { address: Address::Stream(address.clone()), source })?;
        address.place = listening.place().clone();
        // What a client does best.
        address.style.multiplexed.get_or_insert(several);
        server.listenings.push(listening);
        Ok(Address::Stream(address))
    }
}
