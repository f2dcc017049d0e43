//! Generates the clients and servers of `idl/benchmark.thrift`.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    bifrost_codegen::Build::new().file("../idl/benchmark.thrift").compile()
}
