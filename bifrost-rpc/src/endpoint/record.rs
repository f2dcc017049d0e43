//! What a callee remembers of calls so as to run none twice, and what it lets go of.

use super::inbound::Inbound;
use super::link::Link;
use super::memory_api::MemoryOperation;
use super::outbound::Outbound;
use super::pool::BufferPool;
use super::time::Time;
use crate::wire::{MemoryFields, MethodField, PacketType, Pointer};

/// A call as the callee remembers it.
#[derive(Debug)]
pub(super) enum Served {
    /// Fragments are arriving.
    Arriving(Box<Arriving>),
    /// Its handler was started, or waits to be.
    Running(Running),
    /// The same of a oneway call.
    RunningOneway(RunningOneway),
    /// A memory operation that is being done, or waits for another.
    Memory(MemoryRun),
    /// The answer, kept until the client says that the call has ended.
    Answered(Box<Answered>),
    /// A oneway call that ran.
    Done {
        /// It leased pointers.
        leased: bool,
    },
}

/// A call whose handler runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    /// Bytes of its message that came and were not acknowledged.
    pub(super) unacked: u32,
    /// It leases pointers.
    pub(super) leased: bool,
    /// Its caller understands references in the answer.
    pub(super) references: bool,
}

/// A oneway call whose handler runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunningOneway {
    /// Acknowledgements that told its caller so.
    pub(super) acks: u32,
    /// It leases pointers.
    pub(super) leased: bool,
}

/// A memory operation to be done later, with its data.
pub(super) type Held = (MemoryOperation, Vec<u8>);

/// A memory operation that is being done.
#[derive(Debug)]
pub(super) struct MemoryRun {
    pub(super) fields: MemoryFields,
    /// Bytes of its message that came and were not acknowledged.
    pub(super) unacked: u32,
    /// It waits for the write before it.
    pub(super) held: Option<Box<Held>>,
}

#[derive(Debug)]
pub(super) struct Arriving {
    /// CALL, ONEWAY or MEMORY; fragments of one message have one type and one method.
    pub(super) kind: PacketType,
    pub(super) method: MethodField,
    /// Of a memory operation: what is asked, in every fragment.
    pub(super) memory: Option<MemoryFields>,
    /// It leases pointers.
    pub(super) leased: bool,
    pub(super) inbound: Inbound,
    pub(super) progress: Time,
}

#[derive(Debug)]
pub(super) struct Answered {
    pub(super) kind: PacketType,
    pub(super) method: MethodField,
    pub(super) out: Outbound,
    /// Of a call that leases pointers.
    pub(super) leased: bool,
    /// Of a memory operation.
    pub(super) memory: Option<MemoryFields>,
    /// Of one that was answered before its turn: the write that it follows.
    pub(super) follows: u64,
    pub(super) prompt: bool,
    pub(super) timer: Option<Time>,
    pub(super) backoff: u32,
    pub(super) queued: bool,
}

impl Arriving {
    pub(super) fn pointer(&self) -> Option<Pointer> {
        self.memory.map(|memory| memory.pointer)
    }
}

impl Served {
    /// The pointer of a memory operation.
    pub(super) fn pointer(&self) -> Option<Pointer> {
        match self {
            Self::Arriving(arriving) => arriving.pointer(),
            Self::Memory(run) => Some(run.fields.pointer),
            Self::Answered(answered) => answered.memory.map(|memory| memory.pointer),
            Self::Running(_) | Self::RunningOneway(_) | Self::Done { .. } => None,
        }
    }

    /// Whether the call leases pointers.
    pub(super) fn is_leased(&self) -> bool {
        match self {
            Self::Arriving(arriving) => arriving.leased,
            Self::Running(run) => run.leased,
            Self::RunningOneway(run) => run.leased,
            Self::Answered(answered) => answered.leased,
            Self::Done { leased } => *leased,
            Self::Memory(_) => false,
        }
    }

    /// Of a call whose handler has not ended: whether it runs.
    fn runs(&self) -> Option<bool> {
        match self {
            Self::Arriving(_) => Some(false),
            Self::Running(_) | Self::RunningOneway(_) => Some(true),
            Self::Answered(_) | Self::Done { .. } | Self::Memory(_) => None,
        }
    }
}

