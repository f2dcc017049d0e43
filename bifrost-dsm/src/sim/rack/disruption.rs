//! What happens to processes and paths, and how it ends.

use super::plan::Disruption;
use super::world::{Step, World};

impl World {
    pub(super) fn disrupt(&mut self, index: usize) {
        let (_, until, what) = self.plan.disruptions[index];
        self.note(|| format!("{what:?}"));
        match what {
            Disruption::Crash(id) => {
                self.processes[id].down += 1;
                self.stop(id);
            }
            Disruption::Pause(id) => self.processes[id].pauses += 1,
            Disruption::Cut(from, to) => self.cuts.push((from, to)),
            Disruption::Fence(machine, frees) => {
                if !self.fence(machine, frees) {
                    return;
                }
            }
        }
        self.at(until, Step::Restore(what));
    }

    pub(super) fn restore(&mut self, what: Disruption) {
        self.note(|| format!("{what:?} ends"));
        match what {
            Disruption::Crash(id) => {
                self.processes[id].down -= 1;
                if self.processes[id].down == 0 {
                    self.start(id);
                }
            }
            Disruption::Pause(id) => {
                self.processes[id].pauses -= 1;
                self.processes[id].process_at = None;
                self.process_at(id, self.now + 1);
            }
            Disruption::Cut(from, to) => {
                if let Some(at) = self.cuts.iter().position(|cut| *cut == (from, to)) {
                    self.cuts.remove(at);
                }
            }
            Disruption::Fence(machine, _) => self.rejoin(machine),
        }
    }
}
