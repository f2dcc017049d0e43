//! Control messages to one memory server: in order, several under way, each until its outcome is known.

use crate::gatekeeper::{Answered, Holder, MemoryMessage};
use crate::idl::bifrost::Ptr;
use crate::idl::memory_control::{Call, Holder as HolderOut, Malformed, MemoryControlClient, Refused, Stamp};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::{Channel, Pending, thrift};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Messages of one server that are under way at a time.
const UNDER_WAY_MAX: usize = 64;
/// Addresses whose texts are kept.
const TEXTS_MAX: usize = 8;
/// Before a message whose outcome is unknown is sent again.
const PAUSE: Duration = Duration::from_millis(50);
/// The codes of `docs/memory.md`, section 9, by which a message was not applied.
const OLD_TERM: i16 = 22;
const OUT_OF_SEQUENCE: i16 = 23;
/// What a message without sense is told to have been refused with: no code of theirs.
const SENSELESS: u16 = 0;
/// A message that changes nothing: of no call.
const NOTHING: MemoryMessage = MemoryMessage::Release((0, 0));

/// The way to a memory server.
#[derive(Debug)]
pub(super) struct Lane {
    client: MemoryControlClient,
    texts: Texts,
    /// Not sent, or to be sent again, by number.
    waiting: BTreeMap<u64, (u64, MemoryMessage)>,
    /// In the order in which they were sent.
    under_way: VecDeque<UnderWay>,
    /// Outcomes that wait for those before them.
    answered: BTreeMap<u64, Answered>,
    /// The number that is answered next.
    next: u64,
    paused_until: Time,
    /// Messages that were sent again.
    repeated: u64,
    /// Numbers of messages that made no sense to the server. They were not applied and have used no number, so that one that changes nothing takes
    /// it: those behind it would wait for ever.
    senseless: BTreeSet<u64>,
    /// How many there were.
    malformed: u64,
}

/// A message whose outcome is not known yet.
#[derive(Debug)]
struct UnderWay {
    number: u64,
    term: u64,
    message: MemoryMessage,
    pending: Pending<i64>,
}

impl Lane {
    /// A way to a server whose first message has number 1.
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            client: MemoryControlClient::new(channel),
            texts: Texts::default(),
            waiting: BTreeMap::new(),
            under_way: VecDeque::new(),
            answered: BTreeMap::new(),
            next: 1,
            paused_until: Time::ZERO,
            repeated: 0,
            senseless: BTreeSet::new(),
            malformed: 0,
        }
    }

    /// Messages that were sent again so far.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Messages so far that made no sense to the server.
    pub(super) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Sends a message after all before it. How many there are is for the state machine to bound.
    pub(super) fn push(&mut self, now: Time, term: u64, sequence: u64, message: MemoryMessage) {
        if !self.waiting.is_empty() || !self.may_send(now) {
            self.waiting.insert(sequence, (term, message));
            return self.send(now);
        }
        self.send_one(now, sequence, term, message);
    }

    /// Whether answers are waited for.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.under_way.is_empty()
    }

    /// When something is to be sent again.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        (!self.waiting.is_empty() && self.under_way.len() < UNDER_WAY_MAX).then_some(self.paused_until)
    }

    /// Takes in what has come, and sends what is due; the outcomes in the order of their numbers.
    pub(super) fn poll(&mut self, now: Time, mut answer: impl FnMut(u64, Answered)) {
        // A server answers in order: of what comes after one that is not answered nothing can be told yet.
        while self.under_way.front().is_some_and(|first| first.pending.is_done())
            && let Some(first) = self.under_way.pop_front()
        {
            let number = first.number;
            match outcome(first.pending.wait()) {
                Outcome::Is(answered) => {
                    let was_senseless = self.senseless.remove(&number) && answered != Answered::OldTerm;
                    let answered = if was_senseless { Answered::Refused(SENSELESS) } else { answered };
                    if number == self.next {
                        answer(number, answered);
                        self.next += 1;
                    } else {
                        self.answered.insert(number, answered);
                    }
                }
                Outcome::Senseless => {
                    self.malformed += u64::from(self.senseless.insert(number));
                    self.waiting.insert(number, (first.term, NOTHING));
                }
                Outcome::Unknown => {
                    self.repeated += 1;
                    self.paused_until = now.plus(PAUSE);
                    self.waiting.insert(first.number, (first.term, first.message));
                }
            }
        }
        while let Some(answered) = self.answered.remove(&self.next) {
            answer(self.next, answered);
            self.next += 1;
        }
        self.send(now);
    }

    fn may_send(&self, now: Time) -> bool {
        self.under_way.len() < UNDER_WAY_MAX && now >= self.paused_until
    }

    fn send(&mut self, now: Time) {
        while self.may_send(now) {
            let Some((number, (term, message))) = self.waiting.pop_first() else { return };
            self.send_one(now, number, term, message);
        }
    }

    fn send_one(&mut self, now: Time, number: u64, term: u64, message: MemoryMessage) {
        match start(&mut self.client, &mut self.texts, stamp(term, number), &message) {
            Ok(pending) => self.under_way.push_back(UnderWay { number, term, message, pending }),
            // The socket has failed; whoever watches over the server finds it dead.
            Err(_) => {
                self.waiting.insert(number, (term, message));
                self.paused_until = now.plus(PAUSE);
            }
        }
    }
}

