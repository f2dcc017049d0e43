//! The shop on Bifröst: handler and calls are the same files, over UDP.

#[path = "../../shop/calls.rs"]
mod calls;
#[path = "../../shop/handler.rs"]
mod handler;

include!(concat!(env!("OUT_DIR"), "/thrift.rs"));

use bifrost_rpc::Server;
use calls::shop_for_tea;
use handler::Shop;
use shop::{ShopClient, ShopSyncProcessor};

fn serve(address: &str) -> thrift::Result<()> {
    let processor = ShopSyncProcessor::new(Shop::default());
    Server::builder().listen(address).service(processor).serve()
}

fn call(address: &str) -> thrift::Result<()> {
    let mut client = ShopClient::connect(address)?;
    println!("{}", shop_for_tea(&mut client)?);
    Ok(())
}

fn main() -> thrift::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => serve(address),
        ["call", address] => call(address),
        _ => Err("usage: shop-bifrost serve|call URL, such as udp://[::1]:7400".into()),
    }
}
