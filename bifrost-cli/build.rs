//! Generates the servers of `idl/example.thrift` and `idl/interop.thrift`, and what tests of racks serve.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    bifrost_codegen::Build::new()
        .file("../idl/example.thrift")
        .file("../idl/interop.thrift")
        .file("../idl/interop_uuid.thrift")
        .file("../idl/keep.thrift")
        .compile()
}
