//! Generates BMv2's runtime API, the control service of memory servers, and what the control plane keeps and tells.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    let mut build = bifrost_codegen::Build::new();
    for file in
        ["bmv2_standard", "bmv2_simple_switch", "bmv2_simple_pre_lag", "memory_control", "gatekeeper_log", "gatekeeper"]
    {
        build.file(format!("../idl/{file}.thrift"));
    }
    build.compile()
}
