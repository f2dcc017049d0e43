//! Operations on registers, counters, mirroring sessions and multicast groups.

use super::super::Engine;
use super::super::expr::Value;
use super::super::int::Num;
use super::super::limits::MIRROR_SESSION_MAX;
use super::super::multicast::Multicast;
use super::super::program::ArraySpec;
use super::super::registers::Registers;
use super::super::state::{Mirror, State};
use super::super::tables::Count;

/// Why an operation on registers or counters was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// No array has this name.
    #[error("no such array")]
    InvalidName = 1,
    /// The array has no such cell.
    #[error("no such cell")]
    InvalidIndex = 2,
    /// Anything else.
    #[error("the operation was refused")]
    Other = 3,
}

impl ArrayError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The error of a number; [`ArrayError::Other`] for one that is not known.
    #[must_use]
    pub fn from_code(code: i32) -> Self {
        [Self::InvalidName, Self::InvalidIndex].into_iter().find(|error| error.code() == code).unwrap_or(Self::Other)
    }
}

fn find(arrays: &[ArraySpec], name: &str) -> Result<usize, ArrayError> {
    arrays.iter().position(|array| array.name == name).ok_or(ArrayError::InvalidName)
}

impl Engine {
    fn registers(&mut self, name: &str) -> Result<&mut Registers, ArrayError> {
        let index = find(&self.program.registers, name)?;
        self.state.registers.get_mut(index).ok_or(ArrayError::InvalidName)
    }

    /// A register's value, big-endian, as many bytes as hold it.
    pub fn register(&self, name: &str, index: u64) -> Result<Vec<u8>, ArrayError> {
        let array = self.state.registers.get(find(&self.program.registers, name)?).ok_or(ArrayError::InvalidName)?;
        let (slot, buffer) = array.cell(index).ok_or(ArrayError::InvalidIndex)?;
        let at = slot.byte as usize;
        Ok(buffer.get(at..at + slot.bytes()).unwrap_or_default().to_vec())
    }

    /// Sets a register to the low bits of a number.
    pub fn set_register(&mut self, name: &str, index: u64, value: i64) -> Result<(), ArrayError> {
        let (slot, buffer) = self.registers(name)?.cell_mut(index).ok_or(ArrayError::InvalidIndex)?;
        Value::Narrow(i128::from_i64(value)).store(slot, buffer);
        Ok(())
    }

    /// Sets all registers of an array to zero.
    pub fn clear_registers(&mut self, name: &str) -> Result<(), ArrayError> {
        self.registers(name)?.clear();
        Ok(())
    }

    /// How many registers an array has.
    pub fn register_count(&self, name: &str) -> Result<usize, ArrayError> {
        let index = find(&self.program.registers, name)?;
        Ok(self.state.registers.get(index).map_or(0, Registers::len))
    }

    fn counters(&mut self, name: &str) -> Result<&mut Vec<Count>, ArrayError> {
        let index = find(&self.program.counters, name)?;
        self.state.counters.get_mut(index).ok_or(ArrayError::InvalidName)
    }

    /// An indirect counter.
    pub fn counter(&self, name: &str, index: usize) -> Result<Count, ArrayError> {
        let array = self.state.counters.get(find(&self.program.counters, name)?).ok_or(ArrayError::InvalidName)?;
        array.get(index).copied().ok_or(ArrayError::InvalidIndex)
    }

    /// Sets an indirect counter.
    pub fn set_counter(&mut self, name: &str, index: usize, count: Count) -> Result<(), ArrayError> {
        *self.counters(name)?.get_mut(index).ok_or(ArrayError::InvalidIndex)? = count;
        Ok(())
    }

    /// Sets all counters of an array to zero.
    pub fn clear_counters(&mut self, name: &str) -> Result<(), ArrayError> {
        self.counters(name)?.fill(Count::default());
        Ok(())
    }

    /// Where a mirroring session's copies go.
    pub fn mirror(&self, session: u16) -> Option<Mirror> {
        self.state.mirrors.get(&session).copied()
    }

    /// All mirroring sessions, in order.
    pub fn mirrors(&self) -> impl Iterator<Item = (u16, Mirror)> {
        self.state.mirrors.iter().map(|(&session, &mirror)| (session, mirror))
    }

    /// Makes or changes a mirroring session; whether its number is one (up to [`MIRROR_SESSION_MAX`]).
    pub fn set_mirror(&mut self, session: u16, mirror: Mirror) -> bool {
        let is_number = u32::from(session) <= MIRROR_SESSION_MAX;
        if is_number {
            self.state.mirrors.insert(session, mirror);
        }
        is_number
    }

    /// Ends a mirroring session; whether there was one.
    pub fn delete_mirror(&mut self, session: u16) -> bool {
        self.state.mirrors.remove(&session).is_some()
    }

    /// The multicast groups.
    pub fn multicast(&mut self) -> &mut Multicast {
        &mut self.state.multicast
    }

    /// Forgets entries, members, registers, counters and multicast groups, and keeps mirroring sessions, as BMv2 does.
    pub fn reset(&mut self) {
        // It succeeded with the same program when it was loaded.
        if let Ok(mut fresh) = State::new(&self.program, self.state.random.next()) {
            fresh.learner.set_on(self.state.learner.is_on());
            let mirrors = std::mem::take(&mut self.state.mirrors);
            self.state = State { mirrors, ..fresh };
        }
    }
}
