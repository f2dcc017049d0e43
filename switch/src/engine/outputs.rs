//! What comes out of the switch for one packet.

/// Packets and digests, in memory that is used again.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    pub(crate) bytes: Vec<u8>,
    /// Port and first byte of each packet; it ends where the next begins.
    pub(crate) packets: Vec<(u32, usize)>,
    digest_bytes: Vec<u8>,
    digests: Vec<(u64, usize)>,
}

impl Outputs {
    /// Forgets everything, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.digest_bytes.clear();
        self.digests.clear();
    }

    pub(crate) fn push_digest(&mut self, list: u64, sample: &[u8]) {
        self.digests.push((list, self.digest_bytes.len()));
        self.digest_bytes.extend_from_slice(sample);
    }

    /// The packets to send, each with its port, in order.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = (u32, &[u8])> {
        pieces(&self.packets, &self.bytes)
    }

    /// Samples for the control plane, each with the id of its learn list: its fields, each in whole bytes.
    pub fn digests(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> {
        pieces(&self.digests, &self.digest_bytes)
    }
}

fn pieces<'a, K: Copy>(starts: &'a [(K, usize)], bytes: &'a [u8]) -> impl ExactSizeIterator<Item = (K, &'a [u8])> {
    let end = move |i: usize| starts.get(i + 1).map_or(bytes.len(), |&(_, start)| start);
    starts.iter().enumerate().map(move |(i, &(key, start))| (key, bytes.get(start..end(i)).unwrap_or_default()))
}
