//! What happens to nodes and paths, and how it ends.

use super::plan::{Disruption, MS, S};
use super::world::{DRAIN_MAX, Step, World};

impl World {
    pub(super) fn disrupt(&mut self, index: usize) {
        let (_, until, what) = self.plan.disruptions[index];
        let now = self.time();
        self.trace.text(self.now, || format!("{what:?} begins"));
        match what {
            Disruption::Crash(node) => {
                self.nodes[node].down += 1;
                self.stop(node);
            }
            Disruption::Pause(node) => self.nodes[node].pauses += 1,
            Disruption::Cut(..) | Disruption::Close(_) => {}
            Disruption::Drain(node) => {
                let Some(endpoint) = self.nodes[node].endpoint.as_mut() else {
                    return;
                };
                endpoint.drain();
                let number = self.checker.begin(self.now, what);
                let step = Step::DrainPoll(node, self.nodes[node].life, number, self.now + DRAIN_MAX);
                return self.at(self.now + 20 * MS, step);
            }
        }
        let number = self.checker.begin(self.now, what);
        match what {
            Disruption::Cut(from, to, both) => {
                self.cuts.push((number, from, to));
                if both {
                    self.cuts.push((number, to, from));
                }
            }
            Disruption::Close(node) => {
                let can = self.nodes[node].pauses == 0;
                if let Some(endpoint) = self.nodes[node].endpoint.as_mut().filter(|_| can) {
                    endpoint.close(now);
                    self.drive(node);
                }
                return self.checker.end(self.now, number);
            }
            _ => {}
        }
        self.at(until, Step::Restore(number, what));
    }

    pub(super) fn restore(&mut self, number: usize, what: Disruption) {
        self.trace.text(self.now, || format!("{what:?} ends"));
        self.checker.end(self.now, number);
        match what {
            Disruption::Crash(node) | Disruption::Drain(node) => {
                self.nodes[node].down -= 1;
                if self.nodes[node].down == 0 {
                    self.start(node);
                }
            }
            Disruption::Pause(node) => {
                self.nodes[node].pauses -= 1;
                self.nodes[node].process_at = None;
                self.process_at(node, self.now + 1);
            }
            Disruption::Cut(..) => self.cuts.retain(|(cut, _, _)| *cut != number),
            Disruption::Close(_) => {}
        }
    }

    /// A draining server ends when nothing is left to do, or it has waited long enough; its successor comes soon.
    pub(super) fn drain_poll(&mut self, node: usize, life: u32, number: usize, latest: u64) {
        let server = &self.nodes[node];
        let Some(endpoint) = server.endpoint.as_ref().filter(|_| server.life == life) else {
            return self.checker.end(self.now, number);
        };
        let is_busy = endpoint.usage().served > 0 || !server.jobs.is_empty();
        if (is_busy || server.pauses > 0) && self.now < latest {
            return self.at(self.now + 20 * MS, Step::DrainPoll(node, life, number, latest));
        }
        self.nodes[node].down += 1;
        self.stop(node);
        let until = self.now + self.rng.below(S);
        self.at(until, Step::Restore(number, Disruption::Drain(node)));
    }
}
