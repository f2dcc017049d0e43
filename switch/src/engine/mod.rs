//! The embedded software switch: runs programs in BMv2's JSON format.
//!
//! [`Engine::load`] compiles a program once: every name becomes an index, every field a place in one buffer, every expression code for
//! a stack machine of the right width. [`Engine::process`] then takes a packet and gives packets; it has no clock, no randomness but
//! from its seed, no socket, and after some packets it allocates no memory. Tables, registers, counters, sessions and groups are
//! changed by methods that report BMv2's errors.

mod bits;
mod control;
mod crc;
mod error;
mod expr;
mod hash;
mod int;
mod json;
mod layout;
mod learn;
pub mod limits;
mod load;
mod meters;
mod multicast;
mod outputs;
mod program;
mod registers;
mod run;
mod sets;
mod state;
mod tables;
mod trace;

pub use control::{ArrayError, Group, Member, TableInfo};
pub use crc::{CrcConfig, CrcError};
pub use error::{LoadError, Problem};
pub use learn::{LearnError, Notification};
pub use meters::{MeterError, Rate};
pub use multicast::{Multicast, MulticastError, Node};
pub use outputs::Outputs;
pub use program::MatchKind;
pub use sets::SetError;
pub use state::Mirror;
pub use tables::{Count, Entry, EntryAction, MatchParam, TableError};
pub use trace::Event;

use program::Program;
use run::{Run, Work};
use state::State;
use trace::{Silent, Trace};

/// A program, its state, and memory for the packet that is being processed.
#[derive(Debug)]
pub struct Engine {
    program: Program,
    state: State,
    work: Work,
}

impl Engine {
    /// Loads a program. `seed`: random numbers follow from it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it or is not supported, and where it stands.
    pub fn load(json: &str, seed: u64) -> Result<Self, LoadError> {
        let program = load::load(json)?;
        let state = State::new(&program, seed)?;
        Ok(Self { program, state, work: Work::default() })
    }

    /// Takes a packet through the program. `now`: microseconds since the switch began, for timestamps. `out` is emptied first.
    pub fn process(&mut self, now: u64, port: u32, packet: &[u8], out: &mut Outputs) {
        self.run(now, port, packet, out, &mut Silent);
    }

    /// The same, and says each step.
    pub fn trace(&mut self, now: u64, port: u32, packet: &[u8], out: &mut Outputs) -> Vec<Event> {
        let mut events = Vec::new();
        self.run(now, port, packet, out, &mut events);
        events
    }

    /// Runs another program from the next packet on. Its tables are as they are; mirroring sessions and multicast groups stay,
    /// for they are the switch's. Gives back what ran before.
    pub fn swap(&mut self, mut next: Self) -> Self {
        std::mem::swap(&mut next.state.mirrors, &mut self.state.mirrors);
        std::mem::swap(&mut next.state.multicast, &mut self.state.multicast);
        next.state.learner.set_on(self.state.learner.is_on());
        std::mem::replace(self, next)
    }

    /// A random number, which follows from the seed.
    pub fn draw(&mut self) -> u64 {
        self.state.random.next()
    }

    fn run<T: Trace>(&mut self, now: u64, port: u32, packet: &[u8], out: &mut Outputs, trace: &mut T) {
        out.clear();
        let Self { program, state, work } = self;
        Run { program, state, work, out, trace, now, passes: 0 }.process(port, packet);
    }
}

#[cfg(test)]
mod tests;
