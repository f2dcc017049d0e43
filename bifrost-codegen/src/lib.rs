//! Compiles Thrift IDL to Rust.
