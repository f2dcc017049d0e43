//! JSON, written out.

use std::fmt::{self, Display, Formatter};

/// A JSON value whose objects keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn number(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn is_nested(&self) -> bool {
        match self {
            Self::List(items) => !items.is_empty(),
            Self::Object(members) => !members.is_empty(),
            _ => false,
        }
    }

    fn write(&self, f: &mut Formatter<'_>, indent: usize) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => write_text(f, text),
            // Lists of plain values stand on one line.
            Self::List(items) if !items.iter().any(Self::is_nested) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    f.write_str(if n == 0 { "" } else { ", " })?;
                    item.write(f, indent)?;
                }
                f.write_str("]")
            }
            Self::List(items) => write_block(f, indent, ["[", "]"], items, |f, item| item.write(f, indent + 2)),
            Self::Object(members) if members.is_empty() => f.write_str("{}"),
            Self::Object(members) => write_block(f, indent, ["{", "}"], members, |f, (name, value)| {
                write_text(f, name)?;
                f.write_str(": ")?;
                value.write(f, indent + 2)
            }),
        }
    }
}

fn write_block<T>(
    f: &mut Formatter<'_>,
    indent: usize,
    [open, close]: [&str; 2],
    items: &[T],
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(open)?;
    for (n, item) in items.iter().enumerate() {
        write!(f, "{}\n{:2$}", if n == 0 { "" } else { "," }, "", indent + 2)?;
        write(f, item)?;
    }
    write!(f, "\n{:1$}{close}", "", indent)
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if u32::from(c) < 0x20 => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_a_parser_reads() {
        let list = Json::List(vec![Json::Null, Json::Bool(true), Json::Number(-1)]);
        let json = Json::Object(vec![
            ("a", Json::text("q\" b\\ \n é")),
            ("b", list.clone()),
            ("c", Json::List(vec![list, Json::Object(Vec::new())])),
            ("d", Json::Object(vec![("e", Json::List(Vec::new()))])),
        ]);
        let parsed: serde_json::Value = serde_json::from_str(&json.to_string()).unwrap();
        let expected = serde_json::json!({
            "a": "q\" b\\ \n é", "b": [null, true, -1], "c": [[null, true, -1], {}], "d": {"e": []}
        });
        assert_eq!(parsed, expected);
        assert!(json.to_string().contains("  \"b\": [null, true, -1],\n"), "{json}");
    }
}
