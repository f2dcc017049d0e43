//! From a [`Schema`] to Rust: total, ordered, in memory.

mod attributes;
mod boxes;
mod constants;
mod containers;
mod docs;
mod enums;
mod header;
mod layout;
mod module;
mod names;
mod options;
mod order;
mod paths;
mod program;
mod references;
mod service;
mod structs;
mod types;
mod unions;
mod unknown;
mod values;

use crate::schema::{Item, Schema};
use crate::syntax::ast::StructKind;
use layout::Code;
use module::{Module, Whole};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub use options::{Binary, Boxing, Layout, Maps, Options, Unions};

/// Emits one module for each file of the schema, and in a tree a `mod.rs` for each directory.
#[must_use]
pub fn emit(schema: &Schema, options: &Options) -> BTreeMap<PathBuf, String> {
    let schema = &order::by_ids(schema);
    let whole = Whole::new(schema, options);
    let paths: Vec<&[String]> = (0..schema.files.len()).map(|file| whole.program.path(file)).collect();
    let mut files = match options.layout {
        Layout::Flat => BTreeMap::new(),
        Layout::Tree => paths::indices(&paths),
    };
    for (file, path) in paths.iter().enumerate() {
        files.insert(paths::file_of(path), emit_file(&Module::new(&whole, file)));
    }
    files
}

/// The outermost modules, each with its file.
#[must_use]
pub(crate) fn roots(schema: &Schema, options: &Options) -> BTreeMap<String, PathBuf> {
    let paths = paths::module_paths(schema, options.layout);
    let root = |path: &Vec<String>| {
        let (first, rest) = path.split_first()?;
        let file = match rest.is_empty() {
            true => paths::file_of(path),
            false => PathBuf::from(first).join("mod.rs"),
        };
        Some((first.clone(), file))
    };
    paths.iter().filter_map(root).collect()
}

fn emit_file(module: &Module<'_>) -> String {
    let mut code = Code::default();
    for (index, definition) in module.file().definitions.iter().enumerate() {
        code.blank();
        match &definition.item {
            Item::Typedef(of) => module.typedef(&mut code, index, of),
            Item::Enum(values) => module.enumeration(&mut code, index, values),
            Item::Struct(s) if s.kind == StructKind::Union => module.union(&mut code, index, s),
            Item::Struct(s) => module.structure(&mut code, index, s),
            Item::Const(of, value) => module.constant(&mut code, index, of, value),
            Item::Service(service) => module.service(&mut code, index, service),
        }
    }
    // The header comes last, when it is known what the body imports.
    module.header() + &code.into_text()
}
