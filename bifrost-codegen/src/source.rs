//! Source files, and places in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest IDL file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// A range of bytes in one source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset past the last byte.
    pub end: usize,
}

impl Span {
    /// The range from the start of `self` to the end of `last`.
    #[must_use]
    pub fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end.max(self.start) }
    }
}

/// The text of one IDL file.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    text: String,
    /// The offset at which each line begins.
    lines: Vec<usize>,
    is_utf8: bool,
}

impl Source {
    /// A source with the path that diagnostics show.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self::with(path.into(), text.into(), true))
    }

    /// A source from the bytes of a file. Bytes that are no UTF-8, as old comments have them, become U+FFFD.
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: Vec<u8>) -> Arc<Self> {
        let path = path.into();
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(path, text),
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                Arc::new(Self::with(path, text, false))
            }
        }
    }

    fn with(path: PathBuf, text: String, is_utf8: bool) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path, text, lines, is_utf8 }
    }

    /// Whether a piece of the text may differ from what the file says, for want of UTF-8.
    #[must_use]
    pub fn is_damaged(&self, span: Span) -> bool {
        !self.is_utf8 && self.slice(span).contains(char::REPLACEMENT_CHARACTER)
    }

    /// The path, as it was given or found.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty for a span outside the file.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Line and column of a byte offset, counted from 1; columns are characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let column = self.before(offset).get(start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The line that holds a byte offset, without its line break.
    #[must_use]
    pub fn line_at(&self, offset: usize) -> &str {
        let start = self.before(offset).rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    fn before(&self, offset: usize) -> &str {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.get(..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let source = Source::new("a.thrift", "ab\nçd\n");
        let table = [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (5, (2, 2)), (99, (3, 1))];
        for (offset, expected) in table {
            assert_eq!(source.position(offset), expected, "offset {offset}");
        }
        assert_eq!(source.line_at(4), "çd");
        assert_eq!(source.line_at(99), "");
    }
}
