//! The other end of a port that is a Unix socket: for a control plane in a process of its own.

use super::frames::Frames;
use super::packets::{self, PACKET_BYTES_MAX};
use bifrost_rpc::FramePort;
use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use socket2::{Domain, Socket, Type};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So long it is waited for room on the way to the switch, before what is to be sent is lost.
const ROOM: Duration = Duration::from_millis(100);

/// A connection to a switch's port that is a Unix socket ([`PortKind::Socket`](super::PortKind::Socket)). Whoever connects later takes the port over; then,
/// and when the switch ends, nothing more comes.
#[derive(Debug)]
pub struct SocketCable {
    socket: Socket,
    /// Ends a wait: what is written to the first arrives at the second.
    wake: (Socket, Socket),
    /// Memory for what comes.
    spare: Mutex<(Vec<u8>, Frames)>,
}

impl SocketCable {
    /// Connects to the switch that listens at a path.
    ///
    /// # Errors
    ///
    /// Nobody listens there, it is another user's, or the path is too long.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let socket = packets::connect(path)?;
        packets::lengthen(&socket);
        socket.set_write_timeout(Some(ROOM))?;
        let wake = Socket::pair(Domain::UNIX, Type::DGRAM, None)?;
        wake.0.set_nonblocking(true)?;
        Ok(Self { socket, wake, spare: Mutex::default() })
    }
}

impl FramePort for SocketCable {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        for frame in frames {
            match packets::send_one(&self.socket, frame, MsgFlags::empty()) {
                Ok(()) | Err(Errno::EMSGSIZE | Errno::EINTR) => {}
                // A switch that stands still, or has ended: the others are lost, too.
                Err(_) => return,
            }
        }
    }

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        match packets::wait([&self.socket, &self.wake.1], wait) {
            Ok([has_come, is_woken]) => {
                if is_woken {
                    packets::discard(&self.wake.1);
                }
                if !has_come {
                    return true;
                }
            }
            Err(_) => return false,
        }
        let (mut buffer, mut frames) = std::mem::take(&mut *self.spare.lock().unwrap_or_else(PoisonError::into_inner));
        buffer.resize(PACKET_BYTES_MAX, 0);
        let is_open = packets::take(&self.socket, &mut buffer, &mut frames);
        frames.iter().for_each(&mut *take);
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = (buffer, frames);
        is_open
    }

    fn wake(&self) -> bool {
        // Where there is no room, there is enough to end a wait.
        let _ = packets::send_one(&self.wake.0, &[0], MsgFlags::MSG_DONTWAIT);
        true
    }
}
