//! What frames go by.

use super::demux::{Brought, Demux, REST, TICK, Wait};
use super::frames::write_frames;
use super::native::Sockets;
use super::slot::Seat;
use super::tunnel::Tunnel;
use super::{FramePort, Link};
use crate::endpoint::Datagrams;
use crate::wire::frame::{ETHERNET_BYTES, FrameAddresses};
use std::io;
use std::time::Duration;

/// Bytes that a cable's queue is taken to hold.
const CABLE_BYTES: usize = 1 << 20;
/// Datagrams of one batch at most, and their bytes with all headers.
const SEGMENTS_MAX: usize = 64;
const RUN_BYTES_MAX: usize = 65_000;

#[derive(Debug)]
pub(super) enum Carrier {
    Tunnel(Box<Tunnel>),
    Cable(Box<dyn FramePort>),
    Native(Sockets),
}

impl Carrier {
    /// Opens a port for a socket.
    pub(super) fn bind(&self, port: u16) -> io::Result<()> {
        match self {
            Self::Native(sockets) => sockets.bind(port),
            Self::Tunnel(_) | Self::Cable(_) => Ok(()),
        }
    }

    /// Closes it.
    pub(super) fn unbind(&self, port: u16) {
        if let Self::Native(sockets) = self {
            sockets.unbind(port);
        }
    }

    /// Sends a batch; `false`: its datagrams are too large.
    pub(super) fn send(
        &self,
        addresses: &FrameAddresses,
        datagrams: &Datagrams,
        segment_bytes: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        match self {
            Self::Tunnel(tunnel) => tunnel.send(addresses, datagrams, segment_bytes, out),
            Self::Cable(cable) => {
                let frame_bytes = write_frames(addresses, datagrams, segment_bytes, |_| [], out);
                cable.send(&mut out.chunks(frame_bytes));
                true
            }
            Self::Native(sockets) => sockets.send(addresses, datagrams, segment_bytes),
        }
    }

    /// Whether [`Carrier::wake`] ends a blocked receive.
    pub(super) fn can_wake(&self) -> bool {
        match self {
            Self::Tunnel(_) => true,
            // The first receive may be ended by this.
            Self::Cable(cable) => cable.wake(),
            Self::Native(_) => false,
        }
    }

    /// Ends the blocked receive of who leads, or else the next one.
    pub(super) fn wake(&self) {
        match self {
            Self::Tunnel(tunnel) => tunnel.wake(),
            Self::Cable(cable) => _ = cable.wake(),
            Self::Native(_) => {}
        }
    }

    /// The same where that has not helped.
    pub(super) fn wake_for_good(&self) {
        match self {
            Self::Tunnel(tunnel) => tunnel.wake_for_good(),
            Self::Cable(_) | Self::Native(_) => self.wake(),
        }
    }

    /// Receives for all sockets. What is for `seat` is put into `into`, its datagrams joined; the rest is left for whom it is
    /// for. `None`: nothing came in time.
    pub(super) fn lead(
        &self,
        demux: &Demux,
        seat: Option<&Seat>,
        into: &mut [u8],
        wait: Wait,
    ) -> io::Result<Option<Brought>> {
        match self {
            Self::Tunnel(tunnel) => tunnel.lead(demux, seat, into, wait),
            Self::Native(sockets) => sockets.lead(demux, seat, into, wait),
            Self::Cable(cable) => {
                let (mut brought, mut any) = (Brought::default(), false);
                let wait = match wait {
                    Wait::No => Duration::ZERO,
                    Wait::Long if demux.can_wake() => REST,
                    Wait::Little | Wait::Long => TICK,
                };
                let goes_on = cable.receive(wait, &mut |frame| {
                    any = true;
                    let Some((addresses, payload)) = demux.parse(frame) else { return };
                    let place = into.get_mut(brought.filled..brought.filled + payload.len());
                    match place.filter(|_| Demux::is_own(seat, &addresses, payload, &mut brought)) {
                        Some(place) => {
                            place.copy_from_slice(payload);
                            brought.filled += payload.len();
                        }
                        None => demux.leave(seat, &addresses, payload),
                    }
                });
                match (any, goes_on) {
                    (true, _) => Ok(Some(brought)),
                    (false, true) => Ok(None),
                    (false, false) => {
                        // Who leads is here.
                        let _ = demux.fail("the switch in this process has stopped");
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Bytes that wait on their way in before some are lost.
    pub(super) fn receive_buffer_bytes(&self) -> usize {
        match self {
            Self::Tunnel(tunnel) => tunnel.receive_buffer_bytes(),
            Self::Native(sockets) => sockets.receive_buffer_bytes(),
            Self::Cable(_) => CABLE_BYTES,
        }
    }

    /// Datagrams of so many bytes that one batch has at most.
    pub(super) fn segments_max(&self, datagram_bytes: usize) -> usize {
        let segments = match self {
            Self::Tunnel(tunnel) => tunnel.segments_max(),
            Self::Native(sockets) => sockets.segments_max(),
            Self::Cable(_) => SEGMENTS_MAX,
        };
        let frame_bytes = datagram_bytes + crate::wire::tunnel::TUNNEL_OVERHEAD_BYTES + ETHERNET_BYTES;
        segments.min(RUN_BYTES_MAX / frame_bytes).max(1)
    }

    /// What can be polled for readability, if there is such a thing.
    pub(super) fn as_fd(&self) -> Option<i32> {
        match self {
            Self::Tunnel(tunnel) => Some(tunnel.as_fd()),
            Self::Native(sockets) => Some(sockets.as_fd()),
            Self::Cable(_) => None,
        }
    }

    /// The link ends.
    pub(super) fn close(&self) {
        if let Self::Tunnel(tunnel) = self {
            tunnel.close();
        }
    }
}

impl Link {
    /// As [`Carrier::lead`].
    pub(super) fn lead(&self, seat: &Seat, into: &mut [u8], wait: Wait) -> io::Result<Option<Brought>> {
        self.0.carrier.lead(&self.0.demux, Some(seat), into, wait)
    }
}
