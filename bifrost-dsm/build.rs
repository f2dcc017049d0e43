//! Generates the control service of `idl/memory_control.thrift`.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    bifrost_codegen::Build::new().file("../idl/memory_control.thrift").compile()
}
