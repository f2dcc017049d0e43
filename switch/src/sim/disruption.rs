//! What happens to machines, the switch and the control plane, and how it ends.

use super::plan::{Disruption, MS};
use super::world::{Step, World};
use crate::engine::Engine;

impl World {
    pub(super) fn disrupt(&mut self, index: usize) {
        let (_, until, what) = self.plan.disruptions[index];
        self.note(|| format!("{what:?} begins"));
        match what {
            Disruption::Crash(machine) => {
                self.machines[machine].down += 1;
                self.stop(machine);
            }
            Disruption::Pause(machine) => self.machines[machine].pauses += 1,
            Disruption::Cut(machine) => self.machines[machine].cuts += 1,
            Disruption::Gatekeeper => {
                self.control.down += 1;
                self.stop_control();
            }
            Disruption::Tables => self.lose_tables(),
        }
        self.at(until, Step::Restore(what));
    }

    pub(super) fn restore(&mut self, what: Disruption) {
        self.note(|| format!("{what:?} ends"));
        match what {
            Disruption::Crash(machine) => {
                self.machines[machine].down -= 1;
                if self.machines[machine].down == 0 {
                    self.start(machine);
                }
            }
            Disruption::Pause(machine) => {
                self.machines[machine].pauses -= 1;
                self.wake(machine);
            }
            Disruption::Cut(machine) => self.machines[machine].cuts -= 1,
            Disruption::Gatekeeper => {
                self.control.down -= 1;
                if self.control.down == 0 {
                    self.start_control();
                }
            }
            Disruption::Tables => {}
        }
    }

    /// The switch starts anew. The control plane finds out some time later.
    fn lose_tables(&mut self) {
        self.fabric.runtime.engine().with(Engine::reset);
        self.fabric.is_intact = false;
        let after = self.rng.below(200 * MS);
        self.at(self.now + after, Step::TablesMissed(self.control.life));
    }
}
