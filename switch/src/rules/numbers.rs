//! Numbers of services: the same in every run, whatever other services there are.

use bifrost_rpc::wire::service_address;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Services that a rack can have.
pub const SERVICES_MAX: usize = 65_535;

/// The number that a service has if it is free: its hash, folded to 16 bits, and never 0.
fn wanted(service: &str) -> u16 {
    let hash = service_address(Ipv6Addr::UNSPECIFIED, service).segments();
    let folded = hash.into_iter().fold(0, |sum, part| sum ^ part);
    folded.max(1)
}

/// A number for each service: the pinned one, or by its name. `None` for services beyond [`SERVICES_MAX`], and for a pin that an earlier
/// service has.
///
/// Where two names lead to one number, the later one in the alphabet gets the next that is free.
pub(super) fn numbers<'n>(services: &BTreeMap<&'n str, Option<u16>>) -> BTreeMap<&'n str, Option<u16>> {
    let mut taken = BTreeSet::new();
    let mut found = BTreeMap::new();
    for (name, pin) in services {
        if let Some(pin) = pin {
            found.insert(*name, taken.insert(*pin).then_some(*pin));
        }
    }
    for (name, _) in services.iter().filter(|(_, pin)| pin.is_none()) {
        let free = number(name, &taken);
        taken.extend(free);
        found.insert(*name, free);
    }
    found
}

/// The number of a service by its name, or the next that is free.
pub(super) fn number(service: &str, taken: &BTreeSet<u16>) -> Option<u16> {
    let first = wanted(service);
    (first..=u16::MAX).chain(1..first).find(|number| !taken.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pin_comes_first() {
        let ping = wanted("Ping");
        let found = numbers(&BTreeMap::from([("Ping", None), ("Zebra", Some(ping)), ("Zoo", Some(ping))]));
        assert_eq!(found, BTreeMap::from([("Ping", Some(ping + 1)), ("Zebra", Some(ping)), ("Zoo", None)]));
    }

    proptest! {
        #[test]
        fn numbers_differ_and_mostly_stay(names in prop::collection::btree_set("[A-Z][a-z]{1,8}", 2..40)) {
            let all = numbers(&names.iter().map(|name| (name.as_str(), None)).collect());
            let distinct: BTreeSet<u16> = all.values().flatten().copied().collect();
            prop_assert_eq!(distinct.len(), names.len());
            // Without the last of the alphabet nobody else's number changes.
            let fewer = names.iter().take(names.len() - 1).map(|name| (name.as_str(), None)).collect();
            prop_assert!(numbers(&fewer).iter().all(|(name, number)| all[name] == *number));
        }
    }
}
