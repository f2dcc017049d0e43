//! What nodes report, and what answers gave that nobody has taken yet.

use super::super::checks::Check;
use super::super::output::{CallKey, Holder, MemoryMessage};
use super::call::{Call, of_server, servers_of};
use super::cause::Cause;
use super::directory::Directory;
use super::progress::Told;
use super::session::{Past, SessionKey, session_of};
use super::{Calls, Stage};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{ReportKind, ReportLine};
use bifrost_rpc::wire::{PacketType, Pointer};

/// Answers to one incarnation whose giving is remembered; of more the oldest are taken as accepted.
const GIFTS_OF_NODE_MAX: usize = 1 << 16;

impl Calls {
    /// Takes a line of a report.
    pub(super) fn take_report(&mut self, now: Time, who: &dyn Directory, sender: Holder, line: &ReportLine) {
        let key = (line.client, line.rpc);
        match line.kind {
            ReportKind::Accepted => _ = self.take_gift(key, sender),
            ReportKind::Abandoned => self.abandon(now, key, line.session, sender),
            ReportKind::Done if !self.checks.makes(Check::Done) => {}
            ReportKind::Done => {
                let is_callee = |call: &&Call| call.callee == sender && call.session == line.session;
                if self.calls.get(&key).filter(is_callee).is_some_and(|call| call.stage == Stage::Released) {
                    self.end_leases(now, who, key, Stage::Ending, &[]);
                }
            }
            ReportKind::SessionEnded => self.end_session(now, who, line, sender),
        }
    }

    /// A caller gave a call up: what its answer gave, or will give, is nobody's.
    fn abandon(&mut self, now: Time, key: CallKey, session: u64, sender: Holder) {
        if let Some(given) = self.take_gift(key, sender).filter(|_| self.checks.makes(Check::Reclaim)) {
            self.reclaim(key, sender, &given);
            // Of one that an earlier control plane let end, its callee may have told that it knows it.
            return self.give_up(now, key);
        }
        match self.calls.get_mut(&key) {
            Some(call) if call.caller == Some(sender) => {
                call.is_abandoned = true;
                self.give_up(now, key);
            }
            Some(_) => {}
            None => {
                let of = self.sessions.at_mut(session_of(key, session)).filter(|of| of.ends.caller.is_some());
                let Some(of) = of else { return self.note_abandoned(sender, session, key) };
                if of.ends.caller == Some(sender) && matches!(of.past(key.1), Past::None | Past::Below) {
                    of.abandon(key.1);
                }
            }
        }
    }

    /// Whether a caller gave a call up before anything was known of it; that is forgotten.
    pub(super) fn was_abandoned(&mut self, caller: Holder, session: SessionKey, key: CallKey) -> bool {
        let in_session = self.sessions.at_mut(session).is_some_and(|session| session.take_abandoned(key.1));
        self.take_abandoned(caller, session.1, key) || in_session
    }

    /// A callee has forgotten a session. Its oneway calls run on; of others nothing will come.
    fn end_session(&mut self, now: Time, who: &dyn Directory, line: &ReportLine, sender: Holder) {
        let key = session_of((line.client, 0), line.session);
        let session = self.sessions.at(key);
        if session.is_none_or(|session| session.ends.callee == sender) {
            self.forget_abandoned(line.client, line.session);
        }
        let Some(session) = self.sessions.at(key).filter(|session| session.ends.callee == sender) else { return };
        let open: Vec<CallKey> = session.open.iter().map(|rpc| (key.0, *rpc)).collect();
        self.deny_held(&open, Cause::Ended);
        for call in open {
            let runs_on = |call: &Call| call.kind == PacketType::Oneway && !call.is_done;
            let is_over = |call: &Call| call.stage == Stage::Released && !runs_on(call);
            if self.calls.get(&call).is_some_and(is_over) {
                self.end_leases(now, who, call, Stage::Ending, &[]);
            }
        }
        self.sessions.forget(key);
    }

    /// Remembers what an answer gave, until its caller has said that it has it.
    pub(super) fn give(&mut self, key: CallKey, to: Holder, given: Vec<Pointer>) {
        self.gifts.insert(key, (to, given));
        let load = self.loads.entry(to).or_default();
        load.gifts.push_back(key);
        if load.gifts.len() > GIFTS_OF_NODE_MAX
            && let Some(oldest) = load.gifts.pop_front()
        {
            self.gifts.remove(&oldest);
        }
    }

    fn take_gift(&mut self, key: CallKey, to: Holder) -> Option<Vec<Pointer>> {
        self.gifts.get(&key).filter(|(of, _)| *of == to)?;
        let load = self.loads.entry(to).or_default();
        // Mostly one of the last.
        if let Some(at) = load.gifts.iter().rposition(|gift| *gift == key) {
            load.gifts.remove(at);
        }
        self.forget_idle(to);
        self.gifts.remove(&key).map(|(_, given)| given)
    }

    /// After a restart: a server has an object that an answer gave. Whether that was accepted nobody knows any more: what was is never abandoned.
    pub(super) fn restore_gift(&mut self, key: CallKey, to: Holder, object: Pointer) {
        match self.gifts.get_mut(&key) {
            Some((of, given)) if *of == to => given.push(object),
            Some(_) => {}
            None => self.give(key, to, vec![object]),
        }
    }

    /// Frees what a call gave to a node, or would have, that does not want it.
    pub(super) fn reclaim(&mut self, call: CallKey, from: Holder, given: &[Pointer]) {
        for server in servers_of(given) {
            let objects = of_server(given, server);
            let message = MemoryMessage::Reclaim { objects: objects.clone(), from };
            *self.reclaiming.entry(call).or_default() += 1;
            self.tell(server, message, Told::Reclaim { call, server, objects, from });
        }
    }

    /// A server has freed what a call gave.
    pub(super) fn reclaimed(&mut self, call: CallKey) {
        let Some(left) = self.reclaiming.get_mut(&call) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.reclaiming.remove(&call);
        }
    }
}
