//! What an address says: the transport, where, and how messages are put there.

use super::url::{RACK, UNIX, Url, UrlError};
use crate::protocol::WireProtocol;
use crate::wire::{RACK_PORT, service_address};
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// An address to connect to or to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// `udp://host:port`: this crate's own transport.
    Udp(SocketAddr),
    /// `rack://Service`: a service, wherever in the rack it is served.
    Service(ServiceAddress),
    /// A stream of messages as Apache's implementations write it:
    /// `tcp://host:port` or `unix:///path` with `?protocol=…&transport=…&multiplexed=…`.
    Stream(StreamAddress),
}

/// A service in a rack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAddress {
    /// Its name.
    pub service: String,
    /// The rack's prefix, from `?prefix=`; without one that of the link.
    pub prefix: Option<Ipv6Addr>,
}

impl ServiceAddress {
    /// Where the service is called, in a rack of this prefix if the address has none of its own.
    #[must_use]
    pub fn resolve(&self, prefix: Option<Ipv6Addr>) -> Option<SocketAddr> {
        let address = service_address(self.prefix.or(prefix)?, &self.service);
        Some(SocketAddr::new(address.into(), RACK_PORT))
    }

    fn of(url: &Url) -> Result<Self, UrlError> {
        url.only(&["prefix"])?;
        let service = url.authority().to_owned();
        let wrong = |value: &str| UrlError::Value {
            parameter: "prefix",
            value: value.to_owned(),
            known: "IPv6 addresses such as fd00:b1f0:0:1::",
        };
        let prefix = url.parameter("prefix").map(|text| text.parse().map_err(|_no_address| wrong(text))).transpose()?;
        Ok(Self { service, prefix })
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{RACK}://{}", self.service)?;
        self.prefix.map_or(Ok(()), |prefix| write!(f, "?prefix={prefix}"))
    }
}

/// Where a stream goes, and how messages are put on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAddress {
    /// Where.
    pub place: Place,
    /// How.
    pub style: Style,
}

/// The other end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// How messages are put on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// The protocol. If the URL does not say: a client uses the binary protocol, a server takes any and answers in the
    /// same.
    pub protocol: Option<WireProtocol>,
    /// Where a message ends.
    pub transport: Transport,
    /// Whether names of methods are prefixed with their service. If the URL does not say: a client does not, a server
    /// takes both.
    pub multiplexed: Option<bool>,
}

/// What says where a message ends on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Each message comes after its length in 4 bytes, big endian (`TFramedTransport`). The default.
    #[default]
    Framed,
    /// Messages follow one another; only their content says where they end (`TBufferedTransport`).
    Buffered,
}

/// The protocols by their names in a URL.
const PROTOCOLS: [(&str, WireProtocol); 3] =
    [("binary", WireProtocol::Binary), ("compact", WireProtocol::Compact), ("json", WireProtocol::Json)];
const PROTOCOL_NAMES: &str = "binary, compact and json";

impl Address {
    /// Parses a URL and looks up its host.
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = Url::parse(text)?;
        match url.scheme() {
            "udp" => {
                url.only(&[])?;
                url.resolve().map(Self::Udp)
            }
            "tcp" => {
                let style = Style::of(&url)?;
                Ok(Self::Stream(StreamAddress { place: Place::Tcp(url.resolve()?), style }))
            }
            RACK => ServiceAddress::of(&url).map(Self::Service),
            UNIX => {
                let place = Place::Unix(PathBuf::from(url.authority()));
                Ok(Self::Stream(StreamAddress { place, style: Style::of(&url)? }))
            }
            other => Err(UrlError::Scheme {
                found: other.to_owned(),
                expected: "udp://HOST:PORT, rack://SERVICE, tcp://HOST:PORT or unix:///PATH",
            }),
        }
    }
}

impl Style {
    fn of(url: &Url) -> Result<Self, UrlError> {
        url.only(&["protocol", "transport", "multiplexed"])?;
        let wrong = |parameter: &'static str, value: &str, known: &'static str| {
            Err(UrlError::Value { parameter, value: value.to_owned(), known })
        };
        let protocol = match url.parameter("protocol") {
            None => None,
            Some(name) => match PROTOCOLS.iter().find(|(known, _)| *known == name) {
                Some((_, protocol)) => Some(*protocol),
                None => return wrong("protocol", name, PROTOCOL_NAMES),
            },
        };
        let transport = match url.parameter("transport") {
            None | Some("framed") => Transport::Framed,
            Some("buffered") => Transport::Buffered,
            Some(other) => return wrong("transport", other, "framed and buffered"),
        };
        let multiplexed = match url.parameter("multiplexed") {
            None => None,
            Some("true" | "") => Some(true),
            Some("false") => Some(false),
            Some(other) => return wrong("value of multiplexed", other, "true and false"),
        };
        Ok(Self { protocol, transport, multiplexed })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "{UNIX}://{}", path.display()),
        }
    }
}

/// The URL by which a client calls there: what is left open is what a client would choose.
impl fmt::Display for StreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, style } = self;
        let protocol = style.protocol.unwrap_or(WireProtocol::Binary);
        let name = PROTOCOLS.iter().find(|(_, known)| *known == protocol).map_or("", |(name, _)| name);
        let transport = match style.transport {
            Transport::Framed => "framed",
            Transport::Buffered => "buffered",
        };
        let multiplexed = if style.multiplexed == Some(true) { "&multiplexed=true" } else { "" };
        write!(f, "{place}?protocol={name}&transport={transport}{multiplexed}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Service(address) => address.fmt(f),
            Self::Stream(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> StreamAddress {
        match Address::parse(text).unwrap() {
            Address::Stream(address) => address,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn urls_say_all() {
        assert_eq!(Address::parse("udp://[::1]:0"), Ok(Address::Udp("[::1]:0".parse().unwrap())));
        let plain = stream("tcp://127.0.0.1:0");
        assert_eq!(plain.style, Style { protocol: None, transport: Transport::Framed, multiplexed: None });
        assert_eq!(plain.to_string(), "tcp://127.0.0.1:0?protocol=binary&transport=framed");
        let text = "unix:///run/s.sock?protocol=compact&transport=buffered&multiplexed=true";
        let other = stream(text);
        assert_eq!(other.place, Place::Unix("/run/s.sock".into()));
        let style =
            Style { protocol: Some(WireProtocol::Compact), transport: Transport::Buffered, multiplexed: Some(true) };
        assert_eq!((other.style, other.to_string().as_str()), (style, text));
    }

    #[test]
    fn wrong_urls_say_what_is_wrong() {
        for (text, complaint) in [
            ("here", "udp://[::1]:7400"),
            ("http://[::1]:80", "no scheme \"http\""),
            ("udp://[::1]:1?protocol=binary", "unknown parameter \"protocol\""),
            ("tcp://[::1]:1?protocol=xml", PROTOCOL_NAMES),
            ("unix:///s?transport=http", "framed and buffered"),
            ("tcp://[::1]:1?multiplexed=maybe", "true and false"),
            ("tcp://[::1]:1?protcol=binary", "unknown parameter \"protcol\""),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
