//! Messages of any size over connected UDP sockets that nothing is lost on.
//!
//! Picked by measurement (loopback, MTU 65,536, both ends on one core, 2 MiB echoed, median µs):
//!
//! | layout | µs |
//! | --- | --- |
//! | packets of about 65 kB, in one segment or cut by GSO into any size from 1,452 B | 420–435 |
//! | packets of 57,344 / 49,152 / 32,768 B | 447 / 473 / 587 |
//! | an acknowledgement every 1 MiB / 512 / 256 / 128 KiB | 508 / 537 / 570 / 613 |
//!
//! | giving up the processor every 1 MiB / 512 / 256 / 128 / 64 KiB | 460 / 500 / 540 / 570 / 600 |
//!
//! So what counts is the bytes for each walk through the stack, not the segment's size, and each
//! switch between the two costs more than the cache misses that it avoids. Therefore:
//!
//! * a segment is as large as the path's MTU allows, a packet as many whole segments as one send may
//!   have; where that is more than one, the socket option `UDP_SEGMENT` cuts it, so that a plain
//!   `send` does (no control message to build);
//! * with `UDP_GRO` a plain `recv` takes a whole packet straight into its final place. The option
//!   itself costs a small receive nothing; `recvmsg` would cost 3 %;
//! * the receive buffer is 4 MiB (which the kernel doubles), and up to 2 MiB travel unacknowledged.
//!   Beyond that the receiver sends one byte for each half window.

use std::io;
use std::net::UdpSocket;

use anyhow::{Context, Result};
use nix::sys::socket::{getsockopt, setsockopt, sockopt};

use crate::sockets;
use crate::watchdog::Aborter;

const BUFFER_BYTES: usize = 4 << 20;
const WINDOW_BYTES_MAX: usize = 2 << 20;
/// The kernel's, for one send with segmentation.
const SEGMENTS_MAX: usize = 64;
/// The longest packet with its IP and UDP headers.
const PACKET_BYTES_MAX: usize = 65_535;
const HEADER_BYTES_V4: usize = 28;
const HEADER_BYTES_V6: usize = 48;

/// One end of the connection.
#[derive(Debug)]
pub(super) struct Pipe {
    socket: UdpSocket,
    /// Payload of one send.
    packet_bytes: usize,
    /// Bytes sent and not acknowledged.
    window: usize,
}

impl Pipe {
    /// Takes over `socket`, which is connected.
    pub(super) fn new(socket: UdpSocket) -> Result<Self> {
        // Beyond the system's limit where this process may; up to it otherwise.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &BUFFER_BYTES).context("cannot set SO_RCVBUF")?;
        }
        setsockopt(&socket, sockopt::SndBuf, &BUFFER_BYTES).context("cannot set SO_SNDBUF")?;
        setsockopt(&socket, sockopt::UdpGroSegment, &true).context("cannot set UDP_GRO")?;
        let mtu = getsockopt(&socket, sockopt::IpMtu).context("cannot read the path's MTU")?;
        let layout = Layout::of(usize::try_from(mtu)?, socket.local_addr()?.is_ipv4());
        if layout.segments > 1 {
            let segment = i32::try_from(layout.segment_bytes)?;
            setsockopt(&socket, sockopt::UdpGsoSegment, &segment).context("cannot set UDP_SEGMENT")?;
        }
        // The kernel reports twice what was asked for, and charges up to that for packets this large.
        let buffer = getsockopt(&socket, sockopt::RcvBuf).context("cannot read SO_RCVBUF")?;
        let window = (buffer / 4).clamp(layout.packet_bytes(), WINDOW_BYTES_MAX);
        Ok(Self { socket, packet_bytes: layout.packet_bytes(), window })
    }

    /// The socket, for what is no message.
    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Leaves datagrams as they come, for exchanges that are no message of this module.
    pub(super) fn keep_datagrams_apart(&self) -> Result<()> {
        setsockopt(&self.socket, sockopt::UdpGroSegment, &false).context("cannot reset UDP_GRO")
    }

    /// Payload that goes in one send.
    pub(super) fn packet_bytes_max(&self) -> usize {
        self.packet_bytes
    }

    /// What this end can take unacknowledged.
    pub(super) fn window_bytes(&self) -> u64 {
        self.window as u64
    }

    /// Takes the peer's window if that is smaller.
    pub(super) fn limit_window(&mut self, peer_bytes: u64) {
        self.window = usize::try_from(peer_bytes).map_or(self.window, |peer| peer.min(self.window)).max(2);
    }

    /// Sends one message that consists of `parts`.
    pub(super) fn send(&self, parts: &[&[u8]]) -> io::Result<()> {
        let total = parts.iter().map(|part| part.len()).sum();
        let mut missing = acknowledgements(total, self.window);
        let (mut sent, mut acknowledged) = (0, 0);
        for packet in parts.iter().flat_map(|part| part.chunks(self.packet_bytes)) {
            sent += packet.len();
            while missing > 0 && sent > acknowledged + self.window {
                self.receive_acknowledgement()?;
                acknowledged += self.window / 2;
                missing -= 1;
            }
            self.socket.send(packet)?;
        }
        // They come before the reply, so they must be out of its way.
        (0..missing).try_for_each(|_| self.receive_acknowledgement())
    }

    /// Receives one message that fills `buffer`.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<()> {
        let total = buffer.len();
        let owed = acknowledgements(total, self.window);
        let (mut at, mut given) = (0, 0);
        while at < total {
            match self.socket.recv(&mut buffer[at..])? {
                0 => return Err(lost(at, total)),
                received => at += received,
            }
            while given < owed && at >= (given + 1) * (self.window / 2) {
                self.socket.send(&[0])?;
                given += 1;
            }
        }
        Ok(())
    }

    fn receive_acknowledgement(&self) -> io::Result<()> {
        match self.socket.recv(&mut [0; 8])? {
            1 => Ok(()),
            _ => Err(lost(0, 1)),
        }
    }

    /// What ends a receive that hangs.
    pub(super) fn aborter(&self) -> Result<Aborter> {
        let socket = self.socket.try_clone().context("cannot duplicate the socket")?;
        Ok(Box::new(move || sockets::shut_down(&socket)))
    }
}

