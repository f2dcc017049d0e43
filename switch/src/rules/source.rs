//! Files that rules are made of, and places in them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest manifest or rack description that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// The text of one file.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    path: Arc<Path>,
    text: String,
    /// The offset at which each line begins.
    lines: Vec<usize>,
}

impl Source {
    /// A text, with the path that faults show.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        let (path, text): (PathBuf, String) = (path.into(), text.into());
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { path: path.into(), text, lines })
    }

    /// The path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of an offset, counted from 1; columns are characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self.text.get(self.lines.get(line - 1).copied().unwrap_or_default()..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The place of an offset.
    pub fn place(&self, offset: usize) -> Place {
        Place { file: Arc::clone(&self.path), line: self.line(offset) }
    }

    /// The line that holds an offset, without its line break.
    pub fn line_at(&self, offset: usize) -> &str {
        let start = self.lines.get(self.line(offset) - 1).copied().unwrap_or_default();
        self.text.get(start..).unwrap_or_default().lines().next().unwrap_or_default()
    }

    /// The text of a range; empty for one outside the file.
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).max(1)
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's path, as it was given.
    pub file: Arc<Path>,
    /// Counted from 1; 0 for the file as a whole.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let source = Source::new("rack.toml", "ab\nçd\n");
        for (offset, expected) in [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (5, (2, 2)), (99, (3, 1))] {
            assert_eq!(source.position(offset), expected, "offset {offset}");
        }
        assert_eq!((source.line_at(5), source.line_at(99)), ("çd", ""));
        assert_eq!(source.place(5).to_string(), "rack.toml:2");
    }
}
