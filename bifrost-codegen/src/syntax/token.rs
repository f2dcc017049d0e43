//! Tokens of the Thrift language.

use crate::source::Span;

/// One token. A word may be a keyword, a name with dots, or both: only the parser knows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
    /// The `/** */` comment before it.
    pub(super) docs: Option<String>,
    /// No other token stands before it on its line.
    pub(super) first_on_line: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Word(String),
    Int(i64),
    Double(f64),
    /// Bytes, because an escape may name any byte of a `binary` constant.
    Literal(Vec<u8>),
    Punctuation(char),
    End,
}

impl TokenKind {
    /// The token as an error message names it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Int(value) => format!("`{value}`"),
            Self::Double(value) => format!("`{value}`"),
            Self::Literal(_) => "a string".to_owned(),
            Self::Punctuation(c) => format!("`{c}`"),
            Self::End => "the end of the file".to_owned(),
        }
    }
}
