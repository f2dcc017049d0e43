//! What keeps a node in its rack: a thread that moves packets between the link and the membership.

use super::NodeState;
use super::membership::Membership;
use super::pace::Pace;
use crate::client::ChannelBuilder;
use crate::control::{ControlSeal, NodeKey, SealedControl};
use crate::endpoint::{Key, Time, keyed_hash};
use crate::io::{Clock, Led, Link, RECEIVE_BYTES, Timer};
use crate::memory::GlobalMemory;
use crate::wire::RACK_PORT;
use crate::wire::control::{Announce, REPORTS_MAX};
use crate::wire::frame::FrameAddresses;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// Where nobody waits at the link, what has come for the node is looked for about so often.
const LOOK_EACH: Duration = Duration::from_millis(50);
/// And so often while an answer is waited for, if another thread receives, which wakes this one when it comes.
const LOOK_WAITING: Duration = Duration::from_millis(1);
/// Lines that nobody waits for are reported after this time: together, while calls follow on each other.
const REPORT_DELAY: Duration = Duration::from_millis(20);
/// Receives in a row.
const ROUNDS: usize = 64;

type Callback = dyn Fn(&NodeState) + Send + Sync;

/// What is called when a node has ended.
#[derive(Clone, Default)]
pub(super) struct OnEnd(Option<Arc<Callback>>);

impl OnEnd {
    pub(super) fn of(call: impl Fn(&NodeState) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(call)))
    }
}

impl std::fmt::Debug for OnEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnEnd(…)")
    }
}

/// What keys of nodes' lives follow from.
#[derive(Debug)]
pub(super) struct Roots {
    /// By which they use the memory.
    pub(super) memory: Key,
    /// By which they call each other.
    pub(super) calls: Key,
}

/// What a node begins with.
pub(super) struct Joining {
    pub(super) link: Link,
    pub(super) announce: Announce,
    pub(super) key: Option<NodeKey>,
    pub(super) memory_prefix: u8,
    pub(super) roots: Option<Roots>,
    pub(super) seed: [u8; 32],
    pub(super) on_end: OnEnd,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) membership: Membership,
    /// What this life's packets are sealed with.
    living: Option<ControlSeal>,
    /// Nonces drawn.
    drawn: u64,
    ended: Option<NodeState>,
}

/// A node's thread, and what others share with it.
#[derive(Debug)]
pub(super) struct Keeper {
    link: Link,
    name: String,
    key: Option<NodeKey>,
    announcing: Option<ControlSeal>,
    memory_prefix: u8,
    roots: Option<Roots>,
    memory: OnceLock<GlobalMemory>,
    seed: [u8; 32],
    pub(super) clock: Clock,
    timer: Timer,
    /// Of the reports.
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
    on_end: OnEnd,
}

