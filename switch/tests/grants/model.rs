//! One object, its controller A, which calls B with a pointer to it, once or twice.

use stateright::{Model, Property};
use std::collections::BTreeSet;

/// A step that `docs/gatekeeper.md` asks for, which a model may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SafetyStep {
    /// A call goes on only when the server has leased.
    ServerBefore,
    /// A call goes on only when the tables have changed.
    TablesBefore,
    /// Copies of a held call are held.
    HoldCopies,
    /// An answer goes on only when the server has ended the lease.
    ServerAfter,
    /// Leases are a set: what comes twice is one.
    LeaseSet,
    /// A call that has ended does not begin again.
    RememberEnded,
    /// A right ends with the last lease that gives it.
    AllLeases,
}

impl SafetyStep {
    pub(crate) const ALL: [Self; 7] = [
        Self::ServerBefore,
        Self::TablesBefore,
        Self::HoldCopies,
        Self::ServerAfter,
        Self::LeaseSet,
        Self::RememberEnded,
        Self::AllLeases,
    ];
}

/// The rack.
#[derive(Debug, Clone)]
pub(crate) struct Rack {
    pub(crate) calls: u8,
    pub(crate) without: Option<SafetyStep>,
}

/// A packet on its way. The network loses, doubles and reorders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Packet {
    /// From A, to the control plane.
    Call(u8),
    /// From there, to B.
    CallOn(u8),
    /// From B, to the control plane.
    Reply(u8),
    /// From there, to A.
    ReplyOn(u8),
}

/// How far a call is, for the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Unknown,
    Held,
    Released,
    Answered,
    Ended,
}

/// How far a call is, for A and B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    None,
    /// A waits; B's handler runs.
    Open,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Message {
    Lease(u8),
    Release(u8),
}

/// What the tables let pass, besides reads of A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Rights {
    a_writes: bool,
    b_reads: bool,
}

/// The state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    net: BTreeSet<Packet>,
    caller: Vec<End>,
    callee: Vec<End>,
    stages: Vec<Stage>,
    /// To the server, and its answers, in order.
    told: Vec<Message>,
    answers: Vec<Message>,
    /// Calls that lease the object, at the server; a set, unless that is left out.
    leases: Vec<u8>,
    /// The same as the control plane knows it.
    known: BTreeSet<u8>,
    /// What the tables are to say, in order, and which call waits for it.
    changes: Vec<(Rights, u8)>,
    /// Calls whose change was done, in order.
    changed: Vec<u8>,
    table: Rights,
    /// Past the switch, not yet at the server.
    write_passed: bool,
    read_passed: bool,
    /// What was done that the rules forbid.
    is_broken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A makes a call, or sends it again.
    Send(u8),
    /// B's handler ends.
    Answer(u8),
    /// A packet arrives, and perhaps comes again.
    Deliver(Packet, bool),
    Lose(Packet),
    Server,
    ServerAnswers,
    Table,
    TableAnswers,
    /// An operation comes to the switch.
    Write,
    Read,
    /// And then to the server.
    WriteArrives,
    ReadArrives,
}

impl State {
    fn new(calls: u8) -> Self {
        let each = usize::from(calls);
        Self {
            net: BTreeSet::new(),
            caller: vec![End::None; each],
            callee: vec![End::None; each],
            stages: vec![Stage::Unknown; each],
            told: Vec::new(),
            answers: Vec::new(),
            leases: Vec::new(),
            known: BTreeSet::new(),
            changes: Vec::new(),
            changed: Vec::new(),
            table: Rights { a_writes: true, b_reads: false },
            write_passed: false,
            read_passed: false,
            is_broken: false,
        }
    }

    fn rights(&self) -> Rights {
        Rights { a_writes: self.known.is_empty(), b_reads: !self.known.is_empty() }
    }

    fn is_quiet(&self) -> bool {
        self.told.is_empty() && self.answers.is_empty() && self.changes.is_empty() && self.changed.is_empty()
    }
}

impl Rack {
    fn skips(&self, step: SafetyStep) -> bool {
        self.without == Some(step)
    }

    /// The control plane takes a call.
    fn take_call(&self, state: &mut State, call: u8) {
        let at = usize::from(call);
        let begins = state.stages[at] == Stage::Unknown
            || (state.stages[at] == Stage::Ended && self.skips(SafetyStep::RememberEnded));
        if begins {
            state.stages[at] = Stage::Held;
            state.told.push(Message::Lease(call));
            if self.skips(SafetyStep::ServerBefore) {
                let rights = Rights { a_writes: false, b_reads: true };
                state.changes.push((rights, call));
            }
            return;
        }
        match state.stages[at] {
            Stage::Held if self.skips(SafetyStep::HoldCopies) => _ = state.net.insert(Packet::CallOn(call)),
            Stage::Held if self.skips(SafetyStep::LeaseSet) && state.told.len() + state.leases.len() < 2 => {
                state.told.push(Message::Lease(call));
            }
            // B answers again.
            Stage::Released | Stage::Ended => _ = state.net.insert(Packet::CallOn(call)),
            _ => {}
        }
    }

    /// The control plane takes an answer.
    fn take_reply(&self, state: &mut State, call: u8) {
        let at = usize::from(call);
        match state.stages[at] {
            Stage::Released => {
                state.stages[at] = Stage::Answered;
                state.told.push(Message::Release(call));
                if self.skips(SafetyStep::ServerAfter) {
                    state.net.insert(Packet::ReplyOn(call));
                }
            }
            Stage::Ended => _ = state.net.insert(Packet::ReplyOn(call)),
            _ => {}
        }
    }

