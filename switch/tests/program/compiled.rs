//! What is kept of the program in compiled form belongs to its source.

use std::path::Path;

use sha2::{Digest, Sha256};

#[test]
fn the_compiled_program_is_that_of_the_sources_beside_it() {
    let program: serde_json::Value = serde_json::from_str(bifrost_switch::PROGRAM).unwrap();
    let stamped = program["__meta__"]["source_sha256"].as_str().unwrap();
    assert_eq!(stamped, source_sha256(), "switch/p4 has changed: run `make` there");
}

#[test]
fn the_compiled_program_names_no_place_of_the_machine_that_made_it() {
    let paths = bifrost_switch::PROGRAM.split('"').filter(|text| text.starts_with('/'));
    assert_eq!(paths.collect::<Vec<_>>(), Vec::<&str>::new());
}

/// In hexadecimal, of all `.p4` files, joined in the order of their names.
fn source_sha256() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("p4");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "p4"));
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(std::fs::read(file).unwrap());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
