//! The leased calls that an endpoint knows, for a control plane that starts anew.

use super::call::Call;
use super::record::Served;
use super::{CalleeSession, CallerSession, Endpoint};
use crate::wire::control::OutstandingCall;
use std::collections::BTreeSet;

impl Endpoint {
    /// Leased calls after this one (session, RPC id; (0, 0): from the first on), as caller those that were sent and have not
    /// ended, as callee those that arrive, run, or are remembered as answered. In order of session and RPC id, `max` at most.
    #[must_use]
    pub fn outstanding(&self, after: (u64, u64), max: usize) -> Vec<OutstandingCall> {
        let running = self.reports.as_ref().map(|reports| reports.running());
        let sessions: BTreeSet<u64> = (self.callers.iter().map(|(_, session)| session.link.session))
            .chain(self.callees.iter().map(|(_, session)| session.link.session))
            .chain(running.iter().flat_map(|running| running.keys()).map(|(session, _)| *session))
            .filter(|session| *session != 0 && *session >= after.0)
            .collect();
        let mut calls = Vec::new();
        for session in sessions {
            let start = calls.len();
            let callee = self.callee_by_session.get(&session).and_then(|index| self.callees.get(*index));
            calls.extend(callee.into_iter().flat_map(CalleeSession::leased));
            let caller = self.caller_by_session.get(&session).and_then(|index| self.callers.get(*index));
            calls.extend(caller.into_iter().flat_map(CallerSession::leased));
            let running = running.iter().flat_map(|running| running.range((session, 0)..=(session, u64::MAX)));
            calls.extend(running.map(|((session, rpc), client)| OutstandingCall {
                is_callee: true,
                is_answered: false,
                session: *session,
                client: *client,
                rpc: *rpc,
                instance: self.config.instance,
            }));
            if session == after.0 {
                calls.retain(|call| call.rpc > after.1);
            }
            calls[start..].sort_unstable_by_key(|call| (call.rpc, call.is_callee));
            if calls.len() >= max {
                break;
            }
        }
        calls.truncate(max);
        calls
    }
}

impl CallerSession {
    fn leased(&self) -> impl Iterator<Item = OutstandingCall> {
        let sent = |call: &Call| call.is_leased() && call.out.packets > 0;
        self.calls.iter().filter(move |(_, call)| sent(call)).map(|(rpc, _)| OutstandingCall {
            is_callee: false,
            is_answered: false,
            session: self.link.session,
            client: self.link.client,
            rpc,
            instance: self.link.instance,
        })
    }
}

impl CalleeSession {
    fn leased(&self) -> impl Iterator<Item = OutstandingCall> {
        self.calls.iter().filter(|(_, served)| served.is_leased()).map(|(rpc, served)| OutstandingCall {
            is_callee: true,
            is_answered: matches!(served, Served::Answered(_) | Served::Done { .. }),
            session: self.link.session,
            client: self.link.client,
            rpc,
            instance: self.link.instance,
        })
    }
}
