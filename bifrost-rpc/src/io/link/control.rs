//! What comes in by a link for the node itself: packets of the rack's control plane.

use super::demux::{Demux, Led, Wait};
use super::{Carrier, Link};
use crate::wire::frame::{FrameAddresses, Mac};
use crate::wire::{IDENTIFIER, PacketType, RACK_PORT, VERSION};
use std::collections::VecDeque;
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;

/// Packets that wait at most; more are lost, and sent again.
const INBOX_PACKETS: usize = 64;

pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Packets for the node, and what is called when the first is there.
pub(super) struct ControlInbox {
    packets: VecDeque<(FrameAddresses, Vec<u8>)>,
    wake: Wake,
}

impl std::fmt::Debug for ControlInbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlInbox").field("packets", &self.packets.len()).finish_non_exhaustive()
    }
}

impl ControlInbox {
    /// Leaves a packet; whom to wake.
    pub(super) fn push(&mut self, addresses: &FrameAddresses, payload: &[u8]) -> Option<Wake> {
        if self.packets.len() >= INBOX_PACKETS {
            return None;
        }
        self.packets.push_back((*addresses, payload.to_vec()));
        (self.packets.len() == 1).then(|| Arc::clone(&self.wake))
    }

    /// What is called when something is there.
    pub(super) fn wake(&self) -> Wake {
        Arc::clone(&self.wake)
    }

    pub(super) fn pop(&mut self) -> Option<(FrameAddresses, Vec<u8>)> {
        self.packets.pop_front()
    }
}

/// Whether a datagram is for the node and for none of its sockets.
pub(super) fn is_control(addresses: &FrameAddresses, payload: &[u8]) -> bool {
    const IDENTIFIER_BYTES: [u8; 2] = IDENTIFIER.to_be_bytes();
    const BEGINNING: [u8; 4] = [IDENTIFIER_BYTES[0], IDENTIFIER_BYTES[1], VERSION, PacketType::Control as u8];
    addresses.destination_port == RACK_PORT && payload.starts_with(&BEGINNING)
}

impl Link {
    /// Takes CONTROL packets in from now on; `wake` is called when one is there. It must not wait.
    ///
    /// # Errors
    ///
    /// Somebody else does it: a link has one node.
    pub(crate) fn open_control(&self, wake: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
        let inbox = ControlInbox { packets: VecDeque::new(), wake: Arc::new(wake) };
        self.demux().open_control(inbox)
    }

    /// Takes no more of them.
    pub(crate) fn close_control(&self) {
        self.demux().close_control();
    }

    /// The next CONTROL packet for this node.
    pub(crate) fn poll_control(&self) -> Option<(FrameAddresses, Vec<u8>)> {
        let own = |addresses: &FrameAddresses| addresses.destination == self.address();
        std::iter::from_fn(|| self.demux().poll_control()).find(|(addresses, _)| own(addresses))
    }

    /// Receives for all, if nobody does: waits a little, if `may_wait`.
    pub(crate) fn receive_for_all(&self, buffer: &mut [u8], may_wait: bool) -> io::Result<Led> {
        let wait = if may_wait { Wait::Little } else { Wait::No };
        let lead = || self.0.carrier.lead(self.demux(), None, buffer, wait);
        self.demux().lead_for_others(lead)
    }

    /// Sends a whole frame.
    pub(crate) fn send_frame(&self, frame: &[u8]) {
        match &self.0.carrier {
            // What is lost is sent again.
            Carrier::Tunnel(tunnel) => _ = tunnel.send_frame(frame),
            Carrier::Cable(cable) => cable.send(&mut std::iter::once(frame)),
            Carrier::Native(sockets) => sockets.send_frame(frame),
        }
    }

    /// The Ethernet address that all frames go to.
    pub(crate) fn switch_mac(&self) -> Mac {
        self.0.place.switch_mac
    }

    /// Ends all sockets that are open now: who waits there, or will, is told why.
    pub(crate) fn fail_sockets(&self, why: &str) {
        if self.demux().fail_sockets(why) {
            self.0.carrier.wake();
        }
    }

    /// Why nothing will come any more, if so.
    pub(crate) fn failure(&self) -> Option<String> {
        self.demux().failure()
    }

    /// Where the control plane of the rack is.
    pub(crate) fn control_plane(&self) -> Ipv6Addr {
        crate::wire::control::gatekeeper_address(self.prefix())
    }

    fn demux(&self) -> &Demux {
        &self.0.demux
    }
}
