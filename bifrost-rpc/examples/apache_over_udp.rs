//! An Apache-style client and an Apache-style processor over UDP:
//! `cargo run -p bifrost-rpc --example apache_over_udp`.
//!
//! Client and processor use the protocols and transports of Apache's `thrift` crate; `generated/calculator.rs` could
//! as well come from Apache's compiler. Two lines differ from a program that runs over TCP.

#[rustfmt::skip]
#[path = "generated/calculator.rs"]
mod calculator;

use bifrost_rpc::compat::{ApacheService, UdpChannel};
use bifrost_rpc::{Server, thrift};
use calculator::{CalculatorSyncClient, CalculatorSyncHandler, CalculatorSyncProcessor, DivisionByZero};
use calculator::{TCalculatorSyncClient, TCalculatorSyncClientMarker};
use std::sync::atomic::{AtomicI32, Ordering};
use thrift::protocol::{TCompactInputProtocol, TCompactOutputProtocol};
use thrift::transport::{TBufferedReadTransport, TBufferedWriteTransport, TIoChannel};

#[derive(Default)]
struct Handler {
    noted: AtomicI32,
}

impl CalculatorSyncHandler for Handler {
    fn handle_add(&self, left: i32, right: i32) -> thrift::Result<i32> {
        Ok(left.wrapping_add(right))
    }

    fn handle_divide(&self, dividend: i32, divisor: i32) -> thrift::Result<i32> {
        dividend.checked_div(divisor).ok_or_else(|| DivisionByZero::new(dividend).into())
    }

    fn handle_repeat(&self, text: String, times: i32) -> thrift::Result<Vec<String>> {
        Ok(vec![text; usize::try_from(times).unwrap_or(0)])
    }

    fn handle_echo(&self, data: Vec<u8>) -> thrift::Result<Vec<u8>> {
        Ok(data)
    }

    fn handle_note(&self, by: i32) -> thrift::Result<()> {
        self.noted.fetch_add(by, Ordering::SeqCst);
        Ok(())
    }

    fn handle_noted(&self) -> thrift::Result<i32> {
        Ok(self.noted.load(Ordering::SeqCst))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Instead of TServer::new(…, processor, …).listen("[::1]:7400").
    let processor = CalculatorSyncProcessor::new(Handler::default());
    let service = ApacheService::new("Calculator", processor, &["add", "divide", "noted"]).oneway("note");
    let server = Server::builder().listen("udp://[::1]:0").inline(true).service(service).start()?;

    // Instead of TTcpChannel::new() and open("[::1]:7400").
    let channel = UdpChannel::connect(&server.url(), "Calculator")?;

    let (read, write) = channel.split()?;
    let input = TCompactInputProtocol::new(TBufferedReadTransport::new(read));
    let output = TCompactOutputProtocol::new(TBufferedWriteTransport::new(write));
    let mut client = CalculatorSyncClient::new(input, output);
    use_it(&mut client)?;
    Ok(())
}

/// Neither knows nor cares what the client's bytes travel on.
fn use_it(client: &mut (impl TCalculatorSyncClient + TCalculatorSyncClientMarker)) -> thrift::Result<()> {
    assert_eq!(client.add(19, 23)?, 42);
    assert!(matches!(client.divide(1, 0), Err(thrift::Error::User(_))));
    client.note(7)?;
    assert_eq!(client.noted()?, 7);
    Ok(())
}
