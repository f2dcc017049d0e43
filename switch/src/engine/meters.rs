//! Meters: token buckets that tell how far a flow of packets is above its rates.

use super::limits::ENTRIES_MAX;

/// A rate and how far a flow may be ahead of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Bytes or packets in a microsecond.
    pub units_per_us: f64,
    /// Bytes or packets at once.
    pub burst: u64,
}

/// Why an operation on a meter was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeterError {
    /// No array has this name.
    #[error("no such meter")]
    InvalidName = 1,
    /// The array has no such cell.
    #[error("no such cell")]
    InvalidIndex = 2,
    /// As many rates as the meter has are needed.
    #[error("the meter has another number of rates")]
    BadRates = 3,
    /// A rate is no number, below zero, or below the one before it.
    #[error("the rates do not rise from zero")]
    InvalidRate = 4,
    /// A burst is below zero.
    #[error("the burst is below zero")]
    InvalidBurst = 5,
    /// Anything else.
    #[error("the operation was refused")]
    Other = 6,
}

impl MeterError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }
}

/// What a meter counts, and how many rates it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeterKind {
    pub(crate) counts_packets: bool,
    pub(crate) rates: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    tokens: u64,
    /// Tokens that had come since the switch began when it was last looked at.
    counted: u64,
}

/// Meters of one kind. One that has no rates yet lets everything pass, as color 0.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    kind: MeterKind,
    /// As many as there may be; those behind the last that has rates are not kept.
    size: usize,
    cells: Vec<Option<Box<[Bucket]>>>,
}

impl Meters {
    pub(crate) fn new(kind: MeterKind, size: usize) -> Self {
        Self { kind, size, cells: Vec::new() }
    }

    /// One for each place of a table.
    pub(crate) fn of_entries(kind: MeterKind) -> Self {
        Self::new(kind, ENTRIES_MAX)
    }

    /// The color of a packet, which takes its tokens: 0, or the number of the rate that it is above. `None` where there is no
    /// such meter.
    pub(crate) fn color(&mut self, index: u64, now: u64, bytes: u64) -> Option<u64> {
        let index = usize::try_from(index).ok().filter(|&index| index < self.size)?;
        let Some(Some(buckets)) = self.cells.get_mut(index) else { return Some(0) };
        let units = if self.kind.counts_packets { 1 } else { bytes };
        // From the highest rate: a packet above it takes no tokens of the lower ones.
        for (rate, bucket) in buckets.iter_mut().enumerate().rev() {
            if !bucket.take(now, units) {
                return Some(rate as u64 + 1);
            }
        }
        Some(0)
    }

    /// Sets a meter's rates, the lowest first.
    pub(crate) fn set(&mut self, index: usize, rates: &[Rate]) -> Result<(), MeterError> {
        self.check(rates)?;
        if index >= self.size {
            return Err(MeterError::InvalidIndex);
        }
        if self.cells.len() <= index {
            self.cells.resize(index + 1, None);
        }
        self.cells[index] = Some(rates.iter().map(Bucket::new).collect());
        Ok(())
    }

    /// Sets the rates of all meters.
    pub(crate) fn set_all(&mut self, rates: &[Rate]) -> Result<(), MeterError> {
        (0..self.size).try_for_each(|index| self.set(index, rates))
    }

    fn check(&self, rates: &[Rate]) -> Result<(), MeterError> {
        if rates.len() != self.kind.rates {
            return Err(MeterError::BadRates);
        }
        let mut least = 0.0;
        for rate in rates {
            if !rate.units_per_us.is_finite() || rate.units_per_us < least {
                return Err(MeterError::InvalidRate);
            }
            least = rate.units_per_us;
        }
        Ok(())
    }

    /// A meter's rates; none if they were not set.
    pub(crate) fn rates(&self, index: usize) -> Result<Vec<Rate>, MeterError> {
        if index >= self.size {
            return Err(MeterError::InvalidIndex);
        }
        let buckets = self.cells.get(index).and_then(Option::as_deref).unwrap_or_default();
        Ok(buckets.iter().map(|bucket| bucket.rate).collect())
    }

