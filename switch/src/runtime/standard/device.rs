//! The switch itself: its ports, its program, what it says of itself.

use super::super::config::{is_resource, md5};
use super::super::handler::Runtime;
use super::super::{convert as to, ports, refused};
use super::idl::{
    BmConfig, BmCrc16Config, BmCrc32Config, BmResourceType, DevMgrPortInfo, IdLookupErrorCode, InvalidIdLookup,
};
use thrift::Result;

impl Runtime {
    /// An empty path captures nothing.
    pub(super) fn add_port(&self, device: &str, number: i32, capture: &str) -> Result<()> {
        let capture = Some(capture).filter(|path| !path.is_empty());
        let added = ports::number(number).and_then(|number| self.ports().add(number, device, capture));
        added.map_err(|_| refused::ports())
    }

    pub(super) fn remove_port(&self, number: i32) -> Result<()> {
        ports::number(number).and_then(|number| self.ports().remove(number)).map_err(|_| refused::ports())
    }

    pub(super) fn list_ports(&self) -> Vec<DevMgrPortInfo> {
        self.ports().list().into_iter().map(ports::out).collect()
    }

    pub(super) fn info(&self) -> BmConfig {
        BmConfig {
            device_id: self.device().cast_signed(),
            thrift_port: self.listening().into(),
            notifications_socket: self.notifications(),
            elogger_socket: None,
            debugger_socket: None,
        }
    }

    pub(super) fn json(&self) -> Vec<u8> {
        self.configs().current().json().as_bytes().to_vec()
    }

    pub(super) fn json_md5(&self) -> Vec<u8> {
        let json = self.configs().current().json();
        md5(&json)
    }

    pub(super) fn id_of(&self, context: i32, kind: BmResourceType, name: String) -> Result<i32> {
        refused::context(context)?;
        if !is_resource(kind) {
            return Err(InvalidIdLookup::new(IdLookupErrorCode::INVALID_RESOURCE_TYPE).into());
        }
        let id = self.configs().current().id(kind, name);
        id.ok_or_else(|| InvalidIdLookup::new(IdLookupErrorCode::INVALID_RESOURCE_NAME).into())
    }

    pub(super) fn set_crc16(&self, context: i32, calculation: &str, config: &BmCrc16Config) -> Result<()> {
        refused::context(context)?;
        self.with(|engine| engine.set_crc(calculation, to::crc16(config))).map_err(refused::crc)
    }

    pub(super) fn set_crc32(&self, context: i32, calculation: &str, config: &BmCrc32Config) -> Result<()> {
        refused::context(context)?;
        self.with(|engine| engine.set_crc(calculation, to::crc32(config))).map_err(refused::crc)
    }
}
