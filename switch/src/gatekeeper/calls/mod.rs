//! Protection, and the graph of running calls: which call leases what to whom, who controls which object, and what follows from that in the
//! switch's tables. `docs/gatekeeper.md`, sections 4 to 9.
//!
//! [`Calls`] takes packets and answers in, and gives [`Step`]s out. It knows no machines: it asks a [`Directory`].

mod cause;
mod directory;
mod step;

pub use cause::{Cause, Counts};
pub use directory::{Directory, Place};
pub use step::{Step, Ticket};

use super::input::{Answered, Reason, ServerObject};
use super::output::{CallKey, Holder};
use crate::rules::Decision;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{OutstandingCall, ReportLine};
use bifrost_rpc::wire::{MethodField, Pointer};
use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv6Addr;

/// How much of everything there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Running calls in all.
    pub calls_max: usize,
    /// Running calls that one incarnation makes.
    pub calls_of_node_max: usize,
    /// Sessions in which calls leased, in all.
    pub sessions_max: usize,
    /// Ranges of ended calls that are remembered above a session's *lowest outstanding*.
    pub ended_ranges_max: usize,
    /// ALLOCs of one incarnation that are not answered.
    pub allocs_of_node_max: usize,
    /// Objects.
    pub objects_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_max: 1 << 20,
            calls_of_node_max: 1 << 16,
            sessions_max: 1 << 18,
            ended_ranges_max: 4096,
            allocs_of_node_max: 1 << 16,
            objects_max: 1 << 20,
        }
    }
}

/// How far a running call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Held: its rights are being put in force.
    Held,
    /// Its callee has it.
    Released,
    /// Its answer is held: its rights are being ended.
    Answered,
    /// It has ended without an answer; its rights are being ended.
    Ending,
}

/// A running call, an edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningCall {
    /// Client and RPC id.
    pub call: CallKey,
    /// The session.
    pub session: u64,
    /// The callee's instance.
    pub instance: u32,
    /// Who calls; `None` after a restart, until it has told.
    pub caller: Option<Holder>,
    /// Who is called.
    pub callee: Holder,
    /// The method, as packets name it.
    pub method: MethodField,
    /// It is a oneway call.
    pub is_oneway: bool,
    /// What it leases.
    pub pointers: Vec<Pointer>,
    /// How far it is.
    pub stage: Stage,
}

/// An object, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectView {
    /// The pointer to it.
    pub pointer: Pointer,
    /// Who controls it.
    pub control: Option<Holder>,
    /// Its controller has freed it.
    pub is_freed: bool,
    /// The calls that lease it, to whom, and whether the server has confirmed that.
    pub leases: Vec<(CallKey, Holder, bool)>,
}

/// The protection state machine and the graph of running calls.
#[derive(Debug)]
pub struct Calls {
    limits: Limits,
    steps: VecDeque<Step>,
    counts: Counts,
}

impl Calls {
    /// Nothing is known.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, steps: VecDeque::new(), counts: Counts::default() }
    }

    /// What is to be done next.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// When [`Calls::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// Ends held calls whose deadline has passed, and asks for calls that nobody waits for.
    pub fn handle_timeout(&mut self, _now: Time, _who: &dyn Directory) {}

    /// The data plane hands a packet over, for one of the reasons *tracked*, *lease*, *held*, *alloc* and *free*.
    pub fn handle_packet(&mut self, _now: Time, _who: &dyn Directory, _reason: Reason, _port: u16, _frame: &[u8]) {}

    /// A memory server has answered. Answers of one server come in the order of the messages.
    pub fn handle_told(&mut self, _now: Time, _who: &dyn Directory, _ticket: Ticket, _answered: Answered) {}

    /// The tables say what a change and all before it wanted; or this one was refused, by the rules or by the switch.
    pub fn handle_changed(&mut self, _now: Time, _who: &dyn Directory, _ticket: Ticket, _is_done: bool) {}

    /// A node reports; once this returns, the line may be confirmed.
    pub fn handle_report(&mut self, _now: Time, _who: &dyn Directory, _sender: Holder, _line: &ReportLine) {}

    /// An incarnation, and all before it of its node, has ended: all memory servers clean up after it; its calls end as
    /// `docs/gatekeeper.md`, section 8, says. [`Step::Cleaned`] comes in the end. The directory has it as gone already.
    pub fn end_node(&mut self, _now: Time, _who: &dyn Directory, _gone: Holder) {}

    /// An instance has ended, while its node lives.
    pub fn end_instance(&mut self, _now: Time, _who: &dyn Directory, _instance: u32) {}

    /// A memory server is there: it is told of the incarnations that have ended.
    pub fn begin_server(&mut self, _server: u8) {}

    /// A memory server is gone, with its objects; answers to what it was told do not come any more. Rights to its objects are taken out of
    /// the tables by [`Decision::MemoryDies`] or [`Decision::MemoryLeaves`].
    pub fn end_server(&mut self, _now: Time, _who: &dyn Directory, _server: u8) {}

    /// After a restart: an object of a server's table.
    pub fn restore_object(&mut self, _object: &ServerObject) {}

    /// After a restart: an incarnation that a server or the log has as ended, with all before it.
    pub fn restore_ended(&mut self, _gone: Holder) {}

    /// After a restart: a call that a node knows.
    pub fn restore_call(&mut self, _now: Time, _who: &dyn Directory, _teller: Holder, _call: &OutstandingCall) {}

    /// After a restart: all servers and all nodes that live have told. Leases of calls that no node knows are released.
    pub fn restored(&mut self, _now: Time, _who: &dyn Directory) {}

    /// All rights that there are: what the tables are to say once no [`Step::Change`] is outstanding. Ordered.
    pub fn rights(&self) -> impl Iterator<Item = Decision> {
        std::iter::empty()
    }

    /// What has been counted.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The calls that run, after one, in the order of client and RPC id.
    pub fn running(&self, _after: Option<CallKey>) -> impl Iterator<Item = RunningCall> {
        std::iter::empty()
    }

    /// The objects after one, in the order of server and id.
    pub fn objects(&self, _after: Option<Pointer>) -> impl Iterator<Item = ObjectView> {
        std::iter::empty()
    }

    /// The nodes that share running calls with a node, directly or through others, and itself.
    #[must_use]
    pub fn failure_domain(&self, node: Ipv6Addr) -> BTreeSet<Ipv6Addr> {
        BTreeSet::from([node])
    }
}
