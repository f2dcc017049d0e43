//! Ports that are network devices: packet sockets.
//!
//! A filter in the kernel keeps away what is not for the switch: what this machine itself sends out of the device, and frames that
//! the kernel has taken a VLAN tag from, which would else pass for frames without one.

use super::counts::Tally;
use super::error::DeviceError;
use super::fabric::Link;
use super::forwarder::{BATCH_FRAMES, Forwarder};
use super::frames::Frames;
use crate::netns;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike, SockaddrStorage, bind,
    getsockname, recv, send, setsockopt, socket, sockopt,
};
use socket2::{SockFilter, SockRef};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of the longest frame that is received: more than any device has.
const FRAME_BYTES_MAX: usize = 65_536 + 64;
/// Buffers asked for; the system may grant less.
const BUFFER_BYTES: usize = 8 << 20;
/// A thread that waits for frames looks this often whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// ARPHRD_ETHER.
const ETHERNET: u16 = 1;

/// A network device, opened.
#[derive(Debug)]
pub(crate) struct Device {
    socket: OwnedFd,
    /// The device's number, which no other gets.
    index: usize,
}

impl Device {
    /// Opens a device of this namespace, or, as `NAMESPACE/DEVICE`, of another.
    pub(crate) fn open(name: &str) -> Result<Self, DeviceError> {
        let Some((namespace, device)) = name.split_once('/') else { return Self::open_here(name) };
        let opened = netns::within(namespace, || Self::open_here(device));
        opened.map_err(|error| DeviceError::Namespace { namespace: namespace.to_owned(), error })?
    }

    fn open_here(name: &str) -> Result<Self, DeviceError> {
        let address = address(name)?;
        if address.hatype() != ETHERNET {
            return Err(DeviceError::NotEthernet(name.to_owned()));
        }
        let system = |error: io::Error| DeviceError::System { device: name.to_owned(), error };
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll);
        let socket = socket.map_err(|error| match error {
            Errno::EPERM | Errno::EACCES => DeviceError::NotAllowed,
            other => system(other.into()),
        })?;
        // From here until it is bound the socket would take frames of all devices, but for the filter.
        SockRef::from(&socket).attach_filter(&filter(address.ifindex())).map_err(system)?;
        bind(socket.as_raw_fd(), &address).map_err(|error| system(error.into()))?;
        SockRef::from(&socket).set_read_timeout(Some(LOOK)).map_err(system)?;
        // Without these it works all the same, and loses frames earlier.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES);
        let _ = setsockopt(&socket, sockopt::SndBuf, &BUFFER_BYTES);
        Ok(Self { socket, index: address.ifindex() })
    }

    /// Receives until told to stop, or until the device is gone.
    ///
    /// # Errors
    ///
    /// The device cannot be used any more.
    pub(crate) fn run(&self, port: u32, forwarder: &mut Forwarder) -> io::Result<()> {
        let mut frames = Frames::new();
        let mut buffer = vec![0; FRAME_BYTES_MAX];
        while !forwarder.is_stopped() {
            frames.clear();
            // Waits for the first, and takes what else is there.
            let mut flags = MsgFlags::MSG_TRUNC;
            while frames.len() < BATCH_FRAMES {
                match recv(self.socket.as_raw_fd(), &mut buffer, flags) {
                    // A longer one is cut off, and not taken.
                    Ok(bytes) => buffer.get(..bytes).into_iter().for_each(|frame| frames.push(frame)),
                    Err(Errno::EINTR | Errno::ENOBUFS) => break,
                    Err(Errno::EAGAIN) if flags.contains(MsgFlags::MSG_DONTWAIT) => break,
                    // A device that is down may come up again. Of one that is gone only whoever sent may have been told.
                    Err(Errno::EAGAIN | Errno::ENETDOWN) if self.is_there() => break,
                    Err(Errno::EAGAIN) => return Err(Errno::ENODEV.into()),
                    Err(error) => return Err(error.into()),
                }
                flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
            }
            forwarder.forward(port, frames.iter());
        }
        Ok(())
    }

    /// A device that is removed leaves its sockets bound to none.
    fn is_there(&self) -> bool {
        // Not as a `LinkAddr` at once: the kernel tells fewer bytes than that has.
        let bound = getsockname::<SockaddrStorage>(self.socket.as_raw_fd());
        bound.is_ok_and(|bound| bound.as_link_addr().is_some_and(|link| link.ifindex() == self.index))
    }
}

impl Link for Arc<Device> {
    fn send(&self, frames: &mut Frames) -> Tally {
        let mut lost = Tally::default();
        for frame in frames.iter() {
            // Longer than the device takes, the device is down, or its queue full: as at any switch.
            if send(self.socket.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT).is_err() {
                lost.add(frame);
            }
        }
        lost
    }
}

/// The address of a device as packet sockets have it, which the list of all devices tells.
fn address(name: &str) -> Result<LinkAddr, DeviceError> {
    let system = |error: Errno| DeviceError::System { device: name.to_owned(), error: error.into() };
    let mut all = nix::ifaddrs::getifaddrs().map_err(system)?;
    let found = all.find_map(|entry| {
        let address = entry.address.filter(|_| entry.interface_name == name)?;
        address.as_link_addr().filter(|link| link.family() == Some(AddressFamily::Packet)).copied()
    });
    found.ok_or_else(|| DeviceError::Missing(name.to_owned()))
}

/// Takes whole frames that came in by a device, without a tag that the kernel has put aside.
fn filter(device: usize) -> [SockFilter; 8] {
    use nix::libc::{
        BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, PACKET_OUTGOING, SKF_AD_IFINDEX, SKF_AD_OFF,
        SKF_AD_PKTTYPE, SKF_AD_VLAN_TAG_PRESENT,
    };
    let code = |parts: u32| u16::try_from(parts).unwrap_or(0);
    let about = |what: i32| SockFilter::new(code(BPF_LD | BPF_W | BPF_ABS), 0, 0, (SKF_AD_OFF + what).cast_unsigned());
    let if_equal =
        |value: u32, then: u8, otherwise: u8| SockFilter::new(code(BPF_JMP | BPF_JEQ | BPF_K), then, otherwise, value);
    let take = |bytes: u32| SockFilter::new(code(BPF_RET | BPF_K), 0, 0, bytes);
    [
        about(SKF_AD_IFINDEX),
        if_equal(u32::try_from(device).unwrap_or(0), 0, 5),
        about(SKF_AD_PKTTYPE),
        if_equal(u32::from(PACKET_OUTGOING), 3, 0),
        about(SKF_AD_VLAN_TAG_PRESENT),
        if_equal(0, 0, 1),
        take(u32::MAX),
        take(0),
    ]
}
