//! A link over a tunnel: one outer UDP socket, connected to the switch's, and a thread that keeps the attachment.

use super::LinkError;
use super::demux::{Brought, Demux, Led, TICK, Wait};
use super::frames::write_frames;
use super::slot::Seat;
use crate::endpoint::{Datagrams, Time};
use crate::io::{Clock, RECEIVE_BYTES, Received, Socket, Timer};
use crate::tunnel::{NodeEnd, NodeState};
use crate::wire::frame::{FRAME_HEADERS_BYTES, FrameAddresses};
use crate::wire::tunnel::{Seat as Told, TUNNEL_HEADER_BYTES, TunnelHeader, TunnelKind};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Receives in a row that the thread makes where nobody waits.
const DRAIN_ROUNDS: usize = 64;

/// The outer socket, and where the attachment stands.
#[derive(Debug)]
pub(super) struct Tunnel {
    socket: Socket,
    end: Mutex<NodeEnd>,
    /// The number that frames carry; 0 while there is none.
    attachment: AtomicU32,
    clock: Clock,
    timer: Timer,
}

impl Tunnel {
    /// Attaches, within this time.
    pub(super) fn attach(
        socket: Socket,
        switch: SocketAddr,
        end: impl FnOnce(Time) -> NodeEnd,
        within: Duration,
    ) -> Result<(Self, Told), LinkError> {
        socket.set_receive_timeout(Some(TICK)).map_err(|source| LinkError::Socket { switch, source })?;
        let clock = Clock::new();
        let end = Mutex::new(end(clock.now()));
        let tunnel = Self { socket, end, attachment: AtomicU32::new(0), clock, timer: Timer::new(clock) };
        let until = clock.now().plus(within);
        let mut buffer = vec![0; RECEIVE_BYTES];
        loop {
            tunnel.step();
            let state = tunnel.end().state();
            match state {
                NodeState::Attached(_, seat) => {
                    tunnel.note_state();
                    // From here on whoever waits is woken.
                    let ready = tunnel.socket.prepare_wake().and_then(|()| tunnel.socket.set_receive_timeout(None));
                    ready.map_err(|source| LinkError::Socket { switch, source })?;
                    return Ok((tunnel, seat));
                }
                NodeState::Asking(refused) if clock.now() >= until => {
                    return Err(LinkError::Unanswered { switch, within, refused });
                }
                NodeState::Ended(reason) => return Err(LinkError::Ended { switch, reason }),
                NodeState::Asking(_) => {}
            }
            let received = tunnel.socket.receive(&mut buffer);
            if let Received::Bytes(bytes, ..) = received.map_err(|source| LinkError::Socket { switch, source })? {
                tunnel.on_datagram(&mut buffer, bytes, |_, _| {});
            }
        }
    }

    fn end(&self) -> MutexGuard<'_, NodeEnd> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is due, and sends what is to be said.
    fn step(&self) {
        let mut end = self.end();
        end.handle_timeout(self.clock.now());
        self.say(&mut end);
    }

    fn say(&self, end: &mut NodeEnd) {
        while let Some(message) = end.poll_transmit() {
            // Lost, it is said again.
            let _ = self.socket.send_joined(&message, message.len());
        }
    }

    /// Frames carry the attachment's number from now on. While the node asks again, they carry the last: the switch may still
    /// know it.
    fn note_state(&self) {
        if let NodeState::Attached(number, _) = self.end().state() {
            self.attachment.store(number, Ordering::Release);
        }
    }

    /// Takes a buffer apart: frames are shown by where they stand in it, messages handled.
    fn on_datagram(&self, buffer: &mut [u8], bytes: usize, mut frame: impl FnMut(&mut [u8], Range<usize>)) {
        let (mut at, attachment) = (0, self.attachment.load(Ordering::Acquire));
        while at < bytes {
            let mut rest = &buffer[at..bytes];
            let Ok((header, body)) = TunnelHeader::take(&mut rest) else { return };
            let end = at + TUNNEL_HEADER_BYTES + body.len();
            if header.kind == TunnelKind::Frame {
                if header.attachment == attachment {
                    frame(buffer, at + TUNNEL_HEADER_BYTES..end);
                }
            } else {
                self.on_message(&buffer[at..end]);
            }
            at = end;
        }
    }

