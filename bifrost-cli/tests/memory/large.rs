//! Objects longer than one operation.

use crate::daemon::{Random, connect, refused, start};
use bifrost_rpc::memory::MemoryStatus;
use bytes::Bytes;

fn through(bytes: usize, capacity: &str) {
    let serving = start(&["--open", "--capacity", capacity]);
    let client = connect(&serving);
    // One pattern that differs at every multiple of what is cut.
    let pattern = Bytes::from(Random(3).bytes(bytes));
    let object = client.alloc_and_write(pattern.clone()).unwrap();
    let mut read = Vec::new();
    client.read_into(object, 0, bytes as u64, &mut read).unwrap();
    assert!(read == pattern, "another content");
    let (at, len) = (bytes as u64 / 2 - 1, 3 << 20);
    client.write(object, at, vec![0xAA; len]).unwrap();
    assert!(client.read(object, at, len as u64).unwrap() == vec![0xAA; len]);
    assert_eq!(client.read(object, bytes as u64 - 1, 1).unwrap(), pattern[bytes - 1..]);
    assert_eq!(refused(client.read(object, 1, bytes as u64)).0, MemoryStatus::OutOfRange);
    client.free(object).unwrap();
    client.alloc(bytes as u64).unwrap();
}

#[test]
fn an_object_of_several_operations() {
    through(150 << 20, "400M");
}

#[test]
#[ignore = "takes 3 GiB of memory"]
fn an_object_of_one_gigabyte() {
    through(1 << 30, "1200M");
}
