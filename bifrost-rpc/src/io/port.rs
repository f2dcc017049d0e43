//! A socket with its endpoint: what threads share.

use super::link::{KnowsCalls, Reports};
use super::{Clock, PortSocket, Received, Socket};
use crate::endpoint::{Datagrams, Endpoint, Landing, Stats, Time, Transmit};
use crate::follow;
use crate::wire::HEADER_BYTES;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

/// A socket and the endpoint behind it.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) socket: PortSocket,
    pub(crate) clock: Clock,
    endpoint: Mutex<Endpoint>,
}

impl Port {
    pub(crate) fn new(socket: PortSocket, clock: Clock, endpoint: Endpoint) -> Self {
        Self { socket, clock, endpoint: Mutex::new(endpoint) }
    }

    /// Whether the endpoint of a socket is to report to a control plane.
    pub(crate) fn reports(socket: &PortSocket) -> bool {
        socket.reports().is_some_and(Reports::is_on)
    }

    /// Lets the control plane ask `asked`, through the link that the socket is on, for as long as it lives.
    pub(crate) fn register(&self, asked: Weak<dyn KnowsCalls>) {
        if let Some(reports) = self.socket.reports().filter(|reports| reports.is_on()) {
            reports.register(asked);
        }
    }

    /// Hands on what the endpoint reports.
    pub(crate) fn hand_on(&self, endpoint: &mut Endpoint) {
        if endpoint.has_reports()
            && let Some(reports) = self.socket.reports()
        {
            reports.push(std::iter::from_fn(|| endpoint.poll_report()));
        }
    }

    /// The endpoint. A panic elsewhere while it was locked leaves it usable: each of its steps is complete in itself.
    pub(crate) fn endpoint(&self) -> MutexGuard<'_, Endpoint> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the endpoint has counted, and its socket.
    pub(crate) fn stats(&self) -> Stats {
        Stats { odd: self.socket.odd(), ..self.endpoint().stats() }
    }

    /// Sends what is to be sent. Returns when something is due next.
    pub(crate) fn flush(&self, batch: &mut Datagrams) -> Option<Time> {
        let mut endpoint = self.endpoint();
        self.hand_on(&mut endpoint);
        self.flush_wanted(self.clock.now(), endpoint, batch, &self.socket)
    }

