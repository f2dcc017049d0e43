//! What nodes report, and what answers gave that nobody has taken yet.

use super::super::checks::Check;
use super::super::output::{CallKey, Holder, MemoryMessage};
use super::call::{of_server, servers_of};
use super::directory::Directory;
use super::made::Denial;
use super::progress::Told;
use super::session::{Past, session_of};
use super::{Calls, Stage};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::wire::control::{ReportKind, ReportLine};

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
                let is_callee = |call: &&super::call::Call| call.callee == sender && call.session == line.session;
                if self.calls.get(&key).filter(is_callee).is_some_and(|call| call.stage == Stage::Released) {
                    self.end_leases(now, who, key, Stage::Ending, &[]);
                }
            }
            ReportKind::SessionEnded => self.end_session(now, who, line, sender),
        }
    }

    /// A caller gave a call up: what its answer gave, or will give, is nobody's.
    fn abandon(&mut self, now: Time, key: CallKey, session: u64, sender: Holder) {
        if let Some(given) = self.take_gift(key, sender) {
            return self.reclaim(sender, &given);
        }
        match self.calls.get_mut(&key) {
            Some(call) if call.caller == Some(sender) => {
                call.is_abandoned = true;
                self.give_up(now, key);
            }
            Some(_) => {}
            None => {
                let session = self.sessions.at_mut(session_of(key, session));
                if let Some(session) = session.filter(|session| session.ends.caller == Some(sender))
                    && matches!(session.past(key.1), Past::None | Past::Below)
                {
                    session.abandon(key.1);
                }
            }
        }
    }

    /// A callee has forgotten a session. Its oneway calls run on; of others nothing will come.
    fn end_session(&mut self, now: Time, who: &dyn Directory, line: &ReportLine, sender: Holder) {
        let key = session_of((line.client, 0), line.session);
        let Some(session) = self.sessions.at(key).filter(|session| session.ends.callee == sender) else { return };
        for rpc in session.open.clone() {
            let call = (key.0, rpc);
            match self.calls.get(&call).map(|call| (call.stage, call.kind)) {
                Some((Stage::Held, _)) => self.doom(call, Some(Denial::UnknownSession)),
                Some((Stage::Released, kind)) if kind != bifrost_rpc::wire::PacketType::Oneway => {
                    self.end_leases(now, who, call, Stage::Ending, &[]);
                }
                _ => {}
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

    /// Frees what a node controls and does not want.
    pub(super) fn reclaim(&mut self, from: Holder, given: &[Pointer]) {
        for server in servers_of(given) {
            let objects = of_server(given, server);
            let message = MemoryMessage::Reclaim { objects: objects.clone(), from };
            self.tell(server, message, Told::Reclaim { server, objects, from });
        }
    }
}
