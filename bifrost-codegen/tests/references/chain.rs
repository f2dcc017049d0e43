//! Pointers that are passed on.

use crate::rack::{LONG, Rack, Sums, bytes};
use crate::references::*;
use bifrost_rpc::reference::Ref;
use bifrost_rpc::{Server, thrift};
use std::sync::Mutex;

/// Passes everything on to another service, which it does not read itself.
struct Middle(Mutex<MemoryClient>);

impl MemorySyncHandler for Middle {
    fn handle_sum(&self, a: Ref<Vec<u8>>, b: Ref<Vec<u8>>, c: i32) -> thrift::Result<Ref<Vec<u8>>> {
        self.0.lock().unwrap().sum(a, b, c)
    }
    fn handle_plain(&self, _leaf: Leaf) -> thrift::Result<()> {
        Ok(())
    }
    fn handle_send(&self, request: Request) -> thrift::Result<Handle> {
        self.0.lock().unwrap().send(request)
    }
    fn handle_walk(&self, chain: Chain) -> thrift::Result<Chain> {
        Ok(chain)
    }
    fn handle_drop(&self, _which: crate::bifrost::Ptr) -> thrift::Result<()> {
        Ok(())
    }
}

fn pass_on(rack: &Rack, to: &Server) -> Server {
    let client = MemoryClient::new(rack.channel().connect(&to.url()).unwrap());
    rack.service().service(MemorySyncProcessor::new(Middle(Mutex::new(client)))).start().unwrap()
}

#[test]
fn services_in_the_middle_read_nothing() {
    let rack = Rack::new();
    let last = rack.service().service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let middle = pass_on(&rack, &last);
    let first = pass_on(&rack, &middle);
    let mut client = MemoryClient::new(rack.channel().connect(&first.url()).unwrap());
    let part = client.sum(Ref::from(bytes(LONG)), Ref::from(vec![]), 2).unwrap();
    assert_eq!(part.into_value().unwrap(), bytes(LONG)[10..20]);
    assert_eq!((rack.made(), rack.read_bytes()), (1, 10), "the last one reads its part");
    rack.settles_at(0);
}

#[test]
fn control_of_a_result_goes_to_the_first_caller() {
    let rack = Rack::new();
    let last = rack.service().service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let middle = pass_on(&rack, &last);
    let mut client = MemoryClient::new(rack.channel().connect(&middle.url()).unwrap());
    let sum = client.sum(Ref::from(bytes(LONG)), Ref::from(bytes(LONG)), 0).unwrap();
    let owned = sum.into_owned().unwrap();
    assert_eq!((rack.made(), rack.read_bytes()), (3, 2 * LONG), "the last one reads its arguments");
    rack.settles_at(1);
    assert_eq!(owned.len().unwrap(), LONG as u64);
    owned.free().unwrap();
    rack.settles_at(0);
}

#[test]
fn the_length_is_known_without_the_data() {
    let rack = Rack::new();
    let last = rack.service().service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let middle = pass_on(&rack, &last);
    let mut client = MemoryClient::new(rack.channel().connect(&middle.url()).unwrap());
    let request = Request::new(Ref::from(bytes(LONG)), None, None, None, None);
    assert_eq!(client.send(request).unwrap().as_u128(), LONG as u128);
    assert_eq!((rack.made(), rack.read_bytes()), (1, 0));
}
