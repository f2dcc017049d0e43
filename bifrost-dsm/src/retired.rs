//! Memory that operations let go of.

use crate::content::Content;

/// Versions that nothing needs any more. Dropping it gives their memory back, and only then is it free again.
#[derive(Debug, Default)]
#[must_use = "it is to be dropped where that may take long"]
pub struct Retired {
    versions: Vec<Content>,
    /// What was copied.
    buffers: Vec<Vec<u8>>,
}

impl Retired {
    pub(crate) fn push(&mut self, content: Content) {
        self.versions.push(content);
    }

    pub(crate) fn push_buffer(&mut self, buffer: Vec<u8>) {
        self.buffers.push(buffer);
    }

    /// Gives the memory back, but for a single buffer that nobody else has, which is returned to be used again.
    #[must_use]
    pub fn into_spent(mut self) -> Option<Vec<u8>> {
        match (self.versions.len(), self.buffers.len()) {
            (1, 0) => self.versions.pop().and_then(Content::into_buffer),
            (0, 1) => self.buffers.pop(),
            _ => None,
        }
    }
}
