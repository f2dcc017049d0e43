//! The switch's ports, as far as the runtime API reaches them.

use super::idl::bmv2_standard::DevMgrPortInfo;
use std::collections::BTreeMap;
use std::fmt;

/// A port that was not added or removed. The API has no words for why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the switch refused to change the port")]
pub struct PortRefused;

/// A port as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// Its number.
    pub number: u32,
    /// What it leads to, for people.
    pub interface: String,
    /// It takes and gives packets.
    pub is_up: bool,
    /// What else there is to say.
    pub extra: BTreeMap<String, String>,
}

/// Whoever has the switch's ports.
pub trait Ports: fmt::Debug + Send + Sync + 'static {
    /// Adds a port. `capture`: the file in which it is to be captured.
    ///
    /// # Errors
    ///
    /// The number is taken, or the interface cannot be one.
    fn add(&self, number: u32, interface: &str, capture: Option<&str>) -> Result<(), PortRefused>;

    /// Removes a port.
    ///
    /// # Errors
    ///
    /// There is none of this number, or it is to stay.
    fn remove(&self, number: u32) -> Result<(), PortRefused>;

    /// All ports, by number.
    fn list(&self) -> Vec<PortInfo>;
}

/// No ports, and none can be added.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPorts;

impl Ports for NoPorts {
    fn add(&self, _number: u32, _interface: &str, _capture: Option<&str>) -> Result<(), PortRefused> {
        Err(PortRefused)
    }

    fn remove(&self, _number: u32) -> Result<(), PortRefused> {
        Err(PortRefused)
    }

    fn list(&self) -> Vec<PortInfo> {
        Vec::new()
    }
}

/// A port's number.
pub(super) fn number(number: i32) -> Result<u32, PortRefused> {
    u32::try_from(number).map_err(|_| PortRefused)
}

pub(super) fn out(port: PortInfo) -> DevMgrPortInfo {
    DevMgrPortInfo {
        port_num: i32::try_from(port.number).unwrap_or(i32::MAX),
        iface_name: port.interface,
        is_up: port.is_up,
        extra: port.extra,
    }
}
