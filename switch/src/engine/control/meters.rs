//! Operations on meters.

use super::super::Engine;
use super::super::meters::{MeterError, Meters, Rate};
use super::super::tables::TableError;

impl Engine {
    fn meters(&mut self, name: &str) -> Result<&mut Meters, MeterError> {
        let index = self.program.meters.iter().position(|array| array.name == name).ok_or(MeterError::InvalidName)?;
        self.state.meters.get_mut(index).ok_or(MeterError::InvalidName)
    }

    /// Sets the rates of a meter, the lowest first.
    pub fn set_meter(&mut self, name: &str, index: usize, rates: &[Rate]) -> Result<(), MeterError> {
        self.meters(name)?.set(index, rates)
    }

    /// Sets the rates of all meters of an array.
    pub fn set_meters(&mut self, name: &str, rates: &[Rate]) -> Result<(), MeterError> {
        self.meters(name)?.set_all(rates)
    }

    /// The rates of a meter; none if they were not set.
    pub fn meter(&mut self, name: &str, index: usize) -> Result<Vec<Rate>, MeterError> {
        self.meters(name)?.rates(index)
    }

    /// Sets the rates of an entry's meter, the lowest first.
    pub fn table_set_meter(&mut self, table: &str, handle: u32, rates: &[Rate]) -> Result<(), TableError> {
        let (_, table) = self.table_mut(table)?;
        table.meters()?;
        let record = table.place(handle)? as usize;
        table.meters_mut()?.set(record, rates).map_err(|_| TableError::Other)
    }

    /// The rates of an entry's meter; none if they were not set.
    pub fn table_meter(&self, table: &str, handle: u32) -> Result<Vec<Rate>, TableError> {
        let (_, table) = self.table(table)?;
        let meters = table.meters()?;
        meters.rates(table.place(handle)? as usize).map_err(|_| TableError::Other)
    }
}
