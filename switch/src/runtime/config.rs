//! The program that runs, as the runtime API knows it, and the one that is to run next.

use super::idl::bmv2_standard::BmResourceType;
use crate::engine::Engine;
use md5::{Digest, Md5};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A program's JSON and what is asked about it.
#[derive(Debug)]
pub(super) struct Config {
    json: Arc<str>,
    ids: BTreeMap<(i32, String), i32>,
}

/// The running program and the next.
#[derive(Debug)]
pub(super) struct Configs {
    pub(super) running: Config,
    /// Loaded, with the entries that it has been given, and not yet run.
    pub(super) next: Option<(Config, Engine)>,
}

/// Where in the JSON things have ids: kind, in each pipeline, list.
const LISTS: [(BmResourceType, bool, &str); 6] = [
    (BmResourceType::MATCH_TABLE, true, "tables"),
    (BmResourceType::ACTION_PROFILE, true, "action_profiles"),
    (BmResourceType::COUNTER, false, "counter_arrays"),
    (BmResourceType::METER, false, "meter_arrays"),
    (BmResourceType::REGISTER, false, "register_arrays"),
    (BmResourceType::LEARNING_LIST, false, "learn_lists"),
];

impl Config {
    pub(super) fn new(json: &str) -> Self {
        Self { json: json.into(), ids: ids(json) }
    }

    pub(super) fn json(&self) -> Arc<str> {
        Arc::clone(&self.json)
    }

    /// The id of something; `None` for a name that is not there.
    pub(super) fn id(&self, kind: BmResourceType, name: String) -> Option<i32> {
        self.ids.get(&(kind.0, name)).copied()
    }
}

impl Configs {
    /// The program that operations are for: the next, if there is one.
    pub(super) fn current(&self) -> &Config {
        self.next.as_ref().map_or(&self.running, |(config, _)| config)
    }
}

pub(super) fn md5(json: &str) -> Vec<u8> {
    Md5::digest(json.as_bytes()).to_vec()
}

/// The ids in a program. The engine has loaded it, so what is missing here is not in it.
fn ids(json: &str) -> BTreeMap<(i32, String), i32> {
    let root: Value = serde_json::from_str(json).unwrap_or_default();
    let pipelines = root["pipelines"].as_array().map_or(&[][..], Vec::as_slice);
    let mut ids = BTreeMap::new();
    for (kind, in_pipelines, list) in LISTS {
        let places = if in_pipelines { pipelines } else { std::slice::from_ref(&root) };
        for item in places.iter().filter_map(|place| place[list].as_array()).flatten() {
            let id = item["id"].as_i64().and_then(|id| i32::try_from(id).ok());
            if let (Some(name), Some(id)) = (item["name"].as_str(), id) {
                ids.insert((kind.0, name.to_owned()), id);
            }
        }
    }
    ids
}

/// Whether an id may be asked for of such a thing.
pub(super) fn is_resource(kind: BmResourceType) -> bool {
    LISTS.iter().any(|(known, ..)| *known == kind)
}
