//! How servers start and stop.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod common;

use common::{Serving, bifrost};
use nix::sys::signal::Signal;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

const STOPPING: &str = "stopping; running calls may finish (once more stops at once)";

/// A connection on which a call for a large echo was made, and of which nothing is read: its answer cannot be sent.
fn stuck(serving: &Serving) -> TcpStream {
    const BYTES: usize = 12 << 20;
    let address = serving.url().strip_prefix("tcp://").unwrap().split('?').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = |len: usize| u32::try_from(len).unwrap().to_be_bytes();
    // CALL "echo" 1, field 1 of type string, stop.
    let head = [&[0x80, 1, 0, 1][..], &length(4), b"echo", &length(1), &[11, 0, 1], &length(BYTES)].concat();
    let message = [&head[..], &vec![7; BYTES], &[0]].concat();
    stream.write_all(&length(message.len())).unwrap();
    stream.write_all(&message).unwrap();
    // The answer has begun, so that the call runs.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    stream
}

#[test]
fn signals_drain() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let listen = ["udp://[::1]:0", "tcp://127.0.0.1:0", "udp://127.0.0.1:0"];
        let serving = Serving::start(&["Counter"], &listen, &[]);
        assert_eq!(serving.call(&["Counter", "add", "2"]).json(), 2);
        // Neither an idle connection nor one with half a message keeps the server.
        let address = serving.urls[1].strip_prefix("tcp://").unwrap().split('?').next().unwrap().to_owned();
        let _idle = TcpStream::connect(&address).unwrap();
        TcpStream::connect(&address).unwrap().write_all(&[0, 0, 0, 99, 0x80]).unwrap();
        serving.signal(signal);
        let (status, err) = serving.end();
        assert_eq!(err, format!("{STOPPING}\nstopped; every call has finished"));
        assert_eq!(status.code(), Some(0));
    }
}

#[test]
fn calls_that_do_not_finish_are_counted() {
    let serving = Serving::start(&["Echo"], &["tcp://127.0.0.1:0"], &["--drain", "200ms"]);
    let _stream = stuck(&serving);
    serving.signal(Signal::SIGTERM);
    let (status, err) = serving.end();
    assert_eq!((status.code(), err), (Some(1), format!("{STOPPING}\nstopped; 1 call did not finish within 200ms")));
}

#[test]
fn a_second_signal_stops_at_once() {
    let serving = Serving::start(&["Echo"], &["tcp://127.0.0.1:0"], &["--drain", "1h"]);
    let _stream = stuck(&serving);
    serving.signal(Signal::SIGINT);
    assert_eq!(serving.line(), STOPPING);
    serving.signal(Signal::SIGINT);
    let (status, err) = serving.end();
    assert_eq!((status.code(), err.as_str()), (Some(130), "stopped at once"));
}

#[test]
fn connections_beyond_the_bound_wait() {
    let serving = Serving::start(&["Counter"], &["tcp://127.0.0.1:0"], &["--connections", "1"]);
    let address = serving.url().strip_prefix("tcp://").unwrap().split('?').next().unwrap().to_owned();
    let first = TcpStream::connect(&address).unwrap();
    let late = serving.call(&["Counter", "value", "--deadline", "500ms"]);
    assert_eq!(late.code, 5, "{late:?}");
    drop(first);
    assert_eq!(serving.call(&["Counter", "value", "--deadline", "10s"]).json(), 0);
}

#[test]
fn the_longest_message_is_bounded() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let argument = format!("@{}", file.path().display());
    for (url, too_long) in [("udp://[::1]:0", 5), ("tcp://[::1]:0", 4), ("tcp://[::1]:0?transport=buffered", 4)] {
        let serving = Serving::start(&["Echo"], &[url], &["--max-message", "64K"]);
        for (bytes, code) in [(60_000, 0), (70_000, too_long)] {
            std::fs::write(file.path(), vec![b'a'; bytes]).unwrap();
            let outcome = serving.call(&["Echo", "echo", &argument, "--deadline", "5s"]);
            assert_eq!(outcome.code, code, "{url} {bytes}: {}", outcome.err);
        }
        let refused = serving.call(&["Echo", "echo", &argument, "--max-message", "64K"]);
        assert_ne!(refused.code, 0, "{url}: the caller's own limit");
    }
}

#[test]
fn values_are_bounded_over_every_transport() {
    for url in ["udp://[::1]:0", "tcp://[::1]:0", "tcp://[::1]:0?transport=buffered&protocol=compact"] {
        let options = ["--max-string", "100", "--max-container", "3", "--max-depth", "3"];
        let serving = Serving::start(&["Echo", "Arrays"], &[url], &options);
        assert_eq!(serving.call(&["Echo", "echo", &"a".repeat(100)]).code, 0, "{url}");
        assert_eq!(serving.call(&["Echo", "echo", &"a".repeat(101)]).code, 4, "{url}");
        assert_eq!(serving.call(&["Arrays", "increment_list", "[1, 2, 3]", "1"]).code, 0, "{url}");
        assert_eq!(serving.call(&["Arrays", "increment_list", "[1, 2, 3, 4]", "1"]).code, 4, "{url}");
        let caller = serving.call(&["Echo", "echo", &"a".repeat(50), "--max-string", "20"]);
        assert_ne!(caller.code, 0, "{url}: the caller's own limit");
    }
}

#[test]
fn several_threads_serve_one_counter() {
    let options = ["--workers", "2", "--io-threads", "2", "--queue", "16"];
    let serving = Serving::start(&["Counter", "Store"], &["udp://127.0.0.1:0"], &options);
    let urls: Vec<&str> = (0..4).map(|_| serving.url()).collect();
    let calls = urls.into_iter().map(|url| {
        let url = url.to_owned();
        std::thread::spawn(move || bifrost(&["call", &url, "Counter", "add", "1", "--repeat", "50"]).code)
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.join().unwrap(), 0);
    }
    assert_eq!(serving.call(&["Counter", "value"]).json(), 200);
}