impl Answered {
    pub(super) fn new(kind: PacketType, method: MethodField, out: Outbound, prompt: bool) -> Self {
        Self {
            kind,
            method,
            out,
            leased: false,
            memory: None,
            follows: 0,
            prompt,
            timer: None,
            backoff: 0,
            queued: false,
        }
    }

    /// Memory that it shares with whoever gave it, in bytes.
    pub(super) fn pinned(&self) -> usize {
        if self.out.message().is_shared() { self.out.bytes() } else { 0 }
    }
}

/// What a session let go of.
#[derive(Debug, Default)]
pub(super) struct Released {
    /// Memory freed.
    pub(super) bytes: usize,
    /// Memory not shared any more.
    pub(super) pinned: usize,
    /// A record's memory, to be used again.
    pub(super) record: Option<Box<Answered>>,
    /// The usual case is one, which needs no list.
    first_spent: Option<Vec<u8>>,
    rest: Option<Box<Rest>>,
}

/// What few packets let go of.
#[derive(Debug, Default)]
struct Rest {
    unanswered: Vec<u64>,
    leased: Vec<(u64, bool)>,
    spent: Vec<Vec<u8>>,
}

impl Released {
    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Whether any call has to be told of.
    pub(super) fn has_calls(&self) -> bool {
        self.rest.is_some()
    }

    /// Calls that had not been answered.
    pub(super) fn unanswered(&self) -> &[u64] {
        self.rest.as_ref().map_or(&[], |rest| &rest.unanswered)
    }

    /// Leased calls whose handlers have not ended, with whether they run; none of them is started from now on.
    pub(super) fn leased(&self) -> &[(u64, bool)] {
        self.rest.as_ref().map_or(&[], |rest| &rest.leased)
    }

    pub(super) fn spend(&mut self, spent: Vec<u8>) {
        match self.first_spent {
            None => self.first_spent = Some(spent),
            Some(_) => self.rest().spent.push(spent),
        }
    }

    /// Keeps the buffers, to be used again.
    pub(super) fn give_spent(self, pool: &mut BufferPool) {
        if let Some(spent) = self.first_spent {
            pool.put(spent);
        }
        if let Some(rest) = self.rest {
            rest.spent.into_iter().for_each(|spent| pool.put(spent));
        }
    }

    pub(super) fn drop_held(&mut self, held: Option<Box<Held>>) {
        if let Some((_, body)) = held.map(|held| *held) {
            self.bytes += body.len();
            self.spend(body);
        }
    }

    pub(super) fn drop_arriving(&mut self, arriving: Arriving) {
        self.bytes += arriving.inbound.len();
        self.spend(arriving.inbound.into_buffer());
    }

    /// Takes the record of a call that is not started any more.
    pub(super) fn end(&mut self, rpc: u64, served: Served, link: &mut Link) {
        if let Some(runs) = served.runs().filter(|_| served.is_leased()) {
            self.rest().leased.push((rpc, runs));
        }
        self.take(rpc, served, link);
    }

    /// Takes a record.
    pub(super) fn take(&mut self, rpc: u64, served: Served, link: &mut Link) {
        match served {
            Served::Arriving(arriving) => {
                if arriving.memory.is_some() {
                    self.rest().unanswered.push(rpc);
                }
                self.drop_arriving(*arriving);
            }
            Served::Running(_) => self.rest().unanswered.push(rpc),
            Served::Memory(run) => {
                self.rest().unanswered.push(rpc);
                self.drop_held(run.held);
            }
            Served::Answered(mut answered) => {
                self.pinned += answered.pinned();
                self.bytes += answered.out.bytes();
                let in_flight = answered.out.drain_flight();
                link.window.acked(in_flight);
                if let Some(spent) = answered.out.take_message().into_spent() {
                    self.spend(spent);
                }
                // One that was in flight may have kept long lists of what was.
                if !answered.out.is_counted() {
                    self.record = Some(answered);
                }
            }
            // A oneway call that was reported delivered runs, whatever becomes of its caller.
            Served::RunningOneway(_) | Served::Done { .. } => {}
        }
    }
}
