use super::{Encoding, ScanError, Scanner};
use crate::protocol::tests::value::structs;
use crate::protocol::tests::{Twin, encode};
use crate::protocol::{Binary, Compact, Json, Limits};
use proptest::prelude::*;

const LIMITS: Limits = Limits::DEFAULT.with_message_bytes_max(1 << 20);

fn message(encoding: Encoding, value: &crate::protocol::tests::value::AnyStruct) -> Vec<u8> {
    let (header, body, end): (&[u8], _, &[u8]) = match encoding {
        Encoding::Strict => (b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x07", encode::<Binary>(value), b""),
        Encoding::Old => (b"\0\0\0\x03add\x01\0\0\0\x07", encode::<Binary>(value), b""),
        Encoding::Compact => (b"\x82\x21\xff\x01\x03add", encode::<Compact>(value), b""),
        Encoding::Json => (b" [1,\"]}\\\"add\",1,7,", encode::<Json>(value), b"]"),
    };
    [header, &body, end].concat()
}

fn scan(encoding: Encoding, bytes: &[u8]) -> Result<Option<usize>, ScanError> {
    Scanner::new(encoding, &LIMITS).advance(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn messages_end_where_they_end(value in structs(), step in 1..64_usize) {
        for encoding in [Encoding::Strict, Encoding::Old, Encoding::Compact, Encoding::Json] {
            let whole = message(encoding, &value);
            let mut scanner = Scanner::new(encoding, &LIMITS);
            for end in (0..whole.len()).step_by(step) {
                prop_assert_eq!(scanner.advance(&whole[..end]), Ok(None));
            }
            prop_assert_eq!(scanner.advance(&whole), Ok(Some(whole.len())));
            let more = [&whole[..], b"more"].concat();
            prop_assert_eq!(scan(encoding, &more), Ok(Some(whole.len())));
        }
    }

    #[test]
    fn hostile_bytes_do_no_harm(
        bytes in prop::collection::vec(prop_oneof![0..17_u8, any::<u8>()], 0..300),
    ) {
        for encoding in [Encoding::Strict, Encoding::Old, Encoding::Compact, Encoding::Json] {
            if let Ok(Some(end)) = scan(encoding, &bytes) {
                prop_assert!(end <= bytes.len());
            }
        }
    }
}

#[test]
fn apache_messages_are_passed_over() {
    fn check<C: Twin>(encoding: Encoding) {
        let mut bytes = Vec::new();
        let mut output = C::apache(&mut bytes);
        let header = thrift::protocol::TMessageIdentifier::new("add", thrift::protocol::TMessageType::Call, -1);
        output.write_message_begin(&header).unwrap();
        thrift::Error::write_application_error_to_out_protocol(
            &thrift::ApplicationError::new(thrift::ApplicationErrorKind::Unknown, "a struct like any other"),
            &mut *output,
        )
        .unwrap();
        output.write_message_end().unwrap();
        drop(output);
        assert_eq!(scan(encoding, &bytes), Ok(Some(bytes.len())));
        assert_eq!(scan(encoding, &bytes[..bytes.len() - 1]), Ok(None));
    }
    check::<Binary>(Encoding::Strict);
    check::<Compact>(Encoding::Compact);
    check::<Json>(Encoding::Json);
}

#[test]
fn what_cannot_be_is_said() {
    let header = b"\0\0\0\x03add\x01\0\0\0\x07";
    let after = |bytes: &[u8]| scan(Encoding::Old, &[header, bytes].concat());
    assert_eq!(after(&[99, 0, 1]), Err(ScanError::Type(99)));
    assert_eq!(after(&[11, 0, 1, 0x7f, 0, 0, 0]), Err(ScanError::Length(0x7f00_0000)));
    assert_eq!(after(&[12, 0, 1].repeat(300)), Err(ScanError::Depth));
    assert_eq!(scan(Encoding::Compact, &[[0x82, 0x21].as_slice(), &[0xff; 10]].concat()), Err(ScanError::Varint));
    assert_eq!(scan(Encoding::Json, b"[1,]"), Ok(Some(4)), "for the reader to refuse");
    assert_eq!(scan(Encoding::Json, b" ]"), Err(ScanError::Json));
}
