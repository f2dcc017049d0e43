//! Memory that operations let go of.

use crate::content::Content;
use bifrost_rpc::memory::SPENT_BYTES_MAX;

#[derive(Debug)]
enum Spent {
    Version(Content),
    /// What was copied.
    Buffer(Vec<u8>),
}

/// Buffers beside the first that are used again.
const MORE_MAX: usize = 2;
/// What is smaller is given back as fast as it is noted, so that of several only the first is.
const NOTED_BYTES_MIN: usize = 16 * 1024;

impl Spent {
    fn len(&self) -> usize {
        match self {
            Self::Version(content) => content.len(),
            Self::Buffer(buffer) => buffer.capacity(),
        }
    }

    fn into_buffer(self) -> Option<Vec<u8>> {
        let buffer = match self {
            Self::Version(content) => content.into_buffer(),
            Self::Buffer(buffer) => Some(buffer),
        };
        // What is too large to be used again is given back here, where no lock is held.
        buffer.filter(|buffer| buffer.capacity() <= SPENT_BYTES_MAX)
    }
}

/// Versions that nothing needs any more. Dropping it gives their memory back, and only then is it free again.
#[derive(Debug, Default)]
#[must_use = "it is to be dropped where that may take long"]
pub struct Retired {
    /// The usual case is one, which needs no list.
    first: Option<Spent>,
    more: Vec<Spent>,
}

impl Retired {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn push(&mut self, content: Content) {
        self.put(Spent::Version(content));
    }

    pub(crate) fn push_buffer(&mut self, buffer: Vec<u8>) {
        self.put(Spent::Buffer(buffer));
    }

    fn put(&mut self, spent: Spent) {
        match self.first {
            None => self.first = Some(spent),
            Some(_) if spent.len() < NOTED_BYTES_MIN => {}
            Some(_) => self.more.push(spent),
        }
    }

    /// Gives the memory back, but for the first few buffers, which are returned to be used again if nobody else has them.
    #[must_use]
    pub fn into_spent(self) -> (Option<Vec<u8>>, Vec<Vec<u8>>) {
        let more = self.more.into_iter().take(MORE_MAX).filter_map(Spent::into_buffer).collect();
        (self.first.and_then(Spent::into_buffer), more)
    }
}
