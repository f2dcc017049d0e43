//! Members stand by rising ids, as Apache's generator has them, whatever the order of the IDL.

use crate::golden::services::{
    ConstDEALT, Hand, OrderedClient, OrderedSyncHandler, OrderedSyncProcessor, Shuffled, Swapped, TOrderedSyncClient,
};
use bifrost_rpc::{Channel, thrift};

struct Handler;

impl OrderedSyncHandler for Handler {
    fn handle_minus(&self, left: i32, right: i32) -> thrift::Result<i32> {
        Ok(left - right)
    }
}

#[test]
fn arguments_stand_by_their_ids() {
    let mut client = OrderedClient::new(Channel::in_process(OrderedSyncProcessor::new(Handler)));
    assert_eq!(client.minus(5, 3).unwrap(), 2);
}

#[test]
fn fields_and_variants_stand_by_their_ids() {
    let shuffled = Shuffled::new(1, 2);
    assert_eq!((shuffled.a, shuffled.b), (Some(1), Some(2)));
    assert!(Swapped::First(9) < Swapped::Second(0));
}

#[test]
fn constants_keep_their_fields() {
    assert_eq!(ConstDEALT::const_value()["north"], Hand::new(1, vec![Shuffled::new(1, 2)]));
    assert_eq!(Hand::default().cards, Some(vec![Shuffled::new(10, 20)]));
}
