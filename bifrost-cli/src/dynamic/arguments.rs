//! The arguments of a call, from the command line into a message.

use super::{scalar, type_name, write};
use crate::fault::usage;
use crate::idl::{self, Found};
use anyhow::Result;
use bifrost_codegen::schema::Field;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Codec, Limits, Writer};
use serde_json::{Map, Value};
use thrift::protocol::TMessageType;

/// The arguments of a call, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Takes words such as `5`, `'{"text": "a"}'` or `delta=5`; words without a name are for the arguments in order.
    ///
    /// # Errors
    ///
    /// A word that is no JSON, too many words, an argument given twice, or one that is missing.
    pub(crate) fn parse(found: Found<'_>, words: &[String]) -> Result<Self> {
        let fields = &found.method.arguments;
        let mut given = Map::new();
        let mut position = 0;
        for word in words {
            let (field, text) = match named(fields, word) {
                Some(pair) => pair,
                None => {
                    let field = fields.get(position).ok_or_else(|| too_many(found, word))?;
                    position += 1;
                    (field, word.as_str())
                }
            };
            let json = scalar::from_text(found.schema, &field.field_type, text)
                .map_err(|error| usage(format!("argument {:?}: {error}", field.name)))?;
            if given.insert(field.name.clone(), json).is_some() {
                return Err(usage(format!("argument {:?} is given twice", field.name)));
            }
        }
        let is_missing = |field: &&Field| given.get(&field.name).is_none_or(Value::is_null) && field.default.is_none();
        if let Some(missing) = fields.iter().find(is_missing) {
            let of = type_name(found.schema, &missing.field_type);
            return Err(usage(format!("argument {:?} is missing, {of}; {}", missing.name, signature(found))));
        }
        Ok(Self(given))
    }

    /// The message of a call under a name.
    ///
    /// # Errors
    ///
    /// An argument does not fit its type, or the message exceeds a limit.
    pub(crate) fn message<C: Codec>(
        &self,
        found: Found<'_>,
        name: &str,
        sequence: i32,
        limits: Limits,
    ) -> Result<MessageBuffer> {
        let kind = if found.method.oneway { TMessageType::OneWay } else { TMessageType::Call };
        let mut message = MessageBuffer::new();
        let mut out = C::writer_with_limits(&mut message, limits);
        out.message_begin(name, kind, sequence)?;
        write::fields(found.schema, "arguments", &found.method.arguments, &self.0, &mut out)
            .map_err(|error| error.within(format_args!("{}.{}", found.service, found.method.name)))?;
        out.message_end()?;
        drop(out);
        Ok(message)
    }
}

/// The argument that `name=text` is for, if there is one of this name.
fn named<'a, 'w>(fields: &'a [Field], word: &'w str) -> Option<(&'a Field, &'w str)> {
    let (name, text) = word.split_once('=')?;
    fields.iter().find(|field| field.name == name).map(|field| (field, text))
}

fn too_many(found: Found<'_>, word: &str) -> anyhow::Error {
    usage(format!("no argument for {word:?}; {}", signature(found)))
}

fn signature(found: Found<'_>) -> String {
    let one = |field: &Field| {
        let default = if field.default.is_some() { ", with a default" } else { "" };
        format!("{} ({}{default})", field.name, type_name(found.schema, &field.field_type))
    };
    format!("{} takes {}", found.method.name, idl::list(found.method.arguments.iter().map(one)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrost_codegen::schema::Schema;
    use bifrost_rpc::protocol::Binary;

    fn parse(schema: &Schema, method: &str, words: &[&str]) -> Result<Arguments> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let found = idl::find(schema, "Store", method)?;
        let arguments = Arguments::parse(found, &words)?;
        arguments.message::<Binary>(found, method, 1, Limits::DEFAULT)?;
        Ok(arguments)
    }

    #[test]
    fn words_go_by_place_or_by_name() {
        let schema = idl::built_in().unwrap();
        let by_place = parse(&schema, "put", &["a=b", r#"{"text": "x=y"}"#, "0"]).unwrap();
        let by_name = parse(&schema, "put", &["expected=0", r#"value={"text": "x=y"}"#, "key=a=b"]).unwrap();
        assert_eq!(by_place.0, by_name.0);
        assert!(parse(&schema, "put", &["a", r#"{"number": 1}"#]).is_ok());
        assert_eq!(parse(&schema, "note", &["42"]).unwrap().0["line"], "42");
        assert_eq!(parse(&schema, "note", &["\"a b\""]).unwrap().0["line"], "a b");
    }

    #[test]
    fn wrong_words_say_what_is_wrong() {
        let schema = idl::built_in().unwrap();
        for (method, words, complaint) in [
            ("get", &[][..], "\"key\" is missing"),
            ("get", &["a", "b"], "no argument for \"b\""),
            ("get", &["a", "key=b"], "twice"),
            ("put", &["a", "{"], "as JSON"),
            ("put", &["a", "{}"], "one field"),
            ("put", &["a", r#"{"words": "x"}"#], "text, data"),
            ("put", &["a", r#"{"number": "x"}"#], "Store.put.value.number: expected i64"),
            ("put", &["a", r#"{"items": [{"number": 9223372036854775808}]}"#], "value.items[0].number"),
            ("find", &[r#"["a", "a"]"#], "twice"),
            ("put", &["a", r#"{"pointer": "here"}"#], "no uuid"),
        ] {
            let error = parse(&schema, method, words).unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
            assert_eq!(crate::fault::code_of(&error), crate::fault::USAGE);
        }
    }
}
