//! Bounds, and what is wrong.

use crate::rack::{LONG, Rack, bytes, sums};
use crate::references::*;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::memory::{MemoryStatus, Pointer};
use bifrost_rpc::protocol::{BinaryReader, BinaryWriter, Decode, Encode, Limits};
use bifrost_rpc::reference::{Leased, Ref, ReferenceError};
use bifrost_rpc::{Server, thrift};
use std::collections::BTreeMap;

/// Answers with what it is told to: the first bytes of each of its arguments.
struct Keeper;

impl AlbumsSyncHandler for Keeper {
    fn handle_keep(&self, album: Album, _either: Ref<Either>) -> thrift::Result<Ref<Album>> {
        if album.title == "too much" {
            return Err(Full::new(Ref::by_reference(bytes(LONG)), "no room".to_owned()).into());
        }
        Ok(Ref::from(album))
    }
    fn handle_all(&self, some: Vec<Ref<Vec<u8>>>, one: Ref<Vec<u8>>) -> thrift::Result<Vec<Ref<Vec<u8>>>> {
        let firsts: Result<Vec<_>, _> = some.iter().map(|one| one.read_range(0..1).map(Ref::from)).collect();
        Ok(firsts?.into_iter().chain([one]).collect())
    }
    fn handle_trees(&self, _tree: Ref<Tree>) -> thrift::Result<BTreeMap<i32, Tree>> {
        Ok(BTreeMap::new())
    }
    fn handle_note(&self, _data: Ref<Vec<u8>>) -> thrift::Result<()> {
        Ok(())
    }
}

pub(crate) fn albums(rack: &Rack) -> (Server, AlbumsClient) {
    let server = rack.service().service(AlbumsSyncProcessor::new(Keeper)).start().unwrap();
    let client = AlbumsClient::new(rack.channel().connect(&server.url()).unwrap());
    (server, client)
}

#[test]
fn a_call_carries_64_pointers_and_no_more() {
    let rack = Rack::new();
    let (_server, mut client) = albums(&rack);
    let stored: Vec<_> = (0..65).map(|at| rack.memory().store(vec![at, 7]).unwrap()).collect();
    let lent = |count: usize| stored.iter().take(count).map(|one| one.lend()).collect::<Vec<_>>();
    let firsts = client.all(lent(64), Ref::from(vec![64])).unwrap();
    let firsts: Vec<u8> = firsts.into_iter().map(|one| one.into_value().unwrap()[0]).collect();
    assert_eq!(firsts, (0..=64).collect::<Vec<u8>>());
    // The same pointer twice is one.
    let twice = lent(64).into_iter().chain(lent(64)).collect();
    assert_eq!(client.all(twice, Ref::from(vec![])).unwrap().len(), 129);
    let error = client.all(lent(65), Ref::from(vec![])).unwrap_err();
    assert_eq!(ReferenceError::of(&error), Some(&ReferenceError::TooMany));
    let error = client.all(lent(64), stored[64].lend()).unwrap_err();
    assert_eq!(ReferenceError::of(&error), Some(&ReferenceError::TooMany));
    assert_eq!(rack.made(), 65);
    drop(stored);
    rack.settles_at(0);
}

#[test]
fn what_finds_no_room_among_the_pointers_goes_by_value() {
    let rack = Rack::new();
    let (_server, mut client) = albums(&rack);
    let long = |count| (0..count).map(|_| Ref::from(bytes(20_000))).collect::<Vec<_>>();
    assert_eq!(client.all(long(64), Ref::from(bytes(20_000))).unwrap().len(), 65);
    assert_eq!(rack.made(), 64, "the last argument goes by value");
    assert_eq!(client.all(long(65), Ref::from(vec![])).unwrap().len(), 66);
    assert_eq!(rack.made(), 64);
    rack.settles_at(0);
}

