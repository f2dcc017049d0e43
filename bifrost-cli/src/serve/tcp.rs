//! Serving over TCP with Apache's transports: one thread for each connection, within a bound.

use crate::address::{Protocol, TcpForm, Transport};
use crate::clock::Deadline;
use crate::fault::usage;
use crate::services::{Builtin, Processor};
use anyhow::{Context, Result};
use bifrost_rpc::compat::{TJsonInputProtocol, TJsonOutputProtocol};
use socket2::SockRef;
use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol,
    TOutputProtocol, TStoredInputProtocol,
};
use thrift::server::TMultiplexedProcessor;
use thrift::transport::{
    TBufferedReadTransport, TBufferedWriteTransport, TFramedReadTransport, TFramedWriteTransport, TReadTransport,
    TWriteTransport,
};

/// How often the accepting thread looks whether to stop.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);
/// A peer that takes no answer for this long is given up.
const WRITE_WAIT_MAX: Duration = Duration::from_secs(30);

/// What accepting, serving and stopping threads share.
#[derive(Debug, Default)]
struct State {
    is_draining: bool,
    next: u64,
    /// The connections, by number; `true` while a call of it runs.
    connections: BTreeMap<u64, (TcpStream, bool)>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether a call runs on a connection. Returns false if it shall be the last.
    fn set_running(&self, number: u64, is_running: bool) -> bool {
        let mut state = self.state();
        if let Some((_, running)) = state.connections.get_mut(&number) {
            *running = is_running;
        }
        self.changed.notify_all();
        !state.is_draining
    }
}

/// A TCP address that is served. Its threads end with the program, or after [`Listening::drain`].
#[derive(Debug)]
pub(super) struct Listening {
    /// The address; port 0 has become the port taken.
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Listening {
    /// Listens and starts to accept, `connections_max` at once.
    pub(super) fn start(form: &TcpForm, builtins: &[Builtin], connections_max: usize) -> Result<Self> {
        let processor = processor(form, builtins)?;
        let listener =
            TcpListener::bind(form.address).with_context(|| format!("cannot listen on tcp://{}", form.address))?;
        // On Linux this bounds accepting, too.
        SockRef::from(&listener).set_read_timeout(Some(ACCEPT_WAIT)).context("cannot set up a socket")?;
        let address = listener.local_addr().context("cannot set up a socket")?;
        let shared = Arc::new(Shared::default());
        let acceptor = Acceptor { listener, shared: Arc::clone(&shared), form: form.clone(), processor };
        let accept = move || acceptor.run(connections_max);
        std::thread::Builder::new().name("tcp-accept".into()).spawn(accept).context("cannot start a thread")?;
        Ok(Self { address, shared })
    }

    /// Takes no more calls than those that have arrived.
    pub(super) fn drain(&self) {
        let mut state = self.shared.state();
        state.is_draining = true;
        for (stream, _) in state.connections.values() {
            // A peer that has closed already is as good.
            let _ = stream.shutdown(Shutdown::Read);
        }
        self.shared.changed.notify_all();
    }

    /// Waits for running calls until the deadline; returns how many did not finish.
    pub(super) fn wait(&self, deadline: &Deadline) -> usize {
        let mut state = self.shared.state();
        loop {
            let running = state.connections.values().filter(|(_, is_running)| *is_running).count();
            if running == 0 || deadline.has_passed() {
                return running;
            }
            let wait = deadline.left().unwrap_or(ACCEPT_WAIT).min(ACCEPT_WAIT);
            state = self.shared.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// One service as it is; several, or one on demand, behind a multiplexer.
fn processor(form: &TcpForm, builtins: &[Builtin]) -> Result<Arc<Processor>> {
    if !form.is_multiplexed(builtins.len()) {
        return match builtins {
            [single] => Ok(Arc::new((single.processor)())),
            _ => Err(usage(
                "several services on one TCP address are told apart by multiplexing: leave out multiplexed=false, or name one service",
            )),
        };
    }
    let mut multiplexed = TMultiplexedProcessor::new();
    for builtin in builtins {
        multiplexed.register(builtin.name, (builtin.processor)(), false)?;
    }
    Ok(Arc::new(Box::new(multiplexed)))
}

struct Acceptor {
    listener: TcpListener,
    shared: Arc<Shared>,
    form: TcpForm,
    processor: Arc<Processor>,
}

impl Acceptor {
    fn run(&self, connections_max: usize) {
        while self.has_room(connections_max) {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    if let Err(error) = self.open(stream) {
                        eprintln!("cannot serve {peer}: {error:#}");
                    }
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    eprintln!("cannot accept on {}: {error}", self.form.address);
                    self.pause();
                }
            }
        }
    }

    /// Waits until there is room for a connection; false when there will be none any more.
    fn has_room(&self, connections_max: usize) -> bool {
        let mut state = self.shared.state();
        while state.connections.len() >= connections_max && !state.is_draining {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.is_draining
    }

    /// Gives the system time, for instance to have file descriptors again.
    fn pause(&self) {
        let state = self.shared.state();
        drop(self.shared.changed.wait_timeout(state, ACCEPT_WAIT));
    }

    fn open(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_WAIT_MAX))?;
        // It was inherited from the listening socket; a client may be idle for as long as it likes.
        stream.set_read_timeout(None)?;
        SockRef::from(&stream).set_keepalive(true)?;
        let (mut input, mut output) = protocols(&self.form, &stream)?;
        let mut state = self.shared.state();
        if state.is_draining {
            return Ok(());
        }
        let number = state.next;
        state.next += 1;
        state.connections.insert(number, (stream, false));
        drop(state);
        let connection =
            Connection { number, shared: Arc::clone(&self.shared), processor: Arc::clone(&self.processor) };
        let serve = move || connection.run(&mut *input, &mut *output);
        // Not started, the closure is dropped, and the connection with it.
        std::thread::Builder::new().name(format!("tcp-{number}")).spawn(serve)?;
        Ok(())
    }
}

/// Errors that say nothing about the listening socket.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionAborted | ConnectionReset)
}

