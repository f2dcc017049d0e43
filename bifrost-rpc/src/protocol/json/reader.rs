use super::nesting::Nesting;
use super::tokens::Tokens;
use super::{VERSION, base64, bytes_min, type_of};
use crate::protocol::limits::{self, Guard, Limits};
use crate::protocol::{MessageHeader, MethodName, Reader, error, skip_value};
use crate::reference::Received;
use std::str::FromStr;
use std::sync::Arc;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// Reads the JSON protocol from a message in memory.
///
/// White space between tokens, all escapes of JSON, base64 with and without padding, quoted numbers, and the various
/// names of infinities and NaN are read, whoever wrote them. Numbers out of the range of their type are refused.
///
/// The end of a field is read when the next field or the end of the struct is, too, because `skip_till_depth` of Apache's
/// crate does not ask for it; and the end of a message with the end of its struct, because the processors that Apache's
/// compiler generates do not.
#[derive(Debug)]
pub struct JsonReader<B> {
    tokens: Tokens<B>,
    nesting: Nesting,
    guard: Guard,
    /// Whether the array of a message is open.
    is_in_message: bool,
}

impl<B: AsRef<[u8]>> JsonReader<B> {
    /// A reader of `message`, with the default limits.
    #[must_use]
    pub fn new(message: B) -> Self {
        Self::with_limits(message, Limits::DEFAULT)
    }

    /// A reader of `message`.
    #[must_use]
    pub fn with_limits(message: B, limits: Limits) -> Self {
        let (tokens, nesting, guard) = (Tokens::new(message), Nesting::default(), Guard::new(limits));
        Self { tokens, nesting, guard, is_in_message: false }
    }

    /// Bytes of the message that have not been read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.tokens.remaining()
    }

    /// Whether all values have been read to their ends, and nothing but white space follows.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.nesting.depth() == 0 && self.tokens.peek().is_none()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.tokens.byte()
    }

    pub(crate) fn into_message(self) -> B {
        self.tokens.into_text()
    }

    /// Begins an item; returns whether it is a key.
    fn item(&mut self) -> thrift::Result<bool> {
        let item = self.nesting.item()?;
        item.separator.map_or(Ok(()), |separator| self.tokens.expect(separator))?;
        Ok(item.is_key)
    }

    fn number<T: FromStr>(&mut self) -> thrift::Result<T> {
        let is_key = self.item()?;
        self.tokens.number(is_key)?.parse().map_err(|_| error::invalid("a number is malformed or out of range"))
    }

    fn begin_array(&mut self) -> thrift::Result<()> {
        self.item()?;
        self.tokens.expect(b'[')?;
        self.nesting.enter_array();
        Ok(())
    }

    fn begin_object(&mut self) -> thrift::Result<()> {
        self.item()?;
        self.tokens.expect(b'{')
    }

    fn end(&mut self, bracket: u8) -> thrift::Result<()> {
        self.tokens.expect(bracket)?;
        self.nesting.leave();
        Ok(())
    }

    fn type_name(&mut self) -> thrift::Result<TType> {
        self.item()?;
        type_of(&self.tokens.string()?)
    }

    /// The text of a `string`.
    fn text(&mut self) -> thrift::Result<String> {
        self.item()?;
        let content = self.tokens.string()?;
        self.guard.string(content.len())?;
        String::from_utf8(content.into_owned()).map_err(|error| error::not_utf8(error.utf8_error()))
    }

    pub(crate) fn skip_string(&mut self) -> thrift::Result<()> {
        self.item()?;
        self.tokens.pass_string().map(drop)
    }

    /// Enters a container that announces its length, with elements of at least so many bytes and a comma each.
    fn enter(&mut self, element_bytes: usize) -> thrift::Result<usize> {
        let len: i32 = self.number()?;
        let len = usize::try_from(len).map_err(|_| error::negative(len))?;
        self.guard.container_in(len, element_bytes + 1, self.tokens.remaining())?;
        self.guard.enter()?;
        Ok(len)
    }
}

