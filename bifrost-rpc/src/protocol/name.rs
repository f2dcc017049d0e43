//! Method names without an allocation for each message.

use smol_str::SmolStr;
use std::fmt;
use std::ops::Deref;

/// A method name; one of up to 23 bytes is kept in place.
#[derive(Clone, PartialEq, Eq)]
pub struct MethodName(SmolStr);

impl From<&str> for MethodName {
    fn from(name: &str) -> Self {
        Self(SmolStr::new(name))
    }
}

impl MethodName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Deref for MethodName {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
