//! Where in a JSON text reader and writer are: what stands before the next item, and whether it is a key.

use crate::protocol::error;

/// The place of the next item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    FirstElement,
    Element,
    FirstKey,
    Key,
    Value,
    /// The type of a field is the only key of the field's object.
    FieldType,
    FieldValue,
    /// The field has its value; its object ends.
    FieldEnd,
}

/// What an item is preceded by, and whether it is a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) separator: Option<u8>,
    pub(super) is_key: bool,
}

/// The arrays and objects around the next item. Outside all of them items follow each other without separators.
#[derive(Debug, Default)]
pub(super) struct Nesting(Vec<Place>);

impl Nesting {
    /// Begins an item.
    pub(super) fn item(&mut self) -> thrift::Result<Item> {
        let Some(place) = self.0.last_mut() else { return Ok(Item { separator: None, is_key: false }) };
        let (separator, is_key, next) = match place {
            Place::FirstElement => (None, false, Place::Element),
            Place::Element => (Some(b','), false, Place::Element),
            Place::FirstKey => (None, true, Place::Value),
            Place::Key => (Some(b','), true, Place::Value),
            Place::Value => (Some(b':'), false, Place::Key),
            Place::FieldType => (None, true, Place::FieldValue),
            Place::FieldValue => (Some(b':'), false, Place::FieldEnd),
            Place::FieldEnd => return Err(error::invalid("a field has more than one value")),
        };
        *place = next;
        Ok(Item { separator, is_key })
    }

    pub(super) fn enter_array(&mut self) {
        self.0.push(Place::FirstElement);
    }

    pub(super) fn enter_object(&mut self) {
        self.0.push(Place::FirstKey);
    }

    pub(super) fn enter_field(&mut self) {
        self.0.push(Place::FieldType);
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Arrays and objects around the next item.
    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether the innermost object is that of a field that has its value.
    pub(super) fn is_field_over(&self) -> bool {
        self.0.last() == Some(&Place::FieldEnd)
    }
}
