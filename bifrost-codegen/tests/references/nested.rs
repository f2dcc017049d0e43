//! References in structs, unions, lists and maps, and in what is referred to.

use crate::limits::albums;
use crate::rack::{LONG, Rack, bytes};
use crate::references::*;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Decode, Encode, Json};
use bifrost_rpc::reference::Ref;
use bifrost_rpc::thrift::OrderedFloat;
use bifrost_rpc::{Channel, Server, thrift};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

fn inner(values: Vec<f64>, text: Option<String>) -> Inner {
    let values: Vec<_> = values.into_iter().map(OrderedFloat).collect();
    Inner::new(Some(Ref::from(values)).filter(|values| !values.is_empty().unwrap()), text.map(Leaf::new))
}

fn inners() -> impl Strategy<Value = Inner> {
    (prop::collection::vec(any::<f64>(), 0..60), any::<Option<String>>()).prop_map(|(values, text)| inner(values, text))
}

/// A value, by whichever way.
fn refs<T: std::fmt::Debug>(values: impl Strategy<Value = T>) -> impl Strategy<Value = Ref<T>> {
    (values, 0..3).prop_map(|(value, how)| match how {
        0 => Ref::from(value),
        1 => Ref::by_value(value),
        _ => Ref::by_reference(value),
    })
}

fn blocks() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..8), (1_usize..2000).prop_map(bytes)]
}

prop_compose! {
    fn some_albums()(
        title in any::<String>(),
        pictures in prop::option::of(prop::collection::vec(refs(blocks()), 0..4)),
        by_name in prop::option::of(prop::collection::btree_map(any::<String>(), refs(prop::collection::vec(any::<f64>().prop_map(OrderedFloat), 0..40)), 0..3)),
        deep in prop::option::of(prop::collection::vec(prop::collection::vec(refs(inners()), 0..3), 0..3)),
        inner in refs(inners()),
        number in prop::option::of(refs(any::<i64>())),
        text in prop::option::of(refs(any::<String>())),
        flags in prop::option::of(prop::collection::vec(refs(any::<bool>()), 0..4)),
    ) -> Album {
        Album::new(title, pictures, by_name, deep, inner, number, text, flags)
    }
}

/// The value alone, however it came.
fn plain(album: Album) -> String {
    fn value<T: Encode + Decode>(reference: Ref<T>) -> T {
        reference.into_value().unwrap()
    }
    let inner = |found: Inner| format!("{:?} {:?}", found.values.map(value), found.leaf);
    let pictures = album.pictures.map(|all| all.into_iter().map(value).collect::<Vec<_>>());
    let by_name: Option<BTreeMap<_, _>> =
        album.by_name.map(|all| all.into_iter().map(|(k, v)| (k, value(v))).collect());
    let deep = album.deep.map(|all| {
        all.into_iter().map(|some| some.into_iter().map(|one| inner(value(one))).collect()).collect::<Vec<Vec<_>>>()
    });
    let flags = album.flags.map(|all| all.into_iter().map(value).collect::<Vec<_>>());
    let (first, number, text) = (inner(value(album.inner)), album.number.map(value), album.text.map(value));
    format!("{:?} {pictures:?} {by_name:?} {deep:?} {first} {number:?} {text:?} {flags:?}", album.title)
}

fn written<C: Codec>(value: &impl Encode) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    value.encode(&mut C::writer(&mut out)).unwrap();
    out.finish().to_vec()
}

