//! The parser: tokens, errors and recovery, and the top of a file.

use super::ast::{Annotation, Document, Include, Name, Namespace};
use super::lexer::lex;
use super::token::{Token, TokenKind};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use std::sync::Arc;

/// How deep types and values may nest.
pub(super) const NESTING_MAX: usize = 64;
/// Errors after which a file is given up.
const ERRORS_MAX: usize = 100;
/// The words that begin something at the top of a file.
const STARTERS: [&str; 11] = [
    "include",
    "cpp_include",
    "namespace",
    "typedef",
    "enum",
    "senum",
    "struct",
    "union",
    "exception",
    "service",
    "const",
];

/// The error has been reported already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported;

pub(super) type Parse<T> = Result<T, Reported>;

/// Parses a file. After an error the parser goes on at the next field or definition, so that all errors are found.
pub fn parse(source: &Arc<Source>) -> (Document, Vec<Diagnostic>) {
    let lexed = lex(source);
    let mut parser = Parser { source, tokens: lexed.tokens, at: 0, diagnostics: lexed.diagnostics, depth: 0 };
    let document = parser.document(lexed.file_docs);
    let mut diagnostics = parser.diagnostics;
    let start_of = |d: &Diagnostic| d.place().map_or(0, |(_, span)| span.start);
    diagnostics.sort_by_key(start_of);
    diagnostics.truncate(ERRORS_MAX);
    (document, diagnostics)
}

pub(super) struct Parser<'a> {
    source: &'a Arc<Source>,
    tokens: Vec<Token>,
    at: usize,
    diagnostics: Vec<Diagnostic>,
    /// Of types and values around the current one.
    pub(super) depth: usize,
}

