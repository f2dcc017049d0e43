//! A server and a client in one program: `cargo run -p bifrost-rpc --example ping`.
//!
//! `generated/ping.rs` is what `bifrost-codegen examples/ping.thrift --out examples/generated` makes.

#[rustfmt::skip]
#[path = "generated/ping.rs"]
mod ping;

use bifrost_rpc::{Server, thrift};
use ping::{PingClient, PingSyncHandler, PingSyncProcessor, TPingSyncClient};

struct Handler;

impl PingSyncHandler for Handler {
    fn handle_ping(&self) -> thrift::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().listen("udp://[::1]:0").service(PingSyncProcessor::new(Handler)).start()?;
    PingClient::connect(&server.url())?.ping()?;
    Ok(())
}
