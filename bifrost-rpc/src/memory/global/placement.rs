//! Which memory server gets a new object, by what each has free.

use crate::endpoint::Time;
use std::time::Duration;

/// A server believed to be too full is asked again after this long: others may have freed.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// A server that could not be reached gets no objects for this long, unless there is no other.
const LEFT_OUT: Duration = Duration::from_secs(5);

/// Some of the servers that there can be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServerSet([u64; 4]);

impl ServerSet {
    pub(super) fn insert(&mut self, id: u8) {
        self.0[usize::from(id >> 6)] |= 1 << (id & 63);
    }

    fn contains(&self, id: u8) -> bool {
        self.0[usize::from(id >> 6)] & (1 << (id & 63)) != 0
    }
}

/// A memory server as a client knows it.
#[derive(Debug, Clone, Copy)]
struct Server {
    id: u8,
    /// Bytes free when it last said so, less what this client has placed there since; `None` until it says so.
    free: Option<u64>,
    /// When it said so.
    at: Time,
    /// It could not be reached: it is asked last until then.
    left_out: Option<Time>,
    /// What it is owed of the turns: the one that is owed most is next.
    credit: i128,
}

impl Server {
    /// What it is taken to have free; as much as `best` where nothing is known.
    fn belief(&self, now: Time, len: u64, best: u64) -> u64 {
        match self.free {
            Some(free) if free >= len || now.since(self.at) < ASK_AGAIN => free,
            _ => best.max(len),
        }
    }

    fn is_left_out(&self, now: Time) -> bool {
        self.left_out.is_some_and(|until| now < until)
    }
}

/// Chooses among memory servers, each as often as its free memory is of all. Many clients that know the same do not all
/// choose the same server, because each takes turns by itself.
#[derive(Debug)]
pub(super) struct Placement {
    servers: Vec<Server>,
}

impl Placement {
    /// Servers of which nothing is known yet.
    pub(super) fn new(ids: impl IntoIterator<Item = u8>) -> Self {
        let mut new = Self { servers: Vec::new() };
        new.set(ids);
        new
    }

    /// Chooses among these servers from now on; what is known of those that stay is kept.
    pub(super) fn set(&mut self, ids: impl IntoIterator<Item = u8>) {
        let new = |id| Server { id, free: None, at: Time::ZERO, left_out: None, credit: 0 };
        self.servers = ids.into_iter().map(|id| self.server(id).copied().unwrap_or_else(|| new(id))).collect();
    }

    /// The servers, in the order in which they were given.
    pub(super) fn ids(&self) -> Vec<u8> {
        self.servers.iter().map(|server| server.id).collect()
    }

