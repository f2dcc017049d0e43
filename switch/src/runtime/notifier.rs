//! Notifications for whoever subscribes: digests, at a socket of nanomsg's publishers and subscribers, as `simple_switch` has one.
//!
//! Each side greets with eight bytes. A message is a byte 1, its length in eight bytes, big endian, and its content: a header of 32 bytes,
//! little endian, and the samples. Best effort: what a subscriber does not take in is lost, and it has to say what it got.

use super::handler::Runtime;
use crate::engine::Notification;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Subscribers at a time.
const SUBSCRIBERS_MAX: usize = 16;
/// Messages that wait for one subscriber.
const WAITING_MAX: usize = 1024;
/// Time for a subscriber to greet, or to take a message in.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often threads look whether they are to end.
const LOOK: Duration = Duration::from_millis(200);
/// What a subscriber that is looked at may take.
const GLANCE: Duration = Duration::from_millis(1);

/// Protocol 32 publishes, 33 subscribes.
const GREETING: [u8; 8] = [0, b'S', b'P', 0, 0, 32, 0, 0];
const SUBSCRIBER: [u8; 8] = [0, b'S', b'P', 0, 0, 33, 0, 0];

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifierError {
    /// Another kind of address.
    #[error("notifications are published at ipc://PATH, not at {0}")]
    Address(String),
    /// It cannot be listened there.
    #[error("{path}: {source}")]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Publishes a switch's digests while it lives.
#[derive(Debug)]
pub struct Notifier {
    shared: Arc<Shared>,
    path: PathBuf,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    stop: AtomicBool,
    subscribers: Mutex<Vec<SyncSender<Arc<[u8]>>>>,
}

impl Notifier {
    /// Publishes at `ipc://PATH`. The engine collects digests from now on. A switch has one notifier.
    ///
    /// # Errors
    ///
    /// [`NotifierError`]. A socket that another process listens at is left alone.
    pub fn start(runtime: &Runtime, url: &str) -> Result<Self, NotifierError> {
        let path = url.strip_prefix("ipc://").filter(|path| !path.is_empty());
        let path = PathBuf::from(path.ok_or_else(|| NotifierError::Address(url.to_owned()))?);
        let listener = listen(&path).map_err(|source| NotifierError::Socket { path: path.clone(), source })?;
        let (stop, subscribers) = (AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { runtime: runtime.clone(), stop, subscribers });
        let mut notifier = Self { shared: Arc::clone(&shared), path: path.clone(), threads: Vec::new() };
        let failed = |source| NotifierError::Socket { path: path.clone(), source };
        let accepting = Arc::clone(&shared);
        notifier.threads.push(thread("bifrost-notify", move || shared.publish()).map_err(failed)?);
        notifier.threads.push(thread("bifrost-subscribe", move || accepting.accept(&listener)).map_err(failed)?);
        runtime.engine().with(|engine| engine.set_learning(true));
        runtime.set_notifications(Some(url.to_owned()));
        Ok(notifier)
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.runtime.set_notifications(None);
        self.shared.runtime.engine().with(|engine| engine.set_learning(false));
        // Wakes the thread that accepts; where that is not possible, nobody waits for it.
        let is_woken = UnixStream::connect(&self.path).is_ok();
        let count = if is_woken { self.threads.len() } else { 1 };
        for thread in self.threads.drain(..).take(count) {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Hands notifications to all subscribers.
    fn publish(&self) {
        while !self.is_over() {
            let Some(notification) = self.runtime.engine().wait_notification(LOOK) else { continue };
            let message: Arc<[u8]> = encode(self.runtime.device(), &notification).into();
            let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
            // One that is slow misses it.
            subscribers.retain(|subscriber| {
                !matches!(subscriber.try_send(Arc::clone(&message)), Err(TrySendError::Disconnected(_)))
            });
        }
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        for stream in listener.incoming() {
            if self.is_over() {
                return;
            }
            // An error of one connection, or too many files for a moment.
            let Ok(stream) = stream else { continue };
            let (sender, receiver) = sync_channel(WAITING_MAX);
            let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
            if subscribers.len() >= SUBSCRIBERS_MAX {
                continue;
            }
            if thread("bifrost-subscriber", move || serve(stream, &receiver)).is_ok() {
                subscribers.push(sender);
            }
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Listens, in place of a socket that nobody listens at any more.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_over(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

fn is_left_over(path: &Path) -> bool {
    let is_socket = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// One subscriber, until it goes or is too slow.
fn serve(mut stream: UnixStream, messages: &Receiver<Arc<[u8]>>) {
    if greet(&mut stream).is_err() {
        return;
    }
    loop {
        match messages.recv_timeout(LOOK) {
            Ok(message) if stream.write_all(&message).is_ok() => {}
            Err(RecvTimeoutError::Timeout) if is_there(&mut stream) => {}
            _ => return,
        }
    }
}

fn greet(stream: &mut UnixStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&GREETING)?;
    let mut greeting = [0; 8];
    stream.read_exact(&mut greeting)?;
    if greeting != SUBSCRIBER {
        return Err(ErrorKind::InvalidData.into());
    }
    stream.set_read_timeout(Some(GLANCE))
}

/// Whether the other end is still there. It has nothing to say.
fn is_there(stream: &mut UnixStream) -> bool {
    let read = stream.read(&mut [0]);
    read.is_err_and(|error| {
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
    })
}

/// A notification as it is on the wire.
fn encode(device: u64, notification: &Notification) -> Vec<u8> {
    const HEADER_BYTES: usize = 32;
    let length = (HEADER_BYTES + notification.bytes.len()) as u64;
    let list = u32::try_from(notification.list).unwrap_or(u32::MAX);
    let mut message = vec![1];
    message.extend(length.to_be_bytes());
    message.extend(b"LEA|");
    message.extend(device.to_le_bytes());
    // The context.
    message.extend(0u32.to_le_bytes());
    message.extend(list.to_le_bytes());
    message.extend(notification.buffer.to_le_bytes());
    message.extend(notification.samples.to_le_bytes());
    message.extend(&notification.bytes);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_a_header_of_32_bytes_and_its_samples() {
        let notification = Notification { list: 1, buffer: 7, samples: 2, bytes: b"abcd".to_vec() };
        let expected =
            b"\x01\0\0\0\0\0\0\0\x24LEA|\x05\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0\x02\0\0\0abcd";
        assert_eq!(encode(5, &notification), expected);
    }
}
