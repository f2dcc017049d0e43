//! The services that `bifrost serve` knows.

mod counter;
mod interop;
mod store;

use self::counter::Counter;
use self::interop::Interop;
use self::store::Store;
use crate::fault::usage;
use crate::idl;
use anyhow::Result;
use bifrost_bench::services::benchmark::{
    ArraysSyncProcessor, EchoSyncProcessor, PingSyncProcessor, SharedArraysSyncProcessor,
};
use bifrost_bench::services::{Handler, SharedHandler};
use bifrost_rpc::Service;
use generated::example::{ConstDEFAULTPOLICY, CounterSyncProcessor, HealthSyncProcessor, StoreSyncProcessor};
use generated::interop::InteropSyncProcessor;
use generated::interop_uuid::InteropUuidSyncProcessor;
use std::sync::Arc;

/// The code generated for the files of `idl/` that `build.rs` names.
pub(crate) mod generated {
    include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
}

/// Names and what they are, for help and errors.
pub(crate) const NAMES: [&str; 9] =
    ["Ping", "Echo", "Arrays", "SharedArrays", "Counter", "Store", "Health", "Interop", "InteropUuid"];

/// A service that is ready to be served.
pub(crate) struct Builtin {
    /// Its name in the IDL.
    pub(crate) name: &'static str,
    /// The service.
    pub(crate) service: Arc<dyn Service>,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builtin").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Makes the services of these names.
///
/// # Errors
///
/// A name is unknown or given twice.
pub(crate) fn named(names: &[String]) -> Result<Vec<Builtin>> {
    let mut made: Vec<Builtin> = Vec::new();
    for name in names {
        let builtin = make(name).ok_or_else(|| {
            usage(format!("no service {name:?}; there are {}", idl::list(NAMES.map(str::to_owned).into_iter())))
        })?;
        if made.iter().any(|other| other.name == builtin.name) {
            return Err(usage(format!("service {name} is named twice")));
        }
        made.push(builtin);
    }
    Ok(made)
}

fn make(name: &str) -> Option<Builtin> {
    let store = |name| Store::new(name, ConstDEFAULTPOLICY::const_value());
    Some(match name {
        "Ping" => builtin("Ping", PingSyncProcessor::new(Handler)),
        "Echo" => builtin("Echo", EchoSyncProcessor::new(Handler)),
        "Arrays" => builtin("Arrays", ArraysSyncProcessor::new(Handler)),
        "SharedArrays" => builtin("SharedArrays", SharedArraysSyncProcessor::new(SharedHandler)),
        "Counter" => builtin("Counter", CounterSyncProcessor::new(Counter::default())),
        "Store" => builtin("Store", StoreSyncProcessor::new(store("Store"))),
        "Health" => builtin("Health", HealthSyncProcessor::new(store("Health"))),
        "Interop" => builtin("Interop", InteropSyncProcessor::new(Interop::default())),
        "InteropUuid" => builtin("InteropUuid", InteropUuidSyncProcessor::new(Interop::default())),
        _ => return None,
    })
}

fn builtin(name: &'static str, service: impl Service) -> Builtin {
    Builtin { name, service: Arc::new(service) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_makes_its_service() {
        let all = named(&NAMES.map(str::to_owned)).unwrap();
        assert!(all.iter().zip(NAMES).all(|(made, name)| made.name == name && made.service.name() == name));
    }

    #[test]
    fn wrong_names_are_refused() {
        for (names, complaint) in [(vec!["Shop"], "Counter"), (vec!["Ping", "Ping"], "twice")] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            assert!(named(&names).unwrap_err().to_string().contains(complaint));
        }
    }
}
