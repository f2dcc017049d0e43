//! The binary and the compact protocol, which say how long their values are.

use super::ScanError;
use crate::protocol::Limits;

/// How the values of a type are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// So many bytes.
    Fixed(u8),
    Varint,
    /// A length and so many bytes.
    Text,
    /// Fields up to a stop.
    Struct,
    List,
    Map,
}

/// What is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Bytes(usize),
    Value(Shape),
    Elements { of: Shape, left: usize },
    Entries { key: Shape, value: Shape, left: usize },
}

/// Parts that one level of nesting leaves to come, at most: of a map its other entries and the value.
const PARTS_PER_LEVEL: usize = 3;
/// Parts to come that are no values inside others.
const PARTS_OF_MESSAGE: usize = 8;
/// Bytes of the longest variable-length integer.
const VARINT_BYTES_MAX: usize = 10;

/// Passes over one message.
#[derive(Debug)]
pub(crate) struct LengthScanner {
    is_compact: bool,
    /// Longest length and count believed.
    limit: usize,
    /// Most parts to come. Never fewer than readers of the same limits allow: what they refuse they answer.
    parts_max: usize,
    /// Bytes passed over.
    at: usize,
    /// What is to come; the next is the last.
    parts: Vec<Part>,
}

impl LengthScanner {
    /// A scanner for one message within `limits`, in the binary protocol with a version in its header.
    pub(super) fn strict(limits: &Limits) -> Self {
        Self::new(false, [Part::Bytes(4), Part::Value(Shape::Text), Part::Bytes(4)], limits)
    }

    /// The same with the header of old: name, kind, sequence.
    pub(super) fn old(limits: &Limits) -> Self {
        Self::new(false, [Part::Bytes(4), Part::Bytes(1), Part::Value(Shape::Text)], limits)
    }

    /// The same in the compact protocol.
    pub(super) fn compact(limits: &Limits) -> Self {
        Self::new(true, [Part::Value(Shape::Text), Part::Value(Shape::Varint), Part::Bytes(2)], limits)
    }

    /// `header` is what comes before the struct, the last part first.
    fn new(is_compact: bool, header: [Part; 3], limits: &Limits) -> Self {
        let mut parts = vec![Part::Value(Shape::Struct)];
        parts.extend(header);
        let parts_max = PARTS_OF_MESSAGE + PARTS_PER_LEVEL * (usize::from(limits.depth_max) + 1);
        Self { is_compact, limit: limits.message_bytes_max, parts_max, at: 0, parts }
    }

