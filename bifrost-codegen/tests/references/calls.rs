//! Arguments and results.

use crate::rack::{LONG, Rack, Sums, bytes, sums};
use crate::references::*;
use bifrost_rpc::reference::{Ref, ReferenceError};
use bifrost_rpc::{Channel, Server};

fn doubled(data: &[u8]) -> Vec<u8> {
    data.iter().map(|byte| byte.wrapping_mul(2)).collect()
}

#[test]
fn long_values_go_by_reference_and_nothing_is_left() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    let sum = client.sum(Ref::from(bytes(LONG)), Ref::from(bytes(LONG)), 0).unwrap();
    assert!(sum.pointer().is_some() && rack.made() == 3, "two arguments and a result");
    assert_eq!(sum.read_range(7..9).unwrap(), doubled(&bytes(9))[7..]);
    rack.settles_at(1);
    assert_eq!(sum.into_value().unwrap(), doubled(&bytes(LONG)));
    rack.settles_at(0);
}

#[test]
fn short_values_go_by_value() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    let sum = client.sum(Ref::from(bytes(100)), Ref::from(bytes(100)), 0).unwrap();
    assert_eq!(sum.value(), Some(&doubled(&bytes(100))));
    assert_eq!(rack.made(), 0);
}

#[test]
fn the_caller_and_the_handler_may_choose() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    let short = client.sum(Ref::by_reference(vec![1]), Ref::by_value(bytes(LONG)), 3).unwrap();
    assert!(short.pointer().is_some() && rack.made() == 2);
    assert_eq!(short.into_value().unwrap(), [1, 2, 3]);
    let long = client.sum(Ref::by_value(bytes(LONG)), Ref::from(vec![]), 4).unwrap();
    assert_eq!((long.value(), rack.made()), (Some(&bytes(LONG)), 2));
    rack.settles_at(0);
}

#[test]
fn the_threshold_is_a_setting_of_each_side() {
    let rack = Rack::new();
    let server = rack.service().reference_bytes_min(2).service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let channel = rack.channel().reference_bytes_min(usize::MAX).connect(&server.url()).unwrap();
    let mut client = MemoryClient::new(channel);
    let sum = client.sum(Ref::from(bytes(LONG)), Ref::from(vec![1, 2]), 0).unwrap();
    assert!(sum.pointer().is_some() && rack.made() == 1);
    let sum = client.sum(Ref::from(bytes(LONG)), Ref::from(vec![1]), 0).unwrap();
    assert_eq!(sum.value(), Some(&vec![1]));
}

#[test]
fn what_was_lent_stays_and_can_be_passed_again() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    let owned = rack.memory().store(bytes(LONG)).unwrap();
    for _ in 0..3 {
        let part = client.sum(owned.lend(), Ref::from(vec![]), 2).unwrap();
        assert_eq!(part.value(), Some(&bytes(LONG)[10..20].to_vec()));
    }
    assert_eq!(rack.made(), 1);
    rack.settles_at(1);
    owned.free().unwrap();
    rack.settles_at(0);
}

#[test]
fn an_argument_that_comes_back_is_the_same_object() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    let back = client.sum(Ref::from(bytes(LONG)), Ref::from(vec![]), 1).unwrap();
    assert_eq!((rack.made(), rack.read_bytes()), (1, 0));
    // It lives as long as it is referred to, although the call has ended; and its control is not had twice.
    assert_eq!(*back.get().unwrap(), bytes(LONG));
    let back = back.into_owned().unwrap_err();
    drop(back);
    rack.settles_at(0);
}

#[test]
fn controlled_memory_is_written_and_handed_over() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    let mut owned = rack.memory().store(bytes(LONG)).unwrap();
    owned.write_range(10, vec![9; 10]).unwrap();
    assert_eq!(owned.write(vec![0]), Err(ReferenceError::OtherLength { len: LONG as u64, new: 1 }));
    assert_eq!(client.sum(Ref::from(owned), Ref::from(vec![]), 2).unwrap().into_value().unwrap(), [9; 10]);
    rack.settles_at(0);
}

