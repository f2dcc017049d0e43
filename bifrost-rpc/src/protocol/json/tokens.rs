//! The tokens of a JSON text in memory.

use super::end::is_of_number;
use super::{is_space, text};
use crate::protocol::error;
use std::borrow::Cow;

/// Bytes of the longest number read: any `f64` written out in full, without an exponent, is shorter.
const NUMBER_BYTES_MAX: usize = 2048;

/// A cursor over a text. White space before a token is passed over.
#[derive(Debug)]
pub(super) struct Tokens<B> {
    text: B,
    at: usize,
}

impl<B: AsRef<[u8]>> Tokens<B> {
    pub(super) fn new(text: B) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn into_text(self) -> B {
        self.text
    }

    fn rest(&self) -> &[u8] {
        self.text.as_ref().get(self.at..).unwrap_or_default()
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest().len()
    }

    /// The first bytes of what is left, for an error.
    pub(super) fn head(&self) -> &[u8] {
        let rest = self.rest();
        rest.get(..4).unwrap_or(rest)
    }

    /// The first byte of the next token, if there is one.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let spaces = self.rest().iter().take_while(|byte| is_space(**byte)).count();
        self.at += spaces;
        self.rest().first().copied()
    }

    /// The next byte, whatever it is.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = self.rest().first().copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// Takes a token of one byte.
    pub(super) fn expect(&mut self, byte: u8) -> thrift::Result<()> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(found) => Err(error::unexpected(byte, found)),
            None => Err(error::truncated()),
        }
    }

    /// A number or the name of one. The quotes that it may have are no part of it; a key must have them.
    pub(super) fn number(&mut self, is_key: bool) -> thrift::Result<&str> {
        let is_quoted = self.peek() == Some(b'"');
        if is_quoted {
            self.at += 1;
        } else if is_key {
            return Err(error::invalid("a number that is a key is not quoted"));
        }
        let len = self.rest().iter().take(NUMBER_BYTES_MAX + 1).take_while(|byte| is_of_number(**byte)).count();
        if len > NUMBER_BYTES_MAX {
            return Err(error::too_large("number", len));
        }
        let start = self.at;
        self.at += len;
        if is_quoted && self.byte() != Some(b'"') {
            return Err(error::invalid("a quoted number has no second quote"));
        }
        let number = self.text.as_ref().get(start..start + len).unwrap_or_default();
        std::str::from_utf8(number).map_err(error::not_utf8)
    }

    /// The content of a string.
    pub(super) fn string(&mut self) -> thrift::Result<Cow<'_, [u8]>> {
        let (start, len, has_escapes) = self.pass_string()?;
        let raw = self.text.as_ref().get(start..start + len).unwrap_or_default();
        if has_escapes { text::unescape(raw).map(Cow::Owned) } else { Ok(Cow::Borrowed(raw)) }
    }

    /// Passes over a string. Returns where its content begins, how long it is, and whether it has escapes.
    pub(super) fn pass_string(&mut self) -> thrift::Result<(usize, usize, bool)> {
        self.expect(b'"')?;
        let rest = self.rest();
        let mut len = 0;
        let mut has_escapes = false;
        loop {
            let from = rest.get(len..).unwrap_or_default();
            let plain = from.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or_else(error::truncated)?;
            len += plain;
            if from.get(plain) == Some(&b'"') {
                let start = self.at;
                self.at += len + 1;
                return Ok((start, len, has_escapes));
            }
            // The escaped byte may be a quote.
            len += 2;
            has_escapes = true;
        }
    }
}
