//! The bodies of ACK: which bytes of a message have arrived, which calls have ended.

use super::{Cursor, WireError};

/// Ranges in one acknowledgement at most.
pub(crate) const RANGES_MAX: usize = 64;

/// How far a message has come at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum AckStatus {
    /// Some fragments are there.
    Partial = 0,
    /// All of it is there.
    Complete = 1,
    /// Nothing is there (any more): fragments acknowledged earlier were discarded, all are to be sent again.
    Discarded = 2,
}

/// ACK with an RPC id: which bytes of the message have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckBody {
    /// How far the message has come.
    pub status: AckStatus,
    /// The highest packet number received in the session.
    pub largest_packet: u64,
    /// Received bytes, `[start, end)`, ascending, at most 64 ranges.
    pub ranges: Vec<(u32, u32)>,
}

impl AckBody {
    /// The body on the wire. Ranges beyond the 64th are left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let ranges = &self.ranges[..self.ranges.len().min(RANGES_MAX)];
        let mut out = Vec::with_capacity(12 + 8 * ranges.len());
        out.push(self.status as u8);
        out.push(0);
        out.extend_from_slice(&u16::try_from(ranges.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&self.largest_packet.to_be_bytes());
        for (start, end) in ranges {
            out.extend_from_slice(&start.to_be_bytes());
            out.extend_from_slice(&end.to_be_bytes());
        }
        out
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// It is too short, has an unknown status, too many ranges, or ranges that are empty or out of order.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, 12)?;
        let status = match from.u8() {
            0 => AckStatus::Partial,
            1 => AckStatus::Complete,
            2 => AckStatus::Discarded,
            _ => return Err(WireError::Field("acknowledgement status")),
        };
        let _reserved = from.u8();
        let count = range_count(from.u16())?;
        let largest_packet = from.u64();
        let mut from = Cursor::new(from.0, count * 8)?;
        let ranges: Vec<(u32, u32)> = (0..count).map(|_| (from.u32(), from.u32())).collect();
        ascending(&ranges)?;
        Ok(Self { status, largest_packet, ranges })
    }
}

/// ACK with RPC id 0: calls above the header's lowest outstanding one that have ended for the client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FinishedBody {
    /// RPC ids, `[start, end)`, ascending, at most 64 ranges.
    pub ranges: Vec<(u64, u64)>,
}

impl FinishedBody {
    /// The body on the wire. Ranges beyond the 64th are left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let ranges = &self.ranges[..self.ranges.len().min(RANGES_MAX)];
        let mut out = Vec::with_capacity(2 + 16 * ranges.len());
        out.extend_from_slice(&u16::try_from(ranges.len()).unwrap_or(0).to_be_bytes());
        for (start, end) in ranges {
            out.extend_from_slice(&start.to_be_bytes());
            out.extend_from_slice(&end.to_be_bytes());
        }
        out
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// It is too short, or has too many ranges, or ranges that are empty or out of order.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, 2)?;
        let count = range_count(from.u16())?;
        let mut from = Cursor::new(from.0, count * 16)?;
        let ranges: Vec<(u64, u64)> = (0..count).map(|_| (from.u64(), from.u64())).collect();
        ascending(&ranges)?;
        Ok(Self { ranges })
    }
}

fn range_count(count: u16) -> Result<usize, WireError> {
    Some(usize::from(count)).filter(|count| *count <= RANGES_MAX).ok_or(WireError::Field("number of ranges"))
}

fn ascending<T: Ord + Copy>(ranges: &[(T, T)]) -> Result<(), WireError> {
    let filled = ranges.iter().all(|(start, end)| start < end);
    let ordered = ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    if filled && ordered { Ok(()) } else { Err(WireError::Field("ranges")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges_from<T: Ord + Copy>(mut points: Vec<T>) -> Vec<(T, T)> {
        points.sort_unstable();
        points.dedup();
        points.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }

    proptest! {
        #[test]
        fn acknowledgements_round_trip(points in prop::collection::vec(any::<u32>(), 0..=2 * RANGES_MAX), largest_packet: u64) {
            let body = AckBody { status: AckStatus::Partial, largest_packet, ranges: ranges_from(points) };
            prop_assert_eq!(AckBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn finished_round_trips(points in prop::collection::vec(any::<u64>(), 0..=2 * RANGES_MAX)) {
            let body = FinishedBody { ranges: ranges_from(points) };
            prop_assert_eq!(FinishedBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = (AckBody::parse(&bytes), FinishedBody::parse(&bytes));
        }
    }

    #[test]
    fn too_many_or_disordered_ranges_are_refused() {
        let mut bytes = vec![0, 0, 0, 65];
        bytes.resize(12 + 65 * 8, 0);
        assert_eq!(AckBody::parse(&bytes), Err(WireError::Field("number of ranges")));
        let body = AckBody { status: AckStatus::Partial, largest_packet: 0, ranges: vec![(5, 9), (7, 12)] };
        assert_eq!(AckBody::parse(&body.to_bytes()), Err(WireError::Field("ranges")));
    }
}
