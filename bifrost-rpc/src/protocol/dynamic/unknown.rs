use super::Value;
use crate::protocol::{Reader, Writer};
use thrift::protocol::TType;

/// A field that the reader's IDL does not have, or has with another type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UnknownField {
    /// Its id.
    pub id: i16,
    /// Its value.
    pub value: Value,
}

impl UnknownField {
    /// Reads the value of a field whose type and id have been read.
    ///
    /// # Errors
    ///
    /// As [`Value::decode`].
    pub fn decode<R: Reader>(field_type: TType, id: i16, r: &mut R) -> thrift::Result<Self> {
        r.charge(size_of::<Self>())?;
        Ok(Self { id, value: Value::decode(field_type, r)? })
    }

    /// Writes the field, its header included.
    ///
    /// # Errors
    ///
    /// As [`Value::encode`].
    pub fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        self.value.encode_field(self.id, w)
    }
}

/// The fields of a struct that the reader's IDL does not have, in the order in which they came.
///
/// They are written back behind the fields that are known, in whichever protocol. A known field that came with
/// another type is among them, so that who knows that type finds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct UnknownFields(pub Vec<UnknownField>);

impl UnknownFields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last field of an id, which is the one that counts.
    #[must_use]
    pub fn get(&self, id: i16) -> Option<&Value> {
        self.0.iter().rev().find(|field| field.id == id).map(|field| &field.value)
    }

    /// Reads the value of a field whose type and id have been read, and keeps it.
    ///
    /// # Errors
    ///
    /// As [`Value::decode`].
    pub fn decode_field<R: Reader>(&mut self, field_type: TType, id: i16, r: &mut R) -> thrift::Result<()> {
        self.0.push(UnknownField::decode(field_type, id, r)?);
        Ok(())
    }

    /// Writes all fields.
    ///
    /// # Errors
    ///
    /// As [`Value::encode`].
    pub fn encode_fields<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        self.0.iter().try_for_each(|field| field.encode(w))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::MessageBuffer;
    use crate::protocol::tests::encode;
    use crate::protocol::tests::value::{AnyStruct, structs};
    use crate::protocol::{Binary, Codec, Compact, Decode, Encode, Json, Limits, ThriftType, ValueType};
    use proptest::prelude::*;
    use thrift::ProtocolErrorKind;

    /// A struct that knows none of its fields.
    #[derive(Debug, PartialEq)]
    struct Stranger(UnknownFields);

    impl ThriftType for Stranger {
        const TYPE: TType = TType::Struct;
    }

    impl Encode for Stranger {
        fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
            w.struct_begin("Stranger")?;
            self.0.encode_fields(w)?;
            w.field_stop()?;
            w.struct_end()
        }
    }

    impl Decode for Stranger {
        fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
            let mut fields = UnknownFields::new();
            r.struct_begin()?;
            loop {
                match r.field_begin()? {
                    (TType::Stop, _) => break,
                    (field_type, id) => fields.decode_field(field_type, id, r)?,
                }
                r.field_end()?;
            }
            r.struct_end()?;
            Ok(Self(fields))
        }
    }

    fn passes_through<A: Codec, B: Codec>(value: &AnyStruct) -> Vec<u8> {
        let stranger = Stranger::decode(&mut A::reader(&encode::<A>(value))).unwrap();
        encode::<B>(&stranger)
    }

    proptest! {
        #[test]
        fn what_is_unknown_comes_out_as_it_came(value in structs()) {
            prop_assert_eq!(passes_through::<Binary, Binary>(&value), encode::<Binary>(&value));
            prop_assert_eq!(passes_through::<Compact, Compact>(&value), encode::<Compact>(&value));
            prop_assert_eq!(passes_through::<Json, Json>(&value), encode::<Json>(&value));
            // From one protocol to the other: no less, as the other's reader has it.
            let crossed = passes_through::<Binary, Compact>(&value);
            let there = AnyStruct::decode(&mut Compact::reader(&crossed)).unwrap();
            let expected = AnyStruct(value.0.clone().without_empty_map_types());
            prop_assert_eq!(there, expected);
        }

        #[test]
        fn any_bytes_are_kept_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(stranger) = Stranger::decode(&mut Binary::reader(&bytes)) {
                let again = encode::<Binary>(&stranger);
                prop_assert_eq!(Stranger::decode(&mut Binary::reader(&again)).unwrap(), stranger);
            }
            let _ = Stranger::decode(&mut Compact::reader(&bytes));
        }
    }

    fn kind(result: thrift::Result<Stranger>) -> ProtocolErrorKind {
        match result {
            Err(thrift::Error::Protocol(error)) => error.kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_kept_counts_against_the_limits() {
        let deep = [&[15, 0, 1][..], &[15, 0, 0, 0, 1].repeat(100)].concat();
        assert_eq!(kind(Stranger::decode(&mut Binary::reader(&deep))), ProtocolErrorKind::DepthLimit);
        // A byte each on the wire, but not in memory.
        let structs = [&[15, 0, 1, 12, 0, 0, 3, 232][..], &[0; 1001]].concat();
        assert!(Stranger::decode(&mut Binary::reader(&structs)).is_ok());
        let limits = Limits { decoded_bytes_max: 10_000, ..Limits::DEFAULT };
        let mut reader = Binary::reader_with_limits(&structs, limits);
        assert_eq!(kind(Stranger::decode(&mut reader)), ProtocolErrorKind::SizeLimit);
        let fields = [[2, 0, 1, 1].repeat(1000), vec![0]].concat();
        let mut reader = Binary::reader_with_limits(&fields, limits);
        assert_eq!(kind(Stranger::decode(&mut reader)), ProtocolErrorKind::SizeLimit);
    }

    #[test]
    fn a_container_with_an_element_of_another_type_is_refused() {
        let list = Value::List(ValueType::I32, vec![Value::I32(1), Value::Bool(true)]);
        let fields = UnknownFields(vec![UnknownField { id: 1, value: list }]);
        let mut out = MessageBuffer::new();
        assert!(fields.encode_fields(&mut Binary::writer(&mut out)).is_err());
    }

    #[test]
    fn text_stays_text_in_json() {
        let text = br#"{"1":{"str":"no base64 \u00e9"},"2":{"map":["str","i8",1,{"k":1}]}}"#;
        let stranger = Stranger::decode(&mut Json::reader(text)).unwrap();
        assert_eq!(stranger.0.get(1), Some(&Value::Bytes("no base64 é".into())));
        let again = Stranger::decode(&mut Json::reader(&encode::<Json>(&stranger))).unwrap();
        assert_eq!(again, stranger);
        // What is no text comes out as base64.
        let bytes = Stranger(UnknownFields(vec![UnknownField { id: 1, value: Value::Bytes(vec![0xff]) }]));
        assert_eq!(encode::<Json>(&bytes), br#"{"1":{"str":"/w"}}"#);
    }

    #[test]
    fn the_last_field_of_an_id_counts() {
        let field = |id, value| UnknownField { id, value: Value::I8(value) };
        let fields = UnknownFields(vec![field(1, 1), field(2, 2), field(1, 3)]);
        assert_eq!((fields.get(1), fields.get(3)), (Some(&Value::I8(3)), None));
        assert!(!fields.is_empty() && UnknownFields::new().is_empty());
    }

    #[cfg(feature = "serde")]
    mod with_serde {
        use super::*;

        proptest! {
            #[test]
            fn what_is_unknown_survives_serde(value in structs()) {
                // NaN has no place in JSON.
                let bytes = encode::<Binary>(&value);
                let stranger = Stranger::decode(&mut Binary::reader(&bytes)).unwrap();
                let text = serde_json::to_string(&stranger.0).unwrap();
                if !text.contains("null") {
                    let again: UnknownFields = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(again, stranger.0);
                }
            }
        }
    }
}