    fn server(&mut self, id: u8) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.id == id)
    }

    /// A server has answered, and said how many bytes it has free.
    pub(super) fn report(&mut self, now: Time, id: u8, free: Option<u64>) {
        if let Some(server) = self.server(id) {
            server.left_out = None;
            if free.is_some() {
                (server.free, server.at) = (free, now);
            }
        }
    }

    /// A server cannot be reached, or takes nothing.
    pub(super) fn leave_out(&mut self, now: Time, id: u8) {
        if let Some(server) = self.server(id) {
            server.left_out = Some(now.plus(LEFT_OUT));
        }
    }

    /// The server for a new object of `len` bytes, which count as taken there until it reports; `None` when all were tried.
    ///
    /// Servers with room come first, then those believed to have none, then those left out.
    pub(super) fn choose(&mut self, now: Time, len: u64, tried: &ServerSet) -> Option<u8> {
        self.place(now, len, tried, None)
    }

    /// A new object goes to the same server as the one before it.
    pub(super) fn join(&mut self, now: Time, len: u64, id: u8) {
        self.place(now, len, &ServerSet::default(), Some(id));
    }

    fn place(&mut self, now: Time, len: u64, tried: &ServerSet, at: Option<u8>) -> Option<u8> {
        let best = self.servers.iter().filter_map(|server| server.free).max().unwrap_or(1).max(1);
        let fits = |server: &Server| !server.is_left_out(now) && server.belief(now, len, best) >= len;
        let is_open = |server: &Server| !tried.contains(server.id);
        let mut total = 0;
        for server in self.servers.iter_mut().filter(|server| is_open(server) && fits(server)) {
            let weight = i128::from(server.belief(now, len, best));
            server.credit += weight;
            total += weight;
        }
        // The last of equal ones is the maximum: from the end, that is the first.
        let key = |server: &&mut Server| match fits(server) {
            true => (2, server.credit),
            false if server.is_left_out(now) => (0, 0),
            false => (1, i128::from(server.belief(now, len, best))),
        };
        let may_be = |server: &&mut Server| is_open(server) && at.is_none_or(|id| server.id == id);
        let next = self.servers.iter_mut().filter(may_be).rev().max_by_key(key)?;
        next.credit -= total;
        next.free = next.free.map(|free| free.saturating_sub(len));
        Some(next.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const NOW: Time = Time::from_nanos(1_000_000_000);

    fn set<'a>(ids: impl IntoIterator<Item = &'a u8>) -> ServerSet {
        let mut set = ServerSet::default();
        ids.into_iter().for_each(|id| set.insert(*id));
        set
    }

    fn placement(frees: &[u64]) -> Placement {
        let mut placement = Placement::new((1..).zip(frees).map(|(id, _)| id));
        (1..).zip(frees).for_each(|(id, free)| placement.report(NOW, id, Some(*free)));
        placement
    }

    fn chosen(placement: &mut Placement, times: usize) -> BTreeMap<u8, u32> {
        let mut chosen = BTreeMap::new();
        for _ in 0..times {
            *chosen.entry(placement.choose(NOW, 1, &ServerSet::default()).unwrap()).or_default() += 1;
        }
        chosen
    }

    #[test]
    fn servers_are_chosen_in_the_ratio_of_what_they_have_free() {
        let mut placement = placement(&[1 << 40, 2 << 40, 3 << 40]);
        assert_eq!(chosen(&mut placement, 600), BTreeMap::from([(1, 100), (2, 200), (3, 300)]));
    }

    #[test]
    fn a_server_of_which_nothing_is_known_counts_as_the_best_known() {
        let mut placement = Placement::new([1, 2, 3]);
        assert_eq!(chosen(&mut placement, 30), BTreeMap::from([(1, 10), (2, 10), (3, 10)]));
        placement.report(NOW, 1, Some(1 << 40));
        placement.report(NOW, 2, Some(2 << 40));
        assert_eq!(chosen(&mut placement, 500), BTreeMap::from([(1, 100), (2, 200), (3, 200)]));
    }

    #[test]
    fn one_without_room_is_asked_last_and_again_after_a_while() {
        let mut placement = placement(&[39, 50]);
        assert_eq!(placement.choose(NOW, 40, &set(&[])), Some(2));
        assert_eq!(placement.choose(NOW, 40, &set(&[2])), Some(1), "before the call fails");
        assert_eq!(placement.choose(NOW, 40, &set(&[1, 2])), None);
        placement.report(NOW, 1, Some(39));
        placement.report(NOW.plus(ASK_AGAIN), 2, Some(1 << 20));
        let later = NOW.plus(ASK_AGAIN);
        assert_eq!([1, 2].map(|_| placement.choose(later, 40, &set(&[])).unwrap()), [1, 2], "both");
    }

    #[test]
    fn one_left_out_is_asked_only_if_there_is_no_other() {
        let mut placement = placement(&[1 << 40, 10]);
        placement.leave_out(NOW, 1);
        assert_eq!(placement.choose(NOW, 5, &set(&[])), Some(2));
        assert_eq!(placement.choose(NOW, 500, &set(&[])), Some(2), "even one without room comes first");
        assert_eq!(placement.choose(NOW, 5, &set(&[2])), Some(1));
        assert_eq!(placement.choose(NOW.plus(LEFT_OUT), 5, &set(&[])), Some(1));
        placement.leave_out(NOW, 1);
        placement.report(NOW, 1, None);
        assert_eq!(placement.choose(NOW, 5, &set(&[])), Some(1), "it has answered");
    }

    proptest! {
        #[test]
        fn every_server_is_tried_once_and_those_with_room_first(
            frees in prop::collection::vec(0u64..1000, 0..6), lens in prop::collection::vec(1u64..400, 0..50),
            left_out in 0u8..8,
        ) {
            let mut placement = placement(&frees);
            placement.leave_out(NOW, left_out);
            let mut left: BTreeMap<u8, u64> = (1..).zip(frees).collect();
            for len in lens {
                let mut tried = BTreeSet::new();
                let rank = |id: u8, free: u64| if id == left_out { 0 } else { 1 + u8::from(free >= len) };
                let mut before = 2;
                while let Some(server) = placement.choose(NOW, len, &set(&tried)) {
                    prop_assert!(tried.insert(server));
                    let free = left.get_mut(&server).unwrap();
                    prop_assert!(rank(server, *free) <= before);
                    before = rank(server, *free);
                    *free = free.saturating_sub(len);
                }
                prop_assert_eq!(tried.len(), left.len());
            }
        }
    }
}
