//! The same entries over BMv2's runtime API.

use bifrost_switch::bmv2::Runtime;
use bifrost_switch::engine::MatchParam;
use bifrost_switch::runtime::idl::bmv2_simple_pre_lag::TSimplePreLagSyncClient;
use bifrost_switch::runtime::idl::bmv2_simple_switch::{MirroringSessionConfig, TSimpleSwitchSyncClient};
use bifrost_switch::runtime::idl::bmv2_standard::{
    BmAddEntryOptions, BmMatchParam, BmMatchParamExact, BmMatchParamLPM, BmMatchParamRange, BmMatchParamTernary,
    BmMatchParamType, BmMatchParamValid, StandardClient, TStandardSyncClient,
};

use super::super::setup::{Group, Profile, Setup, Target};

pub(super) fn install(setup: &Setup, runtime: &mut Runtime) {
    for entry in setup.entries.clone() {
        let options = BmAddEntryOptions::new(Some(entry.priority));
        let added =
            runtime.standard.bm_mt_add_entry(0, entry.table, key(&entry.key), entry.action, entry.data, options);
        added.unwrap_or_else(|error| panic!("{:?}: {error}", entry.key));
    }
    for (table, action, data) in setup.defaults.clone() {
        runtime.standard.bm_mt_set_default_action(0, table, action, data).unwrap();
    }
    for &(session, port) in &setup.mirrors {
        let config = MirroringSessionConfig::new(Some(i32::try_from(port).unwrap()), None);
        runtime.simple_switch.mirroring_session_add(session.into(), config).unwrap();
    }
    for Group { group, rid, ports } in &setup.groups {
        let map: String = (0..=ports.last().copied().unwrap_or(0))
            .rev()
            .map(|port| if ports.contains(&port) { '1' } else { '0' })
            .collect();
        let handle = runtime.groups.bm_mc_mgrp_create(0, (*group).into()).unwrap();
        let node = runtime.groups.bm_mc_node_create(0, (*rid).into(), map, String::new()).unwrap();
        runtime.groups.bm_mc_node_associate(0, handle, node).unwrap();
    }
    setup.profiles.iter().for_each(|found| profile(found, &mut runtime.standard));
}

fn profile(profile: &Profile, standard: &mut StandardClient) {
    let name = || profile.name.clone();
    let members = profile.members.iter().cloned();
    let members: Vec<i32> =
        members.map(|(action, data)| standard.bm_mt_act_prof_add_member(0, name(), action, data).unwrap()).collect();
    let mut groups = Vec::new();
    for places in &profile.groups {
        let group = standard.bm_mt_act_prof_create_group(0, name()).unwrap();
        for &place in places {
            standard.bm_mt_act_prof_add_member_to_group(0, name(), members[place], group).unwrap();
        }
        groups.push(group);
    }
    for (fields, target) in &profile.entries {
        let (table, options) = (profile.table.clone(), BmAddEntryOptions::new(None));
        match *target {
            Target::Member(place) => {
                standard.bm_mt_indirect_add_entry(0, table, key(fields), members[place], options).unwrap();
            }
            Target::Group(place) => {
                standard.bm_mt_indirect_ws_add_entry(0, table, key(fields), groups[place], options).unwrap();
            }
        }
    }
}

fn key(fields: &[MatchParam]) -> Vec<BmMatchParam> {
    fields.iter().map(param).collect()
}

fn param(field: &MatchParam) -> BmMatchParam {
    let mut param = BmMatchParam::new(BmMatchParamType::EXACT, None, None, None, None, None);
    match field.clone() {
        MatchParam::Exact(value) => param.exact = Some(BmMatchParamExact::new(value)),
        MatchParam::Lpm(value, bits) => {
            param.type_ = BmMatchParamType::LPM;
            param.lpm = Some(BmMatchParamLPM::new(value, i32::try_from(bits).unwrap()));
        }
        MatchParam::Ternary(value, mask) => {
            param.type_ = BmMatchParamType::TERNARY;
            param.ternary = Some(BmMatchParamTernary::new(value, mask));
        }
        MatchParam::Valid(valid) => {
            param.type_ = BmMatchParamType::VALID;
            param.valid = Some(BmMatchParamValid::new(valid));
        }
        MatchParam::Range(low, high) => {
            param.type_ = BmMatchParamType::RANGE;
            param.range = Some(BmMatchParamRange::new(low, high));
        }
    }
    param
}
