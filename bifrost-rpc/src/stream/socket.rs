//! Stream sockets: TCP and Unix behind one type.

use crate::buffer::Message;
use crate::io::{Place, Transport};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, sendmsg};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;
/// Blocks that one send takes.
const SLICES_MAX: usize = 64;
/// Zero would mean for ever.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
}

impl Stream {
    /// Connects, within `timeout`.
    pub(crate) fn connect(place: &Place, timeout: Duration) -> io::Result<Self> {
        let timeout = timeout.max(TIMEOUT_MIN);
        let (domain, address) = address(place)?;
        let socket = Socket::new(domain, Type::STREAM, None)?;
        match place {
            Place::Tcp(_) => {
                socket.connect_timeout(&address, timeout)?;
                socket.set_tcp_nodelay(true)?;
                socket.set_keepalive(true)?;
            }
            Place::Unix(_) => {
                // On Linux this bounds connecting, too.
                socket.set_write_timeout(Some(timeout))?;
                socket.connect(&address)?;
                socket.set_write_timeout(None)?;
            }
        }
        Ok(Self { socket })
    }

    pub(crate) fn fd(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// Time for which a receive waits; none is for ever.
    pub(crate) fn set_receive_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout.map(|timeout| timeout.max(TIMEOUT_MIN)))
    }

    /// Time for which a send waits; none is for ever.
    pub(crate) fn set_send_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_write_timeout(timeout.map(|timeout| timeout.max(TIMEOUT_MIN)))
    }

    /// Receives; 0 is the end of the stream. [`ErrorKind::WouldBlock`] if nothing came in time, or at once without
    /// `waits`.
    pub(crate) fn receive(&self, into: &mut [u8], waits: bool) -> io::Result<usize> {
        let flags = if waits { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
        again(|| recv(self.fd(), into, flags))
    }

    /// Whether nothing has come, not even the end: what can be said of a connection that is fit for use and idle.
    pub(crate) fn is_quiet(&self) -> bool {
        let peeked = again(|| recv(self.fd(), &mut [0], MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK));
        matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends some of the bytes. [`ErrorKind::WouldBlock`] as [`Stream::receive`].
    pub(crate) fn send(&self, slices: &[IoSlice<'_>], waits: bool) -> io::Result<usize> {
        let slices = slices.get(..SLICES_MAX).unwrap_or(slices);
        let wait = if waits { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
        again(|| sendmsg::<()>(self.fd(), slices, &[], wait | MsgFlags::MSG_NOSIGNAL, None))
    }

    /// Waits until something can be sent or received, for `timeout` at most.
    pub(crate) fn wait_ready(&self, timeout: Duration) -> io::Result<()> {
        let flags = PollFlags::POLLIN | PollFlags::POLLOUT;
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        again(|| poll(&mut [PollFd::new(self.socket.as_fd(), flags)], timeout)).map(drop)
    }

    /// Ends the stream in one or both directions; threads that wait for it wake.
    pub(crate) fn shut_down(&self, how: Shutdown) {
        // A peer that has closed already is as good.
        let _ = self.socket.shutdown(how);
    }
}

/// Tries again what a signal interrupted.
fn again<T>(mut call: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

fn address(place: &Place) -> io::Result<(Domain, SockAddr)> {
    Ok(match place {
        Place::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
        Place::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
    })
}

/// The bytes of a message on a stream, as far as they are not sent.
#[derive(Debug)]
pub(crate) struct Sending<'a> {
    head: Option<[u8; super::incoming::FRAME_BYTES]>,
    message: &'a Message,
    sent: usize,
    len: usize,
}

impl<'a> Sending<'a> {
    /// The message, after its length where it is framed. `None` if it is too long for a frame.
    pub(crate) fn new(message: &'a Message, transport: Transport) -> Option<Self> {
        let head = match transport {
            Transport::Framed => Some(i32::try_from(message.len()).ok()?.to_be_bytes()),
            Transport::Buffered => None,
        };
        let len = message.len() + head.map_or(0, |head| head.len());
        Some(Self { head, message, sent: 0, len })
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.sent > 0
    }

    /// Sends some more; returns whether that was all.
    pub(crate) fn advance(&mut self, stream: &Stream, waits: bool) -> io::Result<bool> {
        let head = self.head.as_ref().map(|head| head.as_slice());
        let mut all: Vec<IoSlice<'_>> = head.into_iter().chain(self.message.blocks()).map(IoSlice::new).collect();
        let mut left = all.as_mut_slice();
        IoSlice::advance_slices(&mut left, self.sent);
        self.sent += stream.send(left, waits)?;
        Ok(self.sent >= self.len)
    }
}

/// A listening socket. Dropping it removes the file of a Unix socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    place: Place,
    _file: Option<SocketFile>,
}

/// The file of a Unix socket: its path, and which file it is.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Listener {
    /// Listens. The file of a Unix socket that nobody listens on any more is replaced.
    pub(crate) fn bind(place: &Place) -> io::Result<Self> {
        let (domain, address) = address(place)?;
        let socket = Socket::new(domain, Type::STREAM, None)?;
        match place {
            Place::Tcp(_) => {
                socket.set_reuse_address(true)?;
                socket.bind(&address)?;
            }
            Place::Unix(path) => match socket.bind(&address) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path, &address) => {
                    fs::remove_file(path)?;
                    socket.bind(&address)?;
                }
                other => other?,
            },
        }
        let (place, file) = match place {
            Place::Tcp(asked) => (Place::Tcp(socket.local_addr()?.as_socket().unwrap_or(*asked)), None),
            Place::Unix(path) => (place.clone(), Some(SocketFile { path: path.clone(), id: file_id(path)? })),
        };
        // Made here, so that the file goes if anything fails from here on.
        let listener = Self { socket, place, _file: file };
        listener.socket.listen(BACKLOG)?;
        Ok(listener)
    }

    /// Where it listens; port 0 has become the port taken.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Time for which [`Listener::accept`] waits.
    pub(crate) fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        // On Linux this bounds accepting, too.
        self.socket.set_read_timeout(Some(timeout))
    }

    pub(crate) fn accept(&self) -> io::Result<Stream> {
        let (socket, _) = self.socket.accept()?;
        if matches!(self.place, Place::Tcp(_)) {
            socket.set_tcp_nodelay(true)?;
            socket.set_keepalive(true)?;
        }
        Ok(Stream { socket })
    }

    /// Ends [`Listener::accept`], now and from now on.
    pub(crate) fn shut_down(&self) {
        // One that is shut down already is as good.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if file_id(&self.path).is_ok_and(|id| id == self.id) {
            // Somebody else may have removed it meanwhile.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether there is a socket at the path on which nobody listens.
fn is_stale(path: &Path, address: &SockAddr) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let connect = || {
        Socket::new(Domain::UNIX, Type::STREAM, None).and_then(|probe| {
            probe.set_nonblocking(true)?;
            probe.connect(address)
        })
    };
    is_socket && matches!(connect(), Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}
