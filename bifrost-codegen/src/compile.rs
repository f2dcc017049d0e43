//! The whole way: from files to Rust.

use crate::diagnostic::Diagnostic;
use crate::emit::{Options, emit, roots};
use crate::load::{Disk, Files, load};
use crate::manifest;
use crate::resolve::resolve;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a run makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outputs {
    /// Rust modules.
    pub rust: bool,
    /// The rule manifest, `manifest.json`.
    pub manifest: bool,
}

impl Default for Outputs {
    fn default() -> Self {
        Self { rust: true, manifest: false }
    }
}

/// What came of a run without errors.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The text of each module, by its file name; the manifest too, if it was asked for.
    pub modules: BTreeMap<PathBuf, String>,
    /// The outermost modules, each with its file.
    pub roots: BTreeMap<String, PathBuf>,
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
    compile_as(files, paths, include_dirs, options, Outputs::default())
}

/// As [`compile_from`], making what `outputs` says.
///
/// # Errors
///
/// Every error in every file; with a manifest also two methods that a switch could not tell apart.
pub fn compile_as(
    files: &dyn Files,
    paths: &[PathBuf],
    include_dirs: &[PathBuf],
    options: &Options,
    outputs: Outputs,
) -> Result<Compiled, Vec<Diagnostic>> {
    let wrong = options.check();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (units, mut diagnostics) = load(files, paths, include_dirs);
    let (schema, more) = resolve(&units);
    // A definition that could not be parsed is unknown to all that use it: that is no news.
    let is_first = diagnostics.is_empty();
    diagnostics.extend(more.into_iter().filter(|d| is_first || !d.may_follow()));
    if outputs.manifest && diagnostics.is_empty() {
        diagnostics = manifest::collisions(&schema, &units);
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let mut modules = if outputs.rust { emit(&schema, options) } else { BTreeMap::new() };
    if outputs.manifest {
        modules.insert(PathBuf::from(manifest::FILE), manifest::manifest(&schema));
    }
    Ok(Compiled {
        modules,
        roots: roots(&schema, options),
        sources: schema.files.into_iter().map(|file| file.path).collect(),
    })
}
