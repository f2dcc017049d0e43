//! Runs Apache's compiler, and declares the modules that it writes.

use std::path::Path;
use std::process::Command;

const IDL: &str = "../idl";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::var("OUT_DIR")?;
    let shop = format!("{IDL}/shop.thrift");
    let status = Command::new("thrift").args(["--gen", "rs", "-r", "-out", &out, "-I", IDL, &shop]).status()?;
    if !status.success() {
        return Err(format!("thrift: {status}").into());
    }
    let index = ["account", "shop"].map(|name| format!("#[path = \"{name}.rs\"]\npub mod {name};\n"));
    std::fs::write(Path::new(&out).join("thrift.rs"), index.concat())?;
    println!("cargo:rerun-if-changed={IDL}");
    Ok(())
}
