//! Protection, and the graph of running calls: which call leases what to whom, who controls which object, and what follows from that in the
//! switch's tables. `docs/gatekeeper.md`, sections 4 to 9.
//!
//! [`Calls`] takes packets and answers in, and gives [`Step`]s out. It knows no machines: it asks a [`Directory`].

mod answers;
mod asks;
mod call;
mod cause;
mod claims;
mod directory;
mod ends;
mod graph;
mod load;
mod made;
mod memory;
mod objects;
mod packet;
mod progress;
mod reports;
mod restore;
mod seen;
mod session;
mod step;

pub use cause::{Cause, Counts};
pub use directory::{Directory, Place};
pub use made::Made;
pub use step::{Step, Ticket};

use super::checks::Checks;
use super::input::{Answered, Reason, ServerObject};
use super::numbered::Numbered;
use super::output::{CallKey, Holder};
use crate::rules::Decision;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{OutstandingCall, ReportLine};
use bifrost_rpc::wire::{MethodField, PacketType, Pointer};
use call::Call;
use load::Load;
use objects::{ObjectKey, Objects};
use packet::Packet;
use progress::{Told, Waiter};
use session::Sessions;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

/// How much is known of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Objects that live.
    pub objects: usize,
    /// Calls that run.
    pub calls: usize,
    /// Sessions in which calls leased.
    pub sessions: usize,
    /// Answers whose giving was not accepted yet.
    pub gifts: usize,
    /// Calls that were given up before anything was known of their sessions.
    pub abandoned: usize,
    /// Incarnations that have something under way.
    pub nodes: usize,
    /// Messages that memory servers have not answered.
    pub told: usize,
    /// Changes of the tables that are on their way.
    pub changes: usize,
    /// Answers to ALLOC and FREE that wait for the tables, and incarnations that are being cleaned up after.
    pub waiting: usize,
    /// Timers.
    pub timers: usize,
}

/// The protection state machine and the graph of running calls.
#[derive(Debug)]
pub struct Calls {
    limits: Limits,
    objects: Objects,
    sessions: Sessions,
    calls: BTreeMap<CallKey, Call>,
    loads: BTreeMap<Holder, Load>,
    /// What answers gave, and to whom, that has not been accepted yet.
    gifts: BTreeMap<CallKey, (Holder, Vec<Pointer>)>,
    /// Calls whose giving is being freed, and how many servers have not answered yet.
    reclaiming: BTreeMap<CallKey, u32>,
    /// What servers have been told and not answered.
    told: Numbered<Told>,
    /// Changes of the tables that are on their way, and what waits for each and all before it.
    changes: Numbered<SmallVec<[Waiter; 2]>>,
    /// Answers to ALLOC and FREE that wait for the tables.
    waiting: BTreeMap<ObjectKey, Vec<u8>>,
    /// Servers that were told which incarnations had ended, of which some may not be there yet.
    begun: BTreeSet<u8>,
    /// Servers that are still to clean up after an incarnation.
    cleaning: BTreeMap<Holder, BTreeSet<u8>>,
    timers: BTreeSet<(Time, CallKey)>,
    tickets: Ticket,
    steps: VecDeque<Step>,
    counts: Counts,
    pub(super) checks: Checks,
}

