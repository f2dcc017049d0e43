//! Generated types are the same bytes in our protocols as in those of Apache's crate, and are read from either.

use crate::random;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Encode};
use proptest::prelude::*;
use proptest::sample::SizeRange;
use std::fmt::Debug;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TSerializable,
};

fn ours<C: Codec>(value: &impl Encode) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    value.encode(&mut C::writer(&mut out)).unwrap();
    out.finish().to_vec()
}

fn same_bytes<T: Encode + TSerializable + PartialEq + Debug>(value: &T) -> Result<(), TestCaseError> {
    let (mut binary, mut compact) = (Vec::new(), Vec::new());
    value.write_to_out_protocol(&mut TBinaryOutputProtocol::new(&mut binary, true)).unwrap();
    value.write_to_out_protocol(&mut TCompactOutputProtocol::new(&mut compact)).unwrap();
    prop_assert_eq!(&ours::<Binary>(value), &binary);
    prop_assert_eq!(&ours::<Compact>(value), &compact);
    // What is absent is filled in when it is read, in both alike.
    let from_binary = T::read_from_in_protocol(&mut TBinaryInputProtocol::new(&*binary, true)).unwrap();
    let from_compact = T::read_from_in_protocol(&mut TCompactInputProtocol::new(&*compact)).unwrap();
    prop_assert_eq!(from_binary, from_compact);
    Ok(())
}

fn sets() -> SizeRange {
    (0..6).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn structs_of_every_requiredness(
        scalars in random::scalars(),
        required in random::required(),
        optional in random::optional(&sets()),
        defaults in random::defaults(&sets()),
    ) {
        same_bytes(&scalars)?;
        same_bytes(&required)?;
        same_bytes(&optional)?;
        same_bytes(&defaults)?;
    }

    #[test]
    fn unions_recursion_and_ids(
        choice in random::choice(),
        tree in random::tree(),
        ids in random::ids(),
        implicit in random::implicit(),
        versioned in random::versioned(),
    ) {
        same_bytes(&choice)?;
        same_bytes(&tree)?;
        same_bytes(&ids)?;
        same_bytes(&implicit)?;
        same_bytes(&versioned)?;
    }

    #[test]
    fn containers_of_everything(containers in random::containers(&sets()), uuids in random::uuids(&sets())) {
        same_bytes(&containers)?;
        same_bytes(&uuids)?;
    }
}
