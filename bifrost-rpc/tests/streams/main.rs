//! Calls over streams and in one process, against servers of this crate and of Apache's.

#![allow(clippy::unwrap_used, reason = "helpers of tests are no tests to the lint")]

mod apache;
mod calls;
mod clients;
mod places;
mod servers;

#[rustfmt::skip]
#[path = "../../examples/generated/calculator.rs"]
mod calculator;

use bifrost_rpc::{Channel, ChannelBuilder, Server, ServerBuilder, thrift};
use calculator::{CalculatorClient, CalculatorSyncHandler, CalculatorSyncProcessor, DivisionByZero};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Longer than anything here takes, so that what hangs fails.
const DEADLINE: Duration = Duration::from_secs(20);
/// `divide` fails in as many ways as there are special divisors.
const APPLICATION: i32 = -1;
const UNDECLARED: i32 = -2;
const PANIC: i32 = -3;

#[derive(Debug, Default)]
struct Handler {
    noted: AtomicI32,
    /// `repeat` of nothing waits until this is true.
    gate: (Mutex<bool>, Condvar),
}

impl Handler {
    fn wait_at_gate(&self) {
        let gate = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_timeout_while(gate, DEADLINE, |is_open| !*is_open).unwrap());
    }

    fn open_gate(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl CalculatorSyncHandler for &'static Handler {
    fn handle_add(&self, left: i32, right: i32) -> thrift::Result<i32> {
        Ok(left.wrapping_add(right))
    }
    fn handle_divide(&self, dividend: i32, divisor: i32) -> thrift::Result<i32> {
        match divisor {
            0 => Err(DivisionByZero::new(dividend).into()),
            APPLICATION => {
                Err(thrift::new_application_error(thrift::ApplicationErrorKind::InvalidTransform, "as it is"))
            }
            UNDECLARED => Err(thrift::Error::User("of the handler's own".into())),
            PANIC => panic!("a test of panics"),
            divisor => Ok(dividend / divisor),
        }
    }
    fn handle_repeat(&self, text: String, times: i32) -> thrift::Result<Vec<String>> {
        if text.is_empty() {
            self.wait_at_gate();
        }
        Ok(vec![text; usize::try_from(times).unwrap_or_default()])
    }
    fn handle_echo(&self, data: Vec<u8>) -> thrift::Result<Vec<u8>> {
        Ok(data)
    }
    fn handle_note(&self, by: i32) -> thrift::Result<()> {
        self.noted.fetch_add(by, Ordering::SeqCst);
        if by < 0 { Err(thrift::Error::User("nobody hears of this".into())) } else { Ok(()) }
    }
    fn handle_noted(&self) -> thrift::Result<i32> {
        Ok(self.noted.load(Ordering::SeqCst))
    }
}

type Processor = CalculatorSyncProcessor<&'static Handler>;

/// A handler, for as long as the test.
fn handler() -> &'static Handler {
    Box::leak(Box::default())
}

fn processor() -> Processor {
    CalculatorSyncProcessor::new(handler())
}

fn server(url: &str) -> ServerBuilder {
    Server::builder().listen(url).inline(true)
}

fn serve(url: &str) -> Server {
    server(url).service(processor()).start().unwrap()
}

fn channel() -> ChannelBuilder {
    Channel::builder().deadline(DEADLINE)
}

fn client(url: &str) -> CalculatorClient {
    CalculatorClient::new(channel().connect(url).unwrap())
}

/// A directory with a path for a Unix socket in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("socket")
    }

    fn url(&self) -> String {
        format!("unix://{}", self.path().display())
    }
}

/// The ways to put messages on a stream, as parameters of a URL.
fn styles() -> Vec<String> {
    let mut styles = Vec::new();
    for protocol in ["binary", "compact"] {
        for transport in ["framed", "buffered"] {
            for multiplexed in ["false", "true"] {
                styles.push(format!("protocol={protocol}&transport={transport}&multiplexed={multiplexed}"));
            }
        }
    }
    styles
}
