//! Counters, meters and registers that belong to no table.

use super::super::handler::Runtime;
use super::super::{convert as to, refused};
use super::idl::{BmCounterValue, BmMeterRateConfig, BmRegisterValue, RegisterOperationErrorCode};
use crate::engine::{ArrayError, Engine, MeterError};
use thrift::Result;

/// Registers that one answer holds at most.
const REGISTERS_MAX: usize = 16 << 20;

fn counter_index(index: i32) -> std::result::Result<usize, ArrayError> {
    usize::try_from(index).map_err(|_| ArrayError::InvalidIndex)
}

fn register_index(index: i32) -> std::result::Result<u64, ArrayError> {
    u64::try_from(index).map_err(|_| ArrayError::InvalidIndex)
}

fn meter_index(index: i32) -> std::result::Result<usize, MeterError> {
    usize::try_from(index).map_err(|_| MeterError::InvalidIndex)
}

impl Runtime {
    pub(super) fn read_counter(&self, context: i32, array: &str, index: i32) -> Result<BmCounterValue> {
        self.counter(context, |engine| engine.counter(array, counter_index(index)?)).map(to::count_out)
    }

    pub(super) fn write_counter(&self, context: i32, array: &str, index: i32, value: &BmCounterValue) -> Result<()> {
        self.counter(context, |engine| engine.set_counter(array, counter_index(index)?, to::count(value)))
    }

    pub(super) fn set_meters(&self, context: i32, array: &str, rates: &[BmMeterRateConfig]) -> Result<()> {
        self.meter(context, |engine| engine.set_meters(array, &to::rates(rates)?))
    }

    pub(super) fn set_meter(&self, context: i32, array: &str, index: i32, rates: &[BmMeterRateConfig]) -> Result<()> {
        self.meter(context, |engine| engine.set_meter(array, meter_index(index)?, &to::rates(rates)?))
    }

    pub(super) fn meter_rates(&self, context: i32, array: &str, index: i32) -> Result<Vec<BmMeterRateConfig>> {
        self.meter(context, |engine| engine.meter(array, meter_index(index)?)).map(to::rates_out)
    }

    pub(super) fn read_register(&self, context: i32, array: &str, index: i32) -> Result<BmRegisterValue> {
        let bytes = self.register(context, |engine| engine.register(array, register_index(index)?))?;
        Ok(to::register(&bytes))
    }

    pub(super) fn read_registers(&self, context: i32, array: &str) -> Result<Vec<BmRegisterValue>> {
        let count = self.register(context, |engine| engine.register_count(array))?;
        if count > REGISTERS_MAX {
            return Err(refused::register_code(RegisterOperationErrorCode::ERROR));
        }
        let read = |engine: &Engine, index| engine.register(array, index).map(|bytes| to::register(&bytes));
        self.register(context, |engine| (0..count as u64).map(|index| read(engine, index)).collect())
    }

    pub(super) fn write_register(&self, context: i32, array: &str, index: i32, value: BmRegisterValue) -> Result<()> {
        self.register(context, |engine| engine.set_register(array, register_index(index)?, value))
    }

    /// Writes all from `start` on, before `end`.
    pub(super) fn write_registers(
        &self,
        context: i32,
        array: &str,
        start: i32,
        end: i32,
        value: BmRegisterValue,
    ) -> Result<()> {
        self.register(context, |engine| {
            let (start, end) = (register_index(start)?, register_index(end)?);
            if start > end || end > engine.register_count(array)? as u64 {
                return Err(ArrayError::InvalidIndex);
            }
            (start..end).try_for_each(|index| engine.set_register(array, index, value))
        })
    }
}
