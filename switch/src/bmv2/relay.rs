//! From a Unix socket, which only its owner reaches, to the runtime API in another network namespace.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Connections at a time; each has two threads.
const CONNECTIONS_MAX: usize = 64;

/// Takes connections until `is_over`, and joins each to a port of this thread's namespace.
pub(super) fn run(listener: &UnixListener, port: u16, is_over: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        if is_over.load(Ordering::Acquire) {
            return;
        }
        // One that cannot be joined is closed, which its owner notices.
        if let Ok(unix) = connection
            && open.load(Ordering::Acquire) < CONNECTIONS_MAX
            && let Ok(tcp) = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        {
            let _ = join(unix, tcp, &open);
        }
    }
}

fn join(unix: UnixStream, tcp: TcpStream, open: &Arc<AtomicUsize>) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let (unix_in, tcp_in) = (unix.try_clone()?, tcp.try_clone()?);
    let count = Open::new(open);
    std::thread::Builder::new().name("bmv2-relay".into()).spawn(move || {
        let _count = count;
        copy(unix_in, &tcp);
        let _ = tcp.shutdown(Shutdown::Write);
    })?;
    std::thread::Builder::new().name("bmv2-relay".into()).spawn(move || {
        copy(tcp_in, &unix);
        let _ = unix.shutdown(Shutdown::Both);
    })?;
    Ok(())
}

fn copy(mut from: impl Read, mut to: impl Write) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        if to.write_all(buffer.get(..bytes).unwrap_or_default()).is_err() {
            return;
        }
    }
}

/// Counts a connection as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
