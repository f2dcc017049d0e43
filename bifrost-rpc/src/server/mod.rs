//! Serving: over UDP and over streams.

mod builder;
mod busy;
mod desk;
mod memory;
mod queue;
mod registered;
mod serve;
mod shard;
mod work;

pub use builder::ServerBuilder;
pub use memory::{Later, Unanswered};
pub use registered::RegisterError;
pub(crate) use registered::Registrar;

use self::queue::{Job, Queue};
use self::registered::Registered;
use self::shard::Shard;
use crate::endpoint::{Stats, Usage};
use crate::io::{Address, Clock, Place, UrlError};
use crate::memory::MemoryHandler;
use crate::reference::Serving;
use crate::service::Service;
use crate::stream::Listening;
use crate::wire::MethodField;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
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
        address: Address,
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
    /// The default service is none of those served.
    #[error("the default service {0:?} is not served")]
    UnknownDefault(String),
    /// Calls on a stream that is not multiplexed could be for any of several services.
    #[error("several services at {0} are told apart by multiplexing: leave out multiplexed=false, or serve one there")]
    NotMultiplexed(String),
    /// A key was given for an address whose transport seals nothing.
    #[error("nothing is sealed on {0}: leave the key out, or listen on udp:// addresses only")]
    Sealed(String),
    /// The rack's control plane does not know of a service that the node serves.
    #[error("the rack does not take the service {service}: {reason}")]
    Unregistered {
        /// The service.
        service: String,
        /// Why.
        reason: RegisterError,
    },
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

/// Where each method goes.
pub(crate) struct Routes {
    services: Vec<Arc<dyn Service>>,
    memory: Option<Arc<dyn MemoryHandler>>,
    /// What references go with; none where all goes by value.
    references: Option<Serving>,
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
        references: Option<Serving>,
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
        Ok(Self { services: services.to_vec(), memory, references, methods })
    }
}

/// How long a server that shuts down waits to be told that its last answers have arrived.
const ANSWERS_LINGER: Duration = Duration::from_secs(1);

/// A running server. Dropping it stops it at once; [`Server::shutdown`] lets running calls finish.
#[derive(Debug)]
pub struct Server {
    shards: Vec<Arc<Shard>>,
    listenings: Vec<Listening>,
    /// All that is listened on, in the order given.
    addresses: Vec<Address>,
    threads: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    queue: Arc<Queue<Job>>,
    /// What a rack's control plane was told.
    registered: Option<Registered>,
}

impl Server {
    /// Settings for a server to be.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The socket addresses listened on, in the order given; port 0 has become the port taken.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let socket_address = |address: &Address| match address {
            Address::Udp(address) => Some(*address),
            Address::Service(_) => None,
            Address::Stream(stream) => match stream.place {
                Place::Tcp(address) => Some(address),
                Place::Unix(_) => None,
            },
        };
        self.addresses.iter().filter_map(socket_address).collect()
    }

    /// The URLs by which clients call, in the order given. Where a server takes what it is sent, they say what a client
    /// chooses by itself.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.addresses.iter().map(ToString::to_string).collect()
    }

    /// The first of [`Server::urls`].
    #[must_use]
    pub fn url(&self) -> String {
        self.addresses.first().map(ToString::to_string).unwrap_or_default()
    }

    /// Connections of streams.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.listenings.iter().map(Listening::connections).sum()
    }

    /// What has been counted, over all receiving threads (UDP).
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shards.iter().map(|shard| shard.stats()).fold(Stats::default(), Stats::plus)
    }

    /// What is held, over all receiving threads (UDP).
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shards.iter().map(|shard| shard.usage()).fold(Usage::default(), Usage::plus)
    }

    /// Takes no new calls, lets those running finish, for `deadline` at most, and stops. It stays for up to a second of
    /// that time for clients whose answers got lost to ask for them again (UDP). Returns the number of calls that did not
    /// finish.
    pub fn shutdown(mut self, deadline: Duration) -> usize {
        if let Some(registered) = &self.registered {
            registered.drain();
        }
        self.shards.iter().for_each(|shard| shard.drain());
        self.listenings.iter().for_each(Listening::drain);
        let left = self.wait_for_calls(deadline);
        self.shards.iter().for_each(|shard| shard.farewell());
        self.stop();
        left
    }

    /// Waits until nothing runs any more; returns how many calls still do at the deadline.
    fn wait_for_calls(&self, deadline: Duration) -> usize {
        let (clock, lock, pause) = (Clock::new(), Mutex::new(()), Condvar::new());
        let until = clock.now().plus(deadline);
        let mut all_ran = None;
        loop {
            let now = clock.now();
            let running = self.running();
            // What has arrived in a connection runs, also if its thread has not read it yet.
            let is_done = running == 0 && self.connections() == 0 && {
                let since = *all_ran.get_or_insert(now);
                self.usage().served == 0 || now.since(since) >= ANSWERS_LINGER
            };
            if is_done || now >= until {
                return running;
            }
            let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
            drop(pause.wait_timeout(guard, Duration::from_millis(1)));
        }
    }

    /// Calls that run, or wait to be run.
    fn running(&self) -> usize {
        let udp: usize = self.shards.iter().map(|shard| shard.running()).sum();
        udp + self.listenings.iter().map(Listening::running).sum::<usize>()
    }

    fn stop(&mut self) {
        self.registered = None;
        self.listenings.iter_mut().for_each(Listening::stop);
        self.shards.iter().for_each(|shard| shard.stop());
        let left = self.queue.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
        self.shards.iter().for_each(|shard| shard.end_sessions());
        left.into_iter().for_each(|job| job.shard.never_runs(job.called.call));
        // Workers end after the handler they are in; one that never returns must not keep the server from stopping.
        self.workers.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
