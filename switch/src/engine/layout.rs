//! Where every header and field of a program stands in the buffer that travels with a packet.

use std::collections::HashMap;

use super::bits::{PAD, Slot};

/// A field of a header type, its slot counted from the header's beginning.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) slot: Slot,
}

/// A header type.
#[derive(Clone, Debug)]
pub(crate) struct HeaderType {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) bits: u32,
}

/// A header or metadata instance. Headers are kept as on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: String,
    /// Its place in [`Layout::types`].
    pub(crate) kind: usize,
    /// Its first byte in [`Phv::bytes`].
    pub(crate) first: u32,
    pub(crate) bytes: usize,
    /// Always valid, never sent.
    pub(crate) is_metadata: bool,
}

impl Header {
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.first as usize..self.first as usize + self.bytes
    }
}

/// A header stack.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) kind: usize,
    /// Places in [`Layout::headers`].
    pub(crate) headers: Vec<usize>,
}

/// All headers of a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) types: Vec<HeaderType>,
    pub(crate) headers: Vec<Header>,
    pub(crate) stacks: Vec<Stack>,
    pub(crate) header_names: HashMap<String, usize>,
    pub(crate) stack_names: HashMap<String, usize>,
    /// Bytes of a packet's headers, without [`PAD`].
    pub(crate) bytes: usize,
}

impl Layout {
    /// The slot of a field in [`Phv::bytes`].
    pub(crate) fn field(&self, header: usize, name: &str) -> Option<Slot> {
        let header = self.headers.get(header)?;
        let kind = self.types.get(header.kind)?;
        let field = kind.fields.iter().find(|field| field.name == name)?;
        Some(field.slot.shifted(header.first))
    }

    /// The slot of a field of a stack's element.
    #[inline]
    pub(crate) fn element(&self, stack: usize, index: u64, field: Slot) -> Option<Slot> {
        let header = self.element_header(stack, index)?;
        Some(field.shifted(self.headers.get(header)?.first))
    }

    pub(crate) fn element_header(&self, stack: usize, index: u64) -> Option<usize> {
        self.stacks.get(stack)?.headers.get(usize::try_from(index).ok()?).copied()
    }
}

/// The headers and metadata of one packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phv {
    pub(crate) bytes: Vec<u8>,
    /// For each header whether it is valid; always for metadata.
    pub(crate) valid: Vec<bool>,
    /// For each stack how many elements were extracted or pushed.
    pub(crate) next: Vec<usize>,
}

impl Phv {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut phv = Self {
            bytes: vec![0; layout.bytes + PAD],
            valid: vec![false; layout.headers.len()],
            next: vec![0; layout.stacks.len()],
        };
        phv.reset(layout);
        phv
    }

    /// As for a new packet.
    pub(crate) fn reset(&mut self, layout: &Layout) {
        self.bytes.fill(0);
        self.next.fill(0);
        for (valid, header) in self.valid.iter_mut().zip(&layout.headers) {
            *valid = header.is_metadata;
        }
    }

    /// Sets the metadata to zero, and leaves the headers.
    pub(crate) fn reset_metadata(&mut self, layout: &Layout) {
        for header in layout.headers.iter().filter(|header| header.is_metadata) {
            if let Some(bytes) = self.bytes.get_mut(header.range()) {
                bytes.fill(0);
            }
        }
    }

    /// Becomes a copy, without a new allocation.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.bytes.clone_from(&other.bytes);
        self.valid.clone_from(&other.valid);
        self.next.clone_from(&other.next);
    }

    #[inline]
    pub(crate) fn is_valid(&self, header: usize) -> bool {
        self.valid.get(header).copied().unwrap_or(false)
    }

    #[inline]
    pub(crate) fn set_valid(&mut self, header: usize, valid: bool) {
        if let Some(slot) = self.valid.get_mut(header) {
            *slot = valid;
        }
    }

    /// The index of a stack's last element.
    pub(crate) fn last(&self, stack: usize) -> Option<u64> {
        self.next.get(stack)?.checked_sub(1).map(|last| last as u64)
    }

    /// Sets a field that may not exist.
    #[inline]
    pub(crate) fn set(&mut self, slot: Option<Slot>, value: u64) {
        if let Some(slot) = slot {
            slot.store(&mut self.bytes, u128::from(value));
        }
    }

    pub(crate) fn field(&self, slot: Option<Slot>) -> u64 {
        slot.map_or(0, |slot| u64::try_from(slot.load(&self.bytes)).unwrap_or(u64::MAX))
    }
}
