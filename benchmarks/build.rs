//! Generates the clients and servers of `idl/benchmark.thrift` and `idl/passing.thrift`, and the types of `idl/codec.thrift`.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    // The shapes that Apache's generator gives, so that the same values are made for all codecs.
    bifrost_codegen::Build::new()
        .apache()
        .file("../idl/benchmark.thrift")
        .file("../idl/passing.thrift")
        .file("../idl/codec.thrift")
        .compile()
}
