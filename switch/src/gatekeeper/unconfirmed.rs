//! Reports that are confirmed when memory servers have done what follows from them: another control plane would not be told again.

use super::machine::Gatekeeper;
use super::members::NodeId;
use super::output::CallKey;
use bifrost_rpc::wire::control::{ControlMessage, ReportKind, ReportLine};
use std::collections::VecDeque;

/// Reports that wait at most; the oldest of more come again.
const WAITING_MAX: usize = 1024;

/// Reports that wait to be confirmed, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed(VecDeque<Report>);

#[derive(Debug)]
struct Report {
    node: NodeId,
    incarnation: u32,
    number: u64,
    /// Calls that it gives up and that are not settled yet.
    calls: Vec<CallKey>,
}

impl Gatekeeper {
    /// Confirms a report that was acted on as soon as the calls that it gives up are settled.
    pub(super) fn confirm_later(&mut self, node: NodeId, number: u64, lines: &[ReportLine]) {
        let abandoned = lines.iter().filter(|line| line.kind == ReportKind::Abandoned);
        let calls: Vec<CallKey> = abandoned.map(|line| (line.client, line.rpc)).collect();
        let incarnation = self.members.get(node).map_or(0, |member| member.incarnation);
        self.unconfirmed.0.push_back(Report { node, incarnation, number, calls });
        if self.unconfirmed.0.len() > WAITING_MAX {
            self.unconfirmed.0.pop_front();
        }
        self.confirm_settled();
    }

    /// Confirms what can be confirmed by now.
    pub(super) fn confirm_settled(&mut self) {
        if self.unconfirmed.0.is_empty() {
            return;
        }
        for mut report in std::mem::take(&mut self.unconfirmed.0) {
            report.calls.retain(|call| !self.calls.is_settled(*call));
            if !report.calls.is_empty() {
                self.unconfirmed.0.push_back(report);
            } else if self
                .members
                .get(report.node)
                .is_some_and(|member| member.is_live() && member.incarnation == report.incarnation)
            {
                self.answer(report.node, report.number, ControlMessage::Confirmed);
            }
        }
    }
}
