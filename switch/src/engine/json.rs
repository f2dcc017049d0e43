//! JSON values that know where they stand, for messages.

use serde_json::{Map, Value};

use super::error::{LoadError, Problem, Result};
use super::int::Wide;

/// A value and its path.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(crate) fn fail<T>(&self, problem: Problem) -> Result<T> {
        let path = if self.path.is_empty() { "the program".to_owned() } else { self.path.clone() };
        Err(LoadError::At { path, problem })
    }

    pub(crate) fn invalid<T>(&self, what: impl Into<String>) -> Result<T> {
        self.fail(Problem::Invalid(what.into()))
    }

    pub(crate) fn unsupported<T>(&self, what: impl Into<String>) -> Result<T> {
        self.fail(Problem::Unsupported(what.into()))
    }

    pub(crate) fn unknown<T>(&self, kind: &'static str, name: impl ToString) -> Result<T> {
        self.fail(Problem::Unknown { kind, name: name.to_string() })
    }

    pub(crate) fn duplicate<T>(&self, kind: &'static str, name: impl ToString) -> Result<T> {
        self.fail(Problem::Duplicate { kind, name: name.to_string() })
    }

    /// Fails where `found` is above `max`.
    pub(crate) fn limit(&self, what: &'static str, found: usize, max: usize) -> Result<()> {
        if found <= max {
            return Ok(());
        }
        self.fail(Problem::Limit { what, found: found as u64, max: max as u64 })
    }

    fn object(&self) -> Result<&'a Map<String, Value>> {
        self.value.as_object().map_or_else(|| self.fail(Problem::Expected("an object")), Ok)
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Self { value, path }
    }

    /// An attribute; `null` counts as absent.
    pub(crate) fn find(&self, key: &str) -> Result<Option<Self>> {
        let found = self.object()?.get(key).filter(|value| !value.is_null());
        Ok(found.map(|value| self.child(key, value)))
    }

    pub(crate) fn get(&self, key: &str) -> Result<Self> {
        self.find(key)?.map_or_else(|| self.fail(Problem::Missing(key.to_owned())), Ok)
    }

    /// Whether there is an attribute of this name, be it `null`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    pub(crate) fn items(&self) -> Result<Vec<Self>> {
        let Some(items) = self.value.as_array() else { return self.fail(Problem::Expected("an array")) };
        let item = |(i, value)| Self { value, path: format!("{}[{i}]", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The items of an attribute that may be absent.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<Self>> {
        self.find(key)?.map_or_else(|| Ok(Vec::new()), |node| node.items())
    }

    /// The items of an array of this length.
    pub(crate) fn tuple<const N: usize>(&self) -> Result<[Self; N]> {
        let items = self.items()?;
        items.try_into().or_else(|_| self.fail(Problem::Invalid(format!("{N} items expected"))))
    }

    pub(crate) fn str(&self) -> Result<&'a str> {
        self.value.as_str().map_or_else(|| self.fail(Problem::Expected("a string")), Ok)
    }

    pub(crate) fn bool(&self) -> Result<bool> {
        self.value.as_bool().map_or_else(|| self.fail(Problem::Expected("a boolean")), Ok)
    }

    /// A boolean attribute that may be absent.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        self.find(key)?.map_or(Ok(default), |node| node.bool())
    }

    pub(crate) fn int(&self) -> Result<i64> {
        self.value.as_i64().map_or_else(|| self.fail(Problem::Expected("an integer")), Ok)
    }

    pub(crate) fn size(&self) -> Result<usize> {
        let found = self.value.as_u64().and_then(|n| usize::try_from(n).ok());
        found.map_or_else(|| self.fail(Problem::Expected("a natural number")), Ok)
    }

    /// A width in bits, from 1 to `max`.
    pub(crate) fn width(&self, max: u32) -> Result<u32> {
        let width = self.size()?;
        if width == 0 {
            return self.invalid("a width of 0 bits");
        }
        self.limit("bits", width, max as usize)?;
        u32::try_from(width).or_else(|_| self.fail(Problem::Expected("a width")))
    }

    /// A hexadecimal number with an optional sign and `0x`.
    pub(crate) fn number(&self) -> Result<Wide> {
        let text = self.str()?;
        let (negative, digits) = split_hex(text);
        let mut value = Wide::default();
        let significant = digits.trim_start_matches('0');
        self.limit("bits of a constant", significant.len() * 4, super::limits::WIDTH_BITS_MAX as usize)?;
        if digits.is_empty() {
            return self.fail(Problem::Expected("a hexadecimal number"));
        }
        for digit in significant.bytes() {
            let Some(digit) = char::from(digit).to_digit(16) else {
                return self.fail(Problem::Expected("a hexadecimal number"));
            };
            value = value.push_digit(digit);
        }
        Ok(if negative { value.negated() } else { value })
    }

    /// Exactly as many bytes as the hexadecimal digits say.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        let (negative, digits) = split_hex(self.str()?);
        if negative || !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            return self.fail(Problem::Expected("a hexadecimal string"));
        }
        let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
        let pairs = even.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or("0"));
        Ok(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or(0)).collect())
    }

    /// `type` and `value` of a type-value object.
    pub(crate) fn typed(&self) -> Result<(&'a str, Self)> {
        Ok((self.get("type")?.str()?, self.get("value")?))
    }
}

fn split_hex(text: &str) -> (bool, &str) {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    (negative, digits.strip_prefix("0x").unwrap_or(digits))
}
