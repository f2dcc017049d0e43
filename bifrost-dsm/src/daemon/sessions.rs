//! Which client each session of the transport is.

use crate::identity::{Client, Holder, Node};
use crate::memory::{Memory, Seat};
use crate::refusal::Refusal;
use bifrost_rpc::endpoint::QuickMap;
use bifrost_rpc::memory::MemoryOperation;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Sessions remembered after their end. An operation that was on its way through another thread meanwhile must not bring
/// its session back.
const ENDED_MAX: usize = 1024;

/// Sessions that have sent an operation.
///
/// Each session is a client of its own, under the session's number: it is opened once and never again, its ids rise, and
/// its lowest outstanding id says nothing of other sessions, which one process may well have.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By session: random numbers that this end drew.
    clients: QuickMap<u64, Seat>,
    ended: VecDeque<u64>,
}

impl Sessions {
    /// The client that an operation is of; a new one is opened.
    pub(super) fn client(&mut self, memory: &mut Memory, operation: &MemoryOperation) -> Result<Seat, Refusal> {
        let session = operation.call.session();
        let client = Client { holder: holder(operation), id: session };
        match self.clients.get(&session) {
            Some(known) if known.client == client => Ok(*known),
            // Rights are the node's and its incarnation's: a session stays with those it began with.
            Some(_) => Err(memory.refused(Refusal::UnknownClient)),
            None if self.ended.contains(&session) => Err(memory.refused(Refusal::UnknownClient)),
            None => {
                let seat = memory.open_seat(client)?;
                self.clients.insert(session, seat);
                Ok(seat)
            }
        }
    }

    /// The client of a session, if it has sent anything.
    pub(super) fn known(&self, session: u64) -> Option<Client> {
        self.clients.get(&session).map(|seat| seat.client)
    }

    /// A session has ended.
    pub(super) fn end(&mut self, memory: &mut Memory, session: u64) {
        if let Some(seat) = self.clients.remove(&session) {
            memory.close(seat.client);
        }
        self.ended.truncate(ENDED_MAX - 1);
        self.ended.push_front(session);
    }
}

/// The life of a node that asks.
pub(super) fn holder(operation: &MemoryOperation) -> Holder {
    let node = match operation.peer.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    Holder { node: Node(node), incarnation: operation.incarnation }
}
