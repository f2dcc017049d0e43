//! What an end tells the rack's control plane, so that it can end leases: `docs/gatekeeper.md`, section 7.
//!
//! A callee owes one thing: that the control plane learns of each leased call that was not answered when its handler has
//! ended, or that it never runs. The record of such a call may be gone long before its handler has ended.

use super::call::Call;
use super::checks::Check;
use super::{Endpoint, ServedCall};
use crate::wire::control::{ReportKind, ReportLine};
use crate::wire::{Header, PacketType};
use std::collections::{BTreeMap, VecDeque};

/// Lines that wait to be polled at most. More are lost; the control plane asks again for what it misses of callees.
const WAITING_MAX: usize = 1 << 16;
/// Calls that were given up of which it is remembered, in case their answers come all the same; of more the oldest are forgotten.
const ABANDONED_MAX: usize = 1024;

/// Lines to be told, and what is to be told when handlers end.
#[derive(Debug, Default)]
pub(super) struct Reports {
    waiting: VecDeque<ReportLine>,
    /// Leased calls (session, RPC id) whose handlers run though their records are gone, and their clients.
    running: BTreeMap<(u64, u64), u64>,
    /// Sessions that have ended while such handlers run, and their clients.
    ending: BTreeMap<u64, u64>,
    /// Calls (session, RPC id) that were given up, and whose answers may give something, the oldest first.
    abandoned: VecDeque<(u64, u64)>,
}

impl Reports {
    fn push(&mut self, kind: ReportKind, (session, rpc): (u64, u64), client: u64) {
        let line = ReportLine { kind, session, client, rpc };
        // One packet may say twice that a call has ended.
        if self.waiting.len() < WAITING_MAX && self.waiting.back() != Some(&line) {
            self.waiting.push_back(line);
        }
    }

    /// A call was given up whose answer may give something.
    fn remember(&mut self, call: (u64, u64)) {
        if self.abandoned.len() == ABANDONED_MAX {
            self.abandoned.pop_front();
        }
        self.abandoned.push_back(call);
    }

    /// The record of a leased call is gone while its handler runs.
    fn goes_on(&mut self, call: (u64, u64), client: u64) {
        self.running.insert(call, client);
    }

    /// A leased call's handler is known to have ended, or not to begin, unless it still runs.
    fn settle(&mut self, call: (u64, u64), client: u64) {
        if !self.runs(call) {
            self.push(ReportKind::Done, call, client);
        }
    }

    /// The handler of a call has ended whose record is gone.
    fn has_ended(&mut self, call: (u64, u64)) {
        let Some(client) = self.running.remove(&call) else { return };
        self.push(ReportKind::Done, call, client);
        if self.ending.contains_key(&call.0) && !self.runs_of(call.0) {
            self.ending.remove(&call.0);
            self.push(ReportKind::SessionEnded, (call.0, 0), client);
        }
    }

    /// A session in which leased calls came has ended. It is told of when no handler of it runs any more.
    fn session_ended(&mut self, session: u64, client: u64) {
        if self.runs_of(session) {
            self.ending.insert(session, client);
        } else {
            self.push(ReportKind::SessionEnded, (session, 0), client);
        }
    }

    fn runs_of(&self, session: u64) -> bool {
        self.running.range((session, 0)..=(session, u64::MAX)).next().is_some()
    }

    /// Whether a call's handler runs though its record is gone.
    pub(super) fn runs(&self, call: (u64, u64)) -> bool {
        self.running.contains_key(&call)
    }

    /// Leased calls whose handlers run though their records are gone.
    pub(super) fn running(&self) -> &BTreeMap<(u64, u64), u64> {
        &self.running
    }
}

impl Endpoint {
    /// The next line for the control plane, if this endpoint [reports](super::Config::reports).
    pub fn poll_report(&mut self) -> Option<ReportLine> {
        self.reports.as_mut()?.waiting.pop_front()
    }

    /// Whether [`Endpoint::poll_report`] has something.
    pub(crate) fn has_reports(&self) -> bool {
        self.reports.as_ref().is_some_and(|reports| !reports.waiting.is_empty())
    }

    /// The caller has taken over an answer with pointers.
    pub(super) fn report_accepted(&mut self, session: u64, rpc: u64) {
        if let Some(reports) = &mut self.reports {
            reports.push(ReportKind::Accepted, (session, rpc), self.client);
        }
    }

    /// The caller waits no more for a call. It matters if something of it was sent in the session, and leases are ended, or
    /// pointers given, by its answer.
    pub(super) fn report_abandoned(&mut self, session: u64, rpc: u64, call: &Call) {
        if let Some(reports) = &mut self.reports
            && call.out.packets > 0
            && (call.is_leased() || call.references)
        {
            reports.push(ReportKind::Abandoned, (session, rpc), self.client);
            if call.references {
                reports.remember((session, rpc));
            }
        }
    }

