//! Boot numbers: what keeps object ids from being used twice, whatever becomes of the server.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of a state file at most.
const STATE_BYTES_MAX: u64 = 64;

/// Why there is no boot number.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The state file cannot be read, or replaced.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What failed.
        what: &'static str,
        /// The file, or the directory it is in.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds something else than a boot number.
    #[error("{} holds no boot number: it is not of a memory server", .0.display())]
    Content(PathBuf),
    /// All numbers are used.
    #[error("no boot number is left after the one in {}", .0.display())]
    Exhausted(PathBuf),
}

/// A boot number higher than all that the state file ever gave, and no lower than the clock's seconds: so it is new even
/// where the file is, or the clock goes back. The file holds it on stable storage when this returns.
///
/// # Errors
///
/// [`BootError`]. The number in the file is then what it was, or one that nobody uses.
pub fn next_boot(state: &Path, clock_seconds: u32) -> Result<u32, BootError> {
    let directory = state.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| BootError::File { what, path, source }
    };
    let opened = File::open(directory).map_err(failed("open", directory))?;
    // Of two servers that start at once each gets a number of its own.
    opened.lock().map_err(failed("lock", directory))?;
    let last = last_boot(state)?;
    let next = last.checked_add(1).ok_or_else(|| BootError::Exhausted(state.to_owned()))?.max(clock_seconds);
    let mut fresh = state.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    write_synced(&fresh, next).map_err(failed("write", &fresh))?;
    std::fs::rename(&fresh, state).map_err(failed("replace", state))?;
    opened.sync_all().map_err(failed("sync", directory))?;
    Ok(next)
}

fn last_boot(state: &Path) -> Result<u32, BootError> {
    let failed = |source| BootError::File { what: "read", path: state.to_owned(), source };
    let file = match File::open(state) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(STATE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
    number.ok_or_else(|| BootError::Content(state.to_owned()))
}

fn write_synced(path: &Path, boot: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    writeln!(file, "{boot}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_numbers_rise_whatever_the_clock_says() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("boot");
        assert_eq!(next_boot(&state, 1000).unwrap(), 1000);
        assert_eq!(next_boot(&state, 1000).unwrap(), 1001);
        assert_eq!(next_boot(&state, 5).unwrap(), 1002, "the clock went back");
        assert_eq!(next_boot(&state, 2000).unwrap(), 2000);
        assert_eq!(std::fs::read_to_string(&state).unwrap(), "2000\n");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn servers_that_start_at_once_get_numbers_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        let state = &directory.path().join("boot");
        let mut numbers: Vec<u32> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| next_boot(state, 7).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        numbers.sort_unstable();
        assert_eq!(numbers, (7..15).collect::<Vec<_>>());
    }

    #[test]
    fn what_holds_no_number_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("boot");
        for text in [&b""[..], b"x", b"-1", b"4294967296", b"\xff", &[b'1'; 100]] {
            std::fs::write(&state, text).unwrap();
            assert!(matches!(next_boot(&state, 1), Err(BootError::Content(_))), "{text:?}");
            assert_eq!(std::fs::read(&state).unwrap(), text);
        }
        std::fs::write(&state, u32::MAX.to_string()).unwrap();
        assert!(matches!(next_boot(&state, 1), Err(BootError::Exhausted(_))));
        let nowhere = directory.path().join("none/boot");
        assert!(matches!(next_boot(&nowhere, 1), Err(BootError::File { what: "open", .. })));
    }
}
