//! The shop as it was: Apache's generator, Apache's crate, TCP.

#[path = "../../shop/calls.rs"]
mod calls;
#[path = "../../shop/handler.rs"]
mod handler;

include!(concat!(env!("OUT_DIR"), "/thrift.rs"));

use calls::shop_for_tea;
use handler::Shop;
use shop::{ShopSyncClient, ShopSyncProcessor};
use thrift::protocol::{TBinaryInputProtocol, TBinaryInputProtocolFactory};
use thrift::protocol::{TBinaryOutputProtocol, TBinaryOutputProtocolFactory};
use thrift::server::TServer;
use thrift::transport::{TBufferedReadTransport, TBufferedReadTransportFactory};
use thrift::transport::{TBufferedWriteTransport, TBufferedWriteTransportFactory};
use thrift::transport::{TIoChannel, TTcpChannel};

fn serve(address: &str) -> thrift::Result<()> {
    let processor = ShopSyncProcessor::new(Shop::default());
    let mut server = TServer::new(
        TBufferedReadTransportFactory::new(),
        TBinaryInputProtocolFactory::new(),
        TBufferedWriteTransportFactory::new(),
        TBinaryOutputProtocolFactory::new(),
        processor,
        10,
    );
    server.listen(address)
}

fn call(address: &str) -> thrift::Result<()> {
    let mut channel = TTcpChannel::new();
    channel.open(address)?;
    let (read, write) = channel.split()?;
    let input = TBinaryInputProtocol::new(TBufferedReadTransport::new(read), true);
    let output = TBinaryOutputProtocol::new(TBufferedWriteTransport::new(write), true);
    let mut client = ShopSyncClient::new(input, output);
    println!("{}", shop_for_tea(&mut client)?);
    Ok(())
}

fn main() -> thrift::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => serve(address),
        ["call", address] => call(address),
        _ => Err("usage: shop-apache serve|call HOST:PORT".into()),
    }
}
