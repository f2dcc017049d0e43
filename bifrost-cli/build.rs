//! Generates the servers of `idl/example.thrift` and `idl/interop.thrift`.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    bifrost_codegen::Build::new()
        .file("../idl/example.thrift")
        .file("../idl/interop.thrift")
        .file("../idl/interop_uuid.thrift")
        .compile()
}
