//! Tables by object that give their memory back.

use bifrost_rpc::endpoint::QuickMap;
use std::hash::Hash;

/// A table that has room for fewer entries keeps it.
const ROOM_MIN: usize = 1024;

/// Gives back what a table took for many more entries than it has. Called after each removal it costs a few moves of an entry for each.
pub(crate) fn shrink<K: Eq + Hash, V>(table: &mut QuickMap<K, V>) {
    let room = table.capacity();
    if room > ROOM_MIN && table.len() < room / 8 {
        table.shrink_to(table.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_emptied_keeps_little_room() {
        let mut table: QuickMap<u64, u64> = (0..100_000).map(|key| (key, key)).collect();
        for key in 0..100_000 {
            table.remove(&key);
            shrink(&mut table);
            assert!(table.capacity() <= ROOM_MIN.max(table.len() * 32), "{} of {}", table.len(), table.capacity());
        }
        assert!(table.is_empty() && table.capacity() <= ROOM_MIN);
    }
}