/// Addresses as they were written last: most messages name the same few.
#[derive(Debug, Default)]
struct Texts(VecDeque<(Ipv6Addr, String)>);

impl Texts {
    fn holder(&mut self, of: Holder) -> HolderOut {
        HolderOut { node: self.of(of.node), incarnation: of.incarnation.into() }
    }

    fn of(&mut self, address: Ipv6Addr) -> String {
        if let Some((_, text)) = self.0.iter().find(|(known, _)| *known == address) {
            return text.clone();
        }
        self.0.truncate(TEXTS_MAX - 1);
        let text = address.to_string();
        self.0.push_front((address, text.clone()));
        text
    }
}

/// What became of a message.
enum Outcome {
    Is(Answered),
    /// It is not known, or the message came too early.
    Unknown,
    /// It made no sense to the server, and was not applied.
    Senseless,
}

fn outcome(result: thrift::Result<i64>) -> Outcome {
    let user = match result {
        Ok(changed) => return Outcome::Is(Answered::Applied(u64::try_from(changed).unwrap_or(0))),
        Err(thrift::Error::User(user)) => user,
        Err(_) => return Outcome::Unknown,
    };
    match user.downcast_ref::<Refused>().map(|refused| refused.code) {
        Some(OLD_TERM) => Outcome::Is(Answered::OldTerm),
        Some(OUT_OF_SEQUENCE) => Outcome::Unknown,
        Some(code) => Outcome::Is(Answered::Refused(code.cast_unsigned())),
        None if user.is::<Malformed>() => Outcome::Senseless,
        None => Outcome::Unknown,
    }
}

fn start(
    client: &mut MemoryControlClient,
    texts: &mut Texts,
    at: Stamp,
    message: &MemoryMessage,
) -> thrift::Result<Pending<i64>> {
    let mut holder = |of: &Holder| texts.holder(*of);
    match message {
        MemoryMessage::Grant { object, to } => client.start_grant(at, pointer(*object), holder(to)),
        MemoryMessage::Lease { call: of, caller, callee, objects } => {
            client.start_lease(at, call(*of), holder(caller), holder(callee), pointers(objects))
        }
        MemoryMessage::Release(of) => client.start_release(at, call(*of)),
        MemoryMessage::Reply { call: of, from, to, returned } => {
            client.start_reply(at, call(*of), holder(from), holder(to), pointers(returned))
        }
        MemoryMessage::Cleanup(gone) => client.start_cleanup(at, holder(gone)),
        MemoryMessage::Reclaim { objects, from } => client.start_reclaim(at, pointers(objects), holder(from)),
        MemoryMessage::Revoke { object, from } => client.start_revoke(at, pointer(*object), holder(from)),
    }
}

fn stamp(term: u64, sequence: u64) -> Stamp {
    Stamp { term: term.cast_signed(), sequence: sequence.cast_signed() }
}

fn call((client, rpc): (u64, u64)) -> Call {
    Call { client: client.cast_signed(), rpc: rpc.cast_signed() }
}

fn pointer(pointer: Pointer) -> Ptr {
    pointer.into()
}

fn pointers(of: &[Pointer]) -> Vec<Ptr> {
    of.iter().map(|one| pointer(*one)).collect()
}
