//! How commands fail, and the exit status of each way.

use std::fmt;

/// All went well.
pub(crate) const OK: u8 = 0;
/// It did not.
pub(crate) const FAILED: u8 = 1;
/// What the person typed is wrong.
pub(crate) const USAGE: u8 = 2;
/// A method answered with an exception that it declares.
pub(crate) const DECLARED: u8 = 3;
/// The server answered with an application exception.
pub(crate) const APPLICATION: u8 = 4;
/// There was no answer.
pub(crate) const TRANSPORT: u8 = 5;

/// What the person typed is wrong; the text says what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Usage(String);

impl Usage {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error for what the person typed.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage::new(text).into()
}

/// An error and what caused it, where the error does not say that itself.
pub(crate) fn text(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text {
        text if text.is_empty() => cause,
        text if text.ends_with(&cause) => text,
        text => format!("{text}: {cause}"),
    })
}

/// The exit status for an error.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    let wrong = |cause: &(dyn std::error::Error + 'static)| cause.is::<Usage>() || cause.is::<bifrost_rpc::UrlError>();
    if error.chain().any(wrong) { USAGE } else { FAILED }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn usage_is_found_below_its_context() {
        let error = Err::<(), _>(usage("wrong")).context("while reading").unwrap_err();
        assert_eq!(code_of(&error), USAGE);
        assert_eq!(code_of(&anyhow::anyhow!("broken")), FAILED);
        assert_eq!(text(&error), "while reading: wrong");
    }

    #[test]
    fn a_cause_is_said_once() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "cannot listen: {}", self.0)
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = anyhow::Error::from(Outer(std::io::Error::other("in use")));
        assert_eq!(text(&error.context("the rack does not start")), "the rack does not start: cannot listen: in use");
    }
}
