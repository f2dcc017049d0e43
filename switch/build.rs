//! Generates BMv2's runtime API.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    let mut build = bifrost_codegen::Build::new();
    for file in ["bmv2_standard", "bmv2_simple_switch", "bmv2_simple_pre_lag"] {
        build.file(format!("../idl/{file}.thrift"));
    }
    build.compile()
}
