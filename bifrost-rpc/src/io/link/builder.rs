//! Settings of links.

use super::carrier::Carrier;
use super::demux::Demux;
use super::native::Sockets;
use super::tunnel::Tunnel;
use super::{FramePort, Handle, Link, Place, Reports, Shared};
use crate::endpoint::Key;
use crate::io::{Socket, Url, UrlError, seed};
use crate::tunnel::{DetachReason, NodeEnd};
use crate::wire::RACK_PREFIX_BITS;
use crate::wire::control::gatekeeper_address;
use crate::wire::frame::{ETHERNET_BYTES, Mac};
use crate::wire::tunnel::{Identity, Seat, TUNNEL_HEADER_BYTES};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

/// The switch's Ethernet address unless somebody says otherwise: that which the rack's program begins with.
const SWITCH_MAC: Mac = [0x02, 0xb1, 0xf0, 0, 0, 1];
/// What every IPv6 link carries.
const MTU_MIN: u16 = 1280;
/// The MTU of a link within a process unless told otherwise: jumbo frames.
const MTU: u16 = 9000;
/// Time for a switch to answer unless told otherwise.
const WITHIN: Duration = Duration::from_secs(5);
/// What a frame has before its IPv6 packet.
const FRAME_OVERHEAD: u16 = 22;
const _: () = assert!(FRAME_OVERHEAD as usize == ETHERNET_BYTES + TUNNEL_HEADER_BYTES);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The address is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// It is not said which node, or which port, is to be attached.
    #[error("say who attaches: tunnel://HOST:PORT?node=NAME or ?port=NUMBER")]
    Anonymous,
    /// A value of an address cannot be read.
    #[error("{parameter}={value}: {expected}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A switch elsewhere, and no key.
    #[error("{0} is not on this machine: a link there needs the rack's key")]
    NoKey(SocketAddr),
    /// The outer socket failed.
    #[error("cannot reach {switch}: {source}")]
    Socket {
        /// The switch's outer address.
        switch: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The switch did not attach the node in time.
    #[error("no link to {switch} within {within:?}: {}", reason(*refused))]
    Unanswered {
        /// The switch's outer address.
        switch: SocketAddr,
        /// The time.
        within: Duration,
        /// Why it refused, if it did.
        refused: Option<DetachReason>,
    },
    /// The link ended as it began.
    #[error("the link to {switch} has ended: {reason}")]
    Ended {
        /// The switch's outer address.
        switch: SocketAddr,
        /// Why.
        reason: DetachReason,
    },
    /// The switch does not say what the node's address is, nor does anybody else.
    #[error("the switch does not tell the node's {0}: give it")]
    Unknown(&'static str),
    /// This machine has no way into the rack, or the port is taken.
    #[error("no native link at {address}: {source}")]
    Native {
        /// The node's address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The way carries less than every IPv6 link does.
    #[error("an MTU of {0} bytes: IPv6 needs {MTU_MIN}")]
    Mtu(u16),
    /// A thread cannot be started, or there are no random numbers.
    #[error("cannot make a link: {0}")]
    System(io::Error),
}

fn reason(refused: Option<DetachReason>) -> String {
    refused.map_or_else(|| "no answer, or one under another key".to_owned(), |reason| reason.to_string())
}

/// Settings of a [`Link`] to be. What is not given here is what the switch tells.
#[derive(Debug, Clone, Default)]
pub struct LinkBuilder {
    key: Option<Key>,
    address: Option<Ipv6Addr>,
    mac: Option<Mac>,
    switch_mac: Option<Mac>,
    prefix: Option<Ipv6Addr>,
    mtu: Option<u16>,
    within: Option<Duration>,
}

impl LinkBuilder {
    /// The rack's key, by which the node attaches to a tunnel. Without one the switch must be on this machine.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// The node's address in the rack.
    #[must_use]
    pub fn address(mut self, address: Ipv6Addr) -> Self {
        self.address = Some(address);
        self
    }

    /// The node's Ethernet address.
    #[must_use]
    pub fn mac(mut self, mac: Mac) -> Self {
        self.mac = Some(mac);
        self
    }

    /// The switch's Ethernet address, to which all frames go. Default `02:b1:f0:00:00:01`, if the switch does not tell.
    #[must_use]
    pub fn switch_mac(mut self, mac: Mac) -> Self {
        self.switch_mac = Some(mac);
        self
    }

    /// The rack's prefix of 64 bits, in which services have their addresses. Default: that of the node's address.
    #[must_use]
    pub fn prefix(mut self, rack: Ipv6Addr) -> Self {
        self.prefix = Some(rack);
        self
    }

    /// Bytes of an IPv6 packet at most. Default: what the way to the switch carries and the switch takes; 9,000 within a process.
    #[must_use]
    pub fn mtu(mut self, bytes: u16) -> Self {
        self.mtu = Some(bytes);
        self
    }

    /// Time for the switch to answer. Default 5 s.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Attaches to a switch by a tunnel: `tunnel://HOST:PORT?node=NAME`, or `?port=NUMBER`. Further parameters are
    /// `&address=`, `&mac=`, `&switch-mac=`, `&prefix=` and `&mtu=`, for what is not set here.
    ///
    /// The link comes back by itself when the switch was away, until another process attaches as the same node.
    ///
    /// # Errors
    ///
    /// [`LinkError`].
    pub fn tunnel(mut self, url: &str) -> Result<Link, LinkError> {
        let url = Url::parse(url)?;
        let identity = self.read(&url)?;
        let switch = url.resolve()?;
        if self.key.is_none() && !switch.ip().to_canonical().is_loopback() {
            return Err(LinkError::NoKey(switch));
        }
        let socket = Socket::connect(switch, None).map_err(|source| LinkError::Socket { switch, source })?;
        let way = socket.datagram_bytes().saturating_sub(FRAME_OVERHEAD);
        let mtu = self.mtu.map_or(way, |mtu| mtu.min(way));
        let seed = seed().map_err(LinkError::System)?;
        let end = |now| NodeEnd::new(now, identity, mtu, self.key.as_ref(), seed);
        let (tunnel, told) = Tunnel::attach(socket, switch, end, self.within.unwrap_or(WITHIN))?;
        let link = self.over(Carrier::Tunnel(Box::new(tunnel)), told)?;
        let shared = Arc::clone(&link.0.0);
        let keep = move || {
            if let Carrier::Tunnel(tunnel) = &shared.carrier {
                tunnel.keep(&shared.demux);
            }
        };
        std::thread::Builder::new().name("bifrost-link".into()).spawn(keep).map_err(LinkError::System)?;
        Ok(link)
    }

    /// Attaches to a switch as the URL says: [`LinkBuilder::tunnel`] or [`LinkBuilder::native`].
    ///
    /// # Errors
    ///
    /// [`LinkError`].
    pub fn attach(self, url: &str) -> Result<Link, LinkError> {
        if url.starts_with("native://") { self.native(url) } else { self.tunnel(url) }
    }

    /// Attaches to a switch to which a network device of this machine leads: `native://[ADDRESS]:7400?node=NAME`, with the node's address in
    /// the rack and the port where the control plane reaches it. Further parameters are `&prefix=` and `&mtu=`, for what is not set here.
    ///
    /// The kernel makes the frames: its routes lead all addresses of the rack to the switch, and bring those of the node, of its services and
    /// of its memory here. Sockets are opened in the network namespace of the thread that makes a channel or a server.
    ///
    /// # Errors
    ///
    /// [`LinkError`].
    pub fn native(mut self, url: &str) -> Result<Link, LinkError> {
        let url = Url::parse(url)?;
        let expected = "native://[ADDRESS]:7400?node=NAME";
        let wrong = || UrlError::Scheme { found: url.scheme().to_owned(), expected };
        let at: SocketAddrV6 = url.authority().parse().ok().filter(|_| url.scheme() == "native").ok_or_else(wrong)?;
        url.only(&["node", "prefix", "mtu"])?;
        self.read_common(&url)?;
        let address = *at.ip();
        let failed = |source| LinkError::Native { address: at.into(), source };
        let prefix = self.prefix.unwrap_or(address);
        let way = Socket::path_mtu(address, gatekeeper_address(prefix)).map_err(failed)?;
        let mtu = self.mtu.map_or(way, |mtu| mtu.min(way));
        let sockets = Sockets::open(at.port()).map_err(failed)?;
        let mac = self.mac.unwrap_or([0; 6]);
        self.address(address).mac(mac).over(Carrier::Native(sockets), Seat { mtu, ..NOTHING_TOLD })
    }

    /// Attaches to a switch in this process. Address and Ethernet address must be given.
    ///
    /// # Errors
    ///
    /// [`LinkError::Unknown`], [`LinkError::Mtu`].
    pub fn in_process(self, port: impl FramePort + 'static) -> Result<Link, LinkError> {
        let mtu = self.mtu.unwrap_or(MTU);
        self.over(Carrier::Cable(Box::new(port)), Seat { mtu, ..NOTHING_TOLD })
    }

    fn over(self, carrier: Carrier, told: Seat) -> Result<Link, LinkError> {
        let said = |mac: Mac| (mac != [0; 6]).then_some(mac);
        let address = self.address.or_else(|| (!told.address.is_unspecified()).then_some(told.address));
        let address = address.ok_or(LinkError::Unknown("address"))?;
        if told.mtu < MTU_MIN {
            return Err(LinkError::Mtu(told.mtu));
        }
        let place = Place {
            mac: self.mac.or(said(told.mac)).ok_or(LinkError::Unknown("Ethernet address"))?,
            switch_mac: self.switch_mac.or(said(told.switch_mac)).unwrap_or(SWITCH_MAC),
            address,
            prefix: self.prefix.unwrap_or(address),
            mtu: told.mtu,
        };
        let demux = Demux::new(place.mac, carrier.can_wake());
        Ok(Link(Arc::new(Handle(Arc::new(Shared { carrier, place, demux, reports: Reports::default() })))))
    }

    /// Takes in what URLs of all links may have.
    fn read_common(&mut self, url: &Url) -> Result<(), LinkError> {
        fill(&mut self.prefix, url, "prefix", "an IPv6 address", |text| text.parse().ok())?;
        fill(&mut self.mtu, url, "mtu", "bytes, from 1280 on", |text| text.parse().ok().filter(|mtu| *mtu >= MTU_MIN))
    }

    /// Takes the parameters of an address in; returns who attaches.
    fn read(&mut self, url: &Url) -> Result<Identity, LinkError> {
        if url.scheme() != "tunnel" {
            let expected = "tunnel://HOST:PORT?node=NAME";
            return Err(UrlError::Scheme { found: url.scheme().to_owned(), expected }.into());
        }
        url.only(&["node", "port", "address", "mac", "switch-mac", "prefix", "mtu"])?;
        let address = |text: &str| text.parse().ok();
        fill(&mut self.address, url, "address", "an IPv6 address", address)?;
        fill(&mut self.mac, url, "mac", A_MAC, mac)?;
        fill(&mut self.switch_mac, url, "switch-mac", A_MAC, mac)?;
        self.read_common(url)?;
        let mut port = None;
        fill(&mut port, url, "port", "a port of the switch, 0 to 510", |text| {
            text.parse().ok().filter(|port| *port < 511)
        })?;
        match (url.parameter("node"), port) {
            (Some(name), None) if (1..=63).contains(&name.len()) => Ok(Identity::Node(name.to_owned())),
            (None, Some(port)) => Ok(Identity::Port(port)),
            _ => Err(LinkError::Anonymous),
        }
    }
}

/// What a switch says that says nothing.
const NOTHING_TOLD: Seat = Seat { port: 0, mtu: 0, mac: [0; 6], switch_mac: [0; 6], address: Ipv6Addr::UNSPECIFIED };
const A_MAC: &str = "six bytes such as 02:00:00:00:00:01";
const _: () = assert!(RACK_PREFIX_BITS == 64, "the documentation of `prefix` says so");

/// Fills a setting that was not made with a parameter of the address.
fn fill<T>(
    setting: &mut Option<T>,
    url: &Url,
    parameter: &'static str,
    expected: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<(), LinkError> {
    let Some(text) = url.parameter(parameter).filter(|_| setting.is_none()) else { return Ok(()) };
    let wrong = LinkError::Value { parameter, value: text.to_owned(), expected };
    *setting = Some(read(text).ok_or(wrong)?);
    Ok(())
}

/// An Ethernet address: six bytes in hexadecimal digits with colons between them.
fn mac(text: &str) -> Option<Mac> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        *byte = parts.next().filter(|part| part.len() <= 2).and_then(|part| u8::from_str_radix(part, 16).ok())?;
    }
    parts.next().is_none().then_some(bytes)
}
