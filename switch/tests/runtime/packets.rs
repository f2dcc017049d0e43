//! What the API has set, as packets meet it.

use crate::support::{action, frame, ports, prefix, runtime};
use bifrost_switch::runtime::SwitchControl;
use bifrost_switch::runtime::idl::bmv2_standard::{BmMeterRateConfig, StandardSyncHandler};

const ROUTES: &str = "Handle.routes";

/// One packet of 38 bytes at first, and none later.
fn rates(burst: i32) -> Vec<BmMeterRateConfig> {
    vec![BmMeterRateConfig::new(0.0.into(), burst), BmMeterRateConfig::new(0.0.into(), burst)]
}

#[test]
fn a_packet_above_its_entrys_rate_is_red() {
    let runtime = runtime();
    let routed = frame(1, [10, 0, 0, 1]);
    let add = || runtime.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, 3]])).unwrap();
    let handle = add();
    let out = |count: usize| (0..count).map(|_| ports(&runtime, &routed)).collect::<Vec<_>>();
    assert_eq!(out(2), [vec![3], vec![3]], "without rates");
    runtime.handle_bm_mt_set_meter_rates(0, ROUTES.into(), handle.cast_signed(), rates(40)).unwrap();
    assert_eq!(out(2), [vec![3], vec![]], "38 bytes, then none are left");
    assert_eq!(runtime.count(ROUTES, handle).unwrap().packets, 4, "it was hit all the same");
    runtime.clear(ROUTES).unwrap();
    add();
    assert_eq!(out(2), [vec![3], vec![3]], "a new entry in the same place has no rates");
}

#[test]
fn a_packet_above_its_ports_rate_is_red() {
    let runtime = runtime();
    runtime.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, 3]])).unwrap();
    runtime.handle_bm_meter_set_rates(0, "Handle.rates".into(), 1, rates(1)).unwrap();
    let out: Vec<_> = (0..2).map(|_| ports(&runtime, &frame(1, [10, 0, 0, 1]))).collect();
    assert_eq!(out, [vec![3], vec![]], "one packet");
    runtime.reset().unwrap();
    assert!(runtime.handle_bm_meter_get_rates(0, "Handle.rates".into(), 1).unwrap().is_empty());
}

#[test]
fn the_parser_asks_the_set() {
    let runtime = runtime();
    runtime.add(ROUTES, &prefix([10, 0, 0, 0], 8), 0, &action("route", &[&[0, 3]])).unwrap();
    let mut other = frame(1, [10, 0, 0, 1]);
    other[12..14].copy_from_slice(&[0x88, 0xb5]);
    let set = || "Read.kinds".to_owned();
    assert_eq!(ports(&runtime, &other), [0], "no IPv4 header is found");
    assert!(runtime.handle_bm_parse_vset_add(0, set(), vec![0x88]).is_err());
    runtime.handle_bm_parse_vset_add(0, set(), vec![0x88, 0xb5]).unwrap();
    assert_eq!(runtime.handle_bm_parse_vset_get(0, set()).unwrap(), [[0x88, 0xb5]]);
    assert_eq!(ports(&runtime, &other), [3]);
    runtime.handle_bm_parse_vset_remove(0, set(), vec![0x88, 0xb5]).unwrap();
    assert_eq!(ports(&runtime, &other), [0]);
    assert_eq!(ports(&runtime, &frame(1, [10, 0, 0, 1])), [3]);
}