    /// As [`Port::flush_locked`], where there may be nothing to be sent. Either way the endpoint is free afterwards.
    #[inline(always)]
    pub(crate) fn flush_wanted<'a>(
        &'a self,
        now: Time,
        endpoint: MutexGuard<'a, Endpoint>,
        batch: &mut Datagrams,
        socket: &PortSocket,
    ) -> Option<Time> {
        match endpoint.wants_transmit() {
            true => self.flush_locked(now, endpoint, batch, socket),
            false => endpoint.poll_timeout(),
        }
    }

    /// Sends what is to be sent; the endpoint is free while a batch is being sent. What goes to the peer of `socket`
    /// is sent through it, the rest through the port's own. Returns when something is due next.
    #[inline(always)]
    pub(crate) fn flush_locked<'a>(
        &'a self,
        now: Time,
        mut endpoint: MutexGuard<'a, Endpoint>,
        batch: &mut Datagrams,
        socket: &PortSocket,
    ) -> Option<Time> {
        loop {
            let (transmit, due, wants_more) = self.next_transmit(now, endpoint, batch);
            let Some(transmit) = transmit else { return due };
            let socket = if socket.peer() == Some(transmit.to) { socket } else { &self.socket };
            let fits = socket.send(&transmit, batch);
            batch.let_go();
            if fits && !wants_more {
                return due;
            }
            endpoint = self.endpoint();
            if !fits {
                endpoint.datagram_too_large(transmit.to);
            }
        }
    }

    /// The next batch to be sent, when something is due next, and whether there is more to be sent. The endpoint is free then.
    #[inline(never)]
    fn next_transmit(
        &self,
        now: Time,
        mut endpoint: MutexGuard<'_, Endpoint>,
        batch: &mut Datagrams,
    ) -> (Option<Transmit>, Option<Time>, bool) {
        self.hand_on(&mut endpoint);
        let transmit = endpoint.poll_transmit(now, self.socket.segments_max(), batch);
        let due = endpoint.poll_timeout();
        let wants_more = endpoint.wants_transmit();
        drop(endpoint);
        if transmit.is_some() && follow::is_followed() {
            follow::packets(&batch.to_vec(), true);
        }
        (transmit, due, wants_more)
    }

    /// Takes in whatever has arrived, without waiting; at most `rounds` receives.
    pub(crate) fn drain(&self, socket: &PortSocket, buffer: &mut [u8], rounds: usize) -> io::Result<()> {
        for _ in 0..rounds {
            match socket.try_receive(buffer)? {
                Received::Bytes(bytes, from, local) => {
                    let now = self.clock.now();
                    came(&buffer[..bytes]);
                    self.endpoint().handle_at(now, from, local, &mut buffer[..bytes]);
                }
                Received::Nothing | Received::Ended => break,
            }
        }
        Ok(())
    }

    /// Waits for datagrams at `socket` and takes them in; those that `place` is for are received into it. The endpoint
    /// is returned with the time, `None` if nothing came.
    #[inline(always)]
    pub(crate) fn receive(
        &self,
        socket: &PortSocket,
        place: Option<Landing>,
        buffer: &mut [u8],
    ) -> io::Result<(MutexGuard<'_, Endpoint>, Time, Received)> {
        // Others are lent none.
        if let (PortSocket::Kernel(kernel), Some(landing)) = (socket, place) {
            return self.receive_at(kernel, landing, buffer);
        }
        let received = socket.receive(buffer)?;
        let (endpoint, now) = self.take_in(received, buffer);
        Ok((endpoint, now, received))
    }

    /// Takes in what was received now.
    #[inline(never)]
    fn take_in(&self, received: Received, buffer: &mut [u8]) -> (MutexGuard<'_, Endpoint>, Time) {
        let now = self.clock.now();
        if let Received::Bytes(bytes, ..) = received {
            came(&buffer[..bytes]);
        }
        let mut endpoint = self.endpoint();
        if let Received::Bytes(bytes, from, local) = received {
            endpoint.handle_at(now, from, local, &mut buffer[..bytes]);
        }
        (endpoint, now)
    }

    /// As [`Port::receive`], into a place.
    #[inline(never)]
    fn receive_at(
        &self,
        kernel: &Socket,
        mut landing: Landing,
        buffer: &mut [u8],
    ) -> io::Result<(MutexGuard<'_, Endpoint>, Time, Received)> {
        let mut header = [0; HEADER_BYTES];
        let place_bytes = landing.place().len();
        let received = kernel.scatter([&mut header, landing.place(), buffer]);
        let now = self.clock.now();
        let mut endpoint = self.endpoint();
        let came_in = match received {
            Ok(Received::Bytes(bytes, from, _)) if bytes >= HEADER_BYTES => Some((from, &header, bytes - HEADER_BYTES)),
            _ => None,
        };
        if came_in.is_some() {
            came(&header);
        }
        // Not what was expected: put together what was received apart.
        if let Some(mut datagram) = endpoint.give_landing(now, landing, came_in)
            && let Some((from, _, bytes)) = came_in
        {
            datagram.extend_from_slice(&buffer[..bytes.saturating_sub(place_bytes)]);
            endpoint.handle(now, from, &mut datagram);
        }
        Ok((endpoint, now, received?))
    }

    /// Does what is due. When something is due next, says the flush that has to follow.
    pub(crate) fn run_timers(&self) {
        let now = self.clock.now();
        let mut endpoint = self.endpoint();
        if endpoint.poll_timeout().is_some_and(|due| due <= now) {
            endpoint.handle_timeout(now);
            self.hand_on(&mut endpoint);
        }
    }
}

/// Tells of what has come.
fn came(bytes: &[u8]) {
    if follow::is_followed() {
        follow::packets(bytes, false);
    }
}

/// 32 unpredictable bytes for an endpoint.
pub(crate) fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(format!("no random numbers: {error}")))?;
    Ok(seed)
}
