//! What is wrong with manifests and rack descriptions, where, and what to do about it.

use super::source::Source;
use std::fmt::{self, Display, Formatter, Write};
use std::ops::Range;
use std::sync::Arc;

/// One fault. Its [`Display`] is the whole rendering: message, place, source line, caret, help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    message: String,
    place: Option<(Arc<Source>, Range<usize>)>,
    help: Option<String>,
}

impl Fault {
    /// A fault at a place in a file.
    pub fn at(source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), place: Some((Arc::clone(source), span)), help: None }
    }

    /// A fault that is in no file.
    pub fn general(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: None }
    }

    /// The same fault with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Where it is: file, and line counted from 1.
    pub fn place(&self) -> Option<(&Source, usize)> {
        self.place.as_ref().map(|(source, span)| (source.as_ref(), source.position(span.start).0))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some((source, span)) = &self.place {
            write_place(f, source, span)?;
        }
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

fn write_place(f: &mut Formatter<'_>, source: &Source, span: &Range<usize>) -> fmt::Result {
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
    let rest = text.trim_end().chars().count().saturating_sub(column - 1);
    let width = source.slice(span.clone()).lines().next().map_or(0, |l| l.chars().count());
    f.write_str(&"^".repeat(width.min(rest).max(1)))
}

/// All faults of a run as one text, a blank line between any two.
pub fn render(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_line() {
        let source = Source::new("rack.toml", "[rack]\nprefix = \"x\"\n");
        let fault = Fault::at(&source, 16..19, "not a prefix").help("write fd00::/64");
        let expected = "error: not a prefix\n --> rack.toml:2:10\n  |\n2 | prefix = \"x\"\n  |          ^^^\nhelp: write fd00::/64";
        assert_eq!(fault.to_string(), expected);
        assert_eq!(render(&[Fault::general("a"), Fault::general("b")]), "error: a\n\nerror: b\n");
    }
}