impl<B: AsRef<[u8]>> Reader for JsonReader<B> {
    fn received(&self) -> Option<&Arc<Received>> {
        self.guard.received.as_ref()
    }
    fn set_received(&mut self, received: Option<Arc<Received>>) {
        self.guard.received = received;
    }
    fn message_begin(&mut self) -> thrift::Result<MessageHeader> {
        self.guard.message(self.tokens.remaining())?;
        self.nesting.clear();
        if self.tokens.peek() != Some(b'[') {
            return Err(error::bad_version(self.tokens.head()));
        }
        self.begin_array()?;
        if self.number::<i64>()? != VERSION {
            return Err(error::bad_json_version());
        }
        self.is_in_message = true;
        Ok(MessageHeader {
            name: MethodName::from(self.text()?.as_str()),
            kind: TMessageType::try_from(self.number::<u8>()?)?,
            sequence: self.number()?,
        })
    }
    fn message_end(&mut self) -> thrift::Result<()> {
        if std::mem::take(&mut self.is_in_message) { self.end(b']') } else { Ok(()) }
    }
    fn struct_begin(&mut self) -> thrift::Result<()> {
        self.guard.enter()?;
        self.begin_object()?;
        self.nesting.enter_object();
        Ok(())
    }
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.field_end()?;
        self.guard.leave();
        self.end(b'}')?;
        if self.nesting.depth() == 1 { self.message_end() } else { Ok(()) }
    }
    fn field_begin(&mut self) -> thrift::Result<(TType, i16)> {
        self.field_end()?;
        if self.tokens.peek() == Some(b'}') {
            return Ok((TType::Stop, 0));
        }
        let id = self.number()?;
        self.begin_object()?;
        self.nesting.enter_field();
        Ok((self.type_name()?, id))
    }
    fn field_end(&mut self) -> thrift::Result<()> {
        if self.nesting.is_field_over() { self.end(b'}') } else { Ok(()) }
    }
    fn list_begin(&mut self) -> thrift::Result<(TType, usize)> {
        self.begin_array()?;
        let element = self.type_name()?;
        Ok((element, self.enter(bytes_min(element))?))
    }
    fn list_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.end(b']')
    }
    fn set_begin(&mut self) -> thrift::Result<(TType, usize)> {
        self.list_begin()
    }
    fn set_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    fn map_begin(&mut self) -> thrift::Result<(TType, TType, usize)> {
        self.begin_array()?;
        let (key, value) = (self.type_name()?, self.type_name()?);
        let len = self.enter(bytes_min(key) + bytes_min(value))?;
        self.begin_object()?;
        self.nesting.enter_object();
        Ok((key, value, len))
    }
    fn map_end(&mut self) -> thrift::Result<()> {
        self.end(b'}')?;
        self.list_end()
    }
    fn bool(&mut self) -> thrift::Result<bool> {
        self.number::<i64>().map(|value| value != 0)
    }
    fn i8(&mut self) -> thrift::Result<i8> {
        self.number()
    }
    fn i16(&mut self) -> thrift::Result<i16> {
        self.number()
    }
    fn i32(&mut self) -> thrift::Result<i32> {
        self.number()
    }
    fn i64(&mut self) -> thrift::Result<i64> {
        self.number()
    }
    fn double(&mut self) -> thrift::Result<f64> {
        let is_key = self.item()?;
        let number = self.tokens.number(is_key)?;
        match number.parse::<f64>() {
            // Infinity has a name; digits that amount to it are out of range.
            Ok(value) if value.is_infinite() && number.contains(|c: char| c.is_ascii_digit()) => {}
            Ok(value) => return Ok(value),
            Err(_) => {}
        }
        Err(error::invalid("a number is malformed or out of range"))
    }
    fn uuid(&mut self) -> thrift::Result<Uuid> {
        self.item()?;
        let text = self.tokens.string()?;
        Uuid::try_parse_ascii(&text).map_err(|_| error::invalid("a uuid is malformed"))
    }
    fn string(&mut self) -> thrift::Result<String> {
        self.text()
    }
    fn bytes(&mut self) -> thrift::Result<Vec<u8>> {
        self.item()?;
        let text = self.tokens.string()?;
        self.guard.string(base64::decoded_len_min(text.len()))?;
        let bytes = base64::decode(&text).ok_or_else(|| error::invalid("a binary is no base64"))?;
        self.guard.string(bytes.len())?;
        Ok(bytes)
    }
    // Text as it is: that of a binary is its base64, which the writer puts out again.
    fn text_or_bytes(&mut self) -> thrift::Result<Vec<u8>> {
        self.text().map(String::into_bytes)
    }
    fn skip(&mut self, field_type: TType) -> thrift::Result<()> {
        skip_value(self, field_type, Self::skip_string)
    }
    fn reserve_hint(&self, len: usize, size: usize) -> usize {
        limits::reserve_hint(len, size, self.tokens.remaining())
    }
    fn charge(&mut self, bytes: usize) -> thrift::Result<()> {
        self.guard.charge(bytes)
    }
}
