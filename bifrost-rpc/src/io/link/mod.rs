//! Links to a switch: for which no kernel makes the frames, over a tunnel or within a process; or for which the kernel does.
//!
//! All sockets of a link share its attachment. Whoever waits at one of them receives for all, and hands over what is for
//! others: no thread stands in between.

mod binding;
mod builder;
mod carrier;
mod control;
mod demux;
mod frames;
mod native;
mod reports;
mod slot;
mod socket;
#[cfg(test)]
mod tests;
mod tunnel;

pub use builder::{LinkBuilder, LinkError};
pub(crate) use demux::Led;
pub(crate) use reports::{KnowsCalls, Reports};
pub(crate) use slot::Guest;
pub(crate) use socket::LinkSocket;

use crate::wire::frame::Mac;
use crate::wire::service_address;
use carrier::Carrier;
use demux::Demux;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

/// A node's cable to a switch in the same process.
pub trait FramePort: Send + Sync + std::fmt::Debug {
    /// Sends Ethernet frames to the switch. Those for which it has no room are lost.
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>);

    /// Waits for frames from the switch, so long at most, and shows each that is there. `false`: no more will come.
    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool;

    /// Ends a wait for frames, the one that there is or the next. `false`: that cannot be done here, and nothing is.
    fn wake(&self) -> bool {
        false
    }

    /// Has the switch's own threads that bring frames here call `taker`, before they tell anybody who waits. It may take the frames with
    /// [`FramePort::receive`], without a wait; if it returns false, who waits is told. It must not wait itself, for the switch waits for it.
    /// `false`: that cannot be done here, and nothing is.
    fn set_taker(&self, taker: Option<Taker>) -> bool {
        let _ = taker;
        false
    }
}

/// What takes the frames of a [`FramePort`], and says whether it did.
pub type Taker = Arc<dyn Fn() -> bool + Send + Sync>;

/// What a node is on its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    mac: Mac,
    switch_mac: Mac,
    address: Ipv6Addr,
    /// The rack's prefix, in which services have their addresses.
    prefix: Ipv6Addr,
    mtu: u16,
}

/// A node's attachment to a switch. Cheap to clone; clones, and all channels and servers made with them, share it.
///
/// Packets are then whole Ethernet frames, made by this crate, with addresses of the rack, which no kernel knows; or, on a native
/// link, datagrams of the kernel's sockets at its addresses.
/// When the last of all is dropped, the switch is told.
#[derive(Debug, Clone)]
pub struct Link(Arc<Handle>);

/// Ends the attachment when the last link is gone.
#[derive(Debug)]
struct Handle(Arc<Shared>);

impl std::ops::Deref for Handle {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

#[derive(Debug)]
struct Shared {
    carrier: Carrier,
    place: Place,
    demux: Demux,
    reports: Reports,
}

impl Link {
    /// Settings of a link to be.
    #[must_use]
    pub fn builder() -> LinkBuilder {
        LinkBuilder::default()
    }

    /// The node's address in the rack.
    #[must_use]
    pub fn address(&self) -> Ipv6Addr {
        self.0.place.address
    }

    /// The node's Ethernet address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.0.place.mac
    }

    /// The rack's prefix: its first 64 bits are those of the services' addresses.
    #[must_use]
    pub fn prefix(&self) -> Ipv6Addr {
        self.0.place.prefix
    }

    /// Frames to this node that were dropped because they do not hold one packet, whole, and nothing but that. The switch has not seen what else
    /// is in them.
    #[must_use]
    pub fn odd_frames(&self) -> u64 {
        self.0.demux.odd()
    }

    /// Bytes of an IPv6 packet at most.
    #[must_use]
    pub fn mtu(&self) -> u16 {
        self.0.place.mtu
    }

    /// The address at which a service is called in this rack.
    #[must_use]
    pub fn service_address(&self, service: &str) -> Ipv6Addr {
        service_address(self.0.place.prefix, service)
    }

    /// What its endpoints have to tell the control plane.
    pub(crate) fn reports(&self) -> &Reports {
        &self.0.reports
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.carrier.close();
    }
}
