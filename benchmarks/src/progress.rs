//! One line on a terminal that says how far the run is.

use std::io::{IsTerminal, Write};

const WIDTH: usize = 24;

/// Draws on standard error, and only if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    done: u64,
    shown: bool,
}

impl Progress {
    /// Of `total` steps.
    pub(crate) fn new(total: u64) -> Self {
        Self { total, done: 0, shown: std::io::stderr().is_terminal() }
    }

    /// One step done, which was about `what`.
    pub(crate) fn step(&mut self, what: &str) {
        self.done += 1;
        if self.shown {
            let line = line(self.done, self.total, what);
            // A terminal that is gone is no reason to stop measuring.
            let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
        }
    }

    /// Takes the line away, until the next step.
    pub(crate) fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(done: u64, total: u64, what: &str) -> String {
    let total = total.max(1);
    let filled = usize::try_from(done.min(total) * WIDTH as u64 / total).unwrap_or(WIDTH);
    format!("[{}{}] {done}/{total} {what}", "#".repeat(filled), " ".repeat(WIDTH - filled))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_bar_fills() {
        assert_eq!(line(0, 2, "a"), format!("[{}] 0/2 a", " ".repeat(24)));
        assert_eq!(line(1, 2, "a"), format!("[{}{}] 1/2 a", "#".repeat(12), " ".repeat(12)));
        assert_eq!(line(3, 2, "a"), format!("[{}] 3/2 a", "#".repeat(24)));
    }
}
