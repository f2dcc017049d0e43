//! A call that is refused has changed nothing.

use crate::support::runtime;
use bifrost_switch::runtime::Runtime;
use bifrost_switch::runtime::idl::bmv2_simple_pre_lag::SimplePreLagSyncHandler;
use bifrost_switch::runtime::idl::bmv2_simple_switch::{MirroringSessionConfig, SimpleSwitchSyncHandler};
use bifrost_switch::runtime::idl::bmv2_standard::{
    BmAddEntryOptions, BmMatchParam, BmMatchParamExact, BmMatchParamLPM, BmMatchParamRange, BmMatchParamTernary,
    BmMatchParamType, StandardSyncHandler,
};
use proptest::prelude::*;

const TABLES: [&str; 6] =
    ["Handle.routes", "Handle.access", "Handle.hops", "Handle.next", "Handle.service", "Handle.nothing"];
const ACTIONS: [&str; 4] = ["Handle.route", "Handle.drop", "Handle.allow", "Handle.forward"];
const PROFILES: [&str; 3] = ["Handle.paths", "Handle.shared_actions", "Handle.nothing"];

/// Small numbers from which a call is made, so that many of them fit.
type Numbers = [u8; 5];

fn pick<'a>(names: &[&'a str], at: u8) -> &'a str {
    names[usize::from(at) % names.len()]
}

/// Fields of a key: now and then of the wrong type, length or number.
fn key([a, b, c, ..]: Numbers) -> Vec<BmMatchParam> {
    let field = |kind: u8, value: u8| {
        let bytes = |length: u8| vec![value % 4; usize::from(length)];
        let length = if value.is_multiple_of(11) { 3 } else { [4, 1, 6][usize::from(kind / 4) % 3] };
        let mut param = BmMatchParam::new(BmMatchParamType(i32::from(kind % 5)), None, None, None, None, None);
        param.exact = Some(BmMatchParamExact { key: bytes(length) });
        param.lpm = Some(BmMatchParamLPM { key: bytes(length), prefix_length: i32::from(value % 40) - 2 });
        param.ternary = Some(BmMatchParamTernary { key: bytes(length), mask: vec![255; usize::from(length)] });
        param.range = Some(BmMatchParamRange { start: bytes(length), end_: vec![9; usize::from(length)] });
        param
    };
    let fields = [field(a, b), field(a / 3, c)];
    fields[..usize::from(c % 5 != 0) + usize::from(c % 2)].to_vec()
}

fn data([_, _, _, a, b]: Numbers) -> Vec<Vec<u8>> {
    vec![vec![a; usize::from(b % 3)]; usize::from(b % 4)]
}

/// Makes one call; whether it was refused.
fn call(runtime: &Runtime, kind: u8, numbers: Numbers) -> bool {
    let [a, b, c, d, _] = numbers;
    let (table, action, profile) = (pick(&TABLES, a), pick(&ACTIONS, b), pick(&PROFILES, a));
    let (table, action, profile) = (table.to_owned(), action.to_owned(), profile.to_owned());
    let (handle, other) = (i32::from(c % 4), i32::from(d % 4));
    let options = BmAddEntryOptions { priority: Some(i32::from(d % 3)) };
    let map = |bits: u8| format!("{bits:b}").replace('1', if bits.is_multiple_of(13) { "2" } else { "1" });
    match kind % 18 {
        0..=3 => runtime.handle_bm_mt_add_entry(0, table, key(numbers), action, data(numbers), options).is_err(),
        4 => runtime.handle_bm_mt_modify_entry(0, table, handle, action, data(numbers)).is_err(),
        5 => runtime.handle_bm_mt_delete_entry(0, table, handle).is_err(),
        6 => runtime.handle_bm_mt_set_default_action(0, table, action, data(numbers)).is_err(),
        7 => runtime.handle_bm_mt_act_prof_add_member(0, profile, action, data(numbers)).is_err(),
        8 => runtime.handle_bm_mt_act_prof_delete_member(0, profile, handle).is_err(),
        9 => runtime.handle_bm_mt_act_prof_create_group(0, profile).is_err(),
        10 => runtime.handle_bm_mt_act_prof_add_member_to_group(0, profile, handle, other).is_err(),
        11 => runtime.handle_bm_mt_act_prof_delete_group(0, profile, handle).is_err(),
        12 => runtime.handle_bm_mt_indirect_add_entry(0, table, key(numbers), handle, options).is_err(),
        13 => runtime.handle_bm_mt_indirect_ws_modify_entry(0, table, handle, other).is_err(),
        14 => runtime.handle_bm_mc_node_create(0, i32::from(a) - 2, map(b), map(c)).is_err(),
        15 if d % 2 == 0 => runtime.handle_bm_mc_mgrp_create(0, other - 1).is_err(),
        15 => runtime.handle_bm_mc_node_associate(0, other, handle).is_err(),
        16 => runtime.handle_bm_mc_node_destroy(0, handle).is_err(),
        _ => {
            let config = MirroringSessionConfig { port: Some(i32::from(b) - 2), mgid: Some(i32::from(c) - 2) };
            runtime.handle_mirroring_session_add(i32::from(a) - 2, config).is_err()
        }
    }
}

#[test]
fn a_refused_call_changes_nothing() {
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() },
        proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &[9; 32]),
    );
    let calls = prop::collection::vec((any::<u8>(), any::<Numbers>()), 1..80);
    runner
        .run(&calls, |calls| {
            let runtime = runtime();
            let mut before = runtime.handle_bm_serialize_state().unwrap();
            for (kind, numbers) in calls {
                let was_refused = call(&runtime, kind, numbers);
                let after = runtime.handle_bm_serialize_state().unwrap();
                if was_refused {
                    prop_assert!(before == after, "call {kind} {numbers:?}");
                }
                before = after;
            }
            Ok(())
        })
        .unwrap();
    let (runtime, mut refused, mut done) = (runtime(), 0, 0);
    for seed in 0..=u8::MAX {
        if call(&runtime, seed, [seed, seed / 2, seed / 3, seed / 5, seed / 7]) { refused += 1 } else { done += 1 }
    }
    assert!(refused > 20 && done > 20, "{refused} refused, {done} done: both have to come");
}
