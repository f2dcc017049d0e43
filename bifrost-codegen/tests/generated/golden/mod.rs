//! Generated from `idl` and `tests/golden/idl`; `tests/golden.rs` checks that they are up to date.

pub(crate) mod apache;
pub(crate) mod hash;
pub(crate) mod serde;

#[path = "../../golden/rust/base.rs"]
#[rustfmt::skip]
pub(crate) mod base;

#[path = "../../golden/rust/benchmark.rs"]
#[rustfmt::skip]
pub(crate) mod benchmark;

#[path = "../../golden/rust/bifrost.rs"]
#[rustfmt::skip]
pub(crate) mod bifrost;

#[path = "../../golden/rust/const_.rs"]
#[rustfmt::skip]
pub(crate) mod const_;

#[path = "../../golden/rust/constants.rs"]
#[rustfmt::skip]
pub(crate) mod constants;

#[path = "../../golden/rust/example.rs"]
#[rustfmt::skip]
pub(crate) mod example;

#[path = "../../golden/rust/fields.rs"]
#[rustfmt::skip]
pub(crate) mod fields;

#[path = "../../golden/rust/forward.rs"]
#[rustfmt::skip]
pub(crate) mod forward;

#[path = "../../golden/rust/grammar.rs"]
#[rustfmt::skip]
pub(crate) mod grammar;

#[path = "../../golden/rust/kept.rs"]
#[rustfmt::skip]
pub(crate) mod kept;

#[path = "../../golden/rust/names_and_shapes.rs"]
#[rustfmt::skip]
pub(crate) mod names_and_shapes;

#[path = "../../golden/rust/recursion.rs"]
#[rustfmt::skip]
pub(crate) mod recursion;

#[path = "../../golden/rust/references.rs"]
#[rustfmt::skip]
pub(crate) mod references;

#[path = "../../golden/rust/services.rs"]
#[rustfmt::skip]
pub(crate) mod services;

#[path = "../../golden/tree/mod.rs"]
#[rustfmt::skip]
pub(crate) mod tree;
