//! How many peers send large messages at the same time: they share what this end's socket can buffer.

use super::time::Time;

/// A peer sends at the same time as another if both were heard within this, or one after the other.
const SLOT_NANOS: u64 = 20_000_000;
/// What a peer may send is never cut below this, however many there are.
const SHARE_BYTES_MIN: usize = 64 * 1024;

/// A slot of time, 0 for none.
pub(super) type Slot = u64;

/// Counts the peers that were heard in this slot of time and in the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct Senders {
    slot: Slot,
    heard: usize,
    heard_before: usize,
}

impl Senders {
    /// A fragment of a large message has come from a peer that was heard last in slot `last`.
    pub(super) fn heard(&mut self, now: Time, last: &mut Slot) {
        let slot = now.as_nanos() / SLOT_NANOS + 1;
        if slot > self.slot {
            self.heard_before = if slot == self.slot + 1 { self.heard } else { 0 };
            (self.slot, self.heard) = (slot, 0);
        }
        if *last != self.slot {
            *last = self.slot;
            self.heard += 1;
        }
    }

    /// Each peer's share of a buffer.
    pub(super) fn share(&self, buffer: usize) -> usize {
        let senders = self.heard.max(self.heard_before).max(1);
        (buffer / senders).max(SHARE_BYTES_MIN.min(buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn at(slot: u64) -> Time {
        Time::from_nanos(slot * SLOT_NANOS + 7)
    }

    #[test]
    fn peers_that_send_at_once_share_and_one_alone_has_all() {
        let mut senders = Senders::default();
        let mut peers = [0; 8];
        assert_eq!(senders.share(4 * MIB), 4 * MIB);
        for slot in 1..4 {
            for _ in 0..3 {
                peers.iter_mut().for_each(|last| senders.heard(at(slot), last));
            }
            assert_eq!(senders.share(4 * MIB), MIB / 2, "slot {slot}");
        }
        // The others have stopped: they count for one slot more.
        senders.heard(at(4), &mut peers[0]);
        assert_eq!(senders.share(4 * MIB), MIB / 2);
        senders.heard(at(5), &mut peers[0]);
        assert_eq!(senders.share(4 * MIB), 4 * MIB);
    }

    #[test]
    fn a_share_has_a_least_and_never_exceeds_the_buffer() {
        let mut senders = Senders::default();
        (0..1000).for_each(|_| senders.heard(at(1), &mut 0));
        assert_eq!(senders.share(4 * MIB), SHARE_BYTES_MIN);
        assert_eq!(senders.share(1000), 1000);
    }
}
