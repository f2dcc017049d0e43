//! What packets and the control plane change.

use std::collections::BTreeMap;

use super::error::{LoadError, Problem, Result};
use super::learn::Learner;
use super::meters::Meters;
use super::multicast::Multicast;
use super::program::{Program, TableSpec};
use super::registers::Registers;
use super::sets::Values;
use super::tables::{Chosen, Count, Profile, Table, fit};

/// Where the copies of a mirroring session go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// To this port.
    pub port: Option<u32>,
    /// And to this multicast group.
    pub group: Option<u16>,
}

/// Tables, registers, counters, sessions and groups.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) tables: Vec<Table>,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) registers: Vec<Registers>,
    pub(crate) counters: Vec<Vec<Count>>,
    pub(crate) meters: Vec<Meters>,
    pub(crate) mirrors: BTreeMap<u16, Mirror>,
    pub(crate) multicast: Multicast,
    pub(crate) learner: Learner,
    pub(crate) sets: Vec<Values>,
    pub(crate) random: Random,
}

impl State {
    /// The state with which a program begins. Fails where its own entries do not fit its tables.
    pub(crate) fn new(program: &Program, seed: u64) -> Result<Self> {
        let mut state = Self {
            tables: Vec::new(),
            profiles: program.profiles.iter().map(|_| Profile::default()).collect(),
            registers: program.registers.iter().map(|array| Registers::new(array.width, array.size)).collect(),
            counters: program.counters.iter().map(|array| vec![Count::default(); array.size]).collect(),
            meters: program.meters.iter().map(|array| Meters::new(array.kind, array.size)).collect(),
            mirrors: BTreeMap::new(),
            multicast: Multicast::default(),
            learner: Learner::new(&program.learn_lists),
            sets: program.sets.iter().map(Values::new).collect(),
            random: Random(seed),
        };
        for spec in &program.tables {
            let mut table = Table::new(spec);
            table.default = program_default(program, spec);
            for entry in &spec.entries {
                let target = place(spec, entry.action);
                let data = pack(program, entry.action, &entry.data);
                if let Err(error) = table.add(spec, &entry.key, entry.priority, target, &data) {
                    let problem = Problem::Invalid(format!("an entry of its own was refused: {error}"));
                    return Err(LoadError::At { path: format!("table {}", spec.name), problem });
                }
            }
            state.tables.push(table);
        }
        Ok(state)
    }
}

/// The default entry that the program gives to a table.
pub(crate) fn program_default(program: &Program, spec: &TableSpec) -> Option<Chosen> {
    let default = spec.default.as_ref()?;
    Some(Chosen { target: place(spec, default.action), data: pad(pack(program, default.action, &default.data)) })
}

fn place(spec: &TableSpec, action: usize) -> u32 {
    spec.place_of(action).and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
}

/// An action's data in one piece, each value cut to its parameter.
pub(crate) fn pack(program: &Program, action: usize, values: &[Vec<u8>]) -> Vec<u8> {
    let parameters = program.actions.get(action).map_or(&[][..], |action| &action.parameters);
    parameters.iter().zip(values).flat_map(|(slot, value)| fit(value, slot.width)).collect()
}

/// Appends what makes a buffer readable past its end.
pub(crate) fn pad(mut data: Vec<u8>) -> Vec<u8> {
    data.resize(data.len() + super::bits::PAD, 0);
    data
}

/// An action's data as values.
pub(crate) fn unpack(program: &Program, action: usize, data: &[u8]) -> Vec<Vec<u8>> {
    let parameters = program.actions.get(action).map_or(&[][..], |action| &action.parameters);
    let value = |slot: &super::bits::Slot| {
        let at = slot.byte as usize;
        data.get(at..at + slot.bytes()).unwrap_or_default().to_vec()
    };
    parameters.iter().map(value).collect()
}

/// Random numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number between the two, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let random = self.next();
        match high.saturating_sub(low).checked_add(1) {
            Some(span) => low + random % span,
            None => random,
        }
    }
}
