//! Where calls go, and in which session.

use super::hash::QuickMap;
use std::net::SocketAddr;

/// An address, and the hash of a service's name.
type Target = (SocketAddr, u64);

/// The session in use for each address and service. Mostly there is one, which is found without a table.
#[derive(Debug, Default)]
pub(super) struct Targets {
    sessions: QuickMap<Target, usize>,
    /// The one that was put in last, if it is still there.
    latest: Option<(Target, usize)>,
}

impl Targets {
    pub(super) fn get(&self, target: Target) -> Option<usize> {
        match self.latest {
            Some((latest, session)) if latest == target => Some(session),
            _ => self.sessions.get(&target).copied(),
        }
    }

    /// Calls go in this session from now on.
    pub(super) fn insert(&mut self, target: Target, session: usize) {
        self.sessions.insert(target, session);
        self.latest = Some((target, session));
    }

    /// They do not go in this session any more, if they did.
    pub(super) fn remove(&mut self, target: Target, session: usize) {
        if self.get(target) == Some(session) {
            self.sessions.remove(&target);
            self.latest = self.latest.filter(|(latest, _)| *latest != target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn sessions_are_found_as_in_any_table(steps in prop::collection::vec((any::<bool>(), 0u16..3, 0u64..3, 0usize..3), 0..60)) {
            let (mut targets, mut model) = (Targets::default(), HashMap::new());
            for (puts, port, service, session) in steps {
                let target = (SocketAddr::from(([127, 0, 0, 1], port)), service);
                if puts {
                    targets.insert(target, session);
                    model.insert(target, session);
                } else {
                    targets.remove(target, session);
                    if model.get(&target) == Some(&session) {
                        model.remove(&target);
                    }
                }
                for port in 0..3 {
                    for service in 0..3 {
                        let target = (SocketAddr::from(([127, 0, 0, 1], port)), service);
                        prop_assert_eq!(targets.get(target), model.get(&target).copied());
                    }
                }
            }
        }
    }
}
