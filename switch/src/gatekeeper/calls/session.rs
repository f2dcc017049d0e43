//! Sessions in which calls lease: who calls whom in them, and which of their calls have ended.

use super::super::output::{CallKey, Holder};
use super::Limits;
use super::cause::Cause;
use super::made::Denial;
use super::seen::Seen;
use std::collections::{BTreeMap, BTreeSet};

/// Calls that never went on, and abandoned ones, that a session remembers at most; of more the lowest are forgotten.
const REMEMBERED_MAX: usize = 1024;

/// Sessions of a client that may be claimed and no more.
const CLAIMS_MAX: usize = 16;

/// Client and session: a session's number alone is known to those who see its packets.
pub(super) type SessionKey = (u64, u64);

/// A session that is merely claimed, and its calls that never went on.
pub(super) type Claim = (SessionKey, Vec<u64>);

/// What a session is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// `None` after a restart, until it has told.
    pub(super) caller: Option<Holder>,
    pub(super) callee: Holder,
    pub(super) instance: u32,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) ends: Ends,
    /// The callee is gone: nothing goes on in it. Counts such sessions.
    gone: Option<u64>,
    /// A call has ended in it that its callee did not refuse as of a session that it does not know; until then it is only claimed.
    pub(super) is_believed: bool,
    /// Calls below it have ended for the caller.
    pub(super) lowest: u64,
    /// Calls that run.
    pub(super) open: BTreeSet<u64>,
    /// Calls from `lowest` on that have ended.
    ended: Seen,
    /// Those of them that never went on, and what their caller is told.
    never: BTreeMap<u64, Option<Denial>>,
    /// Calls that were given up before anything was known of them: what their answer gives is nobody's.
    abandoned: BTreeSet<u64>,
}

/// What is known of a call that does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// Nothing: it may begin.
    None,
    /// Its caller does not wait for it.
    Below,
    /// It went on, and has ended.
    Ended,
    /// It never went on, and never will.
    Never(Option<Denial>),
}

impl Session {
    fn new(ends: Ends) -> Self {
        Self {
            ends,
            gone: None,
            is_believed: false,
            lowest: 0,
            open: BTreeSet::new(),
            ended: Seen::default(),
            never: BTreeMap::new(),
            abandoned: BTreeSet::new(),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_some()
    }

    /// Whether another node than this one, if it is there, has called in it.
    pub(super) fn is_of_another(&self, node: Option<Holder>) -> bool {
        let caller = self.ends.caller.map(|caller| caller.node);
        caller.is_some_and(|caller| node.is_some_and(|node| node.node != caller))
    }

    pub(super) fn past(&self, rpc: u64) -> Past {
        if rpc < self.lowest {
            return Past::Below;
        }
        match self.never.get(&rpc) {
            Some(told) => Past::Never(*told),
            None if self.ended.has(rpc) => Past::Ended,
            None => Past::None,
        }
    }

    /// Calls below this one have ended for the caller. Returns those of them that run.
    pub(super) fn raise_lowest(&mut self, lowest: u64) -> Vec<u64> {
        if lowest <= self.lowest {
            return Vec::new();
        }
        self.lowest = lowest;
        self.ended.forget_below(lowest);
        self.never = self.never.split_off(&lowest);
        self.open.range(..lowest).copied().collect()
    }

    /// A call has ended that its callee had.
    pub(super) fn end(&mut self, rpc: u64, ranges_max: usize) {
        self.open.remove(&rpc);
        if rpc >= self.lowest {
            self.ended.add(rpc);
        }
        // A session without calls of its own, only answers, never says what its lowest call is.
        if self.ended.ranges() > ranges_max {
            self.ended.close_lowest_gap();
        }
    }

    /// A call has ended that never went on.
    pub(super) fn never(&mut self, rpc: u64, told: Option<Denial>, ranges_max: usize) {
        self.end(rpc, ranges_max);
        if rpc >= self.lowest {
            self.never.insert(rpc, told);
        }
        if self.never.len() > REMEMBERED_MAX {
            self.never.pop_first();
        }
    }

    /// Whether there is room for another call to end.
    pub(super) fn has_room(&self, ranges_max: usize) -> bool {
        self.ended.ranges() + self.open.len() < ranges_max
    }

    /// What the answer of a call gives, that is not known yet, will be nobody's.
    pub(super) fn abandon(&mut self, rpc: u64) {
        self.abandoned.insert(rpc);
        if self.abandoned.len() > REMEMBERED_MAX {
            self.abandoned.pop_first();
        }
    }

    /// Whether it was abandoned; that is forgotten.
    pub(super) fn take_abandoned(&mut self, rpc: u64) -> bool {
        self.abandoned.remove(&rpc)
    }
}

/// All sessions, and whose the clients are.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    map: BTreeMap<SessionKey, Session>,
    /// Whose a client is, and its sessions.
    clients: BTreeMap<u64, (Holder, usize)>,
    /// Sessions whose callee is gone, the oldest first.
    gone: BTreeMap<u64, SessionKey>,
    gone_so_far: u64,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn at(&self, key: SessionKey) -> Option<&Session> {
        self.map.get(&key)
    }

