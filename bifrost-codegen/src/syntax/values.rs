//! The parser: constant values.

use super::ast::{Value, ValueKind};
use super::parser::{Parse, Parser};
use super::token::TokenKind;
use crate::source::Span;

impl Parser<'_> {
    pub(super) fn value(&mut self) -> Parse<Value> {
        self.nested(|parser| {
            let start = parser.span();
            let kind = parser.value_kind()?;
            let span = start.to(parser.last_span());
            Ok(Value { kind, span })
        })
    }

    fn value_kind(&mut self) -> Parse<ValueKind> {
        let kind = match self.kind() {
            TokenKind::Int(value) => ValueKind::Int(*value),
            TokenKind::Double(value) => ValueKind::Double(*value),
            TokenKind::Literal(bytes) => ValueKind::Literal(bytes.clone()),
            TokenKind::Word(name) => ValueKind::Named(name.clone()),
            TokenKind::Punctuation('[') => return self.list(),
            TokenKind::Punctuation('{') => return self.map(),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        Ok(kind)
    }

    fn list(&mut self) -> Parse<ValueKind> {
        let mut values = Vec::new();
        self.expect('[')?;
        while !self.eat(']') {
            values.push(self.value()?);
            self.eat_separator();
        }
        Ok(ValueKind::List(values))
    }

    fn map(&mut self) -> Parse<ValueKind> {
        let mut entries = Vec::new();
        self.expect('{')?;
        while !self.eat('}') {
            let key = self.value()?;
            self.expect(':')?;
            let value = self.value()?;
            entries.push((key, value));
            self.eat_separator();
        }
        Ok(ValueKind::Map(entries))
    }

    pub(super) fn int(&mut self, expected: &str) -> Parse<(i64, Span)> {
        let span = self.span();
        let TokenKind::Int(value) = *self.kind() else {
            return Err(self.unexpected(expected));
        };
        self.advance();
        Ok((value, span))
    }
}
