//! The handler of `Counter`.

use super::generated::example::CounterSyncHandler;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// One number; clones share it. It wraps around.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<AtomicI64>);

impl CounterSyncHandler for Counter {
    fn handle_add(&self, delta: i64) -> thrift::Result<i64> {
        Ok(self.0.fetch_add(delta, Ordering::SeqCst).wrapping_add(delta))
    }

    fn handle_value(&self) -> thrift::Result<i64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together() {
        let counter = Counter::default();
        assert_eq!(counter.clone().handle_add(5).unwrap(), 5);
        assert_eq!(counter.handle_add(-7).unwrap(), -2);
        assert_eq!(counter.handle_value().unwrap(), -2);
    }
}
