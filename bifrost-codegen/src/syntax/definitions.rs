//! The parser: definitions and their members.

use super::ast::{Body, Definition, EnumValue, Field, Method, Name, Requiredness, StructKind};
use super::parser::{Parse, Parser};
use super::token::TokenKind;

/// What begins a definition in the language that grew out of an early Thrift.
const FBTHRIFT: [&str; 3] = ["package", "interaction", "hs_include"];

impl Parser<'_> {
    pub(super) fn definition(&mut self) -> Parse<Definition> {
        let docs = self.docs();
        let start = self.span();
        let keyword = match self.kind() {
            TokenKind::Word(word) => word.clone(),
            _ => return Err(self.unexpected("a definition")),
        };
        if keyword == "senum" {
            let help = Some("use `enum`, or `typedef string`");
            return Err(self.report_at(start, "`senum` is no longer Thrift".to_owned(), help));
        }
        if FBTHRIFT.contains(&keyword.as_str()) {
            let message = format!("`{keyword}` is of fbthrift's language, not of Apache Thrift's");
            return Err(self.report_at(start, message, Some("leave it out, or write it with what Apache Thrift has")));
        }
        if !matches!(keyword.as_str(), "typedef" | "enum" | "struct" | "union" | "exception" | "const" | "service") {
            return Err(self.unexpected("a definition"));
        }
        self.advance();
        let (name, body) = match keyword.as_str() {
            "typedef" => {
                let aliased = self.field_type()?;
                (self.name("a typedef")?, Body::Typedef(aliased))
            }
            "const" => return self.constant(docs),
            "enum" => (self.name("an enum")?, Body::Enum(self.enum_values()?)),
            "service" => self.service()?,
            "struct" => self.struct_like(StructKind::Struct)?,
            "union" => self.struct_like(StructKind::Union)?,
            _ => self.struct_like(StructKind::Exception)?,
        };
        let annotations = self.annotations()?;
        self.eat_separator();
        Ok(Definition { name, docs, annotations, body })
    }

    fn constant(&mut self, docs: Option<String>) -> Parse<Definition> {
        let constant_type = self.field_type()?;
        let name = self.name("a constant")?;
        self.expect('=')?;
        let value = self.value()?;
        let annotations = self.annotations()?;
        self.eat_separator();
        Ok(Definition { name, docs, annotations, body: Body::Const(constant_type, value) })
    }

    fn struct_like(&mut self, kind: StructKind) -> Parse<(Name, Body)> {
        let name = self.name("a struct")?;
        self.eat_word("xsd_all");
        self.expect('{')?;
        let fields = self.members('}', Self::field)?;
        Ok((name, Body::Struct(kind, fields)))
    }

    fn service(&mut self) -> Parse<(Name, Body)> {
        let name = self.name("a service")?;
        let base = match self.eat_word("extends") {
            true => Some(self.word("a service")?),
            false => None,
        };
        self.expect('{')?;
        let methods = self.members('}', Self::method)?;
        Ok((name, Body::Service(base, methods)))
    }

    fn enum_values(&mut self) -> Parse<Vec<EnumValue>> {
        self.expect('{')?;
        self.members('}', |parser| {
            let docs = parser.docs();
            let name = parser.name("an enum value")?;
            let value = match parser.eat('=') {
                true => Some(parser.int("an integer")?),
                false => None,
            };
            let annotations = parser.annotations()?;
            Ok(EnumValue { name, docs, value, annotations })
        })
    }

    /// Members up to the closing character; one that is wrong is reported and left out.
    fn members<T>(&mut self, close: char, mut member: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut members = Vec::new();
        loop {
            if self.eat(close) {
                return Ok(members);
            }
            if self.kind() == &TokenKind::End {
                return Err(self.unexpected(&format!("`{close}`")));
            }
            let position = self.position();
            let depth = self.depth;
            match member(self) {
                Ok(member) => {
                    members.push(member);
                    self.eat_separator();
                }
                Err(reported) => {
                    self.depth = depth;
                    if !self.recover_member(position, close) {
                        return Err(reported);
                    }
                }
            }
        }
    }

    fn field(&mut self) -> Parse<Field> {
        let docs = self.docs();
        let id = match self.kind() {
            TokenKind::Int(_) => {
                let id = self.int("a field id")?;
                self.expect(':')?;
                Some(id)
            }
            _ => None,
        };
        let docs = docs.or_else(|| self.docs());
        let requiredness = if self.eat_word("required") {
            Requiredness::Required
        } else if self.eat_word("optional") {
            Requiredness::Optional
        } else {
            Requiredness::Default
        };
        let field_type = self.field_type()?;
        let reference = self.eat('&');
        let name = self.name("a field")?;
        let default = match self.eat('=') {
            true => Some(self.value()?),
            false => None,
        };
        self.xsd()?;
        let annotations = self.annotations()?;
        Ok(Field { id, requiredness, field_type, reference, name, default, docs, annotations })
    }

    /// The XML Schema options of a field; they have no meaning here.
    fn xsd(&mut self) -> Parse<()> {
        self.eat_word("xsd_optional");
        self.eat_word("xsd_nillable");
        if self.eat_word("xsd_attrs") {
            self.nested(|parser| {
                parser.expect('{')?;
                parser.members('}', Self::field)
            })?;
        }
        Ok(())
    }

    fn method(&mut self) -> Parse<Method> {
        let docs = self.docs();
        let oneway = self.eat_word("oneway") || self.eat_word("async");
        let result = match self.eat_word("void") {
            true => None,
            false => Some(self.field_type()?),
        };
        let name = self.name("a method")?;
        self.expect('(')?;
        let arguments = self.members(')', Self::field)?;
        let throws = match self.eat_word("throws") {
            true => {
                self.expect('(')?;
                self.members(')', Self::field)?
            }
            false => Vec::new(),
        };
        let annotations = self.annotations()?;
        Ok(Method { name, oneway, result, arguments, throws, docs, annotations })
    }
}
