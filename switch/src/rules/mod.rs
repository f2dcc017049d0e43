//! What the tables of a rack's switch are to say. `docs/rules.md` is for those who use it, `docs/switch.md` says what each table means.

mod access;
mod action;
mod change;
mod compile;
mod decision;
mod entry;
mod fault;
mod intent;
mod manifest;
mod numbers;
mod problem;
pub mod rack;
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
pub use numbers::SERVICES_MAX;
pub use problem::{Holder, Problem};
pub use sizes::Sizes;
pub use source::{FILE_BYTES_MAX, Place, Source};
pub use table::{Field, Form, Kind, Table};