    fn take(&self, state: &mut State, packet: Packet) {
        match packet {
            Packet::Call(call) => self.take_call(state, call),
            Packet::Reply(call) => self.take_reply(state, call),
            Packet::CallOn(call) => match state.callee[usize::from(call)] {
                End::None => state.callee[usize::from(call)] = End::Open,
                End::Open => {}
                End::Done => _ = state.net.insert(Packet::Reply(call)),
            },
            Packet::ReplyOn(call) => state.caller[usize::from(call)] = End::Done,
        }
    }

    fn server(&self, state: &mut State) {
        let message = state.told.remove(0);
        match message {
            Message::Lease(call) if state.leases.contains(&call) && !self.skips(SafetyStep::LeaseSet) => {}
            Message::Lease(call) => {
                state.leases.push(call);
                state.leases.sort_unstable();
            }
            Message::Release(call) => {
                let at = state.leases.iter().position(|of| *of == call);
                at.into_iter().for_each(|at| _ = state.leases.remove(at));
            }
        }
        state.answers.push(message);
    }

    fn server_answers(&self, state: &mut State) {
        let (call, is_lease) = match state.answers.remove(0) {
            Message::Lease(call) => (call, state.known.insert(call) || !self.skips(SafetyStep::LeaseSet)),
            Message::Release(call) => {
                state.known.remove(&call);
                if self.skips(SafetyStep::AllLeases) {
                    state.known.clear();
                }
                (call, true)
            }
        };
        let at = usize::from(call);
        if is_lease && !(self.skips(SafetyStep::ServerBefore) && state.stages[at] == Stage::Held) {
            state.changes.push((state.rights(), call));
        }
        if self.skips(SafetyStep::TablesBefore) && state.stages[at] == Stage::Held {
            state.stages[at] = Stage::Released;
            state.net.insert(Packet::CallOn(call));
        }
    }

    fn table_answers(state: &mut State) {
        let call = state.changed.remove(0);
        let at = usize::from(call);
        match state.stages[at] {
            Stage::Held => {
                state.stages[at] = Stage::Released;
                state.net.insert(Packet::CallOn(call));
            }
            Stage::Answered if !state.known.contains(&call) => {
                state.stages[at] = Stage::Ended;
                state.net.insert(Packet::ReplyOn(call));
            }
            _ => {}
        }
    }
}

impl Model for Rack {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.calls)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for call in 0..self.calls {
            let (caller, callee) = (state.caller[usize::from(call)], state.callee[usize::from(call)]);
            if caller != End::Done && !state.net.contains(&Packet::Call(call)) {
                actions.push(Action::Send(call));
            }
            if callee == End::Open {
                actions.push(Action::Answer(call));
            }
        }
        for packet in &state.net {
            actions.extend([Action::Deliver(*packet, false), Action::Deliver(*packet, true), Action::Lose(*packet)]);
        }
        let mut can = |is: bool, action| actions.extend(is.then_some(action));
        can(!state.told.is_empty(), Action::Server);
        can(!state.answers.is_empty(), Action::ServerAnswers);
        can(!state.changes.is_empty(), Action::Table);
        can(!state.changed.is_empty(), Action::TableAnswers);
        can(state.table.a_writes && !state.write_passed, Action::Write);
        can(state.table.b_reads && !state.read_passed, Action::Read);
        can(state.write_passed, Action::WriteArrives);
        can(state.read_passed, Action::ReadArrives);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Send(call) => {
                state.caller[usize::from(call)] = End::Open;
                state.net.insert(Packet::Call(call));
            }
            Action::Answer(call) => {
                state.callee[usize::from(call)] = End::Done;
                state.net.insert(Packet::Reply(call));
            }
            Action::Deliver(packet, again) => {
                state.net.remove(&packet);
                self.take(&mut state, packet);
                if again {
                    state.net.insert(packet);
                }
            }
            Action::Lose(packet) => _ = state.net.remove(&packet),
            Action::Server => self.server(&mut state),
            Action::ServerAnswers => self.server_answers(&mut state),
            Action::Table => {
                let (rights, call) = state.changes.remove(0);
                state.table = rights;
                state.changed.push(call);
            }
            Action::TableAnswers => Self::table_answers(&mut state),
            Action::Write => state.write_passed = true,
            Action::Read => state.read_passed = true,
            Action::WriteArrives => {
                state.write_passed = false;
                // While a handler runs, what it was passed stays as it is.
                state.is_broken |= state.leases.is_empty() && state.callee.contains(&End::Open);
            }
            Action::ReadArrives => {
                state.read_passed = false;
                // B reads nothing that no call of A's passes to it.
                state.is_broken |= !state.leases.is_empty() && !state.caller.contains(&End::Open);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no operation is done that the rules forbid", |_, state: &State| !state.is_broken),
            Property::always("a handler that runs can read what it was passed", |_, state: &State| {
                let runs = |call: &u8| state.callee[usize::from(*call)] == End::Open;
                let mut running = (0u8..).take(state.callee.len()).filter(runs);
                running.all(|call| state.leases.contains(&call) && state.table.b_reads)
            }),
            Property::always("at rest A writes and B reads nothing", |_, state: &State| {
                let is_over = state.stages.iter().all(|stage| *stage == Stage::Ended);
                let rights = state.table.a_writes && !state.table.b_reads && state.leases.is_empty();
                !is_over || !state.is_quiet() || rights
            }),
            Property::sometimes("a call is answered", |_, state: &State| state.caller.contains(&End::Done)),
        ]
    }
}