    /// Looks at what has come since the last time; `bytes` are all bytes since the message began. Returns where the
    /// message ends, once that is known.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, ScanError> {
        while let Some(part) = self.parts.pop() {
            let rest = bytes.get(self.at..).unwrap_or_default();
            if !self.step(part, rest)? {
                return Ok(None);
            }
            if self.parts.len() > self.parts_max {
                return Err(ScanError::Depth);
            }
        }
        Ok(Some(self.at))
    }

    /// Passes over a part, or puts back what of it is still to come and returns `false`.
    fn step(&mut self, part: Part, rest: &[u8]) -> Result<bool, ScanError> {
        match part {
            Part::Bytes(len) => {
                let there = len.min(rest.len());
                self.at += there;
                if there < len {
                    self.parts.push(Part::Bytes(len - there));
                    return Ok(false);
                }
            }
            Part::Elements { left: 0, .. } | Part::Entries { left: 0, .. } => {}
            Part::Elements { of: Shape::Fixed(bytes), left } => {
                self.parts.push(Part::Bytes(left.saturating_mul(bytes.into())));
            }
            Part::Elements { of, left } => {
                self.parts.extend([Part::Elements { of, left: left - 1 }, Part::Value(of)]);
            }
            Part::Entries { key, value, left } => {
                let others = Part::Entries { key, value, left: left - 1 };
                self.parts.extend([others, Part::Value(value), Part::Value(key)]);
            }
            Part::Value(shape) => match self.open(shape, rest)? {
                Some(used) => self.at += used,
                None => {
                    self.parts.push(part);
                    return Ok(false);
                }
            },
        }
        Ok(true)
    }

    /// Takes a value's head of so many bytes, and notes what follows; `None` if the head is not all there.
    fn open(&mut self, shape: Shape, rest: &[u8]) -> Result<Option<usize>, ScanError> {
        match shape {
            Shape::Fixed(bytes) => {
                self.parts.push(Part::Bytes(bytes.into()));
                Ok(Some(0))
            }
            Shape::Varint => Ok(varint(rest)?.map(|(_, used)| used)),
            Shape::Text => {
                let Some((len, used)) = self.length(rest)? else { return Ok(None) };
                self.parts.push(Part::Bytes(len));
                Ok(Some(used))
            }
            Shape::Struct => self.open_field(rest),
            Shape::List if self.is_compact => self.open_compact_list(rest),
            Shape::List => {
                let Some((&of, rest)) = rest.split_first() else { return Ok(None) };
                let Some((left, used)) = self.length(rest)? else { return Ok(None) };
                self.push_elements(of, left)?;
                Ok(Some(1 + used))
            }
            Shape::Map if self.is_compact => self.open_compact_map(rest),
            Shape::Map => {
                let Some((&[key, value], rest)) = rest.split_first_chunk() else { return Ok(None) };
                let Some((left, used)) = self.length(rest)? else { return Ok(None) };
                self.push_entries(key, value, left)?;
                Ok(Some(2 + used))
            }
        }
    }

    /// The head of a field, or the stop after the last.
    fn open_field(&mut self, rest: &[u8]) -> Result<Option<usize>, ScanError> {
        let Some((&head, rest)) = rest.split_first() else { return Ok(None) };
        let (shape, used) = if self.is_compact {
            let Some(shape) = compact_field_shape(head)? else { return Ok(Some(1)) };
            // Without a difference to the last id, the id follows.
            let id = if head >> 4 == 0 { varint(rest)?.map(|(_, used)| used) } else { Some(0) };
            let Some(id) = id else { return Ok(None) };
            (shape, 1 + id)
        } else {
            if head == 0 {
                return Ok(Some(1));
            }
            if rest.len() < 2 {
                return Ok(None);
            }
            (binary_shape(head)?, 3)
        };
        self.parts.extend([Part::Value(Shape::Struct), Part::Value(shape)]);
        Ok(Some(used))
    }

    fn open_compact_list(&mut self, rest: &[u8]) -> Result<Option<usize>, ScanError> {
        let Some((&head, rest)) = rest.split_first() else { return Ok(None) };
        let (left, used) = match head >> 4 {
            15 => match self.length(rest)? {
                Some(found) => found,
                None => return Ok(None),
            },
            short => (short.into(), 0),
        };
        self.push_elements(head & 0x0f, left)?;
        Ok(Some(1 + used))
    }

    fn open_compact_map(&mut self, rest: &[u8]) -> Result<Option<usize>, ScanError> {
        let Some((left, used)) = self.length(rest)? else { return Ok(None) };
        if left == 0 {
            return Ok(Some(used));
        }
        let Some(types) = rest.get(used) else { return Ok(None) };
        self.push_entries(types >> 4, types & 0x0f, left)?;
        Ok(Some(used + 1))
    }

    /// The type of no elements may be anything.
    fn push_elements(&mut self, of: u8, left: usize) -> Result<(), ScanError> {
        if left > 0 {
            let of = self.element_shape(of)?;
            self.parts.push(Part::Elements { of, left });
        }
        Ok(())
    }

    fn push_entries(&mut self, key: u8, value: u8, left: usize) -> Result<(), ScanError> {
        if left > 0 {
            let (key, value) = (self.element_shape(key)?, self.element_shape(value)?);
            self.parts.push(Part::Entries { key, value, left });
        }
        Ok(())
    }

    fn element_shape(&self, of: u8) -> Result<Shape, ScanError> {
        if self.is_compact { compact_element_shape(of) } else { binary_shape(of) }
    }

    /// A length or a count, and the bytes it takes.
    fn length(&self, rest: &[u8]) -> Result<Option<(usize, usize)>, ScanError> {
        let found = if self.is_compact {
            varint(rest)?
        } else {
            rest.first_chunk().map(|bytes| (u32::from_be_bytes(*bytes).into(), 4))
        };
        let Some((length, used)) = found else { return Ok(None) };
        match usize::try_from(length) {
            Ok(len) if len <= self.limit => Ok(Some((len, used))),
            _ => Err(ScanError::Length(length)),
        }
    }
}

/// A variable-length integer and the bytes it takes.
fn varint(rest: &[u8]) -> Result<Option<(u64, usize)>, ScanError> {
    let mut value = 0;
    for (index, byte) in rest.iter().take(VARINT_BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Ok(Some((value, index + 1)));
        }
    }
    if rest.len() < VARINT_BYTES_MAX { Ok(None) } else { Err(ScanError::Varint) }
}

fn binary_shape(of: u8) -> Result<Shape, ScanError> {
    Ok(match of {
        2 | 3 => Shape::Fixed(1),
        6 => Shape::Fixed(2),
        8 => Shape::Fixed(4),
        4 | 10 => Shape::Fixed(8),
        16 => Shape::Fixed(16),
        11 => Shape::Text,
        12 => Shape::Struct,
        13 => Shape::Map,
        14 | 15 => Shape::List,
        _ => return Err(ScanError::Type(of)),
    })
}

fn compact_element_shape(of: u8) -> Result<Shape, ScanError> {
    Ok(match of {
        1..=3 => Shape::Fixed(1),
        4..=6 => Shape::Varint,
        7 => Shape::Fixed(8),
        8 => Shape::Text,
        9 | 10 => Shape::List,
        11 => Shape::Map,
        12 => Shape::Struct,
        13 => Shape::Fixed(16),
        _ => return Err(ScanError::Type(of)),
    })
}

/// `None` is the stop. The head of a field that is a `bool` is its value, too.
fn compact_field_shape(head: u8) -> Result<Option<Shape>, ScanError> {
    match head & 0x0f {
        0 => Ok(None),
        1 | 2 => Ok(Some(Shape::Fixed(0))),
        of => compact_element_shape(of).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_containers_cost_no_memory() {
        // A list of a million structs is announced and never comes.
        let head = b"\0\0\0\x03add\x01\0\0\0\x07\x0f\0\x01\x0c\0\x0f\0\0";
        let mut scanner = LengthScanner::old(&Limits::DEFAULT);
        assert_eq!(scanner.advance(head), Ok(None));
        assert!(scanner.parts.len() < 8);
    }
}
