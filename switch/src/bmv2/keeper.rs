//! The thread that starts the process, in its namespace, and lives as long as it.
//!
//! Where there is `setpriv` (util-linux, on Linux), the kernel ends the process when that thread ends, and so when this process does, even
//! if it is killed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::find::in_path;
use super::{Bmv2Error, Namespace, relay};

/// What is put before the command of a process that is to end with the thread that starts it.
const BOUND: [&str; 3] = ["--pdeathsig", "KILL", "--"];

/// The thread. It ends when this is dropped, and with it a process that still runs.
#[derive(Debug)]
pub(super) struct Keeper {
    is_over: Arc<AtomicBool>,
    /// Where it waits for connections, if it does.
    socket: Option<PathBuf>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts a command in a namespace. `way`: a socket that leads to a port there.
    pub(super) fn start(
        mut command: Command,
        namespace: &Namespace,
        way: Option<(&Path, u16)>,
    ) -> Result<(io::Result<Child>, Self), Bmv2Error> {
        let listener = way.map(|(socket, port)| Ok::<_, io::Error>((UnixListener::bind(socket)?, port))).transpose()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (told, started) = mpsc::channel();
        let (namespace, over) = (namespace.clone(), is_over.clone());
        let thread = std::thread::Builder::new().name("bmv2".into()).spawn(move || {
            let child = namespace.enter().map(|()| command.spawn());
            let runs = matches!(child, Ok(Ok(_)));
            if told.send(child).is_ok() && runs {
                match listener {
                    Some((listener, port)) => relay::run(&listener, port, &over),
                    None => wait(&over),
                }
            }
        })?;
        let keeper = Self { is_over, socket: way.map(|(socket, _)| socket.to_owned()), thread: Some(thread) };
        let child = started.recv().map_err(|_| Bmv2Error::Namespace("its thread has ended".into()))??;
        Ok((child, keeper))
    }
}

fn wait(is_over: &AtomicBool) {
    while !is_over.load(Ordering::Acquire) {
        std::thread::park();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Where there is no socket there is no thread that waits at it.
        let _ = self.socket.as_ref().map(UnixStream::connect);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// A command that ends with the thread that starts it, where that can be had.
///
/// # Errors
///
/// There is no such program, or nobody may run it.
pub(super) fn command(program: &Path) -> io::Result<Command> {
    let path = located(program)?;
    if !can_bind() {
        return Ok(Command::new(path));
    }
    let mut command = Command::new("setpriv");
    command.args(BOUND).arg(path);
    Ok(command)
}

/// Where a program is, whatever folder one stands in.
fn located(program: &Path) -> io::Result<PathBuf> {
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    let path = match program.components().count() {
        1 => in_path(program).ok_or_else(missing)?,
        _ => std::path::absolute(program)?,
    };
    let is_runnable = fs::metadata(&path).map(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)?;
    if is_runnable { Ok(path) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Whether there is a `setpriv` that knows how: that of BusyBox does not.
fn can_bind() -> bool {
    let mut tried = Command::new("setpriv");
    tried.args(BOUND).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    tried.status().is_ok_and(|status| status.success())
}
