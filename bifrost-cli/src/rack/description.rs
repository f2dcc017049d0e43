//! Which machines a rack has.

use crate::fault::usage;
use crate::{idl, rules};
use anyhow::{Context, Result};
use bifrost_switch::rules::rack::Rack;
use bifrost_switch::rules::{self as switch_rules, Intent, Sizes, Source};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rack that there is without a description.
const DEFAULT: &str = include_str!("../../../switch/racks/default.toml");

/// A rack as it is described.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) rack: Rack,
    pub(crate) rules: Intent,
    /// The files that it is made of.
    pub(crate) text: String,
    pub(crate) manifests: Vec<Arc<Source>>,
}

impl Description {
    /// Reads a description, or takes the built-in one. Without manifests the services are those of the built-in IDL.
    pub(crate) fn read(path: Option<&Path>, manifests: &[PathBuf]) -> Result<Self> {
        let source = match path {
            Some(path) => rules::source(path)?,
            None => Source::new("the built-in rack", DEFAULT),
        };
        let no_rules = |faults: &str| usage(format!("there are no rules for this rack\n\n{}", faults.trim_end()));
        let rack = Rack::parse(&source).map_err(|fault| no_rules(&fault.to_string()))?;
        let manifests = match manifests {
            [] => vec![built_in_manifest(&rack)?],
            given => given.iter().map(|path| rules::source(path)).collect::<Result<_>>()?,
        };
        let compiled = switch_rules::compile(&source, &manifests, &Sizes::default());
        let rules = compiled.map_err(|faults| no_rules(&switch_rules::render(&faults)))?;
        Ok(Self { rack, rules, text: source.text().to_owned(), manifests })
    }
}

/// The manifest of those built-in services that the rack's nodes serve.
fn built_in_manifest(rack: &Rack) -> Result<Arc<Source>> {
    let served: BTreeSet<&str> =
        rack.nodes.iter().flat_map(|node| node.serves.iter().map(|serves| serves.get_ref().service())).collect();
    let whole = bifrost_codegen::manifest::manifest(&idl::built_in()?);
    let mut manifest: Value = serde_json::from_str(&whole).context("the built-in manifest is no JSON")?;
    if let Some(services) = manifest.get_mut("services").and_then(Value::as_array_mut) {
        services.retain(|service| {
            let name = service.get("name").and_then(Value::as_str);
            name.is_some_and(|name| served.contains(name))
        });
    }
    Ok(Source::new("the built-in services", format!("{manifest:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rack_has_rules() {
        let built_in = Description::read(None, &[]).unwrap();
        assert_eq!((built_in.rack.nodes.len(), built_in.rack.memory.len()), (3, 3));
        assert!(built_in.rules.entries().rows.len() > 20);
    }
}