    pub(super) fn at_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.map.get_mut(&key)
    }

    /// What another node than this one has claimed of a client, if it is no more than claims: nothing is under way, and no callee has had a call
    /// in a session that it knows as that node's. Its node, the sessions, and their calls that never went on.
    pub(super) fn mere_claims(&self, client: u64, caller: Holder) -> Option<(Holder, Vec<Claim>)> {
        let (of, _) = *self.clients.get(&client).filter(|(of, count)| *of != caller && *count <= CLAIMS_MAX)?;
        let all = self.map.range((client, 0)..=(client, u64::MAX));
        let claimed: Vec<_> = all.filter(|(_, session)| session.ends.caller == Some(of)).collect();
        let is_mere = claimed.iter().all(|(_, session)| session.open.is_empty() && !session.is_believed);
        let never = |session: &Session| session.never.keys().copied().collect();
        is_mere.then(|| (of, claimed.into_iter().map(|(key, session)| (*key, never(session))).collect()))
    }

    /// The session of a packet, made if there is none.
    pub(super) fn open(&mut self, key: SessionKey, ends: Ends, limits: &Limits) -> Result<&mut Session, Cause> {
        if let Some(caller) = ends.caller
            && self.clients.get(&key.0).is_some_and(|(of, _)| *of != caller)
        {
            return Err(Cause::Foreign);
        }
        if !self.map.contains_key(&key) {
            if self.map.len() >= limits.sessions_max && !self.forget_oldest_gone() {
                return Err(Cause::Full);
            }
            self.map.insert(key, Session::new(Ends { caller: None, ..ends }));
        }
        let session = self.map.get_mut(&key).ok_or(Cause::Full)?;
        if (session.ends.callee, session.ends.instance) != (ends.callee, ends.instance) {
            return Err(Cause::Foreign);
        }
        match (session.ends.caller, ends.caller) {
            (None, Some(caller)) => {
                session.ends.caller = Some(caller);
                self.clients.entry(key.0).or_insert((caller, 0)).1 += 1;
            }
            (Some(known), Some(caller)) if known != caller => return Err(Cause::Foreign),
            _ => {}
        }
        Ok(session)
    }

    /// Nothing more comes of a session.
    pub(super) fn forget(&mut self, key: SessionKey) {
        let Some(session) = self.map.remove(&key) else { return };
        session.gone.into_iter().for_each(|number| _ = self.gone.remove(&number));
        if session.ends.caller.is_some()
            && let Some((_, sessions)) = self.clients.get_mut(&key.0)
        {
            *sessions -= 1;
            if *sessions == 0 {
                self.clients.remove(&key.0);
            }
        }
    }

    fn forget_oldest_gone(&mut self) -> bool {
        let oldest = self.gone.first_key_value().map(|(_, key)| *key);
        oldest.into_iter().for_each(|key| self.forget(key));
        oldest.is_some()
    }

    /// The callee of a session is gone; what is known of its calls stays, for their callers.
    pub(super) fn set_gone(&mut self, key: SessionKey) {
        if let Some(session) = self.map.get_mut(&key).filter(|session| !session.is_gone()) {
            self.gone_so_far += 1;
            session.gone = Some(self.gone_so_far);
            self.gone.insert(self.gone_so_far, key);
        }
    }

    /// The sessions that something is true of, in order.
    pub(super) fn keys_where(&self, is_meant: impl Fn(&Session) -> bool) -> Vec<SessionKey> {
        self.map.iter().filter(|(_, session)| is_meant(session)).map(|(key, _)| *key).collect()
    }
}

/// The key of a call's session.
pub(super) fn session_of(call: CallKey, session: u64) -> SessionKey {
    (call.0, session)
}
