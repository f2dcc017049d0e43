//! What the tables of a rack's switch are to say. `docs/rules.md` is for those who use it, `docs/switch.md` says what each table means.

mod access;
mod action;
mod change;
mod compile;
mod decision;
mod entry;
mod fault;
mod intent;
mod live;
mod manifest;
mod numbers;
mod output;
mod problem;
pub mod rack;
mod saved;
mod shares;
mod sizes;
mod source;
mod table;
pub mod topology;

pub use access::Operations;
pub use action::{Action, parameters};
pub use change::{EntryChange, diff};
pub use compile::compile;
pub use decision::Decision;
pub use entry::{CONTROL_PORT, Entries, FLOOD_GROUP, Key, MIRROR_SESSION, Match, Origin, Row, text_of, value_of};
pub use fault::{Fault, render};
pub use intent::Intent;
pub use live::{Installed, Live, LiveError, Scope};
pub use numbers::SERVICES_MAX;
pub use output::{cli, listing, to_json};
pub use problem::{Holder, Problem};
pub use saved::from_json;
pub use sizes::Sizes;
pub use source::{FILE_BYTES_MAX, Place, Source};
pub use table::{Field, Form, Kind, Table};