impl Calls {
    /// Nothing is known.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            objects: Objects::default(),
            sessions: Sessions::default(),
            calls: BTreeMap::new(),
            loads: BTreeMap::new(),
            gifts: BTreeMap::new(),
            reclaiming: BTreeMap::new(),
            told: Numbered::default(),
            changes: Numbered::default(),
            waiting: BTreeMap::new(),
            begun: BTreeSet::new(),
            cleaning: BTreeMap::new(),
            timers: BTreeSet::new(),
            tickets: 0,
            steps: VecDeque::new(),
            counts: Counts::default(),
            checks: Checks::default(),
        }
    }

    /// What is to be done next.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// When [`Calls::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Ends held calls whose deadline has passed, and asks for calls that nobody waits for.
    pub fn handle_timeout(&mut self, now: Time, _who: &dyn Directory) {
        self.handle_timers(now);
    }

    /// The data plane hands a packet over, for one of the reasons *tracked*, *lease*, *held*, *alloc* and *free*.
    pub fn handle_packet(&mut self, now: Time, who: &dyn Directory, reason: Reason, port: u16, frame: &[u8]) {
        use PacketType::{Call, Cancel, Done, Exception, Memory, Oneway, Refused, Reply};
        let handled = Packet::parse(port, frame).and_then(|packet| match packet.header.kind {
            Memory => self.handle_memory(now, who, &packet),
            Refused if packet.header.pointers > 0 => self.handle_memory(now, who, &packet),
            Call | Oneway => self.handle_call(now, who, reason, &packet),
            Reply | Exception => self.handle_answer(now, who, &packet),
            Cancel => self.handle_cancel(now, who, &packet),
            Refused => self.handle_refused(now, who, &packet),
            Done => self.handle_done(now, who, &packet),
            _ => Err(Cause::Malformed),
        });
        if let Err(cause) = handled {
            self.count(cause);
        }
    }

    /// A memory server has answered. Answers of one server come in the order of the messages.
    pub fn handle_told(&mut self, now: Time, who: &dyn Directory, ticket: Ticket, answered: Answered) {
        let told = self.told.take(ticket);
        // With another control plane in charge nothing more is decided here.
        if let Some(told) = told.filter(|_| answered != Answered::OldTerm) {
            self.answered(now, who, told, answered);
        }
    }

    /// The tables say what a change and all before it wanted; or this one was refused, by the rules or by the switch.
    pub fn handle_changed(&mut self, now: Time, who: &dyn Directory, ticket: Ticket, is_done: bool) {
        self.changed(now, who, ticket, is_done);
    }

    /// A node reports. A line may be confirmed when this returns and its call [is settled](Self::is_settled).
    pub fn handle_report(&mut self, now: Time, who: &dyn Directory, sender: Holder, line: &ReportLine) {
        self.take_report(now, who, sender, line);
    }

    /// Whether an incarnation has ended.
    #[must_use]
    pub fn has_ended(&self, holder: Holder) -> bool {
        self.objects.has_ended(holder)
    }

    /// Whether what is known here of a call's giving is known to the memory servers too: another control plane would learn it from them.
    #[must_use]
    pub fn is_settled(&self, call: CallKey) -> bool {
        let is_giving = |call: &Call| call.stage == Stage::Answered && call.is_abandoned;
        !self.reclaiming.contains_key(&call) && !self.calls.get(&call).is_some_and(is_giving)
    }

    /// An incarnation, and all before it of its node, has ended: all memory servers clean up after it; its calls end as
    /// `docs/gatekeeper.md`, section 8, says. [`Step::Cleaned`] comes in the end. The directory has it as gone already.
    pub fn end_node(&mut self, now: Time, who: &dyn Directory, gone: Holder) {
        self.node_ended(now, who, gone);
    }

    /// An instance has ended, while its node lives. The directory has it as gone already.
    pub fn end_instance(&mut self, now: Time, who: &dyn Directory, instance: u32) {
        self.instance_ended(now, who, instance);
    }

    /// A memory server is there: it is told of the incarnations that have ended.
    pub fn begin_server(&mut self, server: u8) {
        self.server_began(server);
    }

    /// A memory server is gone, with its objects; answers to what it was told do not come any more. Rights to its objects are taken out of
    /// the tables by [`Decision::MemoryDies`] or [`Decision::MemoryLeaves`]. The directory has it as gone already.
    pub fn end_server(&mut self, now: Time, who: &dyn Directory, server: u8) {
        self.server_ended(now, who, server);
    }

    /// After a restart: an object of a server's table.
    pub fn restore_object(&mut self, object: &ServerObject) {
        self.take_object(object);
    }

    /// After a restart: the newest object that a server has made. A late answer that names one up to it makes none.
    pub fn restore_made(&mut self, server: u8, newest: u64) {
        self.objects.see_until(server, newest);
    }

    /// After a restart: an incarnation that a server or the log has as ended, with all before it. Comes before the objects.
    pub fn restore_ended(&mut self, gone: Holder) {
        self.objects.end(gone);
    }

    /// After a restart: a call that a node knows. Comes after the objects.
    pub fn restore_call(&mut self, now: Time, who: &dyn Directory, teller: Holder, call: &OutstandingCall) {
        self.take_call(now, who, teller, call);
    }

    /// After a restart: all servers and all nodes that live have told. Leases of calls that no node knows are released.
    pub fn restored(&mut self, now: Time, who: &dyn Directory) {
        self.end_unknown(now, who);
    }

    /// All rights that there are: what the tables are to say once no [`Step::Change`] is outstanding. Ordered.
    pub fn rights(&self) -> impl Iterator<Item = Decision> {
        self.objects.rights()
    }

    /// What has been counted.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
