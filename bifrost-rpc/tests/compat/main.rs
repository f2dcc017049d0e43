//! Code over Apache's `thrift` crate, carried by UDP: clients on [`UdpChannel`], processors in [`ApacheService`].

#![allow(clippy::unwrap_used, reason = "helpers of tests are no tests to the lint")]

mod apache;
mod calls;
mod failures;
mod streams;

#[rustfmt::skip]
#[path = "../../examples/generated/calculator.rs"]
mod calculator;

use bifrost_rpc::compat::{ApacheService, TJsonInputProtocol, TJsonOutputProtocol, UdpChannel, UdpChannelBuilder};
use bifrost_rpc::{Server, ServerBuilder, Service, thrift};
use calculator::{CalculatorSyncClient, CalculatorSyncHandler, CalculatorSyncProcessor, DivisionByZero};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol,
    TOutputProtocol,
};
use thrift::transport::{
    ReadHalf, TBufferedReadTransport, TBufferedWriteTransport, TFramedReadTransport, TFramedWriteTransport, TIoChannel,
    WriteHalf,
};

const METHODS: [&str; 5] = ["add", "divide", "repeat", "echo", "noted"];
/// Longer than anything here takes, so that what hangs fails.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
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
        match usize::try_from(times) {
            Ok(times) => Ok(vec![text; times]),
            Err(_) => panic!("a test of panics"),
        }
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

type Processor = CalculatorSyncProcessor<Handler>;

fn processor() -> Processor {
    CalculatorSyncProcessor::new(Handler::default())
}

/// The same processor behind Apache's traits.
fn apache_service() -> ApacheService {
    ApacheService::new("Calculator", processor(), &METHODS).oneway("note")
}

/// Handlers run on the receiving thread in the order in which calls come, so that a oneway call has run when the next
/// is answered.
fn server() -> ServerBuilder {
    Server::builder().listen("udp://[::1]:0").inline(true)
}

fn serve(service: impl Service) -> Server {
    server().service(service).start().unwrap()
}

fn channel() -> UdpChannelBuilder {
    UdpChannel::builder().deadline(DEADLINE)
}

fn connect(server: &Server) -> UdpChannel {
    channel().connect(&server.url(), "Calculator").unwrap()
}

type Client = CalculatorSyncClient<Box<dyn TInputProtocol>, Box<dyn TOutputProtocol>>;

/// The protocols and transports that a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stack {
    Binary,
    OldBinary,
    Compact,
    FramedBinary,
    FramedOldBinary,
    FramedCompact,
    Json,
    FramedJson,
    /// No transport between protocol and channel.
    Bare,
    /// Flushes in the middle of nearly everything.
    Tiny,
    TinyJson,
}

impl Stack {
    const ALL: [Self; 11] = [
        Self::Binary,
        Self::OldBinary,
        Self::Compact,
        Self::FramedBinary,
        Self::FramedOldBinary,
        Self::FramedCompact,
        Self::Json,
        Self::FramedJson,
        Self::Bare,
        Self::Tiny,
        Self::TinyJson,
    ];

    fn input(self, read: ReadHalf<UdpChannel>) -> Box<dyn TInputProtocol> {
        match self {
            Self::Binary | Self::OldBinary => {
                Box::new(TBinaryInputProtocol::new(TBufferedReadTransport::new(read), true))
            }
            Self::Compact => Box::new(TCompactInputProtocol::new(TBufferedReadTransport::new(read))),
            Self::FramedBinary | Self::FramedOldBinary => {
                Box::new(TBinaryInputProtocol::new(TFramedReadTransport::new(read), true))
            }
            Self::FramedCompact => Box::new(TCompactInputProtocol::new(TFramedReadTransport::new(read))),
            Self::Json => Box::new(TJsonInputProtocol::new(TBufferedReadTransport::new(read))),
            Self::FramedJson => Box::new(TJsonInputProtocol::new(TFramedReadTransport::new(read))),
            Self::TinyJson => Box::new(TJsonInputProtocol::new(TBufferedReadTransport::with_capacity(3, read))),
            Self::Bare => Box::new(TBinaryInputProtocol::new(read, true)),
            Self::Tiny => Box::new(TCompactInputProtocol::new(TBufferedReadTransport::with_capacity(3, read))),
        }
    }

    fn output(self, write: WriteHalf<UdpChannel>) -> Box<dyn TOutputProtocol> {
        match self {
            Self::Binary => Box::new(TBinaryOutputProtocol::new(TBufferedWriteTransport::new(write), true)),
            Self::OldBinary => Box::new(TBinaryOutputProtocol::new(TBufferedWriteTransport::new(write), false)),
            Self::Compact => Box::new(TCompactOutputProtocol::new(TBufferedWriteTransport::new(write))),
            Self::FramedBinary => Box::new(TBinaryOutputProtocol::new(TFramedWriteTransport::new(write), true)),
            Self::FramedOldBinary => Box::new(TBinaryOutputProtocol::new(TFramedWriteTransport::new(write), false)),
            Self::FramedCompact => Box::new(TCompactOutputProtocol::new(TFramedWriteTransport::new(write))),
            Self::Json => Box::new(TJsonOutputProtocol::new(TBufferedWriteTransport::new(write))),
            Self::FramedJson => Box::new(TJsonOutputProtocol::new(TFramedWriteTransport::new(write))),
            Self::TinyJson => Box::new(TJsonOutputProtocol::new(TBufferedWriteTransport::with_capacity(3, write))),
            Self::Bare => Box::new(TBinaryOutputProtocol::new(write, true)),
            Self::Tiny => Box::new(TCompactOutputProtocol::new(TBufferedWriteTransport::with_capacity(3, write))),
        }
    }

    fn client(self, channel: UdpChannel) -> Client {
        let (read, write) = channel.split().unwrap();
        CalculatorSyncClient::new(self.input(read), self.output(write))
    }
}