#[test]
fn the_elements_of_a_list_all_go_the_same_way() {
    let rack = Rack::new();
    let (_server, mut client) = albums(&rack);
    let stored = rack.memory().store(vec![5, 5]).unwrap();
    // One pointer makes the others pointers.
    let firsts = client.all(vec![stored.lend(), Ref::from(vec![6])], Ref::from(vec![])).unwrap();
    assert_eq!((firsts.len(), rack.made()), (3, 2));
    // What cannot be stored, or must not, makes the others values.
    for other in [Ref::from(vec![]), Ref::by_value(vec![8])] {
        let is_empty = other.is_empty().unwrap();
        let result = client.all(vec![stored.lend(), other], Ref::from(vec![]));
        assert_eq!((result.is_err(), rack.made()), (is_empty, 2), "an empty list has no first element");
    }
    drop(stored);
    rack.settles_at(0);
}

#[test]
fn exceptions_carry_references() {
    let rack = Rack::new();
    let (_server, mut client) = albums(&rack);
    let inner = Ref::from(Inner::new(None, None));
    let album = Album::new("too much".to_owned(), None, None, None, inner, None, None, None);
    let kept = client.keep(album, Ref::from(Either::Small(1)));
    let Err(thrift::Error::User(error)) = kept else { panic!("{kept:?}") };
    let full = error.downcast::<Full>().unwrap();
    assert_eq!((full.why.as_str(), rack.made()), ("no room", 1));
    assert_eq!(full.rest.unwrap().into_value().unwrap(), bytes(LONG));
    rack.settles_at(0);
}

#[test]
fn a_oneway_call_leaves_nothing_to_be_freed() {
    let rack = Rack::new();
    let (_server, mut client) = albums(&rack);
    let stored = rack.memory().store(bytes(LONG)).unwrap();
    client.note(stored.lend()).unwrap();
    client.note(Ref::by_reference(bytes(LONG))).unwrap();
    client.note(Ref::from(stored)).unwrap();
    assert_eq!((rack.made(), rack.read_bytes()), (1, LONG), "what would have to be freed goes by value");
    rack.settles_at(0);
}

#[test]
fn objects_of_a_wrong_shape_are_typed_errors() {
    let rack = Rack::new();
    let memory = rack.memory();
    let odd = memory.store(vec![1_u8, 2, 3]).unwrap();
    let numbers = Leased::<Vec<i32>>::new(odd.pointer(), &memory);
    let no_elements = ReferenceError::NoElements { len: 3, width: 4 };
    assert_eq!((numbers.read(), numbers.len()), (Err(no_elements.clone()), Err(no_elements)));
    let text = Leased::<String>::new(memory.store(vec![0xFF_u8, 0xFE]).unwrap().release(), &memory);
    assert!(matches!(text.read(), Err(ReferenceError::Malformed(_))));
    for wrong in [vec![9, 9, 9], vec![0, 0], vec![8, 0, 1, 0, 0]] {
        let leaf = Leased::<Leaf>::new(memory.store(wrong).unwrap().release(), &memory);
        assert!(matches!(leaf.read(), Err(ReferenceError::Malformed(_))), "{leaf:?}");
    }
    let nothing = Leased::<Vec<u8>>::new(Pointer::new(0xFD, 1, 4711), &memory);
    let Err(ReferenceError::Memory(error)) = nothing.read() else { panic!("no object") };
    assert_eq!(error.status(), Some(MemoryStatus::NoObject));
    let elsewhere = Leased::<Vec<u8>>::new(Pointer::new(0xFD, 9, 1), &memory);
    assert!(matches!(elsewhere.read(), Err(ReferenceError::Memory(_))), "no such server");
    assert_eq!(memory.store(Vec::<u8>::new()).unwrap_err(), ReferenceError::Empty);
    let bad_range = ReferenceError::BadRange { start: 3, end: 2 };
    assert_eq!(odd.give().read_range(std::ops::Range { start: 3, end: 2 }), Err(bad_range));
}

