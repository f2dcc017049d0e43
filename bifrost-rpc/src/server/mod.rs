//! Serving over UDP.

mod memory;
mod queue;
mod shard;

pub use self::memory::{Later, Unanswered};

use self::queue::{Job, Queue};
use self::shard::Shard;
use crate::endpoint::{Config, Key, Stats, Usage};
use crate::io::{Socket, Url, UrlError};
use crate::memory::MemoryHandler;
use crate::service::Service;
use crate::wire::MethodField;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Why a server cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A socket cannot be made or bound.
    #[error("cannot listen on {address}: {source}")]
    Socket {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// No address to listen on was given.
    #[error("no address to listen on")]
    NoAddress,
    /// No service and no memory was given.
    #[error("no service to serve")]
    NoService,
    /// Two methods have the same 16-byte field, so that a switch could not tell them apart.
    #[error("the methods of {first} and {second} cannot be told apart: rename one (field {field})")]
    Collision {
        /// Service registered first.
        first: String,
        /// Service registered second.
        second: String,
        /// The field.
        field: MethodField,
    },
}

/// Settings of a [`Server`] to be.
pub struct ServerBuilder {
    config: Config,
    listen: Vec<String>,
    services: Vec<Arc<dyn Service>>,
    memory: Option<Arc<dyn MemoryHandler>>,
    io_threads: usize,
    workers: usize,
    queue: usize,
    busy_clients: usize,
    inline_all: bool,
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
            io_threads: 1,
            workers: (2 * cores).max(4),
            queue: 1024,
            busy_clients: 8,
            inline_all: false,
        }
    }
}

impl ServerBuilder {
    /// Listens on a URL such as `udp://[::1]:7400`; port 0 takes a free one. May be called several times.
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

    /// Takes memory operations, too. With several addresses or receiving threads they share the handler.
    #[must_use]
    pub fn memory(mut self, handler: Arc<dyn MemoryHandler>) -> Self {
        self.memory = Some(handler);
        self
    }

    /// Takes only what is sealed with this key. Default: none, nothing is sealed.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.config.key = Some(key);
        self
    }

    /// Threads that receive, for each address; the system spreads clients over them. Default 1.
    #[must_use]
    pub fn io_threads(mut self, threads: usize) -> Self {
        self.io_threads = threads.clamp(1, 256);
        self
    }

    /// Threads that run the handlers of methods not marked short. Default twice the cores, at least 4.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.clamp(1, 4096);
        self
    }

    /// Calls that may wait for a worker; further ones are answered *busy*, and their clients try again. Default 1,024.
    #[must_use]
    pub fn queue(mut self, calls: usize) -> Self {
        self.queue = calls.max(1);
        self
    }

    /// Clients that get a socket and a receiving thread of their own while they send much; none with more than one
    /// [`ServerBuilder::io_threads`]. Default 8.
    #[must_use]
    pub fn busy_clients(mut self, clients: usize) -> Self {
        self.busy_clients = clients.min(256);
        self
    }

    /// Runs every handler on the receiving thread, as if all methods were marked `(bifrost.short)`. Default off.
    #[must_use]
    pub fn inline(mut self, all: bool) -> Self {
        self.inline_all = all;
        self
    }

    /// Longest message sent or taken, in bytes. Default 64 MiB, which is also the most.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: u32) -> Self {
        self.config.message_bytes_max = bytes.min(crate::endpoint::MESSAGE_BYTES_MAX);
        self
    }

    /// Sessions at most, for each receiving thread; further clients are refused. Default 4,096.
    #[must_use]
    pub fn sessions_max(mut self, sessions: usize) -> Self {
        self.config.sessions_max = sessions;
        self
    }

    /// A client silent for longer is forgotten. Default 30 s.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// Bytes of arriving messages and kept answers for all clients, for each receiving thread. Default 1 GiB.
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
    pub fn start(self) -> Result<Server, ServeError> {
        if self.listen.is_empty() {
            return Err(ServeError::NoAddress);
        }
        let routes = Arc::new(Routes::new(&self.services, self.memory, self.inline_all)?);
        let queue = Arc::new(Queue::new(self.queue));
        let mut server =
            Server { shards: Vec::new(), threads: Vec::new(), workers: Vec::new(), queue: Arc::clone(&queue) };
        for url in &self.listen {
            let mut address = Url::udp(url)?;
            // A busy client's socket would be given datagrams of clients that another receiving thread serves.
            let busy_clients = if self.io_threads > 1 { 0 } else { self.busy_clients };
            for thread in 0..self.io_threads {
                let socket = if thread == 0 { Socket::bind(address) } else { Socket::join(address) };
                let shard = socket
                    .and_then(|socket| Shard::new(socket, &self.config, busy_clients, &routes, &queue))
                    .map_err(|source| ServeError::Socket { address, source })?;
                address = shard.address();
                server.shards.push(Arc::new(shard));
            }
        }
        for shard in &server.shards {
            server.threads.extend(Shard::spawn(shard).map_err(ServeError::Thread)?);
        }
        for i in 0..self.workers {
            let queue = Arc::clone(&queue);
            let name = format!("bifrost-worker-{i}");
            let worker = std::thread::Builder::new().name(name).spawn(move || queue.work());
            server.workers.push(worker.map_err(ServeError::Thread)?);
        }
        Ok(server)
    }
}