#[test]
fn calls_that_fail_leave_nothing() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    for how in [5, 6] {
        let error = client.sum(Ref::from(bytes(LONG)), Ref::from(bytes(LONG)), how).unwrap_err();
        assert!(format!("{error:?}").contains(if how == 5 { "on purpose" } else { "panicked" }), "{error:?}");
    }
    drop(client.start_sum(Ref::from(bytes(LONG)), Ref::from(bytes(LONG)), 0).unwrap());
    client.drop(bifrost_rpc::uuid::Uuid::nil()).unwrap();
    rack.settles_at(0);
}

#[test]
fn calls_in_flight_hold_their_arguments() {
    let rack = Rack::new();
    let (_server, mut client) = sums(&rack);
    let start =
        |client: &mut MemoryClient| client.start_sum(Ref::from(bytes(LONG)), Ref::from(bytes(LONG)), 0).unwrap();
    let pending: Vec<_> = (0..8).map(|_| start(&mut client)).collect();
    for call in pending {
        assert_eq!(call.wait().unwrap().into_value().unwrap(), doubled(&bytes(LONG)));
    }
    rack.settles_at(0);
}

#[test]
fn who_understands_no_references_gets_values() {
    let rack = Rack::new();
    let plain = Server::builder().listen("udp://[::1]:0").listen("tcp://127.0.0.1:0");
    let plain = plain.service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let on = rack.service().listen("tcp://127.0.0.1:0").service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let with = || rack.channel();
    let without = Channel::builder;
    let pairs = [
        (with(), plain.urls()[0].clone()),
        (with(), plain.urls()[1].clone()),
        (with().references(false), on.urls()[1].clone()),
        (without(), on.urls()[0].clone()),
        (without(), on.urls()[1].clone()),
    ];
    for (channel, url) in pairs {
        let mut client = MemoryClient::new(channel.connect(&url).unwrap());
        let owned = rack.memory().store(bytes(LONG)).unwrap();
        let made = rack.made();
        let sum = client.sum(owned.lend(), Ref::by_reference(bytes(LONG)), 0).unwrap();
        assert_eq!((sum.value(), rack.made()), (Some(&doubled(&bytes(LONG))), made), "{url}");
    }
    rack.settles_at(0);
}

#[test]
fn a_caller_that_takes_only_values_may_pass_references() {
    let rack = Rack::new();
    let (server, _) = sums(&rack);
    let mut client = MemoryClient::new(rack.channel().references(false).connect(&server.url()).unwrap());
    let back = client.sum(Ref::from(bytes(LONG)), Ref::from(vec![]), 1).unwrap();
    assert_eq!((back.value(), rack.made()), (Some(&bytes(LONG)), 1));
    rack.settles_at(0);
}

#[test]
fn a_server_that_takes_only_values_may_return_references() {
    let rack = Rack::new();
    let server = rack.service().references(false).service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let mut client = MemoryClient::new(rack.channel().connect(&server.url()).unwrap());
    let owned = rack.memory().store(bytes(LONG)).unwrap();
    let sum = client.sum(owned.lend(), Ref::by_reference(bytes(LONG)), 0).unwrap();
    assert!(sum.pointer().is_some() && rack.made() == 2, "what was stored here, and the result");
    assert_eq!(sum.into_value().unwrap(), doubled(&bytes(LONG)));
}

#[test]
fn calls_in_this_process_go_by_value() {
    let mut client = MemoryClient::new(Channel::in_process(MemorySyncProcessor::new(Sums)));
    let sum = client.sum(Ref::by_reference(bytes(LONG)), Ref::from(bytes(LONG)), 0).unwrap();
    assert_eq!(sum.value(), Some(&doubled(&bytes(LONG))));
}