    /// Takes a meter's rates away.
    pub(crate) fn forget(&mut self, index: usize) {
        if let Some(cell) = self.cells.get_mut(index) {
            *cell = None;
        }
    }
}

impl Bucket {
    fn new(rate: &Rate) -> Self {
        Self { rate: *rate, tokens: rate.burst, counted: 0 }
    }

    /// Takes tokens, if there are as many.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "saturates, and is never negative"
    )]
    fn take(&mut self, now: u64, units: u64) -> bool {
        // Since the switch began, not since the last packet: so that no fraction gets lost.
        let come = (now as f64 * self.rate.units_per_us) as u64;
        self.tokens = self.tokens.saturating_add(come.saturating_sub(self.counted)).min(self.rate.burst);
        self.counted = self.counted.max(come);
        let enough = self.tokens >= units;
        if enough {
            self.tokens -= units;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACKETS: MeterKind = MeterKind { counts_packets: true, rates: 2 };

    fn rate(units_per_us: f64, burst: u64) -> Rate {
        Rate { units_per_us, burst }
    }

    #[test]
    fn a_packet_has_the_color_of_the_highest_rate_that_it_is_above() {
        let mut meters = Meters::new(PACKETS, 4);
        assert_eq!(meters.color(1, 0, 64), Some(0), "without rates all is green");
        meters.set(1, &[rate(0.001, 2), rate(0.002, 4)]).unwrap();
        let colors: Vec<_> = (0..6).map(|_| meters.color(1, 0, 64).unwrap()).collect();
        assert_eq!(colors, [0, 0, 1, 1, 2, 2]);
        let colors: Vec<_> = (0..3).map(|_| meters.color(1, 1000, 64).unwrap()).collect();
        assert_eq!(colors, [0, 1, 2], "a millisecond brings one token of the lower and two of the higher rate");
        assert_eq!(meters.color(4, 0, 64), None);
    }

    #[test]
    fn rates_that_make_no_sense_change_nothing() {
        let mut meters = Meters::new(PACKETS, 2);
        let good = [rate(1.0, 1), rate(2.0, 1)];
        meters.set(0, &good).unwrap();
        assert_eq!(meters.set(0, &good[..1]), Err(MeterError::BadRates));
        assert_eq!(meters.set(0, &[good[1], good[0]]), Err(MeterError::InvalidRate));
        assert_eq!(meters.set(0, &[rate(f64::NAN, 1), good[1]]), Err(MeterError::InvalidRate));
        assert_eq!(meters.set(0, &[rate(-1.0, 1), good[1]]), Err(MeterError::InvalidRate));
        assert_eq!(meters.set(2, &good), Err(MeterError::InvalidIndex));
        assert_eq!(meters.rates(0).unwrap(), good);
        assert_eq!(meters.rates(1).unwrap(), []);
        meters.forget(0);
        assert_eq!(meters.rates(0).unwrap(), []);
    }

    proptest! {
        #[test]
        fn no_more_passes_than_rate_and_burst_allow(
            burst in 0u64..5000,
            per_ms in 0u32..5000,
            packets in prop::collection::vec((0u64..400, 1u64..1600), 1..200),
        ) {
            let units_per_us = f64::from(per_ms) / 1000.0;
            let mut meters = Meters::new(MeterKind { counts_packets: false, rates: 1 }, 1);
            meters.set(0, &[rate(units_per_us, burst)]).unwrap();
            let (mut now, mut passed) = (0, 0);
            for (after, bytes) in packets {
                now += after;
                if meters.color(0, now, bytes) == Some(0) {
                    passed += bytes;
                }
                prop_assert!(passed <= burst + now * u64::from(per_ms) / 1000);
            }
        }
    }
}
