//! Addresses to listen on and to call, as their URLs say.

use crate::fault::usage;
use anyhow::Result;
use bifrost_rpc::Url;
use std::net::SocketAddr;

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Bifröst's own transport.
    Udp(SocketAddr),
    /// Apache's.
    Tcp(TcpForm),
}

/// A TCP address and how calls are put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TcpForm {
    /// Where.
    pub(crate) address: SocketAddr,
    /// In which protocol.
    pub(crate) protocol: Protocol,
    /// In which transport.
    pub(crate) transport: Transport,
    /// Whether method names are prefixed with their service; undecided if the URL does not say.
    pub(crate) multiplexed: Option<bool>,
}

/// A Thrift protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `TBinaryProtocol`.
    Binary,
    /// `TCompactProtocol`.
    Compact,
    /// `TJSONProtocol`.
    Json,
}

/// A Thrift transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// `TFramedTransport`.
    Framed,
    /// `TBufferedTransport`.
    Buffered,
}

impl Address {
    /// Parses a URL.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text)?;
        match url.scheme() {
            "udp" => {
                if url.only(&[]).is_err() {
                    return Err(usage(format!("{text}: a udp address takes no parameters")));
                }
                Ok(Self::Udp(url.resolve()?))
            }
            "tcp" => Ok(Self::Tcp(TcpForm::of(text, &url)?)),
            other => Err(usage(format!("{text}: no scheme {other:?}; write udp://HOST:PORT or tcp://HOST:PORT"))),
        }
    }
}

impl TcpForm {
    fn of(text: &str, url: &Url) -> Result<Self> {
        const KNOWN: [&str; 3] = ["protocol", "transport", "multiplexed"];
        if let Err(error) = url.only(&KNOWN) {
            return Err(usage(format!("{text}: {error}; known are protocol, transport and multiplexed")));
        }
        let wrong =
            |name: &str, value: &str, known: &str| usage(format!("{text}: no {name} {value:?}; there are {known}"));
        Ok(Self {
            protocol: match url.parameter("protocol") {
                None | Some("binary") => Protocol::Binary,
                Some("compact") => Protocol::Compact,
                Some("json") => Protocol::Json,
                Some(other) => return Err(wrong("protocol", other, "binary, compact and json")),
            },
            transport: match url.parameter("transport") {
                None | Some("framed") => Transport::Framed,
                Some("buffered") => Transport::Buffered,
                Some(other) => return Err(wrong("transport", other, "framed and buffered")),
            },
            multiplexed: match url.parameter("multiplexed") {
                None => None,
                Some("true" | "") => Some(true),
                Some("false") => Some(false),
                Some(other) => return Err(wrong("value of multiplexed", other, "true and false")),
            },
            address: url.resolve()?,
        })
    }

    /// Whether a server of so many services prefixes their names.
    pub(crate) fn is_multiplexed(&self, services: usize) -> bool {
        self.multiplexed.unwrap_or(services > 1)
    }

    /// The URL by which a server of so many services is called at `address`.
    pub(crate) fn url(&self, address: SocketAddr, services: usize) -> String {
        let protocol = match self.protocol {
            Protocol::Binary => "binary",
            Protocol::Compact => "compact",
            Protocol::Json => "json",
        };
        let transport = match self.transport {
            Transport::Framed => "framed",
            Transport::Buffered => "buffered",
        };
        let multiplexed = if self.is_multiplexed(services) { "&multiplexed=true" } else { "" };
        format!("tcp://{address}?protocol={protocol}&transport={transport}{multiplexed}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(text: &str) -> TcpForm {
        match Address::parse(text).unwrap() {
            Address::Tcp(form) => form,
            Address::Udp(_) => panic!("{text}"),
        }
    }

    #[test]
    fn urls_say_all() {
        assert_eq!(Address::parse("udp://[::1]:0").unwrap(), Address::Udp("[::1]:0".parse().unwrap()));
        let plain = tcp("tcp://127.0.0.1:0");
        assert_eq!((plain.protocol, plain.transport, plain.multiplexed), (Protocol::Binary, Transport::Framed, None));
        let other = tcp("tcp://127.0.0.1:1?protocol=compact&transport=buffered&multiplexed=true");
        assert_eq!((other.protocol, other.transport), (Protocol::Compact, Transport::Buffered));
        let json = tcp("tcp://127.0.0.1:1?protocol=json");
        assert_eq!((json.protocol, tcp(&json.url(json.address, 1)).protocol), (Protocol::Json, Protocol::Json));
        let address = "127.0.0.1:9".parse().unwrap();
        assert_eq!(plain.url(address, 2), "tcp://127.0.0.1:9?protocol=binary&transport=framed&multiplexed=true");
        assert_eq!(tcp(&other.url(other.address, 1)), other);
    }

    #[test]
    fn wrong_urls_say_what_is_wrong() {
        for (text, complaint) in [
            ("here", "udp://[::1]:7400"),
            ("http://[::1]:80", "no scheme"),
            ("udp://[::1]:1?protocol=binary", "no parameters"),
            ("tcp://[::1]:1?protocol=simplejson", "binary, compact and json"),
            ("tcp://[::1]:1?transport=http", "framed and buffered"),
            ("tcp://[::1]:1?multiplexed=maybe", "true and false"),
            ("tcp://[::1]:1?protcol=binary", "known are"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
            assert_eq!(crate::fault::code_of(&error), crate::fault::USAGE);
        }
    }
}