fn lost(at: usize, total: usize) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("a datagram was lost: {at} of {total} bytes arrived"))
}

/// How many acknowledgements the receiver of `total` bytes sends: one for each half window passed
/// before the end.
fn acknowledgements(total: usize, window: usize) -> usize {
    if total <= window { 0 } else { (total - 1) / (window / 2) }
}

/// How a message is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    segment_bytes: usize,
    segments: usize,
}

impl Layout {
    fn of(mtu: usize, is_ipv4: bool) -> Self {
        let headers = if is_ipv4 { HEADER_BYTES_V4 } else { HEADER_BYTES_V6 };
        let segment_bytes = mtu.min(PACKET_BYTES_MAX).saturating_sub(headers).max(1);
        let segments = ((PACKET_BYTES_MAX - headers) / segment_bytes).clamp(1, SEGMENTS_MAX);
        Self { segment_bytes, segments }
    }

    fn packet_bytes(self) -> usize {
        self.segment_bytes * self.segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_fit_the_path_and_packets_one_send() {
        for (mtu, is_ipv4, segment_bytes, segments) in
            [(65_536, false, 65_487, 1), (65_536, true, 65_507, 1), (9_000, false, 8_952, 7), (1_500, false, 1_452, 45)]
        {
            assert_eq!(Layout::of(mtu, is_ipv4), Layout { segment_bytes, segments });
        }
        let tiny = Layout::of(576, true);
        assert_eq!(tiny.segments, SEGMENTS_MAX);
        assert!(tiny.packet_bytes() <= PACKET_BYTES_MAX);
    }

    #[test]
    fn only_messages_beyond_the_window_are_acknowledged() {
        assert_eq!(acknowledgements(1, 100), 0);
        assert_eq!(acknowledgements(100, 100), 0);
        assert_eq!(acknowledgements(101, 100), 2);
        assert_eq!(acknowledgements(400, 100), 7);
    }

    fn pair() -> (Pipe, Pipe) {
        let (a, b) = (UdpSocket::bind("[::1]:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
        a.connect(b.local_addr().unwrap()).unwrap();
        b.connect(a.local_addr().unwrap()).unwrap();
        for socket in [&a, &b] {
            socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        }
        (Pipe::new(a).unwrap(), Pipe::new(b).unwrap())
    }

    #[test]
    fn messages_of_many_windows_arrive_whole() {
        let (mut a, mut b) = pair();
        a.limit_window(150_000);
        b.limit_window(a.window_bytes());
        let data: Vec<u8> = (0..3_000_001_u32).map(|i| i.to_le_bytes()[1]).collect();
        let mut got = vec![0; data.len()];
        std::thread::scope(|scope| {
            scope.spawn(|| a.send(&[&data[..7], &data[7..]]).unwrap());
            b.receive(&mut got).unwrap();
        });
        assert!(got == data, "the message differs");
    }

    #[test]
    fn a_loss_is_an_error() {
        let (a, b) = pair();
        a.socket().send(&[1; 10]).unwrap();
        let abort = b.aborter().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let error = b.receive(&mut [0; 20]).unwrap_err();
                assert!(error.to_string().contains("10 of 20"), "{error}");
            });
            scope.spawn(abort);
        });
    }
}
