//! The parser: types.

use super::ast::{BaseType, Type, TypeKind};
use super::parser::{Parse, Parser};

impl Parser<'_> {
    /// A type with its annotations.
    pub(super) fn field_type(&mut self) -> Parse<Type> {
        self.nested(|parser| {
            let start = parser.span();
            let kind = parser.type_kind()?;
            let span = start.to(parser.last_span());
            let annotations = parser.annotations()?;
            Ok(Type { kind, span, annotations })
        })
    }

    fn type_kind(&mut self) -> Parse<TypeKind> {
        let word = self.word("a type")?.text;
        let kind = match word.as_str() {
            "list" => TypeKind::List(Box::new(self.element()?)),
            "set" => TypeKind::Set(Box::new(self.element()?)),
            "map" => TypeKind::Map(Box::new(self.key_and_value()?)),
            _ => base_type(&word).map_or(TypeKind::Named(word), TypeKind::Base),
        };
        if !matches!(kind, TypeKind::Named(_)) {
            self.cpp_type()?;
        }
        Ok(kind)
    }

    fn element(&mut self) -> Parse<Type> {
        self.cpp_type()?;
        self.expect('<')?;
        let element = self.field_type()?;
        self.expect('>')?;
        Ok(element)
    }

    fn key_and_value(&mut self) -> Parse<(Type, Type)> {
        self.cpp_type()?;
        self.expect('<')?;
        let key = self.field_type()?;
        self.expect(',')?;
        let value = self.field_type()?;
        self.expect('>')?;
        Ok((key, value))
    }

    /// `cpp_type "…"`, which has no meaning here.
    fn cpp_type(&mut self) -> Parse<()> {
        if self.eat_word("cpp_type") {
            self.literal("a C++ type, in quotes")?;
        }
        Ok(())
    }
}

fn base_type(word: &str) -> Option<BaseType> {
    Some(match word {
        "bool" => BaseType::Bool,
        "byte" | "i8" => BaseType::I8,
        "i16" => BaseType::I16,
        "i32" => BaseType::I32,
        "i64" => BaseType::I64,
        "double" => BaseType::Double,
        "string" | "slist" => BaseType::String,
        "binary" => BaseType::Binary,
        "uuid" => BaseType::Uuid,
        _ => return None,
    })
}
