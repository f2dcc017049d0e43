//! How much may be in flight towards a peer: what it can buffer, less after losses.

/// The send window of one direction of a session, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// What the peer says it can buffer.
    credits: usize,
    /// What losses allow.
    allowed: usize,
    in_flight: usize,
    /// Losses of packets sent before this one belong to a reduction already made.
    reduced_until: u64,
}

/// The window never falls below this, whatever is lost.
const WINDOW_BYTES_MIN: usize = 32 * 1024;

impl Window {
    pub(super) fn new(credits: usize) -> Self {
        Self { credits, allowed: usize::MAX, in_flight: 0, reduced_until: 0 }
    }

    /// Bytes that may be sent now. A window with nothing in flight always lets one fragment pass.
    pub(super) fn room(&self) -> usize {
        let limit = self.limit();
        if self.in_flight == 0 { limit.max(1) } else { limit.saturating_sub(self.in_flight) }
    }

    pub(super) fn limit(&self) -> usize {
        self.credits.min(self.allowed).max(WINDOW_BYTES_MIN.min(self.credits))
    }

    pub(super) fn grant(&mut self, credits: usize) {
        self.credits = credits;
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.in_flight += bytes;
    }

    /// Bytes left the flight because they arrived.
    pub(super) fn acked(&mut self, bytes: usize) {
        self.forget(bytes);
        if self.allowed < self.credits {
            self.allowed = self.allowed.saturating_add(bytes / 4).min(self.credits);
        } else {
            self.allowed = usize::MAX;
        }
    }

    /// Bytes left the flight for another reason.
    pub(super) fn forget(&mut self, bytes: usize) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// A packet is lost; `next` is the number of the next packet. Reduces once for each flight.
    pub(super) fn lost(&mut self, packet: u64, next: u64) {
        if packet >= self.reduced_until {
            self.allowed = (self.limit() / 2).max(WINDOW_BYTES_MIN);
            self.reduced_until = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_once_for_each_flight_and_recovers() {
        let mut window = Window::new(1 << 20);
        window.sent(1 << 20);
        assert_eq!(window.room(), 0);
        window.lost(3, 100);
        window.lost(50, 100);
        assert_eq!(window.limit(), 1 << 19);
        window.lost(100, 120);
        assert_eq!(window.limit(), 1 << 18);
        for _ in 0..40 {
            window.acked(1 << 17);
        }
        assert_eq!(window.limit(), 1 << 20);
    }

    #[test]
    fn one_fragment_always_passes() {
        let mut window = Window::new(0);
        assert_eq!(window.room(), 1);
        window.sent(9000);
        assert_eq!(window.room(), 0);
    }
}
