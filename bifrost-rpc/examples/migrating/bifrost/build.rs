//! Runs Bifröst's compiler, which declares the modules that it writes.

fn main() -> Result<(), bifrost_codegen::BuildError> {
    bifrost_codegen::Build::new().apache().file("../idl/shop.thrift").compile()
}