/// Where each method goes.
pub(crate) struct Routes {
    services: Vec<Arc<dyn Service>>,
    memory: Option<Arc<dyn MemoryHandler>>,
    methods: BTreeMap<MethodField, Route>,
}

/// Where one method goes.
#[derive(Debug, Clone, Copy)]
struct Route {
    service: u32,
    name: &'static str,
    is_inline: bool,
}

impl Routes {
    fn new(
        services: &[Arc<dyn Service>],
        memory: Option<Arc<dyn MemoryHandler>>,
        inline_all: bool,
    ) -> Result<Self, ServeError> {
        if services.is_empty() && memory.is_none() {
            return Err(ServeError::NoService);
        }
        let mut methods: BTreeMap<MethodField, Route> = BTreeMap::new();
        for (number, service) in services.iter().enumerate() {
            for method in service.methods() {
                let field = MethodField::new(service.name(), method.name);
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                let route = Route { service: number, name: method.name, is_inline: inline_all || method.short };
                if let Some(other) = methods.insert(field, route) {
                    let first = services.get(other.service as usize).map_or("", |service| service.name());
                    return Err(ServeError::Collision { first: first.into(), second: service.name().into(), field });
                }
            }
        }
        Ok(Self { services: services.to_vec(), memory, methods })
    }
}

/// How long a server that shuts down waits to be told that its last answers have arrived.
const ANSWERS_LINGER: Duration = Duration::from_secs(1);

/// A running server. Dropping it stops it at once; [`Server::shutdown`] lets running calls finish.
#[derive(Debug)]
pub struct Server {
    shards: Vec<Arc<Shard>>,
    threads: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    queue: Arc<Queue<Job>>,
}

impl Server {
    /// Settings for a server to be.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The addresses listened on, in the order given; port 0 has become the port taken.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<SocketAddr> = self.shards.iter().map(|shard| shard.address()).collect();
        addresses.dedup();
        addresses
    }

    /// The first address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.shards.first().map(|shard| format!("udp://{}", shard.address())).unwrap_or_default()
    }

    /// What has been counted, over all receiving threads.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shards.iter().map(|shard| shard.stats()).fold(Stats::default(), Stats::plus)
    }

    /// What is held, over all receiving threads.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shards.iter().map(|shard| shard.usage()).fold(Usage::default(), Usage::plus)
    }

    /// Takes no new calls, lets those running finish, for `deadline` at most, and stops. It stays for up to a second of
    /// that time for clients whose answers got lost to ask for them again. Returns the number of calls that did not
    /// finish.
    pub fn shutdown(mut self, deadline: Duration) -> usize {
        self.shards.iter().for_each(|shard| shard.drain());
        let left = self.shards.first().map_or(0, |first| {
            let until = first.now().plus(deadline);
            let mut all_ran = None;
            loop {
                let now = first.now();
                let running: usize = self.shards.iter().map(|shard| shard.running()).sum();
                let is_done = running == 0 && {
                    let since = *all_ran.get_or_insert(now);
                    self.usage().served == 0 || now.since(since) >= ANSWERS_LINGER
                };
                if is_done || now >= until {
                    break running;
                }
                first.pause(Duration::from_millis(1));
            }
        });
        self.shards.iter().for_each(|shard| shard.farewell());
        self.stop();
        left
    }

    fn stop(&mut self) {
        self.shards.iter().for_each(|shard| shard.stop());
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
        // Workers end after the handler they are in; one that never returns must not keep the server from stopping.
        self.workers.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
