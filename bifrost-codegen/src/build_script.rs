//! The entry point for build scripts.

use crate::compile::{Outputs, compile_as};
use crate::diagnostic::render;
use crate::emit::{Binary, Boxing, Layout, Maps, Options, Unions};
use crate::load::Disk;
use crate::output::write_changed;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Debug, Display, Formatter, Write};
use std::path::{Path, PathBuf};

/// Compiles IDL files in a build script.
///
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), bifrost_codegen::BuildError> {
///     bifrost_codegen::Build::new()
///         .include_dir("idl")
///         .file("idl/store.thrift")
///         .compile()
/// }
/// ```
///
/// The modules are written to `OUT_DIR`, beside an index that declares them all:
///
/// ```ignore
/// // main.rs
/// include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Build {
    files: Vec<PathBuf>,
    include_dirs: Vec<PathBuf>,
    out_dir: Option<PathBuf>,
    options: Options,
    outputs: Outputs,
}

/// Why a build failed; its `Debug`, which cargo prints, is as readable as its `Display`.
pub struct BuildError(String);

/// The file that declares the modules.
const INDEX: &str = "thrift.rs";

impl Build {
    /// Nothing to compile yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles this file too, and all that it includes.
    pub fn file(&mut self, path: impl AsRef<Path>) -> &mut Self {
        self.files.push(path.as_ref().to_owned());
        self
    }

    /// Looks for included files in this directory too, after the directory of the file that includes them.
    pub fn include_dir(&mut self, path: impl AsRef<Path>) -> &mut Self {
        self.include_dirs.push(path.as_ref().to_owned());
        self
    }

    /// Writes to this directory. Default: `OUT_DIR`, which cargo sets.
    pub fn out_dir(&mut self, path: impl AsRef<Path>) -> &mut Self {
        self.out_dir = Some(path.as_ref().to_owned());
        self
    }

    /// What the emitter is told. Default: [`Options::default`].
    pub fn options(&mut self, options: Options) -> &mut Self {
        self.options = options;
        self
    }

    /// Generates for code that was written for Apache's generator: see [`Options::apache`].
    pub fn apache(&mut self) -> &mut Self {
        self.options.set_apache();
        self
    }

    /// The Rust types of `map` and `set`.
    pub fn maps(&mut self, maps: Maps) -> &mut Self {
        self.options.maps = maps;
        self
    }

    /// The Rust type of `binary`.
    pub fn binary(&mut self, binary: Binary) -> &mut Self {
        self.options.binary = binary;
        self
    }

    /// Which fields are boxed.
    pub fn boxing(&mut self, boxing: Boxing) -> &mut Self {
        self.options.boxing = boxing;
        self
    }

    /// What a union makes of a field that it does not know.
    pub fn unions(&mut self, unions: Unions) -> &mut Self {
        self.options.unions = unions;
        self
    }

    /// Structs and exceptions keep the fields that they do not know, and write them back.
    pub fn unknown_fields(&mut self, keep: bool) -> &mut Self {
        self.options.unknown_fields = keep;
        self
    }

    /// Types implement serde's traits; `bifrost-rpc` needs its feature `serde`.
    pub fn serde(&mut self, derive: bool) -> &mut Self {
        self.options.serde = derive;
        self
    }

    /// Every type derives this trait too.
    pub fn derive(&mut self, path: impl Into<String>) -> &mut Self {
        self.options.derives.push(path.into());
        self
    }

    /// Every type has this attribute too, which is given without `#[` and `]`.
    pub fn attribute(&mut self, attribute: impl Into<String>) -> &mut Self {
        self.options.attributes.push(attribute.into());
        self
    }

    /// Which files the modules stand in. The index declares the outermost ones either way.
    pub fn layout(&mut self, layout: Layout) -> &mut Self {
        self.options.layout = layout;
        self
    }

    /// Writes the rule manifest, `manifest.json`, beside the modules.
    pub fn manifest(&mut self, write: bool) -> &mut Self {
        self.outputs.manifest = write;
        self
    }

    /// Compiles, and tells cargo to run the build script again when a file changes that was read.
    ///
    /// # Errors
    ///
    /// Every error in every file, or a file that cannot be written.
    pub fn compile(&self) -> Result<(), BuildError> {
        let out_dir = match &self.out_dir {
            Some(dir) => dir.clone(),
            None => std::env::var_os("OUT_DIR")
                .map(|dir: OsString| PathBuf::from(dir))
                .ok_or_else(|| BuildError("OUT_DIR is not set: set `out_dir`".to_owned()))?,
        };
        for file in self.files.iter().chain(&self.include_dirs) {
            rerun_if_changed(file);
        }
        let compiled = compile_as(&Disk, &self.files, &self.include_dirs, &self.options, self.outputs)
            .map_err(|diagnostics| BuildError(render(&diagnostics)))?;
        for source in &compiled.sources {
            rerun_if_changed(source);
        }
        let mut modules = compiled.modules;
        if modules.contains_key(Path::new(INDEX)) {
            return Err(BuildError(format!("an IDL file is called like the index, `{INDEX}`")));
        }
        modules.insert(PathBuf::from(INDEX), index(&compiled.roots));
        write_changed(&out_dir, &modules).map_err(|error| BuildError(error.to_string()))?;
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
fn rerun_if_changed(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

/// A file that declares the modules, to be read by `include!`.
fn index(roots: &BTreeMap<String, PathBuf>) -> String {
    let mut text = String::from("// Generated by bifrost-codegen; do not edit.\n");
    for (name, file) in roots {
        let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
        let _ = write!(text, "\n#[path = \"{}\"]\npub mod {name};\n", parts.join("/"));
    }
    text
}

impl Display for BuildError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for BuildError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

impl std::error::Error for BuildError {}
