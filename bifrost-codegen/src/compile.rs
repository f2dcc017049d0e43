//! The whole way: from files to Rust.

use crate::diagnostic::Diagnostic;
use crate::emit::{Options, emit, module_names};
use crate::load::{Disk, Files, load};
use crate::resolve::resolve;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What came of a run without errors.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The text of each module, by its file name.
    pub modules: BTreeMap<PathBuf, String>,
    /// The names of the modules, included files before those that include them.
    pub names: Vec<String>,
    /// Every file that was read.
    pub sources: Vec<PathBuf>,
}

/// Compiles files and all that they include to one Rust module each, by file name.
///
/// # Errors
///
/// Every error in every file.
pub fn compile(
    files: &[PathBuf],
    include_dirs: &[PathBuf],
    options: &Options,
) -> Result<BTreeMap<PathBuf, String>, Vec<Diagnostic>> {
    compile_from(&Disk, files, include_dirs, options).map(|compiled| compiled.modules)
}

/// As [`compile()`], from files that need not be on a disk.
///
/// # Errors
///
/// Every error in every file.
pub fn compile_from(
    files: &dyn Files,
    paths: &[PathBuf],
    include_dirs: &[PathBuf],
    options: &Options,
) -> Result<Compiled, Vec<Diagnostic>> {
    let (units, mut diagnostics) = load(files, paths, include_dirs);
    let (schema, more) = resolve(&units);
    // A definition that could not be parsed is unknown to all that use it: that is no news.
    let is_first = diagnostics.is_empty();
    diagnostics.extend(more.into_iter().filter(|d| is_first || !d.may_follow()));
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    Ok(Compiled {
        modules: emit(&schema, options),
        names: module_names(&schema),
        sources: schema.files.into_iter().map(|file| file.path).collect(),
    })
}
