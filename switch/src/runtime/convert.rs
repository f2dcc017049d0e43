//! Keys, entries and values between the wire and the engine.

use super::idl::bmv2_standard as idl;
use crate::engine::{
    Count, CrcConfig, Entry, EntryAction, Group, LearnError, MatchParam, Member, MeterError, Rate, TableError,
};
use idl::{BmActionEntry, BmActionEntryType, BmAddEntryOptions, BmMatchParam, BmMatchParamType};

/// What BMv2 says where a table has no priorities.
const NO_PRIORITY: i32 = -1;

/// A key as the engine takes it.
///
/// # Errors
///
/// A field of unknown type, or one whose value is missing.
pub(super) fn key(fields: Vec<BmMatchParam>) -> Result<Vec<MatchParam>, TableError> {
    fields.into_iter().map(|field| param(field).ok_or(TableError::BadMatchKey)).collect()
}

fn param(field: BmMatchParam) -> Option<MatchParam> {
    Some(match field.type_ {
        BmMatchParamType::EXACT => MatchParam::Exact(field.exact?.key),
        BmMatchParamType::LPM => {
            let prefix = field.lpm?;
            MatchParam::Lpm(prefix.key, u32::try_from(prefix.prefix_length).ok()?)
        }
        BmMatchParamType::TERNARY => {
            let masked = field.ternary?;
            MatchParam::Ternary(masked.key, masked.mask)
        }
        BmMatchParamType::VALID => MatchParam::Valid(field.valid?.key),
        BmMatchParamType::RANGE => {
            let range = field.range?;
            MatchParam::Range(range.start, range.end_)
        }
        _ => return None,
    })
}

/// A key as the wire has it.
pub(super) fn key_out(key: Vec<MatchParam>) -> Vec<BmMatchParam> {
    key.into_iter().map(param_out).collect()
}

fn param_out(param: MatchParam) -> BmMatchParam {
    let empty = |kind| BmMatchParam::new(kind, None, None, None, None, None);
    match param {
        MatchParam::Exact(key) => {
            BmMatchParam { exact: Some(idl::BmMatchParamExact { key }), ..empty(BmMatchParamType::EXACT) }
        }
        MatchParam::Lpm(key, bits) => {
            let prefix_length = i32::try_from(bits).unwrap_or(i32::MAX);
            BmMatchParam { lpm: Some(idl::BmMatchParamLPM { key, prefix_length }), ..empty(BmMatchParamType::LPM) }
        }
        MatchParam::Ternary(key, mask) => {
            let masked = idl::BmMatchParamTernary { key, mask };
            BmMatchParam { ternary: Some(masked), ..empty(BmMatchParamType::TERNARY) }
        }
        MatchParam::Valid(key) => {
            BmMatchParam { valid: Some(idl::BmMatchParamValid { key }), ..empty(BmMatchParamType::VALID) }
        }
        MatchParam::Range(start, end_) => {
            let range = idl::BmMatchParamRange { start, end_ };
            BmMatchParam { range: Some(range), ..empty(BmMatchParamType::RANGE) }
        }
    }
}

/// The priority of an entry to be added: 0 where none is given, as in BMv2.
pub(super) fn priority(options: &BmAddEntryOptions) -> i32 {
    options.priority.unwrap_or(0)
}

pub(super) fn entry(entry: Entry) -> idl::BmMtEntry {
    idl::BmMtEntry {
        match_key: key_out(entry.key),
        options: BmAddEntryOptions { priority: Some(entry.priority.unwrap_or(NO_PRIORITY)) },
        entry_handle: entry.handle.cast_signed(),
        action_entry: action(entry.action),
        life: None,
    }
}

/// An entry that a switch has listed; `None` where it makes no sense.
pub(super) fn entry_in(entry: idl::BmMtEntry) -> Option<Entry> {
    Some(Entry {
        handle: entry.entry_handle.cast_unsigned(),
        key: key(entry.match_key).ok()?,
        priority: entry.options.priority.filter(|&priority| priority != NO_PRIORITY),
        action: action_in(entry.action_entry)?,
    })
}

/// What an entry leads to; `None` for nothing.
pub(super) fn action_in(action: BmActionEntry) -> Option<EntryAction> {
    Some(match action.action_type {
        BmActionEntryType::ACTION_DATA => {
            EntryAction::Action { name: action.action_name?, data: action.action_data.unwrap_or_default() }
        }
        BmActionEntryType::MBR_HANDLE => EntryAction::Member(action.mbr_handle?.cast_unsigned()),
        BmActionEntryType::GRP_HANDLE => EntryAction::Group(action.grp_handle?.cast_unsigned()),
        _ => return None,
    })
}