impl Keeper {
    /// Begins to announce the node.
    pub(super) fn start(joining: Joining) -> io::Result<Arc<Self>> {
        let Joining { link, announce, key, memory_prefix, roots, seed, on_end } = joining;
        let clock = Clock::new();
        let name = announce.name.clone();
        let membership = Membership::new(clock.now(), announce);
        let keeper = Arc::new(Self {
            link,
            name,
            announcing: key.as_ref().map(NodeKey::announcing),
            key,
            memory_prefix,
            roots,
            memory: OnceLock::new(),
            seed,
            clock,
            timer: Timer::new(clock),
            pace: Pace::new(),
            state: Mutex::new(State { membership, living: None, drawn: 0, ended: None }),
            changed: Condvar::new(),
            on_end,
        });
        let look = with(&keeper, |keeper, ()| keeper.wake_after(Duration::ZERO));
        keeper.link.open_control(move || look(()))?;
        let reports = keeper.link.reports();
        // What an earlier life left is of no use to anybody.
        while !reports.take(REPORTS_MAX).is_empty() {}
        reports.set_hook(with(&keeper, |keeper, is_awaited| {
            keeper.report_after(if is_awaited { Duration::ZERO } else { REPORT_DELAY });
        }));
        reports.turn_on();
        let kept = Arc::clone(&keeper);
        let spawned = std::thread::Builder::new().name("bifrost-node".into()).spawn(move || kept.run());
        if let Err(error) = spawned {
            keeper.link.close_control();
            return Err(error);
        }
        Ok(keeper)
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn incarnation(&self) -> u32 {
        self.lock().membership.incarnation()
    }

    pub(super) fn servers(&self) -> Vec<u8> {
        self.lock().membership.servers().to_vec()
    }

    pub(super) fn state(&self) -> NodeState {
        self.lock().ended.clone().unwrap_or(NodeState::Joined)
    }

    pub(super) fn memory(&self, channel: impl FnOnce() -> ChannelBuilder) -> GlobalMemory {
        let memory = self.memory.get_or_init(|| GlobalMemory::of_rack(self.memory_prefix, channel()));
        memory.set_servers(self.lock().membership.servers());
        memory.clone()
    }

    /// What this life's use of the memory is sealed with.
    pub(super) fn memory_key(&self) -> Option<Key> {
        self.roots.as_ref().map(|roots| self.of_life(&roots.memory))
    }

    /// The ceiling of retransmission time-outs in this rack.
    pub(super) fn retransmission_max(&self) -> Duration {
        self.lock().membership.retransmission_max()
    }

    /// What this life's calls are sealed with.
    pub(super) fn call_key(&self) -> Option<Key> {
        self.roots.as_ref().map(|roots| self.of_life(&roots.calls))
    }

    /// What the keys of callers' lives follow from.
    pub(super) fn call_root(&self) -> Option<&Key> {
        self.roots.as_ref().map(|roots| &roots.calls)
    }

    /// What the control plane seals with that it says in sessions of this life.
    pub(super) fn control_key(&self) -> Option<Key> {
        self.key.as_ref().map(|key| key.in_sessions(self.link.address(), self.incarnation()))
    }

    fn of_life(&self, root: &Key) -> Key {
        root.of_life(self.link.address().into(), self.incarnation())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut buffer = vec![0; RECEIVE_BYTES];
        self.timer.run(|| self.step(&mut buffer));
    }

    /// Does what there is to do; returns when it is to be called next.
    fn step(&self, buffer: &mut [u8]) -> Option<Time> {
        // What is to be said is said before an answer is waited for.
        self.say(&mut self.lock());
        let is_led_here = self.receive(buffer);
        while let Some((addresses, datagram)) = self.link.poll_control() {
            self.take(&addresses, &datagram);
        }
        self.answer_queries();
        let mut state = self.lock();
        let now = self.clock.now();
        state.membership.handle_timeout(now);
        let report_at = self.report(now, &mut state.membership);
        self.say(&mut state);
        let look = now.plus(match (state.membership.is_waiting(), is_led_here) {
            // It waits at the link.
            (true, true) => Duration::ZERO,
            (true, false) => LOOK_WAITING,
            (false, _) => LOOK_EACH,
        });
        let due = state.membership.poll_timeout().into_iter().chain(report_at).fold(look, Time::min);
        let stands = state.membership.state();
        drop(state);
        self.changed.notify_all();
        self.conclude(stands);
        Some(due)
    }

    /// Reports the lines that are due; says when the others are.
    fn report(&self, now: Time, membership: &mut Membership) -> Option<Time> {
        if !membership.takes_report() {
            return None;
        }
        if !self.pace.begin(now) {
            return self.pace.due();
        }
        let lines = self.link.reports().take(REPORTS_MAX);
        if lines.len() == REPORTS_MAX {
            self.pace.set(now);
        }
        if !lines.is_empty() {
            membership.report(now, lines);
        }
        None
    }

    /// Has the lines that wait reported after this time at the latest.
    fn report_after(&self, time: Duration) {
        self.pace.set(self.clock.now().plus(time));
        self.wake_after(time);
    }

    fn wake_after(&self, time: Duration) {
        self.timer.wake_by(Some(self.clock.now().plus(time)));
    }

    /// Takes in what has come for the link, and waits a little for it if an answer is owed; says whether this thread did that.
    fn receive(&self, buffer: &mut [u8]) -> bool {
        let mut may_wait = self.lock().membership.is_waiting();
        for _ in 0..ROUNDS {
            match self.link.receive_for_all(buffer, may_wait) {
                Ok(Led::Something) => may_wait = false,
                Ok(Led::Nothing) => return true,
                // An error is found as the link's failure.
                Ok(Led::Elsewhere) | Err(_) => return false,
            }
        }
        true
    }

    /// Takes a packet in, if it is the control plane's.
    fn take(&self, addresses: &FrameAddresses, datagram: &[u8]) {
        if addresses.source != self.link.control_plane() {
            return;
        }
        let Some(packet) = SealedControl::parse(datagram) else { return };
        let mut state = self.lock();
        let seal = if packet.incarnation == 0 { self.announcing.as_ref() } else { state.living.as_ref() };
        if self.key.is_some() && seal.is_none() {
            return;
        }
        let Some(packet) = packet.open(seal) else { return };
        state.membership.handle(self.clock.now(), &packet);
        if let Some(memory) = self.memory.get() {
            memory.set_servers(state.membership.servers());
        }
        if let (Some(key), None, 1..) = (&self.key, &state.living, state.membership.incarnation()) {
            state.living = Some(key.living(self.link.address(), state.membership.incarnation()));
        }
    }

    fn answer_queries(&self) {
        loop {
            let Some(query) = self.lock().membership.poll_query() else { return };
            // Endpoints are asked: not while others wait for the membership.
            let (calls, more) = self.link.reports().outstanding((query.session, query.rpc), REPORTS_MAX);
            self.lock().membership.answer(query, calls, more);
        }
    }

    /// Changes something of the membership, and sends what follows from it.
    pub(super) fn change(&self, change: impl FnOnce(Time, &mut Membership)) {
        let mut state = self.lock();
        change(self.clock.now(), &mut state.membership);
        self.say(&mut state);
        let due = state.membership.is_waiting().then(|| self.clock.now());
        drop(state);
        self.timer.wake_by(due);
    }

    /// Sends what is to be sent.
    fn say(&self, state: &mut State) {
        let addresses = FrameAddresses {
            source_mac: self.link.mac(),
            destination_mac: self.link.switch_mac(),
            source: self.link.address(),
            destination: self.link.control_plane(),
            source_port: RACK_PORT,
            destination_port: RACK_PORT,
        };
        while let Some(packet) = state.membership.poll_transmit() {
            state.drawn += 1;
            let nonce = keyed_hash(&self.seed, &state.drawn.to_be_bytes()).first_chunk().copied().unwrap_or_default();
            let seal = if packet.incarnation == 0 { &self.announcing } else { &state.living };
            self.link.send_frame(&packet.to_frame(&addresses, seal.as_ref().map(|seal| (seal, nonce))));
        }
    }
}

impl State {
    /// Why the node is in the rack no longer, if so.
    pub(super) fn ended(&self) -> Option<&NodeState> {
        self.ended.as_ref()
    }
}

/// What does something with a node's thread, and does not keep the node.
fn with<T>(keeper: &Arc<Keeper>, act: fn(&Keeper, T)) -> impl Fn(T) + Send + Sync + use<T> {
    let keeper: Weak<Keeper> = Arc::downgrade(keeper);
    move |what| {
        if let Some(keeper) = keeper.upgrade() {
            act(&keeper, what);
        }
    }
}

mod ends;
#[cfg(test)]
mod tests;