impl Parser<'_> {
    fn document(&mut self, docs: Option<String>) -> Document {
        let mut document = Document {
            source: Arc::clone(self.source),
            docs,
            includes: Vec::new(),
            namespaces: Vec::new(),
            definitions: Vec::new(),
        };
        if document.docs.is_none() && self.at_header() {
            document.docs = self.docs();
        }
        while self.kind() != &TokenKind::End && self.diagnostics.len() < ERRORS_MAX {
            let start = self.at;
            if self.item(&mut document).is_err() {
                self.depth = 0;
                self.recover_definition(start);
            }
        }
        document
    }

    fn at_header(&self) -> bool {
        ["include", "cpp_include", "namespace"].iter().any(|word| self.at_word(word))
    }

    fn item(&mut self, document: &mut Document) -> Parse<()> {
        if self.eat_word("include") {
            document.includes.push(self.include()?);
        } else if self.eat_word("cpp_include") {
            self.literal("a path")?;
        } else if self.eat_word("namespace") {
            document.namespaces.push(self.namespace()?);
        } else {
            document.definitions.push(self.definition()?);
            return Ok(());
        }
        self.eat_separator();
        Ok(())
    }

    fn include(&mut self) -> Parse<Include> {
        let span = self.span();
        let path = self.literal("the path of a file, in quotes")?;
        Ok(Include { path, span })
    }

    fn namespace(&mut self) -> Parse<Namespace> {
        let scope = if self.eat('*') { "*".to_owned() } else { self.word("a language or `*`")?.text };
        let name = match self.kind() {
            TokenKind::Literal(_) => self.literal("a namespace")?,
            _ => self.word("a namespace")?.text,
        };
        let annotations = self.annotations()?;
        Ok(Namespace { scope, name, annotations })
    }

    /// `(key = "value", key)`, or nothing.
    pub(super) fn annotations(&mut self) -> Parse<Vec<Annotation>> {
        let mut annotations = Vec::new();
        if !self.eat('(') {
            return Ok(annotations);
        }
        while !self.eat(')') {
            let key = self.word("an annotation or `)`")?;
            let value = match self.eat('=') {
                true => Some(self.literal("the value of the annotation, in quotes")?),
                false => None,
            };
            annotations.push(Annotation { key, value });
            self.eat_separator();
        }
        Ok(annotations)
    }

    /// The index of the current token.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn token(&self) -> &Token {
        // The last token is `End` and is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    pub(super) fn span(&self) -> Span {
        self.token().span
    }

    /// The span of the last token that was taken.
    pub(super) fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    pub(super) fn docs(&mut self) -> Option<String> {
        let at = self.at.min(self.tokens.len() - 1);
        self.tokens[at].docs.take()
    }

    pub(super) fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    pub(super) fn at_word(&self, expected: &str) -> bool {
        matches!(self.kind(), TokenKind::Word(word) if word == expected)
    }

    pub(super) fn eat_word(&mut self, expected: &str) -> bool {
        let found = self.at_word(expected);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat(&mut self, expected: char) -> bool {
        let found = self.kind() == &TokenKind::Punctuation(expected);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat_separator(&mut self) {
        let _ = self.eat(',') || self.eat(';');
    }

    pub(super) fn expect(&mut self, expected: char) -> Parse<()> {
        match self.eat(expected) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{expected}`"))),
        }
    }

    /// Any word, dots and keywords included.
    pub(super) fn word(&mut self, expected: &str) -> Parse<Name> {
        match self.kind() {
            TokenKind::Word(text) => {
                let text = text.clone();
                let span = self.span();
                self.advance();
                Ok(Name { text, span })
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// The name of something that is defined here: no dots, no hyphens.
    pub(super) fn name(&mut self, expected: &str) -> Parse<Name> {
        let name = self.word(expected)?;
        if name.text.contains(['.', '-']) {
            let message = format!("`{}` is no name for {expected}", name.text);
            self.report_at(name.span, message, Some("use letters, digits and `_`"));
        }
        Ok(name)
    }

    pub(super) fn literal(&mut self, expected: &str) -> Parse<String> {
        let span = self.span();
        let TokenKind::Literal(bytes) = self.kind() else {
            return Err(self.unexpected(expected));
        };
        let bytes = bytes.clone();
        self.advance();
        String::from_utf8(bytes).map_err(|_| self.report_at(span, "a string that is no UTF-8".to_owned(), None))
    }

    pub(super) fn unexpected(&mut self, expected: &str) -> Reported {
        let message = format!("expected {expected}, found {}", self.kind().describe());
        self.report_at(self.span(), message, None)
    }

    pub(super) fn report_at(&mut self, span: Span, message: String, help: Option<&str>) -> Reported {
        let mut diagnostic = Diagnostic::new(self.source, span, message);
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.diagnostics.push(diagnostic);
        Reported
    }

    /// One level deeper into a type or value.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= NESTING_MAX {
            let message = format!("nested deeper than {NESTING_MAX} levels");
            return Err(self.report_at(self.span(), message, None));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// The current token begins a line with a word that begins a definition.
    fn at_starter(&self) -> bool {
        let token = self.token();
        let is_starter = matches!(&token.kind, TokenKind::Word(w) if STARTERS.contains(&w.as_str()));
        is_starter && token.first_on_line
    }

    fn recover_definition(&mut self, start: usize) {
        if self.at == start {
            self.advance();
        }
        while self.kind() != &TokenKind::End && !self.at_starter() {
            self.advance();
        }
    }

    /// After an error in a list of members: goes on behind the next separator or at the next line, and says whether
    /// the list still goes on there.
    pub(super) fn recover_member(&mut self, start: usize, close: char) -> bool {
        if self.at == start {
            self.advance();
        }
        let mut open = 0_usize;
        loop {
            let first_on_line = self.token().first_on_line;
            match *self.kind() {
                TokenKind::End => return false,
                TokenKind::Punctuation(c) if open == 0 && c == close => return true,
                TokenKind::Punctuation(',' | ';') if open == 0 => {
                    self.advance();
                    return true;
                }
                TokenKind::Punctuation('(' | '[' | '{') => open += 1,
                TokenKind::Punctuation(')' | ']' | '}') if open > 0 => open -= 1,
                TokenKind::Punctuation('}') => return false,
                _ if self.at_starter() => return false,
                _ if first_on_line && open == 0 => return true,
                _ => {}
            }
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests;
