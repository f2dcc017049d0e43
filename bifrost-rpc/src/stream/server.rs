//! An address that is served: a thread accepts connections, within a bound, and each has a thread of its own.

use super::Directory;
use super::incoming::Budget;
use super::served::{Served, set_up};
use super::socket::{Listener, Stream};
use crate::io::{Place, Style};
use crate::protocol::Limits;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the accepting thread looks whether to stop.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// How connections are served.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) style: Style,
    pub(crate) limits: Limits,
    pub(crate) connections_max: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) write_timeout: Duration,
    /// Memory for arriving messages on all connections together.
    pub(crate) budget: Arc<Budget>,
}

/// What accepting, serving and stopping threads share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_draining: bool,
    next: u64,
    /// The connections, by number; `true` while a call of it runs.
    connections: BTreeMap<u64, (Arc<Stream>, bool)>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether a call runs on a connection.
    pub(super) fn set_running(&self, number: u64, is_running: bool) {
        if let Some((_, running)) = self.state().connections.get_mut(&number) {
            *running = is_running;
        }
    }

    /// A connection has ended.
    pub(super) fn remove(&self, number: u64) {
        self.state().connections.remove(&number);
        self.changed.notify_all();
    }

    /// Takes no more calls than those that have arrived.
    fn drain(&self) {
        let mut state = self.state();
        state.is_draining = true;
        state.connections.values().for_each(|(stream, _)| stream.shut_down(Shutdown::Read));
        self.changed.notify_all();
    }

    /// Waits until there is room for a connection; false when there will be none any more.
    fn has_room(&self, connections_max: usize) -> bool {
        let mut state = self.state();
        while state.connections.len() >= connections_max && !state.is_draining {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.is_draining
    }

    /// Gives the system time, for instance to have file descriptors again.
    fn pause(&self) {
        let state = self.state();
        drop(self.changed.wait_timeout(state, ACCEPT_WAIT));
    }

    fn add(&self, stream: Arc<Stream>) -> Option<u64> {
        let mut state = self.state();
        if state.is_draining {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.connections.insert(number, (stream, false));
        Some(number)
    }
}

/// An address that is served. Dropping it ends it, its connections and their threads, running handlers excepted.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: Arc<Listener>,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
    directory: Arc<Directory>,
    settings: Settings,
}

impl Listening {
    /// Listens; nothing is accepted before [`Listening::start`].
    pub(crate) fn bind(place: &Place, directory: Directory, settings: Settings) -> io::Result<Self> {
        let listener = Listener::bind(place)?;
        listener.set_timeout(ACCEPT_WAIT)?;
        Ok(Self {
            listener: Arc::new(listener),
            shared: Arc::default(),
            accepting: None,
            directory: Arc::new(directory),
            settings,
        })
    }

    /// Starts to accept.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        let acceptor = Acceptor {
            listener: Arc::clone(&self.listener),
            shared: Arc::clone(&self.shared),
            directory: Arc::clone(&self.directory),
            settings: self.settings.clone(),
        };
        let thread = std::thread::Builder::new().name("bifrost-accept".into());
        self.accepting = Some(thread.spawn(move || acceptor.run())?);
        Ok(())
    }

    /// Where; port 0 has become the port taken.
    pub(crate) fn place(&self) -> &Place {
        self.listener.place()
    }

    /// Takes no more calls than those that have arrived.
    pub(crate) fn drain(&self) {
        self.shared.drain();
        self.listener.shut_down();
    }

    /// Calls that run.
    pub(crate) fn running(&self) -> usize {
        self.shared.state().connections.values().filter(|(_, is_running)| *is_running).count()
    }

    /// Connections that there are.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state().connections.len()
    }

    /// Ends everything, running handlers excepted.
    pub(crate) fn stop(&mut self) {
        self.drain();
        self.shared.state().connections.values().for_each(|(stream, _)| stream.shut_down(Shutdown::Both));
        if let Some(accepting) = self.accepting.take() {
            // A thread that panicked has said so itself.
            let _ = accepting.join();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Acceptor {
    listener: Arc<Listener>,
    shared: Arc<Shared>,
    directory: Arc<Directory>,
    settings: Settings,
}

impl Acceptor {
    fn run(&self) {
        while self.shared.has_room(self.settings.connections_max) {
            match self.listener.accept() {
                // A connection that cannot be served is closed, which its client sees.
                Ok(stream) => _ = self.open(stream),
                Err(error) if is_passing(&error) => {}
                Err(_) => self.shared.pause(),
            }
        }
    }

    fn open(&self, stream: Stream) -> io::Result<()> {
        set_up(&stream, &self.settings)?;
        let stream = Arc::new(stream);
        let Some(number) = self.shared.add(Arc::clone(&stream)) else { return Ok(()) };
        let (shared, directory) = (Arc::clone(&self.shared), Arc::clone(&self.directory));
        let served = Served::new(number, shared, stream, directory, self.settings.clone());
        // Not started, the closure is dropped, and the connection with it.
        std::thread::Builder::new().name("bifrost-stream".into()).spawn(move || served.run()).map(drop)
    }
}

/// Errors that say nothing about the listening socket.
fn is_passing(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionAborted | ConnectionReset)
}