#[test]
fn objects_are_read_within_the_limits_of_the_channel() {
    let rack = Rack::new();
    let server = rack.service().limits(Limits::DEFAULT.with_message_bytes_max(50_000));
    let server = server.service(MemorySyncProcessor::new(crate::rack::Sums)).start().unwrap();
    let mut client = MemoryClient::new(rack.channel().connect(&server.url()).unwrap());
    let error = client.sum(Ref::from(bytes(LONG)), Ref::from(vec![]), 0).unwrap_err();
    assert!(format!("{error:?}").contains("100000 bytes, over the limit of 50000"), "{error:?}");
    // A range is within them.
    assert_eq!(client.sum(Ref::from(bytes(LONG)), Ref::from(vec![]), 2).unwrap().into_value().unwrap().len(), 10);
    rack.settles_at(0);
}

#[test]
fn a_memory_that_is_gone_fails_the_call_before_it_is_sent() {
    let rack = Rack::new();
    let (server, _client) = sums(&rack);
    let nobody = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let nowhere = format!("udp://{}", nobody.local_addr().unwrap());
    let channels = bifrost_rpc::Channel::builder().deadline(std::time::Duration::from_millis(100));
    let memory = bifrost_rpc::memory::GlobalMemory::connect_with(&nowhere, channels).unwrap();
    let channel = bifrost_rpc::Channel::builder().global_memory(memory).connect(&server.url()).unwrap();
    let error = MemoryClient::new(channel).sum(Ref::from(bytes(LONG)), Ref::from(vec![]), 0).unwrap_err();
    assert!(matches!(ReferenceError::of(&error), Some(ReferenceError::Memory(_))), "{error:?}");
}

#[test]
fn objects_that_name_one_another_in_a_circle_are_not_followed_for_ever() {
    let rack = Rack::new();
    let memory = rack.memory();
    let object = memory.alloc(20).unwrap();
    let tree = [&[16, 0, 1][..], &object.to_bytes(), &[0]].concat();
    memory.write(object, 0, tree).unwrap();
    let circle = || -> Ref<Tree> { Ref::from(Leased::new(object, &memory)) };
    assert!(circle().get().unwrap().left.as_ref().unwrap().pointer() == Some(object));
    let mut by_value = AlbumsClient::new(bifrost_rpc::Channel::in_process(AlbumsSyncProcessor::new(Keeper)));
    let error = by_value.trees(circle()).unwrap_err();
    assert!(matches!(ReferenceError::of(&error), Some(ReferenceError::TooDeep(_))), "{error:?}");
    let (_server, mut by_reference) = albums(&rack);
    assert!(by_reference.trees(circle()).unwrap().is_empty());
}

#[test]
fn pointers_without_memory_can_only_be_told() {
    let mut out = MessageBuffer::new();
    let pointer = Pointer::new(0xFD, 1, 5);
    let list: Vec<bifrost_rpc::uuid::Uuid> = vec![bifrost_rpc::uuid::Uuid::from_bytes(pointer.to_bytes())];
    list.encode(&mut BinaryWriter::new(&mut out)).unwrap();
    let message = out.finish().to_vec();
    let read: Vec<Ref<Vec<u8>>> = Decode::decode(&mut BinaryReader::new(&message)).unwrap();
    assert_eq!(read[0].pointer(), Some(pointer));
    assert_eq!(read[0].get().unwrap_err(), ReferenceError::NoMemory);
    let error = read.encode(&mut BinaryWriter::new(&mut MessageBuffer::new())).unwrap_err();
    assert_eq!(ReferenceError::of(&error), Some(&ReferenceError::NoMemory));
    // What is no pointer at all is no reference.
    let mut out = MessageBuffer::new();
    vec![bifrost_rpc::uuid::Uuid::max()].encode(&mut BinaryWriter::new(&mut out)).unwrap();
    assert!(Vec::<Ref<Vec<u8>>>::decode(&mut BinaryReader::new(&out.finish().to_vec())).is_err());
}
