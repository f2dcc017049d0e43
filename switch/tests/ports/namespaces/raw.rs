//! A packet socket: the control plane's end of a veth.

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, socket};
use socket2::SockRef;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct RawSocket(OwnedFd);

impl RawSocket {
    pub(super) fn open(device: &str) -> Self {
        let socket =
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll).unwrap();
        let mut all = nix::ifaddrs::getifaddrs().unwrap();
        let found = all.find_map(|entry| {
            let address = entry.address.filter(|_| entry.interface_name == device)?;
            address.as_link_addr().copied()
        });
        bind(socket.as_raw_fd(), &found.unwrap()).unwrap();
        Self(socket)
    }

    pub(super) fn receive(&self, wait: Duration) -> Option<Vec<u8>> {
        SockRef::from(&self.0).set_read_timeout(Some(wait)).unwrap();
        let mut frame = vec![0; 65_536];
        let bytes = recv(self.0.as_raw_fd(), &mut frame, MsgFlags::empty()).ok()?;
        frame.truncate(bytes);
        Some(frame)
    }

    pub(super) fn send(&self, frame: &[u8]) {
        send(self.0.as_raw_fd(), frame, MsgFlags::empty()).unwrap();
    }
}
