//! Unix sockets whose packets are frames, as both ends use them.

use super::forwarder::BATCH_FRAMES;
use super::frames::Frames;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::sys::time::TimeSpec;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::time::Duration;

/// Bytes of a frame at most, with what stands before it at the control plane's port.
pub(super) const PACKET_BYTES_MAX: usize = 65_536 + 64;
/// Buffers asked for; the system may grant less.
const BUFFER_BYTES: usize = 4 << 20;

/// A socket that keeps packets apart and in order, and notices the other's end.
pub(super) fn socket() -> io::Result<Socket> {
    Socket::new(Domain::UNIX, Type::SEQPACKET, None)
}

/// Connects to whoever listens at a path.
pub(super) fn connect(path: &Path) -> io::Result<Socket> {
    let socket = socket()?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

/// Asks for long buffers: without them it works all the same, and loses frames earlier.
pub(super) fn lengthen(socket: &Socket) {
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
}

/// Waits until one of these has something, so long at most; which of them do.
pub(super) fn wait<const N: usize>(sockets: [&Socket; N], time: Duration) -> io::Result<[bool; N]> {
    let mut asked = sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
    match ppoll(&mut asked, Some(TimeSpec::from_duration(time)), None) {
        Ok(_) => Ok(asked.map(|one| one.any().unwrap_or(true))),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(error) => Err(error.into()),
    }
}

/// Takes all that has come, and forgets it.
pub(super) fn discard(socket: &Socket) {
    while recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT).is_ok_and(|bytes| bytes > 0) {}
}

/// Takes frames that have come, a batch at most; whether more can come.
pub(super) fn take(socket: &Socket, buffer: &mut [u8], into: &mut Frames) -> bool {
    into.clear();
    while into.len() < BATCH_FRAMES {
        match recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC) {
            // Nobody sends empty packets: the other has ended.
            Ok(0) => return false,
            // A longer one is cut off, and not taken.
            Ok(bytes) => buffer.get(..bytes).into_iter().for_each(|frame| into.push(frame)),
            Err(Errno::EAGAIN | Errno::EINTR) => break,
            Err(_) => return false,
        }
    }
    true
}

/// Sends a frame; an error if there is no room for it, it is too long, or the other has ended.
pub(super) fn send_one(socket: &Socket, frame: &[u8], flags: MsgFlags) -> Result<(), Errno> {
    if frame.is_empty() || frame.len() > PACKET_BYTES_MAX {
        return Err(Errno::EMSGSIZE);
    }
    send(socket.as_raw_fd(), frame, flags | MsgFlags::MSG_NOSIGNAL).map(drop)
}
