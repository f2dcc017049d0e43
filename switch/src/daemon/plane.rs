//! What frames go through.

use super::error::StartError;
use super::outside::Outside;
use crate::SharedEngine;
use crate::bmv2::{Bmv2, PacketReceiver};

/// What the frames of a switch's ports go through.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataPlane {
    /// The engine, in this process.
    Engine(SharedEngine),
    /// BMv2's `simple_switch`, started or attached to with a socket for packets ([`Packets::Socket`](crate::bmv2::Packets::Socket)).
    /// The switch is its one peer there. One that was started ends with the switch.
    Bmv2(Bmv2),
}

impl From<SharedEngine> for DataPlane {
    fn from(engine: SharedEngine) -> Self {
        Self::Engine(engine)
    }
}

impl From<Bmv2> for DataPlane {
    fn from(switch: Bmv2) -> Self {
        Self::Bmv2(switch)
    }
}

/// The same, ready to be used.
#[derive(Debug)]
pub(crate) enum Plane {
    Engine(SharedEngine),
    Outside(Box<Outside>),
}

impl DataPlane {
    /// Makes it ready; what leaves a BMv2 comes out of the receiver.
    pub(crate) fn open(self) -> Result<(Plane, Option<PacketReceiver>), StartError> {
        match self {
            Self::Engine(engine) => Ok((Plane::Engine(engine), None)),
            Self::Bmv2(switch) => {
                let (outside, receiver) = Outside::open(switch).map_err(StartError::Bmv2)?;
                Ok((Plane::Outside(Box::new(outside)), Some(receiver)))
            }
        }
    }
}
