//! Named network namespaces, as `ip netns add` makes them.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Where their names are.
pub const DIRECTORY: &str = "/run/netns";

/// Takes this thread there, and what it starts from then on. There is no way back.
///
/// # Errors
///
/// There is none of this name, or this process may not enter it: that needs root.
pub fn enter(name: &str) -> io::Result<()> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no name of a network namespace"));
    }
    let file = File::open(PathBuf::from(DIRECTORY).join(name))?;
    Ok(setns(file, CloneFlags::CLONE_NEWNET)?)
}

/// Does something there, on a thread of its own, which ends with it. Sockets that it makes and threads that it starts stay there.
///
/// # Errors
///
/// As [`enter`]; or there is no thread to be had.
pub fn within<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".into());
        let thread = thread.spawn_scoped(scope, move || enter(name).map(|()| work()))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", "../../etc", "a/b"] {
            assert_eq!(within(name, || ()).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
        assert_eq!(within("no-such-namespace", || ()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
