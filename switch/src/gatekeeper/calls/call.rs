//! A call that runs.

use super::super::output::{CallKey, Holder};
use super::Stage;
use super::made::Denial;
use super::objects::key_of;
use super::session::{SessionKey, session_of};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Header, MethodField, PacketType, Pointer};

/// Where a call came from: what is needed to answer it, or to follow it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) port: u16,
    pub(super) addresses: FrameAddresses,
    pub(super) header: Header,
}

/// How a held call ends that does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its caller was told, or needs not to be.
    Silent,
    /// Its caller is told once its leases have ended, and each time it asks.
    Refused(Denial),
    /// Its caller is told to try again, and nothing is remembered.
    Again,
}

/// A call that runs.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) session: u64,
    pub(super) instance: u32,
    pub(super) caller: Option<Holder>,
    pub(super) callee: Holder,
    pub(super) method: MethodField,
    pub(super) kind: PacketType,
    /// `None` after a restart, until a packet of the call has come.
    pub(super) origin: Option<Box<Origin>>,
    /// What it leases.
    pub(super) pointers: Vec<Pointer>,
    /// What its answer gave its caller.
    pub(super) given: Vec<Pointer>,
    pub(super) stage: Stage,
    /// The newest copy of the packet that is held.
    pub(super) kept: Option<Vec<u8>>,
    /// Answers of servers and changes of tables to be waited for.
    pub(super) waits: u32,
    pub(super) fate: Option<Fate>,
    /// Its caller waits no more.
    pub(super) is_cancelled: bool,
    /// What its answer gives is nobody's.
    pub(super) is_abandoned: bool,
    /// Known from servers and nodes alone, after a restart: whether its callee has it is not known.
    pub(super) is_unsure: bool,
    /// A control plane before this one may have released it: nobody is told that it never ran.
    pub(super) may_have_run: bool,
    /// A node knows it.
    pub(super) is_known: bool,
    /// Its callee has told after a restart that its handler has ended: of a oneway call nothing more will come.
    pub(super) is_done: bool,
    /// Its callee has refused it as of a session that it does not know, or knows the session as another's.
    pub(super) is_strangers: bool,
    /// Held: its deadline. Released and cancelled: when its callee is asked next.
    pub(super) timer: Option<Time>,
}

impl Call {
    /// What its caller is told of a call that does not go on here, if it is certain that it did not before either.
    pub(super) fn told(&self, denial: Denial) -> Denial {
        if self.may_have_run { Denial::UnknownSession } else { denial }
    }

    pub(super) fn session_key(&self, key: CallKey) -> SessionKey {
        session_of(key, self.session)
    }

    /// Whether a packet is a copy of the one that the call began with. After a restart the first that comes is.
    pub(super) fn is_copy(&self, header: &Header, pointers: &[Pointer]) -> bool {
        let begun = self.origin.is_none() || (self.method == header.method && self.kind == header.kind);
        begun && (self.is_unsure || self.origin.is_none() || self.pointers == pointers)
    }

    /// The servers of what it leases, in order.
    pub(super) fn servers(&self) -> Vec<u8> {
        servers_of(&self.pointers)
    }

    /// What it leases of one server, each once.
    pub(super) fn at(&self, server: u8) -> Vec<Pointer> {
        of_server(&self.pointers, server)
    }
}

/// The servers of pointers, in order.
pub(super) fn servers_of(pointers: &[Pointer]) -> Vec<u8> {
    let mut servers: Vec<u8> = pointers.iter().map(|pointer| pointer.server()).collect();
    servers.sort_unstable();
    servers.dedup();
    servers
}

/// Pointers of one server, each once.
pub(super) fn of_server(pointers: &[Pointer], server: u8) -> Vec<Pointer> {
    let mut of: Vec<Pointer> = pointers.iter().copied().filter(|pointer| pointer.server() == server).collect();
    of.sort_unstable_by_key(|pointer| key_of(*pointer));
    of.dedup();
    of
}
