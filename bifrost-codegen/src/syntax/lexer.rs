//! From text to tokens.

use super::token::{Token, TokenKind};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use std::sync::Arc;

/// The tokens of a file, the last of which is [`TokenKind::End`].
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// The documentation of the file: a first doc comment that another one follows at once.
    pub(super) file_docs: Option<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

pub(super) fn lex(source: &Arc<Source>) -> Lexed {
    let mut lexer = Lexer {
        source,
        text: source.text(),
        at: 0,
        docs: None,
        first_on_line: true,
        out: Lexed { tokens: Vec::new(), file_docs: None, diagnostics: Vec::new() },
    };
    lexer.run();
    lexer.out
}

struct Lexer<'a> {
    source: &'a Arc<Source>,
    text: &'a str,
    at: usize,
    docs: Option<String>,
    first_on_line: bool,
    out: Lexed,
}

impl Lexer<'_> {
    fn run(&mut self) {
        self.take_while(|c| c == '\u{feff}');
        while let Some(c) = self.peek() {
            let start = self.at;
            match c {
                '\n' => {
                    self.bump();
                    self.first_on_line = true;
                }
                c if c.is_whitespace() => self.bump(),
                '#' => self.take_while(|c| c != '\n'),
                '/' if self.rest().starts_with("//") => self.take_while(|c| c != '\n'),
                '/' if self.rest().starts_with("/*") => self.comment(),
                '"' | '\'' => self.literal(c),
                c if c.is_ascii_alphabetic() || c == '_' => self.word(),
                c if self.starts_number(c) => self.number(),
                '{' | '}' | '(' | ')' | '[' | ']' | '<' | '>' | ',' | ';' | ':' | '=' | '&' | '*' => {
                    self.bump();
                    self.push(start, TokenKind::Punctuation(c));
                }
                '@' => {
                    self.bump();
                    let diagnostic = Diagnostic::new(self.source, self.since(start), "unexpected character `@`");
                    let help = "annotations stand in parentheses behind what they are about; `@` is fbthrift's way";
                    self.out.diagnostics.push(diagnostic.help(help));
                }
                c => {
                    self.bump();
                    self.error(start, format!("unexpected character `{}`", c.escape_debug()));
                }
            }
        }
        self.push(self.at, TokenKind::End);
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !keep(c)).unwrap_or(rest.len());
    }

    fn since(&self, start: usize) -> Span {
        Span { start, end: self.at }
    }

    fn error(&mut self, start: usize, message: impl Into<String>) {
        let diagnostic = Diagnostic::new(self.source, self.since(start), message);
        self.out.diagnostics.push(diagnostic);
    }

    fn push(&mut self, start: usize, kind: TokenKind) {
        let token = Token { kind, span: self.since(start), docs: self.docs.take(), first_on_line: self.first_on_line };
        self.first_on_line = false;
        self.out.tokens.push(token);
    }

    fn comment(&mut self) {
        let start = self.at;
        let Some(length) = self.rest().get(2..).and_then(|body| body.find("*/")) else {
            self.at = self.text.len();
            let span = Span { start, end: start + 2 };
            let diagnostic = Diagnostic::new(self.source, span, "comment without an end").help("close it with `*/`");
            self.out.diagnostics.push(diagnostic);
            return;
        };
        self.at += length + 4;
        let comment = self.source.slice(self.since(start));
        self.first_on_line |= comment.contains('\n');
        let is_docs = comment.starts_with("/**") && comment.len() > "/***/".len();
        if !is_docs {
            return;
        }
        let body = comment.trim_start_matches("/**").trim_end_matches("*/");
        let earlier = self.docs.replace(clean_docs(body));
        if self.out.tokens.is_empty() && self.out.file_docs.is_none() {
            self.out.file_docs = earlier;
        }
    }

    /// A name: letters, digits and underscores; dots (of a qualified name) and hyphens (of a file name) only inside.
    fn word(&mut self) {
        let start = self.at;
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        loop {
            self.take_while(is_part);
            let mut next = self.rest().chars();
            let joined = matches!(next.next(), Some('.' | '-')) && next.next().is_some_and(is_part);
            if !joined {
                break;
            }
            self.bump();
        }
        let word = self.source.slice(self.since(start)).to_owned();
        self.push(start, TokenKind::Word(word));
    }

    fn starts_number(&self, c: char) -> bool {
        let mut next = self.rest().chars();
        if matches!(c, '+' | '-') {
            next.next();
        }
        match next.next() {
            Some('.') => next.next().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => c.is_ascii_digit(),
            None => false,
        }
    }

    fn number(&mut self) {
        let start = self.at;
        if matches!(self.peek(), Some('+' | '-')) {
            self.bump();
        }
        let is_hex = self.rest().starts_with("0x") || self.rest().starts_with("0X");
        if is_hex {
            self.at += 2;
            self.take_while(|c| c.is_ascii_alphanumeric());
        } else {
            self.decimal();
        }
        let text = self.source.slice(self.since(start)).to_owned();
        match number(&text, is_hex) {
            Some(kind) => self.push(start, kind),
            None => {
                self.error(start, format!("`{text}` is no number that a 64-bit type can hold"));
                self.push(start, TokenKind::Int(0));
            }
        }
    }

    fn decimal(&mut self) {
        let is_digit = |c: char| c.is_ascii_digit();
        self.take_while(is_digit);
        let fraction = self.rest().strip_prefix('.');
        if fraction.is_some_and(|rest| rest.starts_with(is_digit)) {
            self.bump();
            self.take_while(is_digit);
        }
        let exponent = self.rest().strip_prefix(['e', 'E']);
        let digits = exponent.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if digits.is_some_and(|rest| rest.starts_with(is_digit)) {
            self.bump();
            self.bump();
            self.take_while(is_digit);
        }
    }

    fn literal(&mut self, quote: char) {
        let start = self.at;
        let mut bytes = Vec::new();
        self.bump();
        loop {
            let at = self.at;
            let Some(c) = self.peek() else {
                self.at = start + 1;
                self.error(start, "string without an end");
                self.take_while(|c| c != '\n');
                break;
            };
            self.bump();
            match c {
                c if c == quote => break,
                '\\' => self.escape(at, &mut bytes),
                c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if self.source.is_damaged(self.since(start)) {
            let help = "save the file as UTF-8, or write the bytes of a `binary` as \\xHH";
            let diagnostic = Diagnostic::new(self.source, self.since(start), "this string is no UTF-8");
            self.out.diagnostics.push(diagnostic.help(help));
        }
        self.push(start, TokenKind::Literal(bytes));
    }

    fn escape(&mut self, start: usize, bytes: &mut Vec<u8>) {
        let c = self.peek();
        self.bump();
        match c {
            Some('n') => bytes.push(b'\n'),
            Some('r') => bytes.push(b'\r'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some(c @ ('\\' | '"' | '\'')) => bytes.extend(u8::try_from(c)),
            Some('x') => {
                let digits = self.rest().get(..2).map(|digits| u8::from_str_radix(digits, 16));
                if let Some(Ok(byte)) = digits {
                    self.at += 2;
                    bytes.push(byte);
                } else {
                    self.error(start, "`\\x` needs two hexadecimal digits");
                }
            }
            _ => {
                let help = "the escapes are \\n \\r \\t \\0 \\\\ \\\" \\' and \\xHH";
                let diagnostic = Diagnostic::new(self.source, self.since(start), "unknown escape");
                self.out.diagnostics.push(diagnostic.help(help));
            }
        }
    }
}

fn number(text: &str, is_hex: bool) -> Option<TokenKind> {
    if is_hex {
        let digits = text.replacen("0x", "", 1).replacen("0X", "", 1);
        return i64::from_str_radix(&digits, 16).ok().map(TokenKind::Int);
    }
    if text.contains(['.', 'e', 'E']) {
        let value: f64 = text.parse().ok()?;
        return value.is_finite().then_some(TokenKind::Double(value));
    }
    text.parse().ok().map(TokenKind::Int)
}

/// The lines of a doc comment without the stars and the indentation that all share.
fn clean_docs(body: &str) -> String {
    let mut lines: Vec<&str> = body.lines().map(str::trim_end).collect();
    let is_starred = |line: &&str| line.is_empty() || line.trim_start().starts_with('*');
    let starred = lines.len() > 1 && lines.iter().skip(1).all(is_starred);
    for (n, line) in lines.iter_mut().enumerate() {
        if n == 0 {
            *line = line.trim_start();
        } else if starred {
            let text = line.trim_start();
            *line = text.strip_prefix('*').unwrap_or(text);
        }
    }
    let indent_of = |line: &&str| line.len() - line.trim_start().len();
    let text_lines = lines.iter().skip(1).filter(|line| !line.is_empty());
    let indent = text_lines.map(indent_of).min().unwrap_or(0);
    for line in lines.iter_mut().skip(1) {
        *line = line.get(indent..).unwrap_or(line.trim_start());
    }
    lines.join("\n").trim_matches('\n').trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let lexed = lex(&Source::new("t.thrift", text));
        assert_eq!(lexed.diagnostics, [], "{text}");
        let mut kinds: Vec<_> = lexed.tokens.into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds.pop(), Some(TokenKind::End));
        kinds
    }

    #[test]
    fn single_tokens() {
        let word = |w: &str| TokenKind::Word(w.to_owned());
        let table = [
            ("abc", word("abc")),
            ("a.b_c.D9", word("a.b_c.D9")),
            ("my-file.T", word("my-file.T")),
            ("0", TokenKind::Int(0)),
            ("-12", TokenKind::Int(-12)),
            ("+7", TokenKind::Int(7)),
            ("0x1F", TokenKind::Int(31)),
            ("-0x10", TokenKind::Int(-16)),
            ("-9223372036854775808", TokenKind::Int(i64::MIN)),
            ("1.5", TokenKind::Double(1.5)),
            (".5", TokenKind::Double(0.5)),
            ("-1e3", TokenKind::Double(-1000.0)),
            ("2E-1", TokenKind::Double(0.2)),
            (r#""a\n\"'\\""#, TokenKind::Literal(b"a\n\"'\\".to_vec())),
            ("'\"é'", TokenKind::Literal("\"é".as_bytes().to_vec())),
            (r"'\xff\x00'", TokenKind::Literal(vec![255, 0])),
            ("{", TokenKind::Punctuation('{')),
        ];
        for (text, expected) in table {
            assert_eq!(kinds(text), [expected], "{text}");
        }
    }

    #[test]
    fn comments_are_no_tokens() {
        assert_eq!(kinds("# a\n// b\n/* c \n */ /***/ /**/"), []);
    }

    #[test]
    fn malformed_tokens_are_reported() {
        let table = [
            ("@", "unexpected character `@`"),
            ("\"a", "string without an end"),
            ("'\\q'", "unknown escape"),
            ("'\\xZ1'", "`\\x` needs two hexadecimal digits"),
            ("/* a", "comment without an end"),
            ("0x", "`0x` is no number that a 64-bit type can hold"),
            ("9223372036854775808", "`9223372036854775808` is no number that a 64-bit type can hold"),
            ("1e999", "`1e999` is no number that a 64-bit type can hold"),
        ];
        for (text, expected) in table {
            let lexed = lex(&Source::new("t.thrift", text));
            let messages: Vec<_> = lexed.diagnostics.iter().map(Diagnostic::message).collect();
            assert_eq!(messages, [expected], "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_may_stand_in_comments_but_not_in_strings() {
        let lexed = lex(&Source::from_bytes("t.thrift", b"// caf\xe9\n/** th\xe9 */ x '\xef\xbf\xbe'".to_vec()));
        assert_eq!(lexed.diagnostics, []);
        assert_eq!(lexed.tokens[0].docs.as_deref(), Some("th\u{fffd}"));
        let lexed = lex(&Source::from_bytes("t.thrift", b"'caf\xe9' 'a'".to_vec()));
        let messages: Vec<_> = lexed.diagnostics.iter().map(Diagnostic::message).collect();
        assert_eq!(messages, ["this string is no UTF-8"]);
        let lexed = lex(&Source::from_bytes("t.thrift", "'\u{fffd}'".into()));
        assert_eq!(lexed.diagnostics, []);
    }

    #[test]
    fn docs_lose_their_stars_and_indentation() {
        let table = [
            ("/** one */ x", "one"),
            ("/**\n * one\n *   two\n */ x", "one\n  two"),
            ("/** one\n    two\n      three */ x", "one\ntwo\n  three"),
            ("/**\n * - a\n * * b\n */ x", "- a\n* b"),
        ];
        for (text, expected) in table {
            let lexed = lex(&Source::new("t.thrift", text));
            assert_eq!(lexed.tokens[0].docs.as_deref(), Some(expected), "{text}");
        }
    }
}
