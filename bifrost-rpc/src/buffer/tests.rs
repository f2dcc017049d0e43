use super::{Body, KEEP_BYTES_MIN, MessageBuffer};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Put {
    Slice(Vec<u8>),
    Tail(Vec<u8>),
    Owned(Vec<u8>),
    Shared(Vec<u8>),
}

impl Put {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Slice(bytes) | Self::Tail(bytes) | Self::Owned(bytes) | Self::Shared(bytes) => bytes,
        }
    }

    fn apply(&self, buffer: &mut MessageBuffer) {
        match self.clone() {
            Self::Slice(bytes) => buffer.put_slice(&bytes),
            Self::Tail(bytes) => buffer.tail_mut().extend(bytes),
            Self::Owned(bytes) => buffer.put_owned(bytes),
            Self::Shared(bytes) => buffer.put_shared(Bytes::from(bytes)),
        }
    }
}

/// Blocks of every length that matters, each of different bytes.
fn blocks() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![0..300_usize, KEEP_BYTES_MIN - 1..KEEP_BYTES_MIN + 2, KEEP_BYTES_MIN..3 * KEEP_BYTES_MIN,];
    (len, any::<u8>()).prop_map(|(len, first)| {
        let bytes = (0..=250_u8).cycle();
        bytes.skip(first.into()).take(len).collect()
    })
}

fn puts() -> impl Strategy<Value = Vec<Put>> {
    let put = prop_oneof![
        blocks().prop_map(Put::Slice),
        blocks().prop_map(Put::Tail),
        blocks().prop_map(Put::Owned),
        blocks().prop_map(Put::Shared),
    ];
    vec(put, 0..8)
}

/// The message of `puts`, and its bytes.
fn fill(buffer: &mut MessageBuffer, puts: &[Put]) -> Vec<u8> {
    let mut expected = Vec::new();
    for put in puts {
        put.apply(buffer);
        expected.extend_from_slice(put.bytes());
        assert_eq!(buffer.len(), expected.len());
        assert_eq!(buffer.is_empty(), expected.is_empty());
    }
    expected
}

proptest! {
    #[test]
    fn any_pieces_of_any_message(
        before in puts(),
        puts in puts(),
        ranges in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
    ) {
        let mut buffer = MessageBuffer::new();
        fill(&mut buffer, &before);
        buffer.clear();
        prop_assert!(buffer.is_empty());

        let expected = fill(&mut buffer, &puts);
        let message = buffer.finish();
        prop_assert_eq!(message.len(), expected.len());
        prop_assert_eq!(message.is_empty(), expected.is_empty());
        prop_assert_eq!(&message.to_vec(), &expected);
        for (offset, len) in ranges {
            let offset = offset.index(expected.len() + 1);
            let len = len.index(expected.len() - offset + 1);
            let mut found = Vec::new();
            message.pieces(offset, len, |piece| {
                assert!(!piece.is_empty());
                found.extend_from_slice(piece);
            });
            prop_assert_eq!(&found, &expected[offset..offset + len]);
        }
    }
}

fn large(byte: u8) -> Vec<u8> {
    vec![byte; KEEP_BYTES_MIN]
}

#[test]
fn a_small_message_gives_its_memory_back() {
    let mut buffer = MessageBuffer::new();
    buffer.put_owned(b"small".to_vec());
    buffer.put_shared(Bytes::from_static(b" message"));
    let message = buffer.finish();
    assert_eq!(message.to_vec(), b"small message");
    let spent = message.into_spent().unwrap();
    assert!(MessageBuffer::recycle(spent).finish().is_empty());
}

#[test]
fn large_blocks_are_not_copied() {
    let (owned, shared) = (large(1), Bytes::from(large(2)));
    let addresses = [owned.as_ptr(), shared.as_ptr()];
    let mut buffer = MessageBuffer::new();
    buffer.put_owned(owned);
    buffer.put_shared(shared.clone());
    let message = buffer.finish();
    let mut found = Vec::new();
    message.pieces(0, message.len(), |piece| found.push(piece.as_ptr()));
    assert_eq!(found, addresses);
}

#[test]
fn a_large_block_gives_its_memory_back_unless_others_have_it() {
    let (shared, own) = (Bytes::from(large(2)), large(1));
    let address = own.as_ptr();
    let mut buffer = MessageBuffer::new();
    buffer.put_owned(b"head".to_vec());
    buffer.put_shared(shared.clone());
    buffer.put_owned(own);
    let spent = buffer.finish().into_spent().unwrap();
    assert_eq!((spent.as_ptr(), &spent), (address, &large(1)));
    assert_eq!(shared, large(2));
    let mut buffer = MessageBuffer::new();
    buffer.put_shared(shared.clone());
    assert!(buffer.finish().into_spent().is_none());
}

#[test]
fn no_block_is_empty() {
    let mut buffer = MessageBuffer::new();
    for byte in 0..3 {
        buffer.put_owned(large(byte));
    }
    match buffer.finish().body {
        Body::Blocks(blocks) => {
            assert_eq!(blocks.len(), 3);
            assert!(blocks.iter().all(|block| !block.is_empty()));
        }
        Body::Contiguous(_) => panic!("the blocks were copied"),
    }
}

#[test]
fn clearing_forgets_large_blocks() {
    let mut buffer = MessageBuffer::new();
    buffer.put_slice(b"before");
    buffer.put_owned(large(1));
    buffer.put_slice(b"after");
    buffer.clear();
    assert!(buffer.is_empty());
    buffer.put_slice(b"anew");
    assert_eq!(buffer.finish().to_vec(), b"anew");
}
