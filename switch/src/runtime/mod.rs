//! BMv2's runtime API.

/// The code generated for `idl/bmv2_*.thrift`: clients, handlers and types.
pub mod idl {
    include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
}
