//! Where what was stopped is counted.

use crate::rack::Rack;
use crate::until;

/// A count that `bifrost rack status` shows, or the memory server's own service does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    /// Of the switch, by verdict.
    Verdict(&'static str),
    /// Of Gatekeeper.
    Control(&'static str),
    /// Operations that the memory server refused, by reason.
    Refusal(&'static str),
    /// Packets that the memory server's transport took for copies.
    Duplicates,
    /// Packets to the memory server of sessions that it does not know, or in which the sender is another.
    Strays,
    /// Packets that came to the memory server at another address than their pointer.
    Misplaced,
    /// Packets to the memory server that no key opens.
    Unauthentic,
    /// The same, at its control front.
    FrontUnauthentic,
    /// Packets to its control front of sessions that it does not know.
    FrontStrays,
    /// Frames that the memory server's link did not take for one packet.
    Odd,
}

impl Rack {
    pub(crate) fn count(&self, of: Count) -> u64 {
        let stats = self.memory.daemon.server().stats();
        let in_map =
            |map: &std::collections::BTreeMap<String, i64>, name| map.get(name).map_or(0, |n| n.unsigned_abs());
        match of {
            Count::Verdict(name) => in_map(&self.status().verdicts, name),
            Count::Control(name) => in_map(&self.status().counters, name),
            Count::Refusal(name) => {
                let refusals = self.memory.daemon.memory().metrics().refusals;
                refusals.iter().find(|(reason, _)| *reason == name).map_or(0, |(_, count)| *count)
            }
            Count::Duplicates => stats.duplicates,
            Count::Strays => stats.strays,
            Count::Misplaced => stats.misplaced,
            Count::Unauthentic => stats.unauthentic,
            Count::FrontUnauthentic => self.memory.front.stats().unauthentic,
            Count::FrontStrays => self.memory.front.stats().strays,
            Count::Odd => self.memory.link.odd_frames(),
        }
    }

    /// Makes an attack, and waits until it is counted.
    pub(crate) fn counted(&self, of: Count, attack: impl FnOnce()) {
        let before = self.count(of);
        attack();
        until(&format!("counted as {of:?}"), || self.count(of) > before);
        if let Count::Verdict(_) = of {
            assert_eq!(self.count(of), before + 1, "{of:?}");
        }
    }
}
