//! Addresses as people write them: `udp://[::1]:7400`, `unix:///run/service.sock`.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

/// A parsed address: `scheme://host:port?name=value&…`, `unix:///path?name=value&…` or `rack://service?name=value&…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    authority: String,
    parameters: Vec<(String, String)>,
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It has not the form `scheme://host:port` or `unix:///path`.
    #[error("{0:?} is no address of the form scheme://host:port or unix:///path, such as udp://[::1]:7400")]
    Form(String),
    /// The scheme is not one that can be used here.
    #[error("no scheme {found:?} here; write {expected}")]
    Scheme {
        /// The scheme of the address.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A parameter is not known.
    #[error("unknown parameter {0:?}")]
    Parameter(String),
    /// A parameter has a value that is not known.
    #[error("no {parameter} {value:?}; there are {known}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: String,
        /// The values that it may have.
        known: &'static str,
    },
    /// The host has no address.
    #[error("cannot resolve {host:?}: {reason}")]
    Resolve {
        /// Host and port as given.
        host: String,
        /// What the system says.
        reason: String,
    },
}

impl Url {
    /// Parses an address.
    ///
    /// # Errors
    ///
    /// [`UrlError::Form`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let form = || UrlError::Form(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameters = parameters(query);
        if scheme == RACK {
            let is_named = authority.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && authority.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let authority = authority.to_owned();
            return if is_named { Ok(Self { scheme: scheme.to_owned(), authority, parameters }) } else { Err(form()) };
        }
        if scheme == UNIX {
            if !authority.starts_with('/') || authority.ends_with('/') {
                return Err(form());
            }
            return Ok(Self { scheme: scheme.to_owned(), authority: authority.to_owned(), parameters });
        }
        let authority = authority.trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':').ok_or_else(form)?;
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        if scheme.is_empty() || host.is_empty() || port.parse::<u16>().is_err() || host.contains(':') != is_bracketed {
            return Err(form());
        }
        Ok(Self { scheme: scheme.to_owned(), authority: authority.to_owned(), parameters })
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Host and port; of a `unix` URL the path, of a `rack` URL the service.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The last value given for a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Refuses parameters other than those named.
    ///
    /// # Errors
    ///
    /// [`UrlError::Parameter`].
    pub fn only(&self, known: &[&str]) -> Result<(), UrlError> {
        match self.parameters.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(UrlError::Parameter(name.clone())),
            None => Ok(()),
        }
    }

    /// The first socket address of host and port.
    ///
    /// # Errors
    ///
    /// [`UrlError::Resolve`].
    pub fn resolve(&self) -> Result<SocketAddr, UrlError> {
        let fail = |reason: String| UrlError::Resolve { host: self.authority.clone(), reason };
        let mut found = self.authority.to_socket_addrs().map_err(|error| fail(error.to_string()))?;
        found.next().ok_or_else(|| fail("no address".into()))
    }
}

/// The scheme whose authority is the name of a service.
pub(super) const RACK: &str = "rack";
/// The scheme whose authority is a path.
pub(super) const UNIX: &str = "unix";

/// `name=value&…`.
fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)?;
        for (i, (name, value)) in self.parameters.iter().enumerate() {
            write!(f, "{}{name}={value}", if i == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let url = Url::parse("tcp://127.0.0.1:9090?protocol=binary&transport=framed").unwrap();
        assert_eq!((url.scheme(), url.authority()), ("tcp", "127.0.0.1:9090"));
        assert_eq!(url.parameter("transport"), Some("framed"));
        assert_eq!(url.only(&["protocol"]), Err(UrlError::Parameter("transport".into())));
        assert_eq!(url.to_string(), "tcp://127.0.0.1:9090?protocol=binary&transport=framed");
        let path = Url::parse("unix:///run/a:b.sock?transport=framed").unwrap();
        assert_eq!((path.scheme(), path.authority()), ("unix", "/run/a:b.sock"));
        assert_eq!(path.parameter("transport"), Some("framed"));
        assert_eq!(path.to_string(), "unix:///run/a:b.sock?transport=framed");
    }

    #[test]
    fn wrong_addresses_say_what_is_wrong() {
        let wrong = ["", "udp://", "udp://host", "udp://:1", "udp://h:99999", "::1:7400", "udp://::1:7400"];
        for text in wrong.into_iter().chain(["unix://", "unix://relative", "unix:///", "unix:///run/"]) {
            assert_eq!(Url::parse(text), Err(UrlError::Form(text.into())), "{text}");
        }
    }
}
