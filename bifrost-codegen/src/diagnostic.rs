//! Diagnostics: what is wrong, where, and what to do about it.

use crate::source::{Source, Span};
use std::fmt::{self, Display, Formatter, Write};
use std::sync::Arc;

/// One error in an IDL file. Its [`Display`] is the whole rendering: message, place, source line, caret, help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    message: String,
    place: Option<(Arc<Source>, Span)>,
    help: Option<String>,
    may_follow: bool,
}

impl Diagnostic {
    /// An error at a place in a file.
    pub fn new(source: &Arc<Source>, span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), place: Some((Arc::clone(source), span)), help: None, may_follow: false }
    }

    /// An error that is in no file, such as a file that cannot be read.
    pub fn general(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: None, may_follow: false }
    }

    /// The same error with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error, which may be no more than the consequence of an error in syntax.
    #[must_use]
    pub(crate) fn following(mut self) -> Self {
        self.may_follow = true;
        self
    }

    /// Whether it may be no more than the consequence of an error in syntax.
    pub(crate) fn may_follow(&self) -> bool {
        self.may_follow
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Option<(&Source, Span)> {
        self.place.as_ref().map(|(source, span)| (source.as_ref(), *span))
    }
}

impl Display for Diagnostic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some((source, span)) = &self.place {
            write_place(f, source, *span)?;
        }
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

fn write_place(f: &mut Formatter<'_>, source: &Source, span: Span) -> fmt::Result {
    let (line, column) = source.position(span.start);
    let text = source.line_at(span.start);
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    write!(f, "\n{margin}--> {}:{line}:{column}", source.path().display())?;
    write!(f, "\n{margin} |\n{number} | {}", text.trim_end())?;
    write!(f, "\n{margin} | ")?;
    for c in text.chars().take(column - 1) {
        f.write_char(if c == '\t' { '\t' } else { ' ' })?;
    }
    let rest = text.chars().count().saturating_sub(column - 1);
    let width = source.slice(span).lines().next().map_or(0, |l| l.chars().count());
    f.write_str(&"^".repeat(width.min(rest).max(1)))
}

/// All diagnostics of a run as one text, a blank line between any two.
#[must_use]
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for (n, diagnostic) in diagnostics.iter().enumerate() {
        if n > 0 {
            text.push('\n');
        }
        text.push_str(&diagnostic.to_string());
        text.push('\n');
    }
    text
}
