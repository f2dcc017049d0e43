//! Generates the servers of `idl/example.thrift`.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    bifrost_codegen::Build::new().file("../idl/example.thrift").compile()
}
