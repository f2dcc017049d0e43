//! One codec at work on one value.

use anyhow::Result;

/// A codec with its value, its output buffer and an encoding of the value.
pub(super) trait Subject {
    /// Encodes the value so many times into the same buffer, which is emptied before each.
    fn encode(&mut self, times: u32) -> Result<()>;

    /// Decodes the encoding so many times, and drops what came out.
    fn decode(&mut self, times: u32) -> Result<()>;

    /// The encoding that is decoded.
    fn encoded(&self) -> Vec<u8>;

    /// Decodes `encoded` from now on.
    fn adopt(&mut self, encoded: &[u8]);

    /// Whether `bytes` decode to the value.
    fn reads(&self, bytes: &[u8]) -> Result<bool>;
}

/// A codec and the name of its variant.
pub(super) type Named = (&'static str, Box<dyn Subject>);
