//! Generates the clients and servers of `idl/benchmark.thrift` and the types of `idl/codec.thrift`.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    bifrost_codegen::Build::new().file("../idl/benchmark.thrift").file("../idl/codec.thrift").compile()
}
