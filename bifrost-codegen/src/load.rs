//! Reads and parses files and all that they include.

use crate::diagnostic::Diagnostic;
use crate::source::{FILE_BYTES_MAX, Source, Span};
use crate::syntax::ast::Document;
use crate::syntax::parse;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// How deep includes may nest.
const INCLUDE_DEPTH_MAX: usize = 64;
/// How many files one run may read.
const FILES_MAX: usize = 4096;

/// Where IDL files are read from.
pub trait Files {
    /// The one name of a file, whatever path leads to it; `None` if there is no such file.
    fn identify(&self, path: &Path) -> Option<PathBuf>;
    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The files of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn identify(&self, path: &Path) -> Option<PathBuf> {
        path.canonicalize().ok().filter(|found| found.is_file())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// Files in memory, for tests.
impl Files for BTreeMap<PathBuf, String> {
    fn identify(&self, path: &Path) -> Option<PathBuf> {
        self.contains_key(path).then(|| path.to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }
}

/// A parsed file and the files it includes.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The file's name without `.thrift`: the prefix by which others refer to it.
    pub program: String,
    /// The directories it lies in, below the include directory where it was found, or else below the directory that
    /// all other files share.
    pub directory: Vec<String>,
    /// Its syntax tree.
    pub document: Document,
    /// For each include that was found, the index of its unit.
    pub includes: Vec<usize>,
}

/// Loads files and their includes. A unit stands after those it includes.
pub fn load(files: &dyn Files, paths: &[PathBuf], include_dirs: &[PathBuf]) -> (Vec<Unit>, Vec<Diagnostic>) {
    let mut loader = Loader {
        files,
        include_dirs,
        units: Vec::new(),
        known: BTreeMap::new(),
        open: Vec::new(),
        diagnostics: Vec::new(),
    };
    for path in paths {
        match files.identify(path) {
            Some(id) => {
                loader.unit(path, &id);
            }
            None => {
                let message = format!("no file `{}`", path.display());
                loader.diagnostics.push(Diagnostic::general(message));
            }
        }
    }
    let mut units = loader.units;
    place(&mut units, include_dirs);
    (units, loader.diagnostics)
}

/// Finds out in which directories the files lie, however their paths were written.
fn place(units: &mut [Unit], include_dirs: &[PathBuf]) {
    let include_dirs: Vec<_> = include_dirs.iter().map(|dir| components(dir)).collect();
    let mut shared: Option<Vec<String>> = None;
    let mut found = Vec::new();
    for unit in units.iter() {
        let dir = components(unit.document.source.path().parent().unwrap_or(Path::new("")));
        let roots = include_dirs.iter().filter(|root| dir.starts_with(root));
        let root = roots.map(Vec::len).max();
        if root.is_none() {
            let same = |shared: Vec<String>| {
                let pairs = shared.iter().zip(&dir);
                let len = pairs.take_while(|(a, b)| a == b).count();
                dir.iter().take(len).cloned().collect()
            };
            shared = Some(shared.map_or_else(|| dir.clone(), same));
        }
        found.push((dir, root));
    }
    let shared = shared.map_or(0, |shared| shared.len());
    for (unit, (dir, root)) in units.iter_mut().zip(found) {
        // A directory above that of the run has no name here.
        unit.directory = dir.into_iter().skip(root.unwrap_or(shared)).filter(|part| part != "..").collect();
    }
}

/// The directories of a path, `.` left out and `..` followed where it can be.
fn components(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts
}

struct Loader<'a> {
    files: &'a dyn Files,
    include_dirs: &'a [PathBuf],
    units: Vec<Unit>,
    /// Units by identity; `None` for a file that could not be read.
    known: BTreeMap<PathBuf, Option<usize>>,
    /// The files being read, outermost first.
    open: Vec<PathBuf>,
    diagnostics: Vec<Diagnostic>,
}

impl Loader<'_> {
    fn unit(&mut self, path: &Path, id: &Path) -> Option<usize> {
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        let unit = self.read(path).map(|source| self.parse(&source, id));
        self.known.insert(id.to_owned(), unit);
        unit
    }

    fn read(&mut self, path: &Path) -> Option<Arc<Source>> {
        let reason = match self.files.read(path) {
            Ok(bytes) if bytes.len() > FILE_BYTES_MAX => format!("it is larger than {FILE_BYTES_MAX} bytes"),
            Ok(bytes) => return Some(Source::from_bytes(path, bytes)),
            Err(error) => error.to_string(),
        };
        let message = format!("cannot read `{}`: {reason}", path.display());
        self.diagnostics.push(Diagnostic::general(message));
        None
    }

    fn parse(&mut self, source: &Arc<Source>, id: &Path) -> usize {
        let (document, diagnostics) = parse(source);
        self.diagnostics.extend(diagnostics);
        self.open.push(id.to_owned());
        let mut includes = Vec::new();
        for include in &document.includes {
            match self.include(source, &include.path, include.span) {
                Ok(unit) => includes.extend(unit),
                Err(diagnostic) => self.diagnostics.push(diagnostic),
            }
        }
        self.open.pop();
        let program = program_name(source.path());
        self.units.push(Unit { program, directory: Vec::new(), document, includes });
        self.units.len() - 1
    }

    fn include(&mut self, from: &Arc<Source>, path: &str, span: Span) -> Result<Option<usize>, Diagnostic> {
        let Some((path, id)) = self.find(from.path(), path) else {
            let message = format!("no file `{path}` to include");
            let help = "a path is relative to this file or to an include directory (`-I DIR`)";
            return Err(Diagnostic::new(from, span, message).help(help));
        };
        if let Some(at) = self.open.iter().position(|open| *open == id) {
            let cycle = self.open.iter().skip(at).chain([&id]);
            let names: Vec<_> = cycle.map(|file| format!("`{}`", file_name(file))).collect();
            let message = format!("files include each other: {}", names.join(" includes "));
            let help = "move what both need to a third file";
            return Err(Diagnostic::new(from, span, message).help(help));
        }
        if self.open.len() >= INCLUDE_DEPTH_MAX || self.known.len() >= FILES_MAX {
            let message =
                format!("includes nest deeper than {INCLUDE_DEPTH_MAX} levels, or more than {FILES_MAX} files");
            return Err(Diagnostic::new(from, span, message));
        }
        Ok(self.unit(&path, &id))
    }

    fn find(&self, from: &Path, path: &str) -> Option<(PathBuf, PathBuf)> {
        let beside = from.parent().unwrap_or(Path::new(""));
        let places = std::iter::once(beside).chain(self.include_dirs.iter().map(PathBuf::as_path));
        places.map(|place| place.join(path)).find_map(|path| self.files.identify(&path).map(|id| (path, id)))
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn program_name(path: &Path) -> String {
    let name = file_name(path);
    name.strip_suffix(".thrift").map_or(name.clone(), str::to_owned)
}
