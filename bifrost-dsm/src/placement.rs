//! Which memory server gets a new object: a client's choice, by what each has free.

use crate::refusal::Refusal;

/// A memory server as a client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Daemon {
    server: u8,
    /// Bytes free when it last said so, less what this client has placed there since.
    free: u64,
    /// What it is owed of the turns: the one that is owed most is next.
    credit: i128,
}

/// Chooses among memory servers, each as often as its free memory is of all. Many clients that know the same do not all
/// choose the same server, because each takes turns by itself.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    daemons: Vec<Daemon>,
}

impl Placement {
    /// No server yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A server says how many bytes it has free. One that was not known joins.
    pub fn report(&mut self, server: u8, free: u64) {
        match self.daemons.iter_mut().find(|daemon| daemon.server == server) {
            Some(daemon) => daemon.free = free,
            None => self.daemons.push(Daemon { server, free, credit: 0 }),
        }
    }

    /// A server is gone.
    pub fn remove(&mut self, server: u8) {
        self.daemons.retain(|daemon| daemon.server != server);
    }

    /// A server refused an object of `len` bytes: it gets none as large until it reports again.
    pub fn refused(&mut self, server: u8, len: u64) {
        if let Some(daemon) = self.daemons.iter_mut().find(|daemon| daemon.server == server) {
            daemon.free = daemon.free.min(len.saturating_sub(1));
        }
    }

    /// The server for a new object of `len` bytes. Its memory counts as taken until it reports again.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutOfMemory`], with the largest that is free anywhere, when no server has room.
    pub fn choose(&mut self, len: u64) -> Result<u8, Refusal> {
        let fits = |daemon: &Daemon| daemon.free >= len;
        let total: i128 = self.daemons.iter().filter(|daemon| fits(daemon)).map(|daemon| i128::from(daemon.free)).sum();
        for daemon in self.daemons.iter_mut().filter(|daemon| fits(daemon)) {
            daemon.credit += i128::from(daemon.free);
        }
        let largest = self.daemons.iter().map(|daemon| daemon.free).max().unwrap_or(0);
        let next = self.daemons.iter_mut().filter(|daemon| fits(daemon)).max_by_key(|daemon| daemon.credit);
        let next = next.ok_or(Refusal::OutOfMemory { free: largest })?;
        next.credit -= total;
        next.free -= len;
        Ok(next.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn servers_are_chosen_in_the_ratio_of_what_they_have_free() {
        let mut placement = Placement::new();
        (1..=3).for_each(|server| placement.report(server, u64::from(server) << 40));
        let mut chosen = BTreeMap::<u8, u32>::new();
        for _ in 0..600 {
            *chosen.entry(placement.choose(1).unwrap()).or_default() += 1;
        }
        assert_eq!(chosen, BTreeMap::from([(1, 100), (2, 200), (3, 300)]));
    }

    #[test]
    fn a_server_that_refuses_or_is_gone_is_not_chosen() {
        let mut placement = Placement::new();
        placement.report(1, 100);
        placement.report(2, 50);
        placement.refused(1, 40);
        assert_eq!(placement.choose(40), Ok(2));
        assert_eq!(placement.choose(40), Err(Refusal::OutOfMemory { free: 39 }));
        placement.report(1, 100);
        placement.remove(2);
        assert_eq!(placement.choose(40), Ok(1));
        placement.remove(1);
        assert_eq!(placement.choose(0), Err(Refusal::OutOfMemory { free: 0 }));
    }

    proptest! {
        #[test]
        fn an_object_goes_only_where_it_fits(
            frees in prop::collection::vec(0u64..1000, 0..6), lens in prop::collection::vec(0u64..400, 0..50),
        ) {
            let mut placement = Placement::new();
            let mut left: BTreeMap<u8, u64> = (0u8..).zip(frees).collect();
            left.iter().for_each(|(server, free)| placement.report(*server, *free));
            for len in lens {
                match placement.choose(len) {
                    Ok(server) => {
                        let free = left.get_mut(&server).unwrap();
                        prop_assert!(*free >= len);
                        *free -= len;
                    }
                    Err(refusal) => {
                        let free = left.values().copied().max().unwrap_or(0);
                        prop_assert!(free < len || left.is_empty());
                        prop_assert_eq!(refusal, Refusal::OutOfMemory { free });
                    }
                }
            }
        }
    }
}
