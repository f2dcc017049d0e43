//! The code generated for the files of `idl/` that `build.rs` names.

include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
