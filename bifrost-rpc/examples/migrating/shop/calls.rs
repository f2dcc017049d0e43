//! The calls: written against what Apache's generator makes of `shop.thrift`, and the same in both programs.

use crate::account::{Customer, Refused, TBaseSyncClient};
use crate::shop::{Item, Order, OutOfStock, Payment, State, TShopSyncClient};
use std::collections::BTreeSet;

fn order(count: i32, payment: Payment) -> Order {
    let customer = Customer { id: 7, name: Some("Ada".to_owned()), tags: Some(BTreeSet::from(["early".to_owned()])) };
    let notes = Some([("colour".to_owned(), "red".to_owned())].into());
    Order::new(customer, vec![Item::new("tea".to_owned(), count, notes)], payment, vec![0, 1, 255])
}

/// Goes shopping; says what it got.
///
/// # Errors
///
/// What the calls report, or an answer that is not the expected one.
pub(crate) fn shop_for_tea<C: TShopSyncClient + TBaseSyncClient>(client: &mut C) -> thrift::Result<String> {
    let name = client.name()?;
    client.restock("tea".to_owned(), 10)?;
    while client.stock()?.get("tea") != Some(&10) {
        // A oneway call may be overtaken.
        std::thread::yield_now();
    }
    let receipt = client.place(order(3, Payment::Cash(1000)))?;
    let missing = match client.place(order(8, Payment::Card("4000".to_owned()))) {
        Err(thrift::Error::User(error)) => error.downcast_ref::<OutOfStock>().map(|error| error.left),
        Err(error) => return Err(error),
        Ok(_) => None,
    };
    let refused = match client.place(order(1, Payment::Invoice(Customer::new(8, None, None)))) {
        Err(thrift::Error::User(error)) => error.downcast_ref::<Refused>().and_then(|error| error.reason.clone()),
        Err(error) => return Err(error),
        Ok(_) => None,
    };
    let states = client.states(vec![receipt.number, 99])?;
    let is_paid = states.get(&receipt.number) == Some(&State::PAID) && states.len() == 1;
    let (missing, refused) = (missing.flatten(), refused.unwrap_or_default());
    Ok(format!("{name}: {} cents, paid {is_paid}, left {missing:?}, refused for {refused}", receipt.total))
}