    fn on_message(&self, message: &[u8]) {
        let mut end = self.end();
        end.handle(self.clock.now(), message);
        self.say(&mut end);
        let due = end.poll_timeout();
        drop(end);
        self.note_state();
        // The thread that keeps the attachment looks what has become of it.
        self.timer.wake_by(due.or(Some(self.clock.now())));
    }

    pub(super) fn send(
        &self,
        addresses: &FrameAddresses,
        datagrams: &Datagrams,
        segment_bytes: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let attachment = self.attachment.load(Ordering::Acquire);
        let header = |length| TunnelHeader { kind: TunnelKind::Frame, length, attachment }.to_bytes();
        let outer_bytes = write_frames(addresses, datagrams, segment_bytes, header, out);
        self.socket.send_joined(out, outer_bytes)
    }

    /// Sends a single frame; `false`: it is too large.
    pub(super) fn send_frame(&self, frame: &[u8]) -> bool {
        let attachment = self.attachment.load(Ordering::Acquire);
        let Ok(length) = u16::try_from(frame.len()) else { return false };
        let header = TunnelHeader { kind: TunnelKind::Frame, length, attachment }.to_bytes();
        let datagram = [&header[..], frame].concat();
        self.socket.send_joined(&datagram, datagram.len())
    }

    /// See [`Carrier::lead`](super::carrier::Carrier::lead).
    pub(super) fn lead(
        &self,
        demux: &Demux,
        seat: Option<&Seat>,
        into: &mut [u8],
        wait: Wait,
    ) -> io::Result<Option<Brought>> {
        let received = match wait {
            Wait::Long => self.socket.receive(into)?,
            Wait::Little => self.socket.receive_within(TICK, into)?,
            Wait::No => self.socket.try_receive(into)?,
        };
        let Received::Bytes(bytes, ..) = received else { return Ok(None) };
        let mut brought = Brought::default();
        self.on_datagram(into, bytes, |buffer, frame| {
            let start = frame.start + FRAME_HEADERS_BYTES;
            let Some((addresses, payload)) = demux.parse(&buffer[frame]) else { return };
            if Demux::is_own(seat, &addresses, payload, &mut brought) {
                // Payloads move together, over headers and what was moved before.
                let length = payload.len();
                buffer.copy_within(start..start + length, brought.filled);
                brought.filled += length;
            } else {
                demux.leave(seat, &addresses, payload);
            }
        });
        Ok(Some(brought))
    }

    pub(super) fn receive_buffer_bytes(&self) -> usize {
        self.socket.receive_buffer_bytes()
    }

    pub(super) fn segments_max(&self) -> usize {
        self.socket.segments_max()
    }

    pub(super) fn as_fd(&self) -> i32 {
        self.socket.raw_fd()
    }

    /// What the thread does that keeps the attachment, until the link ends.
    pub(super) fn keep(&self, demux: &Demux) {
        let mut buffer = vec![0; RECEIVE_BYTES];
        self.timer.run(|| {
            let asks = matches!(self.end().state(), NodeState::Asking(_));
            // Where nobody waits for frames, the answer to the last KEEP lies in the socket. An error is found by who reads next.
            for _ in 0..DRAIN_ROUNDS {
                let lead = || self.lead(demux, None, &mut buffer, if asks { Wait::Little } else { Wait::No });
                if !matches!(demux.lead_for_others(lead), Ok(Led::Something)) {
                    break;
                }
            }
            self.step();
            let end = self.end();
            let (state, due) = (end.state(), end.poll_timeout());
            drop(end);
            if let NodeState::Ended(reason) = state
                && demux.fail(&format!("the switch has ended the link: {reason}"))
            {
                self.wake();
            }
            if asks { Some(self.clock.now().plus(TICK)) } else { due }
        });
    }

    /// Ends the blocked receive of who leads, or else the next one.
    pub(super) fn wake(&self) {
        self.socket.wake();
    }

    /// The same where that has not helped.
    pub(super) fn wake_for_good(&self) {
        self.socket.wake_for_good();
    }

    /// Leaves; the thread that keeps the attachment ends.
    pub(super) fn close(&self) {
        let mut end = self.end();
        end.detach();
        self.say(&mut end);
        drop(end);
        self.timer.stop();
    }
}
