//! Clients of our generated code at the addresses of a server in another language.

use crate::generated::interop::{InteropClient, InteropSyncClient};
use crate::peer::WAIT;
use bifrost_rpc::compat::{TJsonInputProtocol, TJsonOutputProtocol};
use bifrost_rpc::{Channel, Url};
use std::net::TcpStream;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol,
    TMultiplexedOutputProtocol, TOutputProtocol,
};
use thrift::transport::{
    TBufferedReadTransport, TBufferedWriteTransport, TFramedReadTransport, TFramedWriteTransport, TReadTransport,
    TWriteTransport,
};

/// A client of the shape that Apache's compiler generates.
pub(crate) type ApacheClient = InteropSyncClient<Box<dyn TInputProtocol>, Box<dyn TOutputProtocol>>;

/// Connects over the transports and protocols of Apache's `thrift` crate.
pub(crate) fn apache(url: &str) -> ApacheClient {
    let url = Url::parse(url).unwrap();
    let stream = TcpStream::connect(url.resolve().unwrap()).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    let (read, write) = (stream.try_clone().unwrap(), stream);
    let (read, write): (Box<dyn TReadTransport>, Box<dyn TWriteTransport>) = match url.parameter("transport") {
        Some("buffered") => {
            (Box::new(TBufferedReadTransport::new(read)), Box::new(TBufferedWriteTransport::new(write)))
        }
        _ => (Box::new(TFramedReadTransport::new(read)), Box::new(TFramedWriteTransport::new(write))),
    };
    let is_multiplexed = url.parameter("multiplexed") == Some("true");
    match url.parameter("protocol") {
        Some("json") => InteropSyncClient::new(
            Box::new(TJsonInputProtocol::new(read)),
            named(TJsonOutputProtocol::new(write), is_multiplexed),
        ),
        Some("compact") => InteropSyncClient::new(
            Box::new(TCompactInputProtocol::new(read)),
            named(TCompactOutputProtocol::new(write), is_multiplexed),
        ),
        _ => InteropSyncClient::new(
            Box::new(TBinaryInputProtocol::new(read, true)),
            named(TBinaryOutputProtocol::new(write, true), is_multiplexed),
        ),
    }
}

/// Connects by this project's own streams.
pub(crate) fn native(url: &str) -> InteropClient {
    InteropClient::new(Channel::builder().deadline(WAIT).connect(url).unwrap())
}

/// The protocol, which prefixes method names if it shall.
fn named(protocol: impl TOutputProtocol + 'static, is_multiplexed: bool) -> Box<dyn TOutputProtocol> {
    if is_multiplexed { Box::new(TMultiplexedOutputProtocol::new("Interop", protocol)) } else { Box::new(protocol) }
}
