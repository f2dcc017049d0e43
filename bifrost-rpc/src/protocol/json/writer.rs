use super::nesting::Nesting;
use super::{VERSION, base64, text, type_name};
use crate::buffer::MessageBuffer;
use crate::protocol::Writer;
use crate::protocol::limits::{Guard, Limits, wire_len};
use crate::reference::Passing;
use std::fmt::Display;
use std::io::Write;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// Writes the JSON protocol to the end of a [`MessageBuffer`], without white space.
#[derive(Debug)]
pub struct JsonWriter<O> {
    out: O,
    nesting: Nesting,
    guard: Guard,
}

impl<O: AsMut<MessageBuffer>> JsonWriter<O> {
    /// A writer with the default limits.
    #[must_use]
    pub fn new(out: O) -> Self {
        Self::with_limits(out, Limits::DEFAULT)
    }

    /// A writer with limits on depth and message size.
    #[must_use]
    pub fn with_limits(out: O, limits: Limits) -> Self {
        Self { out, nesting: Nesting::default(), guard: Guard::new(limits) }
    }

    pub(crate) fn out(&mut self) -> &mut MessageBuffer {
        self.out.as_mut()
    }

    /// Whether all values have been written to their ends.
    pub(crate) fn is_at_end(&self) -> bool {
        self.nesting.depth() == 0
    }

    fn tail(&mut self) -> &mut Vec<u8> {
        self.out.as_mut().tail_mut()
    }

    fn put(&mut self, byte: u8) {
        self.tail().push(byte);
    }

    /// Begins an item; returns whether it is a key.
    fn item(&mut self) -> thrift::Result<bool> {
        let item = self.nesting.item()?;
        self.tail().extend(item.separator);
        Ok(item.is_key)
    }

    /// A number; a key is quoted.
    fn number(&mut self, number: impl Display) -> thrift::Result<()> {
        if self.item()? {
            write!(self.tail(), "\"{number}\"")?;
        } else {
            write!(self.tail(), "{number}")?;
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> thrift::Result<()> {
        self.item()?;
        text::put_string(self.tail(), text);
        Ok(())
    }

    fn begin_array(&mut self) -> thrift::Result<()> {
        self.item()?;
        self.put(b'[');
        self.nesting.enter_array();
        Ok(())
    }

    fn begin_object(&mut self) -> thrift::Result<()> {
        self.item()?;
        self.put(b'{');
        Ok(())
    }

    fn end(&mut self, bracket: u8) {
        self.put(bracket);
        self.nesting.leave();
    }

    /// The type of elements. None has a name where there are no elements and other protocols say none.
    fn element_type(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        let element = if element == TType::Stop && len == 0 { TType::I08 } else { element };
        self.text(type_name(element)?)
    }
}

impl<O: AsMut<MessageBuffer>> Writer for JsonWriter<O> {
    fn passing(&mut self) -> Option<&mut Passing> {
        self.out.as_mut().passing()
    }
    /// Whatever was not finished before is no more.
    fn message_begin(&mut self, name: &str, kind: TMessageType, sequence: i32) -> thrift::Result<()> {
        self.nesting.clear();
        self.guard.restart();
        self.begin_array()?;
        self.number(VERSION)?;
        self.text(name)?;
        self.number(u8::from(kind))?;
        self.number(sequence)
    }
    fn message_end(&mut self) -> thrift::Result<()> {
        self.end(b']');
        self.guard.message(self.out.as_mut().len())
    }
    fn struct_begin(&mut self, _name: &'static str) -> thrift::Result<()> {
        self.guard.enter()?;
        self.begin_object()?;
        self.nesting.enter_object();
        Ok(())
    }
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.end(b'}');
        Ok(())
    }
    fn field_begin(&mut self, _name: &'static str, field_type: TType, id: i16) -> thrift::Result<()> {
        self.number(id)?;
        self.begin_object()?;
        self.nesting.enter_field();
        self.text(type_name(field_type)?)
    }
    fn field_end(&mut self) -> thrift::Result<()> {
        self.end(b'}');
        Ok(())
    }
    fn field_stop(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    fn list_begin(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        self.guard.enter()?;
        self.begin_array()?;
        self.element_type(element, len)?;
        self.number(wire_len(len)?)
    }
    fn list_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.end(b']');
        Ok(())
    }
    fn set_begin(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        self.list_begin(element, len)
    }
    fn set_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    fn map_begin(&mut self, key: TType, value: TType, len: usize) -> thrift::Result<()> {
        self.guard.enter()?;
        self.begin_array()?;
        self.element_type(key, len)?;
        self.element_type(value, len)?;
        self.number(wire_len(len)?)?;
        self.begin_object()?;
        self.nesting.enter_object();
        Ok(())
    }
    fn map_end(&mut self) -> thrift::Result<()> {
        self.end(b'}');
        self.list_end()
    }
    fn bool(&mut self, value: bool) -> thrift::Result<()> {
        self.number(u8::from(value))
    }
    fn i8(&mut self, value: i8) -> thrift::Result<()> {
        self.number(value)
    }
    fn i16(&mut self, value: i16) -> thrift::Result<()> {
        self.number(value)
    }
    fn i32(&mut self, value: i32) -> thrift::Result<()> {
        self.number(value)
    }
    fn i64(&mut self, value: i64) -> thrift::Result<()> {
        self.number(value)
    }
    fn double(&mut self, value: f64) -> thrift::Result<()> {
        if value.is_nan() {
            self.text("NaN")
        } else if value.is_infinite() {
            self.text(if value > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            // The shortest digits that are read back as the same value, with an exponent where there would be many.
            self.number(format_args!("{value:?}"))
        }
    }
    fn uuid(&mut self, value: &Uuid) -> thrift::Result<()> {
        self.item()?;
        write!(self.tail(), "\"{}\"", value.hyphenated())?;
        Ok(())
    }
    fn string(&mut self, value: &str) -> thrift::Result<()> {
        wire_len(value.len())?;
        self.text(value)
    }
    fn bytes(&mut self, value: &[u8]) -> thrift::Result<()> {
        wire_len(value.len())?;
        self.item()?;
        self.put(b'"');
        base64::put(self.tail(), value);
        self.put(b'"');
        Ok(())
    }
    fn text_or_bytes(&mut self, value: &[u8]) -> thrift::Result<()> {
        match std::str::from_utf8(value) {
            Ok(text) => self.string(text),
            // It came in another protocol, and is no `string`.
            Err(_) => self.bytes(value),
        }
    }
}
