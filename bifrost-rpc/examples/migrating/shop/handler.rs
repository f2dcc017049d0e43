//! The service: written against what Apache's generator makes of `shop.thrift`, and the same in both programs.

use crate::account::{BaseSyncHandler, Refused};
use crate::shop::{MOST_ITEMS, Order, OutOfStock, Payment, Receipt, ShopSyncHandler, State};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PRICE: i64 = 250;

#[derive(Default)]
struct Books {
    stock: BTreeMap<String, i32>,
    orders: Vec<State>,
}

/// A shop that keeps its books in memory.
#[derive(Default)]
pub(crate) struct Shop {
    books: Mutex<Books>,
}

impl Shop {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(reason: &str) -> thrift::Error {
    Refused::new(reason.to_owned(), 403).into()
}

impl BaseSyncHandler for Shop {
    fn handle_name(&self) -> thrift::Result<String> {
        Ok("shop".to_owned())
    }
}

impl ShopSyncHandler for Shop {
    fn handle_place(&self, order: Order) -> thrift::Result<Receipt> {
        let state = match &order.payment {
            Payment::Card(_) | Payment::Cash(_) => State::PAID,
            Payment::Invoice(customer) if customer.id == order.customer.id => State::OPEN,
            Payment::Invoice(_) => return Err(refused("somebody else's invoice")),
        };
        let count: i32 = order.items.iter().map(|item| item.count).sum();
        if count > MOST_ITEMS {
            return Err(refused("too much at once"));
        }
        let mut books = self.books();
        for item in &order.items {
            let left = books.stock.get(&item.article).copied().unwrap_or(0);
            if left < item.count {
                return Err(OutOfStock::new(item.article.clone(), left).into());
            }
        }
        for item in &order.items {
            if let Some(left) = books.stock.get_mut(&item.article) {
                *left -= item.count;
            }
        }
        books.orders.push(state);
        Ok(Receipt { number: books.orders.len() as i64, total: PRICE * i64::from(count), state })
    }

    fn handle_states(&self, numbers: Vec<i64>) -> thrift::Result<BTreeMap<i64, State>> {
        let books = self.books();
        let state = |number: i64| Some((number, *books.orders.get(usize::try_from(number).ok()?.checked_sub(1)?)?));
        Ok(numbers.into_iter().filter_map(state).collect())
    }

    fn handle_restock(&self, article: String, count: i32) -> thrift::Result<()> {
        *self.books().stock.entry(article).or_default() += count;
        Ok(())
    }

    fn handle_stock(&self) -> thrift::Result<BTreeMap<String, i32>> {
        Ok(self.books().stock.clone())
    }
}