fn round<C: Codec>(album: &Album) -> Album {
    Album::decode(&mut C::reader(&written::<C>(album))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn values_are_the_same_by_value_and_by_reference(album in some_albums(), least in 1_usize..200) {
        static SHARED: LazyLock<(Rack, Server)> = LazyLock::new(|| {
            let rack = Rack::new();
            let (server, _) = albums(&rack);
            (rack, server)
        });
        let (rack, server) = &*SHARED;
        let mut by_value = AlbumsClient::new(Channel::connect(&server.url()).unwrap());
        let channel = rack.channel().reference_bytes_min(least).connect(&server.url()).unwrap();
        let mut by_reference = AlbumsClient::new(channel);
        let copies = [round::<Binary>(&album), round::<Compact>(&album), round::<Json>(&album)];
        let expected = plain(round::<Binary>(&album));
        for copy in copies {
            let either = Ref::from(Either::Large(Ref::from(vec![7; 300])));
            let back = by_reference.keep(round::<Binary>(&copy), either).unwrap();
            prop_assert_eq!(plain(back.into_value().unwrap()), expected.clone());
            let back = by_value.keep(round::<Binary>(&copy), Ref::from(Either::Small(1))).unwrap();
            prop_assert_eq!(plain(back.into_value().unwrap()), expected.clone());
            prop_assert_eq!(plain(copy), expected.clone());
        }
        rack.settles_at(0);
    }
}

#[test]
fn a_value_is_written_as_without_the_mark() {
    let leaf = || Some(Leaf::new("leaf".to_owned()));
    let marked = Inner::new(Some(Ref::from(vec![OrderedFloat(1.0)])), leaf());
    let expected = [
        &[15, 0, 1, 4, 0, 0, 0, 1][..],
        &1.0_f64.to_be_bytes(),
        &[12, 0, 2],
        &written::<Binary>(&leaf().unwrap()),
        &[0],
    ];
    assert_eq!(written::<Binary>(&marked), expected.concat());
    assert_eq!(written::<Binary>(&Ref::by_reference(bytes(9))), written::<Binary>(&bytes(9)));
}

#[test]
fn what_is_referred_to_may_refer() {
    let rack = Rack::new();
    let (_server, mut client) = albums(&rack);
    let album = |title: &str| {
        let pictures = (0..3).map(|at| Ref::from(bytes(LONG + at))).collect::<Vec<_>>();
        Album::new(title.to_owned(), pictures, None, None, Ref::by_reference(inner(vec![1.0], None)), None, None, None)
    };
    let kept = client.keep(album("a"), Ref::by_reference(Either::Inner(inner(vec![2.0; 9000], None)))).unwrap();
    assert_eq!(rack.made(), 3 + 1 + 2, "pictures, the inner struct; the union and what it holds");
    let kept = kept.into_value().unwrap();
    let sizes: Vec<_> = kept.pictures.iter().flatten().map(|one| one.len().unwrap()).collect();
    assert_eq!(sizes, [LONG as u64, LONG as u64 + 1, LONG as u64 + 2]);
    drop(kept);
    rack.settles_at(0);
}

#[test]
fn an_object_keeps_what_it_names() {
    let rack = Rack::new();
    let part = rack.memory().store(vec![OrderedFloat(2.5); 40]).unwrap();
    let whole = rack.memory().store(Inner::new(Ref::from(part), None)).unwrap();
    assert_eq!(rack.made(), 2);
    rack.settles_at(2);
    let read = whole.read().unwrap();
    assert!(read.values.as_ref().unwrap().pointer().is_some());
    assert_eq!(read.values.unwrap().read_range(39..40).unwrap(), [2.5]);
    rack.settles_at(2);
    whole.free().unwrap();
    rack.settles_at(0);
}

#[test]
fn control_over_what_a_result_names_goes_with_it() {
    let rack = Rack::new();
    let memory = rack.memory();
    let make = move || {
        let part = memory.store(vec![OrderedFloat(2.5); 40]).unwrap();
        let inner = memory.store(Inner::new(Ref::from(part), None)).unwrap();
        Album::new("a".to_owned(), None, None, None, Ref::from(inner), None, None, None)
    };
    struct Maker<F>(F);
    impl<F: Fn() -> Album> AlbumsSyncHandler for Maker<F> {
        fn handle_keep(&self, _: Album, _: Ref<Either>) -> thrift::Result<Ref<Album>> {
            Ok(Ref::from((self.0)()))
        }
        fn handle_all(&self, some: Vec<Ref<Vec<u8>>>, _: Ref<Vec<u8>>) -> thrift::Result<Vec<Ref<Vec<u8>>>> {
            Ok(some)
        }
        fn handle_trees(&self, _: Ref<Tree>) -> thrift::Result<BTreeMap<i32, Tree>> {
            Ok(BTreeMap::new())
        }
        fn handle_note(&self, _: Ref<Vec<u8>>) -> thrift::Result<()> {
            Ok(())
        }
    }
    let server = rack.service().service(AlbumsSyncProcessor::new(Maker(make))).start().unwrap();
    let mut client = AlbumsClient::new(rack.channel().connect(&server.url()).unwrap());
    let empty = || Album::new("".to_owned(), None, None, None, Ref::from(inner(vec![], None)), None, None, None);
    // The struct and the list that it names are the caller's: whether it reads them, one of them or none.
    for reads in 0..3 {
        let album = client.keep(empty(), Ref::from(Either::Small(1))).unwrap().into_value().unwrap();
        rack.settles_at(2);
        let kept = (reads > 0).then(|| album.inner.into_value().unwrap());
        rack.settles_at(usize::from(kept.is_some()));
        if reads > 1 {
            let values = kept.unwrap().values.unwrap().into_owned().unwrap();
            assert_eq!(values.read().unwrap(), vec![2.5; 40]);
        } else {
            drop(kept);
        }
        rack.settles_at(0);
    }
}