    /// An answer has come that nobody waits for. If it gives something and its call was given up, that is told again: a control plane that
    /// has begun since knows nothing of it.
    pub(super) fn report_unwanted(&mut self, header: &Header) {
        let gives = header.kind == PacketType::Reply && header.pointers > 0 && header.offset == 0;
        let call = (header.session, header.rpc);
        if gives
            && header.client == self.client
            && let Some(reports) = &mut self.reports
            && reports.abandoned.contains(&call)
        {
            reports.push(ReportKind::Abandoned, call, self.client);
        }
    }

    /// Records of leased calls are gone that were not answered; with whether their handlers run.
    pub(super) fn report_released(&mut self, session: u64, client: u64, calls: &[(u64, bool)]) {
        let waits = self.config.makes(Check::HandlerEnded);
        let Some(reports) = &mut self.reports else { return };
        for (rpc, runs) in calls {
            match *runs && waits {
                true => reports.goes_on((session, *rpc), client),
                false => reports.settle((session, *rpc), client),
            }
        }
    }

    /// The record of a leased call says that its handler has ended, or the call is remembered as one that never runs.
    pub(super) fn report_settled(&mut self, session: u64, client: u64, rpc: u64) {
        if let Some(reports) = &mut self.reports {
            reports.settle((session, rpc), client);
        }
    }

    /// A handler has ended whose call has no record any more.
    pub(super) fn report_handler(&mut self, call: ServedCall) {
        if let Some(reports) = &mut self.reports {
            reports.has_ended((call.session, call.rpc));
        }
    }

    /// A callee's session of calls has ended.
    pub(super) fn report_session(&mut self, session: u64, client: u64) {
        if let Some(reports) = &mut self.reports {
            reports.session_ended(session, client);
        }
    }

    /// A leased call, or its CANCEL, came in a session that this instance does not know any more: it never runs, or has run.
    pub(super) fn report_stray(&mut self, header: &Header) {
        let tells = matches!(header.kind, PacketType::Call | PacketType::Oneway | PacketType::Cancel);
        // Of a session that is known this was a stranger's.
        let is_unknown = !self.callee_by_session.contains_key(&header.session);
        if tells && is_unknown && header.session != 0 && header.instance == self.config.instance {
            self.report_settled(header.session, header.client, header.rpc);
            self.report_session(header.session, header.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        GoesOn(u64, u64),
        Settle(u64, u64),
        Ends(u64, u64),
        SessionEnds(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let call = (1u64..4, 1u64..6);
        prop_oneof![
            call.clone().prop_map(|(session, rpc)| Step::GoesOn(session, rpc)),
            call.clone().prop_map(|(session, rpc)| Step::Settle(session, rpc)),
            call.prop_map(|(session, rpc)| Step::Ends(session, rpc)),
            (1u64..4).prop_map(Step::SessionEnds),
        ]
    }

    fn lines(reports: &mut Reports) -> Vec<(ReportKind, u64, u64)> {
        reports.waiting.drain(..).map(|line| (line.kind, line.session, line.rpc)).collect()
    }

    proptest! {
        /// Whatever happens in whatever order: no call is done while its handler runs, no session has ended while one of its
        /// handlers runs, each that ran is done exactly once, and each end of a session is told.
        #[test]
        fn nothing_is_told_too_early_and_nothing_is_forgotten(steps in prop::collection::vec(step(), 0..60)) {
            let mut reports = Reports::default();
            let mut running = std::collections::BTreeSet::new();
            let mut owed = std::collections::BTreeSet::new();
            let ends = (1..4).flat_map(|session| (1..6).map(move |rpc| Step::Ends(session, rpc)));
            for step in steps.into_iter().chain(ends) {
                let before = running.clone();
                match step {
                    Step::GoesOn(session, rpc) => {
                        running.insert((session, rpc));
                        reports.goes_on((session, rpc), 9);
                    }
                    Step::Settle(session, rpc) => reports.settle((session, rpc), 9),
                    Step::Ends(session, rpc) => {
                        running.remove(&(session, rpc));
                        reports.has_ended((session, rpc));
                    }
                    Step::SessionEnds(session) => {
                        owed.insert(session);
                        reports.session_ended(session, 9);
                    }
                }
                let told = lines(&mut reports);
                for (kind, session, rpc) in &told {
                    match kind {
                        ReportKind::Done => prop_assert!(!running.contains(&(*session, *rpc))),
                        _ => {
                            prop_assert!(!running.iter().any(|(of, _)| of == session));
                            prop_assert!(owed.remove(session));
                        }
                    }
                }
                let ended: Vec<_> = before.difference(&running).collect();
                for (session, rpc) in ended {
                    let done = told.iter().filter(|line| **line == (ReportKind::Done, *session, *rpc)).count();
                    prop_assert_eq!(done, 1);
                }
            }
            prop_assert!(owed.is_empty() && reports.running.is_empty() && reports.ending.is_empty());
        }
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut reports = Reports::default();
        (0..WAITING_MAX as u64 + 9).for_each(|rpc| reports.settle((1, rpc), 2));
        assert_eq!(reports.waiting.len(), WAITING_MAX);
        (0..ABANDONED_MAX as u64 + 9).for_each(|rpc| reports.remember((1, rpc)));
        assert_eq!((reports.abandoned.len(), reports.abandoned[0]), (ABANDONED_MAX, (1, 9)));
    }
}
