//! From times of points to parts of a call.

use anyhow::{Context, Result};

use crate::points::{Point, Times};

/// What the time of a call is divided into, in the order in which it is drawn.
pub(super) const NAMES: [&str; 6] =
    ["pre-processing", "marshalling", "network", "unmarshalling", "server computation", "post-processing"];

/// Nanoseconds of each part.
pub(super) type Parts = [u64; NAMES.len()];

/// When a call began and ended, and the points that it reached at both ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) start: u64,
    pub(super) client: Times,
    pub(super) server: Times,
    pub(super) end: u64,
}

impl Call {
    /// The parts, which add up to the whole.
    ///
    /// # Errors
    /// The points were not reached in their order: they are not all of this call.
    pub(super) fn parts(&self) -> Result<Parts> {
        let at = |times: Times, point: Point| times[point as usize];
        let (client, server) = (self.client, self.server);
        let steps = [
            (0, at(client, Point::Encoding)),
            (1, at(client, Point::Encoded)),
            (2, at(server, Point::Received)),
            (3, at(server, Point::Decoded)),
            (4, at(server, Point::Encoding)),
            (1, at(server, Point::Encoded)),
            (2, at(client, Point::Received)),
            (3, at(client, Point::Decoded)),
            (5, self.end),
        ];
        let (mut parts, mut before) = ([0; NAMES.len()], self.start);
        for (part, time) in steps {
            let took = time.checked_sub(before);
            parts[part] += took.with_context(|| format!("a call whose points are out of order: {self:?}"))?;
            before = time;
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        // Encoding, encoded, received, decoded.
        let call = Call { start: 100, client: [101, 103, 180, 183], server: [140, 147, 110, 115], end: 200 };
        let parts = call.parts().unwrap();
        assert_eq!(parts, [1, 2 + 7, 7 + 33, 5 + 3, 25, 17]);
        assert_eq!(parts.iter().sum::<u64>(), 100);
    }

    #[test]
    fn points_of_another_call_are_noticed() {
        let call = Call { start: 100, client: [101, 103, 180, 183], server: [90, 95, 80, 85], end: 200 };
        assert!(call.parts().unwrap_err().to_string().contains("order"));
    }
}
