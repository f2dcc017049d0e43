//! `serve` and `call` against clients and servers of Apache's crate.

#![allow(clippy::unwrap_used, reason = "helpers of tests are no tests to the lint")]

mod common;

#[allow(unused_imports, dead_code, unreachable_pub, missing_docs, reason = "generated, and used in part")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
}

use common::{Serving, bifrost};
use generated::example::{CounterSyncClient, CounterSyncHandler, CounterSyncProcessor, TCounterSyncClient};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol,
    TMultiplexedOutputProtocol, TOutputProtocol,
};
use thrift::server::{TMultiplexedProcessor, TProcessor};
use thrift::transport::{
    TBufferedReadTransport, TBufferedWriteTransport, TFramedReadTransport, TFramedWriteTransport, TReadTransport,
    TWriteTransport,
};

#[derive(Default)]
struct Counter(AtomicI64);

impl CounterSyncHandler for Counter {
    fn handle_add(&self, delta: i64) -> thrift::Result<i64> {
        Ok(self.0.fetch_add(delta, Ordering::SeqCst) + delta)
    }
    fn handle_value(&self) -> thrift::Result<i64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

type Protocols = (Box<dyn TInputProtocol + Send>, Box<dyn TOutputProtocol + Send>);

fn protocols(stream: TcpStream, is_compact: bool, is_framed: bool) -> Protocols {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let read = stream.try_clone().unwrap();
    let (read, write): (Box<dyn TReadTransport + Send>, Box<dyn TWriteTransport + Send>) = match is_framed {
        true => (Box::new(TFramedReadTransport::new(read)), Box::new(TFramedWriteTransport::new(stream))),
        false => (Box::new(TBufferedReadTransport::new(read)), Box::new(TBufferedWriteTransport::new(stream))),
    };
    match is_compact {
        true => (Box::new(TCompactInputProtocol::new(read)), Box::new(TCompactOutputProtocol::new(write))),
        false => (Box::new(TBinaryInputProtocol::new(read, true)), Box::new(TBinaryOutputProtocol::new(write, true))),
    }
}

/// Every way, and the same as parameters of a URL.
fn ways() -> impl Iterator<Item = (bool, bool, bool, String)> {
    (0..8).map(|n| {
        let (is_compact, is_framed, is_multiplexed) = (n & 1 != 0, n & 2 != 0, n & 4 != 0);
        let protocol = if is_compact { "compact" } else { "binary" };
        let transport = if is_framed { "framed" } else { "buffered" };
        let query = format!("?protocol={protocol}&transport={transport}&multiplexed={is_multiplexed}");
        (is_compact, is_framed, is_multiplexed, query)
    })
}

#[test]
fn apache_clients_call_what_is_served() {
    for (is_compact, is_framed, is_multiplexed, query) in ways() {
        let serving = Serving::start(&["Counter"], &[&format!("tcp://127.0.0.1:0{query}")], &[]);
        let address = serving.url().strip_prefix("tcp://").unwrap().split('?').next().unwrap();
        let (input, output) = protocols(TcpStream::connect(address).unwrap(), is_compact, is_framed);
        let sum = if is_multiplexed {
            CounterSyncClient::new(input, TMultiplexedOutputProtocol::new("Counter", output)).add(5)
        } else {
            CounterSyncClient::new(input, output).add(5)
        };
        assert_eq!(sum.unwrap(), 5, "{query}");
    }
}

#[test]
fn apache_servers_are_called() {
    for (is_compact, is_framed, is_multiplexed, query) in ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("tcp://{}{query}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let counter = Box::new(CounterSyncProcessor::new(Counter::default()));
            let processor: Box<dyn TProcessor> = if is_multiplexed {
                let mut multiplexed = TMultiplexedProcessor::new();
                multiplexed.register("Counter", counter, false).unwrap();
                Box::new(multiplexed)
            } else {
                counter
            };
            let (mut input, mut output) = protocols(listener.accept().unwrap().0, is_compact, is_framed);
            while processor.process(&mut *input, &mut *output).is_ok() {}
        });
        let outcome = bifrost(&["call", &url, "Counter", "add", "7", "--repeat", "2", "--deadline", "10s"]);
        assert_eq!((outcome.code, outcome.text().as_str()), (0, "7\n14\n"), "{query}: {outcome:?}");
    }
}