/// What a table without this entry's key answers when it is asked for an empty one.
pub(super) fn default_entry(default: BmActionEntry) -> idl::BmMtEntry {
    idl::BmMtEntry {
        match_key: Vec::new(),
        options: BmAddEntryOptions { priority: Some(NO_PRIORITY) },
        entry_handle: 0,
        action_entry: default,
        life: None,
    }
}

pub(super) fn action(action: EntryAction) -> BmActionEntry {
    let empty = |kind| BmActionEntry::new(kind, None, None, None, None);
    match action {
        EntryAction::Action { name, data } => {
            BmActionEntry { action_name: Some(name), action_data: Some(data), ..empty(BmActionEntryType::ACTION_DATA) }
        }
        EntryAction::Member(handle) => {
            BmActionEntry { mbr_handle: Some(handle.cast_signed()), ..empty(BmActionEntryType::MBR_HANDLE) }
        }
        EntryAction::Group(handle) => {
            BmActionEntry { grp_handle: Some(handle.cast_signed()), ..empty(BmActionEntryType::GRP_HANDLE) }
        }
    }
}

/// What a miss does; a table may have no default entry.
pub(super) fn default_action(default: Result<EntryAction, TableError>) -> Result<BmActionEntry, TableError> {
    match default {
        Err(TableError::NoDefaultEntry) => Ok(BmActionEntry::new(BmActionEntryType::NONE, None, None, None, None)),
        found => found.map(action),
    }
}

pub(super) fn member(member: Member) -> idl::BmMtActProfMember {
    idl::BmMtActProfMember {
        mbr_handle: member.handle.cast_signed(),
        action_name: member.action,
        action_data: member.data,
    }
}

pub(super) fn group(group: Group) -> idl::BmMtActProfGroup {
    idl::BmMtActProfGroup {
        grp_handle: group.handle.cast_signed(),
        mbr_handles: group.members.into_iter().map(u32::cast_signed).collect(),
    }
}

pub(super) fn count(value: &idl::BmCounterValue) -> Count {
    Count { packets: value.packets.cast_unsigned(), bytes: value.bytes.cast_unsigned() }
}

pub(super) fn count_out(count: Count) -> idl::BmCounterValue {
    idl::BmCounterValue { bytes: count.bytes.cast_signed(), packets: count.packets.cast_signed() }
}

/// The low 64 bits of a register.
pub(super) fn register(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte)).cast_signed()
}

pub(super) fn crc16(config: &idl::BmCrc16Config) -> CrcConfig {
    CrcConfig {
        width: 16,
        polynomial: config.polynomial.cast_unsigned().into(),
        initial: config.initial_remainder.cast_unsigned().into(),
        final_xor: config.final_xor_value.cast_unsigned().into(),
        reflect_data: config.data_reflected,
        reflect_remainder: config.remainder_reflected,
    }
}

pub(super) fn crc32(config: &idl::BmCrc32Config) -> CrcConfig {
    CrcConfig {
        width: 32,
        polynomial: config.polynomial.cast_unsigned(),
        initial: config.initial_remainder.cast_unsigned(),
        final_xor: config.final_xor_value.cast_unsigned(),
        reflect_data: config.data_reflected,
        reflect_remainder: config.remainder_reflected,
    }
}

/// The rates of a meter.
///
/// # Errors
///
/// A burst below zero.
pub(super) fn rates(rates: &[idl::BmMeterRateConfig]) -> Result<Vec<Rate>, MeterError> {
    let rate = |rate: &idl::BmMeterRateConfig| {
        let burst = u64::try_from(rate.burst_size).map_err(|_| MeterError::InvalidBurst)?;
        Ok(Rate { units_per_us: *rate.units_per_micros, burst })
    };
    rates.iter().map(rate).collect()
}

pub(super) fn rates_out(rates: Vec<Rate>) -> Vec<idl::BmMeterRateConfig> {
    let rate = |rate: Rate| {
        idl::BmMeterRateConfig::new(rate.units_per_us.into(), i32::try_from(rate.burst).unwrap_or(i32::MAX))
    };
    rates.into_iter().map(rate).collect()
}

/// A learn list's id.
pub(super) fn list(id: idl::BmLearningListId) -> Result<u64, LearnError> {
    u64::try_from(id).map_err(|_| LearnError::InvalidId)
}
