//! Digests, from a packet to a subscriber, and back as an acknowledgement.

use crate::support::{frame, ports, runtime};
use bifrost_switch::runtime::idl::bmv2_standard::StandardSyncHandler;
use bifrost_switch::runtime::{Notifier, NotifierError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Subscribes as nanomsg does.
fn subscribe(path: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"\0SP\0\0\x21\0\0").unwrap();
    let mut greeting = [0; 8];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"\0SP\0\0\x20\0\0");
    stream
}

/// The next notification: buffer, samples, their bytes.
fn next(stream: &mut UnixStream) -> (u64, u32, Vec<u8>) {
    let mut head = [0; 9 + 32];
    stream.read_exact(&mut head).unwrap();
    assert_eq!((head[0], &head[9..13]), (1, &b"LEA|"[..]));
    let length = usize::try_from(u64::from_be_bytes(head[1..9].try_into().unwrap())).unwrap();
    let mut bytes = vec![0; length - 32];
    stream.read_exact(&mut bytes).unwrap();
    let buffer = u64::from_le_bytes(head[29..37].try_into().unwrap());
    (buffer, u32::from_le_bytes(head[37..41].try_into().unwrap()), bytes)
}

#[test]
fn a_digest_comes_once_until_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notifications");
    let runtime = runtime();
    let notifier = Notifier::start(&runtime, &format!("ipc://{}", path.display())).unwrap();
    assert!(runtime.handle_bm_mgmt_get_info().unwrap().notifications_socket.unwrap().ends_with("/notifications"));
    runtime.handle_bm_learning_set_buffer_size(0, 1, 1).unwrap();
    let mut stream = subscribe(&path);
    let (first, second) = (frame(7, [10, 0, 0, 1]), frame(8, [10, 0, 0, 1]));
    ports(&runtime, &first);
    ports(&runtime, &first);
    assert_eq!(next(&mut stream), (0, 1, vec![2, 0, 0, 0, 0, 7, 0, 1]));
    ports(&runtime, &second);
    assert_eq!(next(&mut stream), (1, 1, vec![2, 0, 0, 0, 0, 8, 0, 1]), "the first was sent once");
    runtime.handle_bm_learning_ack_buffer(0, 1, 0).unwrap();
    ports(&runtime, &second);
    ports(&runtime, &first);
    assert_eq!(next(&mut stream), (2, 1, vec![2, 0, 0, 0, 0, 7, 0, 1]), "acknowledged, it comes again");
    assert!(runtime.handle_bm_learning_ack_buffer(0, 9, 0).is_err(), "there is no such list");
    drop(notifier);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "and it ends");
    assert!(!path.exists());
}

#[test]
fn a_digest_does_not_wait_for_others_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notifications");
    let runtime = runtime();
    let _notifier = Notifier::start(&runtime, &format!("ipc://{}", path.display())).unwrap();
    runtime.handle_bm_learning_set_timeout(0, 1, 20).unwrap();
    let mut stream = subscribe(&path);
    ports(&runtime, &frame(7, [10, 0, 0, 1]));
    assert_eq!(next(&mut stream).1, 1);
}

#[test]
fn strangers_get_nothing_and_what_is_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notifications");
    let url = format!("ipc://{}", path.display());
    let runtime = runtime();
    let notifier = Notifier::start(&runtime, &url).unwrap();
    assert!(matches!(Notifier::start(&runtime, &url), Err(NotifierError::Socket { .. })));
    assert!(matches!(Notifier::start(&runtime, "tcp://127.0.0.1:1"), Err(NotifierError::Address(_))));
    let mut stranger = UnixStream::connect(&path).unwrap();
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    stranger.write_all(b"GET / HT").unwrap();
    let mut all = Vec::new();
    match stranger.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert!(all.len() <= 8);
    drop(notifier);
    std::fs::write(&path, "a file").unwrap();
    assert!(matches!(Notifier::start(&runtime, &url), Err(NotifierError::Socket { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file");
}
