//! One call can be followed through caller, switch, Gatekeeper, callee and memory.

use crate::rack::Rack;
use crate::service::{Keep, look};
use bifrost_rpc::follow::TARGET;
use bifrost_rpc::reference::Owned;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What was told.
static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Line {
    place: String,
    call: String,
    pointer: String,
    message: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "place" => self.place = value,
            "call" => self.call = value,
            "pointer" => self.pointer = value,
            "message" => self.message = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Keeps what is told of calls. Other tests of this program are told of, too.
struct Collect;

impl Subscriber for Collect {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET && *metadata.level() <= Level::DEBUG
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn one_call_is_followed_through_all_places_by_one_name() {
    tracing::subscriber::set_global_default(Collect).unwrap();
    let rack = Rack::start();
    let (owner, server) = (rack.node(1), rack.node(3));
    let keep = Keep::start(&server);
    let object = owner.memory().alloc_and_write(&b"lent"[..]).unwrap();
    let owned = Owned::<Vec<u8>>::adopt(object, &owner.memory());
    keep.go.send(()).unwrap();
    assert_eq!(look(&owner, owned.lend()).unwrap(), 4);
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let is_begin = |line: &&Line| line.message == "sends the call" && line.pointer == object.to_string();
    let name = lines.iter().find(is_begin).expect("the call is told of").call.clone();
    let told: Vec<(&str, &str)> =
        lines.iter().filter(|line| line.call == name).map(|line| (&line.place[..], &line.message[..])).collect();
    let mut rest = told.iter();
    for (place, what) in [
        ("caller", "sends the call"),
        ("switch", "hands Call from port 1 to Gatekeeper"),
        ("gatekeeper", "gets, as Lease, Call"),
        ("gatekeeper", "asks for leases at memory server 1"),
        ("gatekeeper", "leases are in force at memory server 1"),
        ("gatekeeper", "sends Call"),
        ("switch", "forwards Call from Gatekeeper to port 3"),
        ("callee", "gets the call"),
        ("callee", "runs Keep:look"),
        ("memory", "Read of "),
        ("callee", "has run Keep:look"),
        ("callee", "sends the answer"),
        ("switch", "hands Reply from port 3 to Gatekeeper"),
        ("gatekeeper", "leases have ended at memory server 1"),
        ("gatekeeper", "sends Reply"),
        ("switch", "forwards Reply from Gatekeeper to port 1"),
        ("caller", "gets the answer"),
    ] {
        assert!(rest.any(|told| told.0 == place && told.1.starts_with(what)), "{place} {what:?} is not in\n{told:#?}");
    }
}
