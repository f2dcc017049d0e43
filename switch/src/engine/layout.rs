//! Where every header and field of a program stands in the buffer that travels with a packet.

use std::collections::HashMap;

use super::bits::{PAD, Slot};

/// A field of a header type, its slot counted from the header's beginning.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) slot: Slot,
    /// It is the header's [`Variable`], of which the slot is the room.
    pub(crate) is_variable: bool,
}

/// The field of a header whose length differs from packet to packet. There is room for the longest; what is not used of it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Its first byte in the header.
    pub(crate) first: usize,
    /// Bytes that there is room for.
    pub(crate) bytes: usize,
}

/// A header type.
#[derive(Clone, Debug)]
pub(crate) struct HeaderType {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// With all the room of a field of variable length.
    pub(crate) bits: u32,
    pub(crate) variable: Option<Variable>,
}

/// A header or metadata instance. Headers are kept as on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: String,
    /// Its place in [`Layout::types`].
    pub(crate) kind: usize,
    /// Its first byte in [`Phv::bytes`].
    pub(crate) first: u32,
    /// In [`Phv::bytes`]; on the wire there are fewer where `variable` is not as long as it may be.
    pub(crate) bytes: usize,
    pub(crate) variable: Option<Variable>,
    /// The union that it belongs to, in [`Layout::unions`].
    pub(crate) union: Option<usize>,
    /// Always valid, never sent.
    pub(crate) is_metadata: bool,
}

impl Header {
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.first as usize..self.first as usize + self.bytes
    }

    /// Bytes on the wire, where the field of variable length has so many.
    pub(crate) fn wire_bytes(&self, variable_bytes: usize) -> usize {
        self.bytes - self.variable.map_or(0, |variable| variable.bytes) + variable_bytes
    }

    /// What is on the wire then: two ranges of [`Phv::bytes`], one after the other.
    pub(crate) fn wire(&self, variable_bytes: usize) -> [std::ops::Range<usize>; 2] {
        let std::ops::Range { start, end } = self.range();
        let Some(Variable { first, bytes }) = self.variable else { return [start..end, end..end] };
        [start..start + first + variable_bytes, start + first + bytes..end]
    }

    /// The room for the field of variable length.
    pub(crate) fn room(&self) -> std::ops::Range<usize> {
        let Variable { first, bytes } = self.variable.unwrap_or(Variable { first: 0, bytes: 0 });
        let start = self.first as usize + first;
        start..start + bytes
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
    /// Headers of which at most one is valid.
    pub(crate) unions: Vec<Vec<usize>>,
    pub(crate) union_names: HashMap<String, usize>,
    pub(crate) header_names: HashMap<String, usize>,
    pub(crate) stack_names: HashMap<String, usize>,
    /// For each header whether it is metadata, which is valid from the beginning.
    pub(crate) valid_at_first: Vec<bool>,
    /// Bytes of a packet's headers, without [`PAD`].
    pub(crate) bytes: usize,
}

impl Layout {
    /// The slot of a field in [`Phv::bytes`].
    pub(crate) fn field(&self, header: usize, name: &str) -> Option<Slot> {
        let header = self.headers.get(header)?;
        let kind = self.types.get(header.kind)?;
        let field = kind.fields.iter().find(|field| field.name == name && !field.is_variable)?;
        Some(field.slot.shifted(header.first))
    }

    /// Whether a field is a header's field of variable length.
    pub(crate) fn is_variable(&self, header: usize, name: &str) -> bool {
        let kind = self.headers.get(header).and_then(|header| self.types.get(header.kind));
        kind.is_some_and(|kind| kind.fields.iter().any(|field| field.name == name && field.is_variable))
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
    /// For each header the bytes of its field of variable length; empty in programs that have none.
    pub(crate) variable_bytes: Vec<usize>,
}

impl Phv {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut phv = Self {
            bytes: vec![0; layout.bytes + PAD],
            valid: vec![false; layout.headers.len()],
            next: vec![0; layout.stacks.len()],
            variable_bytes: Vec::new(),
        };
        if layout.headers.iter().any(|header| header.variable.is_some()) {
            phv.variable_bytes = vec![0; layout.headers.len()];
        }
        phv.reset(layout);
        phv
    }

    /// As for a new packet.
    pub(crate) fn reset(&mut self, layout: &Layout) {
        self.bytes.fill(0);
        self.next.fill(0);
        self.variable_bytes.fill(0);
        self.valid.clone_from(&layout.valid_at_first);
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
        self.variable_bytes.clone_from(&other.variable_bytes);
    }

    /// Makes a header valid, and the others of its union invalid.
    #[inline]
    pub(crate) fn make_valid(&mut self, layout: &Layout, header: usize) {
        let union = layout.headers.get(header).and_then(|header| layout.unions.get(header.union?));
        for &other in union.into_iter().flatten() {
            self.set_valid(other, false);
        }
        self.set_valid(header, true);
    }

    /// Bytes of a header's field of variable length.
    #[inline]
    pub(crate) fn variable_bytes(&self, header: usize) -> usize {
        self.variable_bytes.get(header).copied().unwrap_or(0)
    }

    pub(crate) fn set_variable_bytes(&mut self, header: usize, bytes: usize) {
        if let Some(slot) = self.variable_bytes.get_mut(header) {
            *slot = bytes;
        }
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
