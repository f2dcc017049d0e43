//! Operations on the parser's sets of values.

use super::super::Engine;
use super::super::program::SetSpec;
use super::super::sets::{SetError, Values};

impl Engine {
    fn set(&mut self, name: &str) -> Result<(&SetSpec, &mut Values), SetError> {
        let index = self.program.sets.iter().position(|set| set.name == name).ok_or(SetError::InvalidName)?;
        self.program.sets.get(index).zip(self.state.sets.get_mut(index)).ok_or(SetError::InvalidName)
    }

    /// Adds a value to a set: the fields of the key one after the other without gaps, right-aligned.
    pub fn set_add(&mut self, name: &str, value: &[u8]) -> Result<(), SetError> {
        let (spec, values) = self.set(name)?;
        values.add(spec, value)
    }

    /// Takes a value out of a set.
    pub fn set_remove(&mut self, name: &str, value: &[u8]) -> Result<(), SetError> {
        let (spec, values) = self.set(name)?;
        values.remove(spec, value)
    }

    /// Takes all values out of a set.
    pub fn set_clear(&mut self, name: &str) -> Result<(), SetError> {
        self.set(name)?.1.clear();
        Ok(())
    }

    /// The values of a set, in order.
    pub fn set_values(&mut self, name: &str) -> Result<Vec<Vec<u8>>, SetError> {
        Ok(self.set(name)?.1.all().cloned().collect())
    }
}
