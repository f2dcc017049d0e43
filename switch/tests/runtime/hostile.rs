//! Any bytes at the port of the runtime API.

use crate::support::{runtime, served};
use bifrost_switch::runtime::{Client, SwitchControl};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A call of `bm_mt_add_entry`, as `simple_switch`'s clients write it.
fn call() -> Vec<u8> {
    let mut call = vec![0x80, 1, 0, 1];
    let string = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    };
    let field = |bytes: &mut Vec<u8>, kind: u8, id: u16| {
        bytes.push(kind);
        bytes.extend(id.to_be_bytes());
    };
    string(&mut call, "standard:bm_mt_add_entry");
    call.extend([0, 0, 0, 1]);
    field(&mut call, 8, 1);
    call.extend([0; 4]);
    field(&mut call, 11, 2);
    string(&mut call, "Handle.routes");
    field(&mut call, 15, 3);
    call.extend([12, 0, 0, 0, 1]);
    field(&mut call, 8, 1);
    call.extend([0, 0, 0, 1]);
    field(&mut call, 12, 3);
    field(&mut call, 11, 1);
    string(&mut call, "\u{a}\u{1}\u{0}\u{0}");
    field(&mut call, 8, 2);
    call.extend([0, 0, 0, 16, 0, 0]);
    field(&mut call, 11, 4);
    string(&mut call, "Handle.route");
    field(&mut call, 15, 5);
    call.extend([11, 0, 0, 0, 1]);
    string(&mut call, "\u{0}\u{3}");
    field(&mut call, 12, 6);
    call.extend([0, 0]);
    call
}

/// Sends bytes, says that there are no more, and takes what is answered until the other end closes.
fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The other end may have closed already.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it neither answers nor closes: {error}");
    }
    answer
}

fn address(url: &str) -> SocketAddr {
    let place = url.trim_start_matches("tcp://");
    place.split('?').next().unwrap().parse().unwrap()
}

#[test]
fn whatever_arrives_the_switch_goes_on() {
    let runtime = runtime();
    let server = served(&runtime);
    let address = address(&server.url());
    assert!(!send(address, &call()).is_empty(), "the call itself is answered");
    let client = Client::connect(&server.url()).unwrap();
    assert_eq!(client.entry_count("Handle.routes").unwrap(), 1, "and done");

    let mut runner = TestRunner::new_with_rng(
        Config { cases: 300, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &[5; 32]),
    );
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    let cut = prop::option::weighted(0.3, any::<prop::sample::Index>());
    runner
        .run(&(changes, cut, prop::collection::vec(any::<u8>(), 0..40)), |(changes, cut, more)| {
            let mut bytes = call();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes.extend(more);
            send(address, &bytes);
            Ok(())
        })
        .unwrap();
    assert!(client.entry_count("Handle.routes").is_ok());
}

#[test]
fn what_announces_much_and_brings_little_is_not_believed() {
    let runtime = runtime();
    let server = served(&runtime);
    let address = address(&server.url());
    let whole = call();
    // The length of the list of key fields, and that of the table's name.
    let list = whole.windows(5).position(|bytes| bytes == [12, 0, 0, 0, 1]).unwrap() + 1;
    let name = whole.windows(6).position(|bytes| bytes == *b"Handle").unwrap() - 4;
    for (at, length) in [(list, i32::MAX), (list, -1), (name, i32::MAX), (name, -1)] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        send(address, &bytes);
    }
    // Structs inside one another, which only a reader that skips them would follow.
    let mut deep = whole[..whole.len() - 1].to_vec();
    deep.extend([12, 0, 99].repeat(100_000));
    send(address, &deep);
    assert_eq!(Client::connect(&server.url()).unwrap().entry_count("Handle.routes").unwrap(), 0);
}
