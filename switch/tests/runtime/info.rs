//! What a switch says of itself, its ports, its calculations.

use crate::support::{CONTROL, frame, ports, runtime, served};
use bifrost_switch::SharedEngine;
use bifrost_switch::engine::Engine;
use bifrost_switch::runtime::idl::bmv2_standard::{
    BmCrc16Config, BmCrc32Config, BmResourceType, CrcErrorCode, IdLookupErrorCode, InvalidCrcOperation,
    InvalidIdLookup, StandardSyncHandler,
};
use bifrost_switch::runtime::{PortInfo, PortRefused, Ports, Runtime, Settings, SwitchControl};
use crc::{CRC_16_ARC, CRC_16_IBM_3740, Crc};
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::sync::Mutex;

#[test]
fn a_programs_parts_have_ids_and_the_program_a_sum() {
    let runtime = runtime();
    let id = |kind, name: &str| runtime.handle_bm_get_id_from_name(0, kind, name.into());
    assert_eq!(id(BmResourceType::METER, "Handle.route_rates").unwrap(), 1);
    assert_eq!(id(BmResourceType::LEARNING_LIST, "learned_t").unwrap(), 1);
    assert!(id(BmResourceType::MATCH_TABLE, "Handle.routes").unwrap() > 0);
    for (kind, code) in [
        (BmResourceType::MATCH_TABLE, IdLookupErrorCode::INVALID_RESOURCE_NAME),
        (BmResourceType(9), IdLookupErrorCode::INVALID_RESOURCE_TYPE),
    ] {
        let Err(thrift::Error::User(error)) = id(kind, "nothing") else { panic!() };
        assert_eq!(error.downcast_ref::<InvalidIdLookup>().unwrap().code, code);
    }
    assert_eq!(runtime.program_md5().unwrap(), Md5::digest(CONTROL).to_vec());
    assert!(runtime.handle_bm_mt_get_num_entries(1, "Handle.routes".into()).is_err(), "there is one context");
    assert_eq!(runtime.handle_bm_mgmt_get_info().unwrap().thrift_port, 0);
    let server = served(&runtime);
    let port = runtime.handle_bm_mgmt_get_info().unwrap().thrift_port;
    assert!(server.url().contains(&format!(":{port}?")), "{port} {}", server.url());
}

#[test]
fn the_parameters_of_a_crc_can_be_set() {
    let runtime = runtime();
    let source = [2, 0, 0, 0, 0, 7];
    let sum = || {
        ports(&runtime, &frame(7, [10, 0, 0, 1]));
        runtime.register("Handle.seen", 0).unwrap()
    };
    assert_eq!(sum(), i64::from(Crc::<u16>::new(&CRC_16_ARC).checksum(&source)), "that of crc16 at first");
    let config = BmCrc16Config::new(0x1021, -1, 0, false, false);
    runtime.handle_bm_set_crc16_custom_parameters(0, "calc".into(), config.clone()).unwrap();
    assert_eq!(sum(), i64::from(Crc::<u16>::new(&CRC_16_IBM_3740).checksum(&source)));
    let wide = runtime.handle_bm_set_crc32_custom_parameters(0, "calc".into(), BmCrc32Config::new(1, 0, 0, true, true));
    let unknown = runtime.handle_bm_set_crc16_custom_parameters(0, "nothing".into(), config);
    let code = |refused: thrift::Result<()>| {
        let Err(thrift::Error::User(error)) = refused else { panic!() };
        error.downcast_ref::<InvalidCrcOperation>().unwrap().code
    };
    assert_eq!(code(wide), CrcErrorCode::WRONG_TYPE_CALCULATION);
    assert_eq!(code(unknown), CrcErrorCode::INVALID_CALCULATION_NAME);
}

/// Ports that are only written down.
#[derive(Debug, Default)]
struct Written(Mutex<BTreeMap<u32, (String, Option<String>)>>);

impl Ports for Written {
    fn add(&self, number: u32, interface: &str, capture: Option<&str>) -> Result<(), PortRefused> {
        let mut ports = self.0.lock().unwrap();
        if ports.contains_key(&number) {
            return Err(PortRefused);
        }
        ports.insert(number, (interface.to_owned(), capture.map(str::to_owned)));
        Ok(())
    }

    fn remove(&self, number: u32) -> Result<(), PortRefused> {
        self.0.lock().unwrap().remove(&number).map(drop).ok_or(PortRefused)
    }

    fn list(&self) -> Vec<PortInfo> {
        let extra = |capture: &Option<String>| capture.iter().map(|path| ("pcap".to_owned(), path.clone())).collect();
        let ports = self.0.lock().unwrap();
        let info = |(&number, (interface, capture)): (&u32, &(String, _))| PortInfo {
            number,
            interface: interface.clone(),
            is_up: true,
            extra: extra(capture),
        };
        ports.iter().map(info).collect()
    }
}

#[test]
fn ports_are_those_of_whoever_has_them() {
    let settings = Settings { ports: Box::new(Written::default()), ..Settings::default() };
    let runtime = Runtime::new(SharedEngine::new(Engine::load(CONTROL, 7).unwrap()), CONTROL, settings);
    let add = |number: i32, capture: &str| runtime.handle_bm_dev_mgr_add_port("veth".into(), number, capture.into());
    add(1, "").unwrap();
    add(2, "two.pcap").unwrap();
    assert!(add(2, "").is_err(), "the number is taken");
    assert!(add(-1, "").is_err(), "no number");
    let listed = runtime.handle_bm_dev_mgr_show_ports().unwrap();
    assert_eq!(listed.iter().map(|port| (port.port_num, port.extra.len())).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
    runtime.handle_bm_dev_mgr_remove_port(1).unwrap();
    assert!(runtime.handle_bm_dev_mgr_remove_port(1).is_err());
    assert_eq!(runtime.handle_bm_dev_mgr_show_ports().unwrap().len(), 1);
}
