//! Packets of methods that nobody serves, held until somebody does.

use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::MethodField;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which packet: client id, and RPC id or nonce.
pub(super) type Who = (u64, u64);

/// The newest packet of each client and call, in the order in which they came.
#[derive(Debug)]
pub(super) struct Unserved {
    packets: BTreeMap<u64, Packet>,
    places: BTreeMap<Who, u64>,
    next: u64,
    packets_max: usize,
    time: Duration,
}

#[derive(Debug)]
struct Packet {
    who: Who,
    method: MethodField,
    frame: Vec<u8>,
    until: Time,
}

impl Unserved {
    pub(super) fn new(packets_max: usize, time: Duration) -> Self {
        Self { packets: BTreeMap::new(), places: BTreeMap::new(), next: 0, packets_max, time }
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Holds a packet in the place of an earlier copy; `false`: there is no room for it.
    pub(super) fn hold(&mut self, now: Time, who: Who, method: MethodField, frame: &[u8]) -> bool {
        if let Some(place) = self.places.remove(&who) {
            self.packets.remove(&place);
        }
        if self.packets.len() >= self.packets_max {
            return false;
        }
        self.next += 1;
        self.places.insert(who, self.next);
        let packet = Packet { who, method, frame: frame.to_vec(), until: now.plus(self.time) };
        self.packets.insert(self.next, packet);
        true
    }

    /// Takes the packets of methods that are served now.
    pub(super) fn take(&mut self, is_served: impl Fn(MethodField) -> bool) -> Vec<Vec<u8>> {
        let places: Vec<u64> =
            self.packets.iter().filter(|(_, packet)| is_served(packet.method)).map(|(place, _)| *place).collect();
        places.into_iter().filter_map(|place| self.remove(place)).collect()
    }

    /// Drops what was held for too long; how many.
    pub(super) fn expire(&mut self, now: Time) -> u64 {
        let mut dropped = 0;
        while let Some(place) =
            self.packets.first_key_value().filter(|(_, packet)| packet.until <= now).map(|(k, _)| *k)
        {
            self.remove(place);
            dropped += 1;
        }
        dropped
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.packets.first_key_value().map(|(_, packet)| packet.until)
    }

    fn remove(&mut self, place: u64) -> Option<Vec<u8>> {
        let packet = self.packets.remove(&place)?;
        self.places.remove(&packet.who);
        Some(packet.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    fn method(name: &str) -> MethodField {
        MethodField::new(name, "run")
    }

    #[test]
    fn the_newest_copy_is_held_and_sent_on_in_order() {
        let mut held = Unserved::new(10, Duration::from_secs(10));
        for (who, frame) in [((1, 1), b"old"), ((1, 2), b"two"), ((1, 1), b"new")] {
            assert!(held.hold(at(0), who, method("Ping"), frame));
        }
        assert!(held.hold(at(0), (2, 1), method("Echo"), b"other"));
        assert_eq!(held.take(|field| field == method("Ping")), [b"two".to_vec(), b"new".to_vec()]);
        assert_eq!(held.len(), 1);
    }

    #[test]
    fn no_more_are_held_than_may_be_and_none_for_ever() {
        let mut held = Unserved::new(2, Duration::from_secs(10));
        assert!(held.hold(at(0), (1, 1), method("Ping"), b"a"));
        assert!(held.hold(at(1), (1, 2), method("Ping"), b"b"));
        assert!(!held.hold(at(2), (1, 3), method("Ping"), b"c"));
        assert!(held.hold(at(3), (1, 2), method("Ping"), b"b"));
        assert_eq!(held.poll_timeout(), Some(at(10_000)));
        assert_eq!(held.expire(at(10_000)), 1);
        assert_eq!(held.expire(at(10_003)), 1);
        assert_eq!((held.len(), held.places.len()), (0, 0));
    }
}