/// A connection's entry; dropping it removes the entry.
struct Connection {
    number: u64,
    shared: Arc<Shared>,
    processor: Arc<Processor>,
}

impl Connection {
    /// Serves until the peer closes, sends what is no call, or the server drains.
    fn run(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) {
        loop {
            let Ok(message) = input.read_message_begin() else { return };
            // A call that has arrived runs, also when the server drains by now.
            self.shared.set_running(self.number, true);
            // The header is read already, so that waiting for a call and running one can be told apart.
            let served = self.processor.process(&mut TStoredInputProtocol::new(input, message), output);
            if !self.shared.set_running(self.number, false) || served.is_err() {
                return;
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some((stream, _)) = self.shared.state().connections.remove(&self.number) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
    }
}

type Input = Box<dyn TInputProtocol + Send>;
type Output = Box<dyn TOutputProtocol + Send>;

/// Protocols and transports of a form, over one connection; for both ends.
pub(crate) fn protocols(form: &TcpForm, stream: &TcpStream) -> io::Result<(Input, Output)> {
    let (read, write) = (stream.try_clone()?, stream.try_clone()?);
    let (read, write): (Box<dyn TReadTransport + Send>, Box<dyn TWriteTransport + Send>) = match form.transport {
        Transport::Framed => (Box::new(TFramedReadTransport::new(read)), Box::new(TFramedWriteTransport::new(write))),
        Transport::Buffered => {
            (Box::new(TBufferedReadTransport::new(read)), Box::new(TBufferedWriteTransport::new(write)))
        }
    };
    Ok(match form.protocol {
        Protocol::Binary => {
            (Box::new(TBinaryInputProtocol::new(read, true)), Box::new(TBinaryOutputProtocol::new(write, true)))
        }
        Protocol::Compact => (Box::new(TCompactInputProtocol::new(read)), Box::new(TCompactOutputProtocol::new(write))),
        Protocol::Json => (Box::new(TJsonInputProtocol::new(read)), Box::new(TJsonOutputProtocol::new(write))),
    })
}
