//! Ports whose other end is another process of this machine: Unix sockets, each packet a frame.
//!
//! Only programs of this user, and root's, can connect: the socket's file lets nobody else, from before it is listened at. Whoever connects last has
//! the port.

use super::counts::Tally;
use super::fabric::Link;
use super::forwarder::Forwarder;
use super::frames::Frames;
use super::packets::{self, PACKET_BYTES_MAX};
use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// It is seen so often whether the switch is to end.
const LOOK: Duration = Duration::from_millis(50);
/// Those who connect at a time.
const BACKLOG: i32 = 4;
/// Only its owner connects.
const PRIVATE: u32 = 0o600;

/// A socket that is listened at, and who has connected last.
#[derive(Debug)]
pub(crate) struct SocketPort {
    listener: Socket,
    _file: SocketFile,
    peer: Mutex<Option<Arc<Socket>>>,
}

impl SocketPort {
    /// Listens. The file of a socket that nobody listens at any more is replaced.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (listener, address) = (packets::socket()?, SockAddr::unix(path)?);
        match listener.bind(&address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
                fs::remove_file(path)?;
                listener.bind(&address)?;
            }
            other => other?,
        }
        let file = SocketFile { path: path.to_owned(), id: file_id(path)? };
        // Nobody connects before it listens.
        fs::set_permissions(path, Permissions::from_mode(PRIVATE))?;
        listener.listen(BACKLOG)?;
        Ok(Self { listener, _file: file, peer: Mutex::default() })
    }

    fn peer(&self) -> MutexGuard<'_, Option<Arc<Socket>>> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes connections and frames until told to stop.
    ///
    /// # Errors
    ///
    /// The system does not let it wait.
    pub(crate) fn run(&self, port: u32, forwarder: &mut Forwarder) -> io::Result<()> {
        let (mut buffer, mut frames) = (vec![0; PACKET_BYTES_MAX], Frames::new());
        while !forwarder.is_stopped() {
            let peer = self.peer().clone();
            // Without a peer the listener stands in its place.
            let sender = peer.as_deref().unwrap_or(&self.listener);
            let [has_caller, has_frames] = packets::wait([&self.listener, sender], LOOK)?;
            if has_caller {
                self.accept();
            } else if let Some(peer) = peer.filter(|_| has_frames) {
                if !packets::take(&peer, &mut buffer, &mut frames) {
                    self.forget(&peer);
                }
                forwarder.forward(port, frames.iter());
            }
        }
        self.leave(None);
        Ok(())
    }

    fn accept(&self) {
        // One that has gone again is nobody.
        let Ok((caller, _)) = self.listener.accept() else { return };
        packets::lengthen(&caller);
        self.leave(Some(Arc::new(caller)));
    }

    /// Lets go of who is connected, in favour of another or nobody.
    fn leave(&self, next: Option<Arc<Socket>>) {
        if let Some(before) = std::mem::replace(&mut *self.peer(), next) {
            // One that has ended is as good.
            let _ = before.shutdown(Shutdown::Both);
        }
    }

    fn forget(&self, gone: &Arc<Socket>) {
        self.peer().take_if(|peer| Arc::ptr_eq(peer, gone));
    }
}

impl Link for Arc<SocketPort> {
    fn is_up(&self) -> bool {
        self.peer().is_some()
    }

    fn send(&self, frames: &mut Frames) -> Tally {
        let peer = self.peer().clone();
        // Whoever forwards never waits for the other process.
        let send = |socket: &Socket, frame: &[u8]| packets::send_one(socket, frame, MsgFlags::MSG_DONTWAIT);
        let mut lost = Tally::default();
        for frame in frames.iter() {
            if peer.as_ref().map_or(Err(Errno::ENOTCONN), |peer| send(peer, frame)).is_err() {
                lost.add(frame);
            }
        }
        lost
    }
}

/// The file of a socket: its path, and which file it is. Dropping it removes that.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if file_id(&self.path).is_ok_and(|id| id == self.id) {
            // Somebody else may have removed it meanwhile.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Whether a file is a socket that nobody listens at. Asked by a socket of another type, which nobody takes for who is to have the port.
fn is_stale(path: &Path) -> bool {
    let ask = || Socket::new(Domain::UNIX, Type::DGRAM, None)?.connect(&SockAddr::unix(path)?);
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && ask().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}
